"""`resume RUN`: run the trials of an interrupted run that have no result."""

import argparse

from benchmarks.commands import Subparsers, options, session
from benchmarks.runner import resume

NAME = "resume"


def add(subparsers: Subparsers) -> None:
    groups = options.command(
        subparsers,
        NAME,
        execute,
        "finish a run that was interrupted",
        "resume co2",
        what="which run",
        run="newest",
        executor=True,
        json=options.PROGRESS,
    )
    text = "also if the definition, the data, the versions or the machine have changed, which the run then records"
    groups.what.add_argument("--anyway", action="store_true", help=text)


def execute(arguments: argparse.Namespace) -> int:
    folder = session.find_run(arguments.run, arguments.results, newest=True)
    invocation = session.invocation(arguments)
    benchmark, manifest = resume.resume(folder, invocation, anyway=arguments.anyway)
    return session.execute(arguments, benchmark, folder, manifest, invocation)
