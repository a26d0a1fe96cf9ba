"""`published`: write the page that compares published values with the newest runs."""

import argparse

from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import command_line, short
from benchmarks.errors import UserError

NAME = "published"


def add(subparsers: Subparsers) -> None:
    summary = "compare every published value with the newest runs"
    groups = options.command(subparsers, NAME, execute, summary, "published --markdown", what="which runs")
    groups.output.add_argument("--markdown", action="store_true", help="print the page as Markdown")


def execute(arguments: argparse.Namespace) -> int:
    import reports

    if not any(arguments.results.glob("*/*/manifest.json")):
        begin = command_line("all", *options.elsewhere(arguments.results))
        raise UserError(f"there are no runs in {arguments.results}; run every benchmark with: {begin}")
    page, text = reports.write_published(arguments.results)
    print(text if arguments.markdown else f"published values: {short(page)}")
    return 0
