"""`report RUN`: write the pages of a run again from its records."""

import argparse

from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import short
from benchmarks.commands.session import find_run

NAME = "report"


def add(subparsers: Subparsers) -> None:
    summary = "write the report of a run again"
    groups = options.command(subparsers, NAME, execute, summary, "report co2", what="which run", run="latest finished")
    text = "show the speed ratios of unreliable times too; the report withholds them by default and gives the reason"
    groups.output.add_argument("--show-unreliable", action="store_true", help=text)


def execute(arguments: argparse.Namespace) -> int:
    import reports

    folder = find_run(arguments.run, arguments.results)
    report, index = reports.write(folder, show_unreliable=arguments.show_unreliable), reports.write_overviews(folder)
    print(f"{report.summary}\n\nreport: {short(report.html)}" + (f"\nall runs: {short(index)}" if index else ""))
    return 0
