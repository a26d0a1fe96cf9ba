"""`report RUN` writes the pages of a run again from its records, `published` the page of published values."""

import argparse

from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import command_line, short
from benchmarks.commands.session import find_run
from benchmarks.errors import UserError
from reports.records.store import run_folders

NAME, PUBLISHED = "report", "published"


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


def add_published(subparsers: Subparsers) -> None:
    summary = "compare every published value with the newest runs"
    groups = options.command(
        subparsers, PUBLISHED, execute_published, summary, "published --markdown", what="which runs"
    )
    groups.output.add_argument("--markdown", action="store_true", help="print the page as Markdown")


def execute_published(arguments: argparse.Namespace) -> int:
    import reports

    if not run_folders(arguments.results):
        begin = command_line("all", *options.elsewhere(arguments.results))
        raise UserError(f"there are no runs in {arguments.results}; run every benchmark with: {begin}")
    page, text = reports.write_published(arguments.results)
    print(text if arguments.markdown else f"published values: {short(page)}")
    return 0
