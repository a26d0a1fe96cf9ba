"""`compare RUN RUN`: two runs side by side, what changed beyond noise, and what cannot be compared."""

import argparse
from pathlib import Path

from benchmarks.commands import Subparsers, options
from benchmarks.commands.finding import find_run
from benchmarks.commands.json_lines import JsonLines, emit
from benchmarks.commands.session import add_json, short
from benchmarks.errors import UserError

NAME = "compare"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="two runs side by side: what changed beyond noise", allow_abbrev=False)
    parser.add_argument("first", metavar="RUN", help="a run's folder, benchmark/start, or a benchmark's name")
    parser.add_argument("second", metavar="RUN", help="the other run")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write it as Markdown too")
    options.add_results(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    import reports

    folders = [find_run(name, arguments.results) for name in (arguments.first, arguments.second)]
    if folders[0] == folders[1]:
        raise UserError(f"{folders[0]} is both runs; name two, as in co2 co2/{folders[0].name}")
    found = reports.compare(*folders)
    if not found.common:
        raise UserError(
            f"{folders[0]} and {folders[1]} have no model and backend in common with a trial that ended well, "
            "so there is nothing to compare"
        )
    if arguments.markdown is not None:
        arguments.markdown.write_text(found.markdown, encoding="utf-8")
    if arguments.json:
        for row in found.rows:
            emit("row", **row)
        JsonLines.result(first=str(folders[0]), second=str(folders[1]), verdict=found.sentence)
    else:
        written = f"\n\nwritten: {short(arguments.markdown)}" if arguments.markdown else ""
        print(f"{found.summary}{written}")
    return 0
