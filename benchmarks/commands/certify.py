"""`certify NAME`: hold every framework against the oracle, without timing anything."""

import argparse
from collections.abc import Iterator

import backends
import reports
from benchmarks.commands import Subparsers, options
from benchmarks.commands.text_table import aligned
from benchmarks.definition import loading
from benchmarks.runner import certify, run
from benchmarks.worker.jobs import CheckJob
from reports.records import Certificate, Check

NAME = "certify"
FIGURES = ("outputs", "gradients", "losses", "weights")


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        NAME, help="check every backend (or --backends) against the oracle", allow_abbrev=False
    )
    options.add_definition(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    everyone = {"backends": [name for name in backends.REGISTRY if name != "reference"]}
    changes, only = everyone | options.changes(arguments), options.only(arguments)
    benchmark = loading.read(arguments.name, quick=arguments.quick, changes=changes, only=only)
    run.require(benchmark.header.backends)
    certificate = certify.certify(benchmark, benchmark.header.backends, _show)
    print("\n" + "\n".join(_table(certificate)))
    if overview := reports.certificate_overview(certificate):
        print("\n" + overview)
    return 0 if run.certified(certificate) else 1


def _show(job: CheckJob) -> None:
    print(f"checked {backends.REGISTRY[job.backend].framework}, {job.dtype}", flush=True)


def _table(certificate: Certificate) -> Iterator[str]:
    """Lines of a Markdown table, then a sentence for each failure."""
    yield "Largest relative differences from the float64 oracle, and what computed the recurrence:\n"
    rows = [
        (c.backend, c.case, c.dtype, *(f"{x:.1e}" for x in figures(c)), c.kernel, "equal" if c.passed else "NOT EQUAL")
        for c in certificate.checks
    ]
    yield from aligned(("backend", "case", "dtype", *FIGURES, "kernel", "verdict"), rows)
    for check in certificate.checks:
        if check.failure:
            yield f"{check.backend}, {check.case}, {check.dtype}: {check.failure}"


def figures(check: Check) -> tuple[float, ...]:
    return tuple(getattr(check, name) for name in FIGURES)
