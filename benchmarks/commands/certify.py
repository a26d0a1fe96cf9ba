"""`certify NAME`: compare every backend with the reference implementation, without timing anything."""

import argparse
from functools import partial

import backends
from benchmarks.commands import Subparsers, options, output
from benchmarks.definition import loading
from benchmarks.runner import certify, run

NAME = "certify"


def add(subparsers: Subparsers) -> None:
    summary = "compare the backends with the reference implementation"
    example = "certify co2 --backends pytorch,flax"
    groups = options.command(subparsers, NAME, execute, summary, example, results=False)
    options.add_definition(groups.what, optional=True)
    options.add_data_file(groups)


def execute(arguments: argparse.Namespace) -> int:
    import reports

    name, only, typed = options.benchmark_name(arguments), options.only(arguments), options.typed(arguments)
    read = partial(loading.read, name, quick=arguments.quick, only=only, typed=typed)
    changes = {"gradient_flow": False} | options.changes(arguments)  # no part of the certificate
    benchmark = read(changes=changes)
    if arguments.backends is None and name in loading.names():  # a file of the user names its backends
        every = [name for name, entry in backends.REGISTRY.items() if entry.native and not entry.base]
        benchmark = read(changes={"backends": [*every, *benchmark.programs]} | changes)
    run.require(benchmark.header.backends)
    certificate = certify.certify(benchmark, benchmark.header.backends, _show)
    names = {name: entry.display_name for name, entry in backends.entries(benchmark.programs).items()}
    print(f"\n{reports.certificate_text(certificate, names)}")
    return 0 if all(check.passed for check in certificate.checks) else 1


def _show(checked: certify.Checked) -> None:
    name = backends.entry(checked.job.backend, checked.job.program).display_name
    print(f"checked {output.check_line(name, checked)}", flush=True)
