"""`transfer RUN --to BACKEND`: continue training a run's models in another framework, and compare."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import backends
from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import emit, table
from benchmarks.commands.session import find_run
from benchmarks.errors import UserError, name_hint
from benchmarks.runner import resume, run
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.manifest import backend_facts
from benchmarks.runner.transfer import TransferResult, transfer
from datasets.spec import counted
from reports.records import Trial
from reports.records.store import read_run

NAME = "transfer"


def add(subparsers: Subparsers) -> None:
    summary = "continue training a run's models in another framework, and compare"
    example, text = "transfer co2 --from pytorch --to flax", "print the result as JSON, one object for each model"
    groups = options.command(
        subparsers, NAME, execute, summary, example, what="which run and models", run="latest finished", json=text
    )
    groups.what.add_argument("--to", metavar="BACKEND", required=True, help="the backend that continues the training")
    origin = "the backend that trained the models (default: the first)"
    groups.what.add_argument("--from", metavar="BACKEND", dest="origin", help=origin)
    epochs, text = options.count("--epochs", 2), "train N more epochs (default: 2)"
    groups.what.add_argument("--epochs", metavar="N", type=epochs, default=2, help=text)


def execute(arguments: argparse.Namespace) -> int:
    to = options.backend_name(arguments.to, "--to")
    folder = find_run(arguments.run, arguments.results)
    benchmark, _ = resume.restore(folder)
    origin = arguments.origin and backends.resolved(arguments.origin)
    if origin == to:
        raise UserError(f"--from and --to both name {to}; name two different backends")
    trials = first_trials(read_run(folder)[2], benchmark.header.backends, origin, to, folder)
    names = {to, *(trial.plan.backend for trial in trials)}
    run.require(names)
    for name in names:
        if backends.entry(name).two_functions:
            raise UserError(f"{name} keeps Adam's moments to itself, so a training cannot move to it or from it")
    with reserved(Conditions.of().cores, alone=False):
        results = [transfer(folder, benchmark, trial, to, arguments.epochs) for trial in trials]
    if arguments.json:
        for result in results:
            emit("transferred", **asdict(result) | {"trial": result.trial.plan.model_dump()}, good=result.good)
    else:
        print(_described(results, arguments.epochs))
    return 0 if all(result.good for result in results) else 1


def first_trials(
    trials: Sequence[Trial], order: Sequence[str], origin: str | None, to: str, folder: Path
) -> list[Trial]:
    """The first finished matched trial of each case, of the backend `origin`; None: the first one in this order.

    Raises UserError, which names the folder, without such a trial.
    """
    finished = [t for t in trials if t.outcome and t.plan.mode == "matched" and t.plan.backend != to]
    trained = {trial.plan.backend for trial in finished}
    names = [name for name in order if name in trained]
    if not names:
        raise UserError(
            f"--to {to}: {folder} has no finished matched trial of another backend; name another backend with --to"
        )
    if origin is not None and origin not in names:
        raise UserError(f"--from {origin}: {folder} has no finished matched trial of it; {name_hint(names, origin)}")
    backend = origin or names[0]
    first: dict[str, Trial] = {}
    for trial in finished:
        if trial.plan.backend == backend:
            first.setdefault(trial.plan.case, trial)
    return list(first.values())


def _described(results: list[TransferResult], epochs: int) -> str:
    names = results[0].trial.plan.backend, results[0].to
    facts = backend_facts(backends.texts(names), names)
    origin, target = (facts[name].phrase for name in names)
    steps = counted(epochs, "more epoch")
    figures = ("forecasts", f"losses of {steps}", "forecasts after them", "bound")
    rows = [
        (
            result.trial.plan.case,
            str(result.trial.plan.seed),
            *(f"{value:.1e}" for value in (result.forecast, result.losses, result.later, result.bound)),
            "yes" if result.good else "NO",
        )
        for result in results
    ]
    equal = sum(result.good for result in results)
    return (
        f"Models trained by {origin}, then trained for {steps} by {origin} and by {target}: the largest "
        f"relative differences between the two.\n\n"
        f"{table(('model', 'seed', *figures, 'equal'), rows, numbers=('seed', *figures))}\n\n"
        f"{equal} of {counted(len(results), 'model')} gave equal results by {origin} and by {target}."
    )
