"""What of a stored run is to be repeated, and under which definition."""

import copy
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.definition import loading, variants
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import resume
from benchmarks.runner.executors import Executor
from reports.records import Manifest, Plan, Trial
from reports.records.store import read_run


@dataclass(frozen=True)
class Wanted:
    """Which trials; None: all."""

    sample: int | None = None
    seeds: tuple[int, ...] | None = None
    backends: tuple[str, ...] | None = None


def prepare(folder: Path, wanted: Wanted, executor: Executor) -> tuple[Benchmark, tuple[Plan, ...]]:
    """The stored run's benchmark, asking only the backends needed, and those of its trials to repeat.

    The stored number of threads is kept where the executor has as many: another number rounds otherwise. Raises
    UserError where nothing is left to repeat.
    """
    benchmark, plan = resume.restore(folder)
    _, _, trials = read_run(folder)
    chosen = choose(folder, trials, plan, wanted)
    benchmark = _with_threads(benchmark, folder, plan, executor)
    names = {trial.backend for trial in chosen}
    asked = tuple(name for name in benchmark.header.backends if name in names)
    return replace(benchmark, header=benchmark.header.model_copy(update={"backends": asked})), chosen


def choose(folder: Path, trials: tuple[Trial, ...], plan: Manifest, wanted: Wanted) -> tuple[Plan, ...]:
    """In the stored order. A sample is the same each time, and spread: one of each backend and model, then the next."""
    _refuse_unknown(folder, "seed", wanted.seeds, {trial.seed for trial in plan.trials})
    _refuse_unknown(folder, "backend", wanted.backends, {trial.backend for trial in plan.trials})
    plans = [
        trial.plan
        for trial in trials
        if trial.outcome is not None
        and (wanted.seeds is None or trial.plan.seed in wanted.seeds)
        and (wanted.backends is None or trial.plan.backend in wanted.backends)
    ]
    if not plans:
        narrowed = wanted.seeds is not None or wanted.backends is not None
        among = " of these seeds and backends" if narrowed else ""
        raise UserError(f"{folder} has no trial{among} that ended well, so there is nothing to repeat; see its report")
    if wanted.sample is None:
        return tuple(plans)
    return tuple(sorted(_spread(plans)[: wanted.sample], key=lambda plan: plan.place))


def _spread(plans: list[Plan]) -> list[Plan]:
    """Round by round: the first trial of each backend on each case in each mode, then each one's second."""
    seen: dict[tuple[str, str, str], int] = {}
    turns = []
    for plan in plans:
        group = (plan.case, plan.mode, plan.backend)
        turns.append((seen.setdefault(group, 0), plan.place, plan))
        seen[group] += 1
    return [plan for _, _, plan in sorted(turns, key=lambda turn: turn[:2])]


def _refuse_unknown(folder: Path, what: str, asked: Collection[object] | None, known: Collection[object]) -> None:
    for value in asked or ():
        if value not in known:
            raise UserError(f"{folder} has no {what} {value}; it has {', '.join(map(str, sorted(known, key=str)))}")


def _with_threads(benchmark: Benchmark, folder: Path, plan: Manifest, executor: Executor) -> Benchmark:
    """The definition with the number of threads that the stored run found, where it left that to the machine.

    In the definition, so that a repetition that is resumed elsewhere keeps it too.
    """
    found = {case.threads for case in plan.cases}
    threads = found.pop() if len(found) == 1 else None
    definition = copy.deepcopy(benchmark.definition)
    tables = [holder["training"] for holder in variants.holders(definition)]
    if threads is None or threads > executor.threads() or any(table.get("threads") is not None for table in tables):
        return benchmark
    for table in tables:
        table["threads"] = threads
    return replace(loading.restore(folder / "manifest.json", definition), name=benchmark.name)
