"""Selects the trials of a stored run that are repeated, and restores the definition that they ran under."""

import copy
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.definition import loading
from benchmarks.definition.axes import table_sets
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import resume
from benchmarks.runner.executors import Executor
from reports.records import Manifest, Plan, Trial
from reports.records.store import read_run


@dataclass(frozen=True)
class Selection:
    """Which trials to repeat. None: no restriction."""

    sample: int | None = None
    seeds: tuple[int, ...] | None = None
    backends: tuple[str, ...] | None = None


def prepare(folder: Path, selection: Selection, executor: Executor) -> tuple[Benchmark, tuple[Plan, ...]]:
    """Return the stored run's benchmark with the backends that are needed, and the trials to repeat.

    The stored number of threads is kept if the executor has as many, because another number rounds differently. Raises
    UserError where no trial is left to repeat.
    """
    benchmark, plan = resume.restore(folder)
    _, _, trials = read_run(folder)
    chosen = choose(folder, trials, plan, selection)
    benchmark = _with_stored_threads(benchmark, folder, plan, executor)
    names = {trial.backend for trial in chosen}
    backends = tuple(name for name in benchmark.header.backends if name in names)
    return replace(benchmark, header=benchmark.header.model_copy(update={"backends": backends})), chosen


def choose(folder: Path, trials: tuple[Trial, ...], plan: Manifest, selection: Selection) -> tuple[Plan, ...]:
    """Return the selected trials in the stored order.

    A sample is the same each time and is spread over backends and models: the first trial of each, then the second.
    """
    _refuse_unknown(folder, "seed", selection.seeds, {trial.seed for trial in plan.trials})
    _refuse_unknown(folder, "backend", selection.backends, {trial.backend for trial in plan.trials})
    plans = [
        trial.plan
        for trial in trials
        if trial.outcome is not None
        and (selection.seeds is None or trial.plan.seed in selection.seeds)
        and (selection.backends is None or trial.plan.backend in selection.backends)
    ]
    if not plans:
        narrowed = selection.seeds is not None or selection.backends is not None
        among = " of these seeds and backends" if narrowed else ""
        raise UserError(f"{folder} has no trial{among} that ended well, so there is nothing to repeat; see its report")
    if selection.sample is None:
        return tuple(plans)
    return tuple(sorted(_spread(plans)[: selection.sample], key=lambda plan: plan.place))


def _spread(plans: list[Plan]) -> list[Plan]:
    """Order the trials: the first of each case, mode and backend, then the second of each, and so on."""
    counts: dict[tuple[str, str, str], int] = {}
    turns = []
    for plan in plans:
        group = (plan.case, plan.mode, plan.backend)
        turns.append((counts.setdefault(group, 0), plan.place, plan))
        counts[group] += 1
    return [plan for _, _, plan in sorted(turns, key=lambda turn: turn[:2])]


def _refuse_unknown(folder: Path, what: str, values: Collection[object] | None, known: Collection[object]) -> None:
    for value in values or ():
        if value not in known:
            raise UserError(f"{folder} has no {what} {value}; it has {', '.join(map(str, sorted(known, key=str)))}")


def _with_stored_threads(benchmark: Benchmark, folder: Path, plan: Manifest, executor: Executor) -> Benchmark:
    """Return the benchmark with the stored run's number of threads, where its definition left that to the machine.

    The number is written into the definition, so that a reproduction that is resumed on another machine keeps it.
    """
    numbers = {case.threads for case in plan.cases if benchmark.cases[case.label].training.threads is None}
    threads = numbers.pop() if numbers else None  # all of one number, that of the machine
    if threads is None or threads > executor.threads():
        return benchmark
    definition = copy.deepcopy(benchmark.definition)
    for holder in table_sets(definition):
        if holder["training"].get("threads") is None:
            holder["training"]["threads"] = threads
    return replace(loading.restore(folder / "manifest.json", definition), name=benchmark.name)
