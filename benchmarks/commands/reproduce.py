"""`reproduce RUN`: repeat the trials of a stored run and report for each whether its result is the same."""

import argparse

import backends
from benchmarks.commands import Subparsers, options, session
from benchmarks.runner import reproduce, run

NAME = "reproduce"


def add(subparsers: Subparsers) -> None:
    groups = options.command(
        subparsers,
        NAME,
        execute,
        "repeat trials of a run and report whether each result is the same",
        "reproduce co2 --sample 4",
        what="which run and trials",
        run="latest finished",
        executor=True,
        json=options.PROGRESS,
    )
    sample, text = options.count("--sample", 4), "N trials, spread over backends and models"
    groups.what.add_argument("--sample", metavar="N", type=sample, help=text)
    groups.what.add_argument("--seeds", metavar="1,2", help="only the trials with these seeds")
    groups.what.add_argument("--backends", metavar="A,B", help="only the trials of these backends")


def execute(arguments: argparse.Namespace) -> int:
    names = None if arguments.backends is None else options.words(arguments.backends, "--backends")
    selection = reproduce.Selection(
        arguments.sample,
        None if arguments.seeds is None else tuple(options.numbers(arguments.seeds, "--seeds")),
        None if names is None else tuple(map(backends.resolved, names)),
    )
    stored = session.find_run(arguments.run, arguments.results)
    invocation = session.invocation(arguments)
    benchmark, trials = reproduce.prepare(stored, selection, invocation.executor)
    folder, manifest = run.begin(benchmark, arguments.results, invocation, trials=trials, reproduces=stored)
    return session.execute(arguments, benchmark, folder, manifest, invocation)
