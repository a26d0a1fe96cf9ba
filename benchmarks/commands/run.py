"""`run NAME`: certify, train and time every trial, and report."""

import argparse
from dataclasses import replace

from benchmarks.commands import Subparsers, dry_run, options
from benchmarks.commands.session import INTERRUPTED, add_execution, asked, conclude, follow
from benchmarks.definition import loading
from benchmarks.errors import UserError
from benchmarks.runner import run

NAME = "run"
DEFAULT = "co2"  # whose models and training an own file gets


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="run a benchmark and write its report", allow_abbrev=False)
    options.add_definition(parser)
    options.add_own_data(parser)
    options.add_results(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="only print the trials, and from probes how long they would take"
    )
    add_execution(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    benchmark = definition(arguments)
    session = asked(arguments)
    if arguments.dry_run:
        return dry_run.show(benchmark, session, as_json=arguments.json)
    folder, plan = run.begin(benchmark, arguments.results, session)
    if not follow(arguments, benchmark, folder, plan, session):
        return INTERRUPTED
    return conclude(arguments, folder)


def definition(arguments: argparse.Namespace) -> loading.Benchmark:
    """The benchmark that was named, or co2's models on the user's own file."""
    stray = [name for name in ("target", "time", "features") if getattr(arguments, name) is not None]
    if arguments.csv is None and stray:
        raise UserError(f"--{stray[0]} belongs to --csv FILE; a benchmark's own series brings its columns")
    if arguments.name is None and arguments.csv is None:
        raise UserError(f"name a benchmark ({', '.join(loading.names())}), or a file of your own with --csv")
    name = DEFAULT if arguments.name is None else arguments.name
    benchmark = loading.read(
        name, quick=arguments.quick, changes=options.changes(arguments), only=options.only(arguments)
    )
    return replace(benchmark, name=options.own_name(arguments) or benchmark.name)
