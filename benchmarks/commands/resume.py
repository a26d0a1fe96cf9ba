"""`resume RUN`: run what a run that was cut short has not finished."""

import argparse

from benchmarks.commands import Subparsers, options
from benchmarks.commands.finding import find_run
from benchmarks.commands.session import INTERRUPTED, add_execution, asked, conclude, follow
from benchmarks.runner import resume

NAME = "resume"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="go on with a run that was cut short", allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a benchmark's name for its newest run")
    parser.add_argument(
        "--anyway", action="store_true", help="also where versions or the machine changed; the run records it"
    )
    options.add_results(parser)
    add_execution(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    folder = find_run(arguments.run, arguments.results, newest=True)
    session = asked(arguments)
    benchmark, plan = resume.resume(folder, session, anyway=arguments.anyway)
    if not follow(arguments, benchmark, folder, plan, session):
        return INTERRUPTED
    return conclude(arguments, folder)
