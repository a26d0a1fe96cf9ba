"""`audit`: the page that ties all benchmarks together, rebuilt from records."""

import argparse

import reports
from benchmarks.commands import Subparsers, options
from benchmarks.commands.session import short
from benchmarks.errors import UserError

NAME = "audit"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="hold every published value against the newest runs", allow_abbrev=False)
    parser.add_argument("--markdown", action="store_true", help="print the page as Markdown")
    options.add_results(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    if not any(arguments.results.glob("*/*/manifest.json")):
        raise UserError(f"there are no runs in {arguments.results} yet; make bench-all runs every benchmark")
    page, text = reports.write_audits(arguments.results)
    print(text if arguments.markdown else f"audit: {short(page)}")
    return 0
