"""`certify NAME`: compare every backend with the reference implementation, without timing anything."""

import argparse

import backends
from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import table
from benchmarks.definition import loading
from benchmarks.runner import certify, run
from benchmarks.worker.jobs import CheckJob
from reports.records import Certificate

NAME = "certify"
FIGURES = ("outputs", "gradients", "losses", "weights")


def add(subparsers: Subparsers) -> None:
    summary = "compare the backends with the reference implementation"
    example = "certify co2 --backends pytorch,flax"
    groups = options.command(subparsers, NAME, execute, summary, example, results=False)
    options.add_definition(groups.what)


def execute(arguments: argparse.Namespace) -> int:
    import reports

    everyone = {"backends": [name for name in backends.REGISTRY if name != "reference"]}
    changes, only = everyone | options.changes(arguments), options.only(arguments)
    benchmark = loading.read(arguments.name, quick=arguments.quick, changes=changes, only=only)
    run.require(benchmark.header.backends)
    certificate = certify.certify(benchmark, benchmark.header.backends, _show)
    print("\n" + _table(certificate))
    if summary := reports.certificate_overview(certificate):
        print("\n" + summary)
    return 0 if run.certified(certificate) else 1


def _show(job: CheckJob) -> None:
    print(f"checked {backends.REGISTRY[job.backend].framework}, {job.dtype}", flush=True)


def _table(certificate: Certificate) -> str:
    rows = [
        (
            c.backend,
            c.case,
            c.dtype,
            *(f"{getattr(c, x):.1e}" for x in FIGURES),
            c.kernel,
            "equal" if c.passed else "NOT EQUAL",
        )
        for c in certificate.checks
    ]
    lines = ["Largest relative differences from the reference implementation in float64:", ""]
    lines.append(table(("backend", "case", "dtype", *FIGURES, "kernel", "verdict"), rows, numbers=FIGURES))
    lines += [f"{c.backend}, {c.case}, {c.dtype}: {c.failure}" for c in certificate.checks if c.failure]
    return "\n".join(lines)
