"""`transfer RUN --to BACKEND`: a run's trained models go on in another framework, as if nothing had happened."""

import argparse
from dataclasses import asdict
from pathlib import Path

import backends
from benchmarks.commands import Subparsers, options
from benchmarks.commands.finding import find_run
from benchmarks.commands.json_lines import emit
from benchmarks.commands.text_table import aligned
from benchmarks.errors import UserError, one_of
from benchmarks.runner import resume, run
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.transfer import TransferResult, transfer
from reports.records import Trial
from reports.records.store import read_run

NAME = "transfer"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        NAME, help="let a run's trained models go on in another framework", allow_abbrev=False
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a benchmark's name for its latest run")
    parser.add_argument("--to", metavar="BACKEND", required=True, help="the framework that goes on")
    parser.add_argument("--from", metavar="BACKEND", dest="origin", help="the one that trained (default: the first)")
    parser.add_argument("--epochs", metavar="N", type=int, default=2, help="how many epochs further (default: 2)")
    parser.add_argument("--json", action="store_true", help="the result as JSON lines")
    options.add_results(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    if arguments.to not in backends.REGISTRY:
        raise UserError(f"--to: there is no backend '{arguments.to}'; {one_of(backends.REGISTRY, arguments.to)}")
    if arguments.epochs < 1:
        raise UserError(f"--epochs {arguments.epochs}: write how many epochs to go on for, 1 or more")
    folder = find_run(arguments.run, arguments.results)
    benchmark, _ = resume.restore(folder)
    trials = _chosen(folder, arguments.origin, arguments.to)
    run.require({arguments.to, *(trial.plan.backend for trial in trials)})
    with reserved(Conditions.of().cores, alone=False):
        crossings = [transfer(folder, benchmark, trial, arguments.to, arguments.epochs) for trial in trials]
    if arguments.json:
        for found in crossings:
            facts = asdict(found) | {"trial": found.trial.plan.model_dump()}
            emit("crossed", **facts, good=found.good)
    else:
        print("\n".join(_told(crossings, arguments.epochs)))
    return 0 if all(found.good for found in crossings) else 1


def _chosen(folder: Path, origin: str | None, to: str) -> list[Trial]:
    """Of each case, the first matched trial that ended well."""
    _, _, trials = read_run(folder)
    able = [t for t in trials if t.outcome and t.plan.mode == "matched" and t.plan.backend != to]
    names = dict.fromkeys(trial.plan.backend for trial in able)
    if not names:
        raise UserError(f"{folder} has no matched trial of another framework than {to} that ended well; see its report")
    if origin is not None and origin not in names:
        raise UserError(f"--from {origin}: {folder} has no such matched trial; {one_of(names, origin)}")
    wanted = origin or next(iter(names))
    first: dict[str, Trial] = {}
    for trial in able:
        if trial.plan.backend == wanted:
            first.setdefault(trial.plan.case, trial)
    return list(first.values())


def _told(crossings: list[TransferResult], epochs: int) -> list[str]:
    plan = crossings[0].trial.plan
    names = [backends.REGISTRY[name].framework for name in (plan.backend, crossings[0].to)]
    steps = "epoch" if epochs == 1 else f"{epochs} epochs"
    heads = ("model", "seed", "forecasts", f"losses of the next {steps}", "forecasts then", "bound", "equal")
    rows = [
        (
            found.trial.plan.case,
            str(found.trial.plan.seed),
            *(f"{value:.1e}" for value in (found.forecast, found.losses, found.later, found.bound)),
            "yes" if found.good else "NO",
        )
        for found in crossings
    ]
    good = sum(found.good for found in crossings)
    return [
        f"Trained in {names[0]}, gone on with in {names[1]}: the largest relative differences between the two",
        "",
        *aligned(heads, rows),
        "",
        f"{good} of {len(crossings)} models went on in {names[1]} as they do in {names[0]}.",
    ]
