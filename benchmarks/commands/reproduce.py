"""`reproduce RUN`: repeat a stored run's trials, and say of each whether it came out the same."""

import argparse

from benchmarks.commands import Subparsers, options
from benchmarks.commands.finding import find_run
from benchmarks.commands.session import INTERRUPTED, add_execution, asked, conclude, follow
from benchmarks.errors import UserError
from benchmarks.runner import reproduce, run

NAME = "reproduce"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        NAME, help="repeat a run's trials and say of each whether it came out the same", allow_abbrev=False
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a benchmark's name for its latest run")
    parser.add_argument("--sample", metavar="N", type=int, help="N of its trials, spread over backends and models")
    parser.add_argument("--seeds", metavar="1,2", help="only the trials of these seeds")
    parser.add_argument("--backends", metavar="A,B", help="only the trials of these backends")
    options.add_results(parser)
    add_execution(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    stored = find_run(arguments.run, arguments.results)
    session = asked(arguments)
    benchmark, trials = reproduce.prepare(stored, _selection(arguments), session.executor)
    folder, plan = run.begin(benchmark, arguments.results, session, trials=trials, reproduces=stored)
    if not follow(arguments, benchmark, folder, plan, session):
        return INTERRUPTED
    return conclude(arguments, folder)


def _selection(arguments: argparse.Namespace) -> reproduce.Selection:
    if arguments.sample is not None and arguments.sample < 1:
        raise UserError(f"--sample {arguments.sample}: write how many trials to repeat, 1 or more")
    return reproduce.Selection(
        arguments.sample,
        None if arguments.seeds is None else tuple(options.numbers(arguments.seeds, "--seeds")),
        None if arguments.backends is None else tuple(options.words(arguments.backends, "--backends")),
    )
