"""`report RUN`: rebuild a run's pages from its records."""

import argparse

import reports
from benchmarks.commands import Subparsers, options
from benchmarks.commands.finding import find_run

NAME = "report"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="rebuild the pages of a run from its records", allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a benchmark's name for its latest run")
    options.add_results(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    folder = find_run(arguments.run, arguments.results)
    report, overview = reports.write(folder), reports.write_overviews(folder)
    print(f"{report.summary}\n\nreport: {report.html}" + (f"\nall runs: {overview}" if overview else ""))
    return 0
