"""`report RUN`: rebuild a run's pages from its records."""

import argparse
from pathlib import Path

import reports
from benchmarks import suite
from benchmarks.commands import Subparsers, options
from benchmarks.errors import UserError, one_of

NAME = "report"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="rebuild the pages of a run from its records", allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a benchmark's name for its latest run")
    options.add_results(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    report = reports.write(find_run(arguments.run, arguments.results))
    print(f"{report.summary}\n\nreport: {report.html}")
    return 0


def find_run(name: str, results: Path) -> Path:
    """A run by its folder, by `benchmark/start`, or by the benchmark's name for the latest."""
    for folder in (Path(name), results / name / "latest", results / name):
        if (folder / "manifest.json").is_file():
            return folder.resolve()
    known = sorted({path.parent.parent.name for path in results.glob("*/*/manifest.json")})
    if not known:
        raise UserError(f"there is no run '{name}', and none at all in {results} yet; make bench makes one")
    if Path(name).is_dir():
        raise UserError(f"{name} holds no manifest.json, so it is no run; give a run's folder, or: {', '.join(known)}")
    if name in suite.names() and name not in known:
        raise UserError(f"there is no run of '{name}' in {results} yet; make bench-{name} makes one")
    raise UserError(f"there is no run '{name}' in {results}; {one_of(known, name)}")
