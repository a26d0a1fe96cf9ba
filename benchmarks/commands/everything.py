"""`all`: every benchmark of this checkout, one after another; one that cannot be run does not keep the rest."""

import argparse
import sys

from backends import REGISTRY
from benchmarks import suite
from benchmarks.commands import Subparsers, options, run
from benchmarks.commands.following import INTERRUPTED, add_execution, short
from benchmarks.errors import UserError, one_of
from datasets import DataError

NAME = "all"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="run every benchmark, then the audit", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="each in its small form")
    parser.add_argument("--backends", metavar="A,B", help="these backends instead of each benchmark's")
    options.add_results(parser)
    add_execution(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """0 where all went well, 1 where one could not be run or a trial or check of it failed."""
    import reports

    for backend in [] if arguments.backends is None else options.words(arguments.backends, "--backends"):
        if backend not in REGISTRY:
            raise UserError(f"--backends: there is no backend '{backend}'; {one_of(REGISTRY, backend)}")
    names, failed = suite.names(), []
    for place, name in enumerate(names, 1):
        _say(arguments, f"\nbenchmark {place}/{len(names)}: {name}")
        try:
            status = run.execute(_asked(arguments, name))
        except (UserError, DataError) as mistake:
            print(f"error: {name}: {mistake}", file=sys.stderr)
            status = 2
        if status == INTERRUPTED:
            left = ", ".join(names[place:]) or "none"
            print(f"interrupted: not run at all: {left}; run NAME runs one of them", file=sys.stderr)
            reports.write_audits(arguments.results)
            return INTERRUPTED
        if status:
            failed.append(name)
    page, _ = reports.write_audits(arguments.results)
    _say(arguments, f"\n{len(names) - len(failed)} of {len(names)} benchmarks went well\naudit: {short(page)}")
    if failed:
        print(f"error: {', '.join(failed)}: see above", file=sys.stderr)
    return 1 if failed else 0


def _asked(arguments: argparse.Namespace, name: str) -> argparse.Namespace:
    """What `run NAME` would have been called with."""
    words = ["run", name, *(["--quick"] if arguments.quick else [])]
    words += ["--backends", arguments.backends] if arguments.backends else []
    parser = argparse.ArgumentParser()
    run.add(parser.add_subparsers())
    asked = parser.parse_args(words, argparse.Namespace(words=words))
    for option in ("results", "executor", "cluster", "json"):
        setattr(asked, option, getattr(arguments, option))
    return asked


def _say(arguments: argparse.Namespace, words: str) -> None:
    if not arguments.json:
        print(words, flush=True)
