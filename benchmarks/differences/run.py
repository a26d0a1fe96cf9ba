"""The run of the benchmark `differences`: starts the workers, compares what they answer, and makes the record."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import combinations
from typing import Literal

import numpy as np

from benchmarks.differences.jobs import Answer, Job, Observation, TrainingResult
from benchmarks.differences.rows import FRAMEWORKS, Framework, Row, holds
from benchmarks.differences.setup import BATCH, LOSS_STEPS, UNITS, Setup, program
from benchmarks.runner import environment, processes
from benchmarks.runner.cores import Conditions
from datasets import DataSpec, WindowSpec, describe
from reports.records.differences import Difference, Differences, Effect, FrameworkDefault

DATA = DataSpec(series="co2", difference=True, scaling="standard", train=0.7, validation=0.15)
WINDOW = WindowSpec(length=20)
SEEDS, QUICK_SEEDS = (1, 2, 3, 4, 5, 6), (1, 2)  # six have a 95 % interval of the median
STEPS = 600  # optimizer steps before the test error; LOSS_STEPS in the small form
Work = Framework | Literal["training"]
NAMES: Mapping[Framework, str] = {
    "pytorch": "PyTorch",
    "keras": "Keras",
    "flax": "Flax",
    "keras-jax": "Keras (JAX)",
    "keras-torch": "Keras (PyTorch)",
}
ENGINES = {"keras": "tensorflow", "keras-jax": "jax", "keras-torch": "torch"}


def run(
    rows: Sequence[Row], *, started: datetime, quick: bool, seeds: tuple[int, ...], progress: Callable[[str], None]
) -> Differences:
    """Run the experiments of the rows in the frameworks and the trainings, two processes at a time."""
    begin = time.perf_counter()
    conditions = Conditions.of()
    steps = LOSS_STEPS if quick else STEPS
    names = {work: tuple(row.name for row in rows if work in row.claims) for work in FRAMEWORKS}
    experiments = [(work, kept) for work, kept in names.items() if kept]
    ask = partial(_ask, conditions=conditions, seeds=seeds, steps=steps, progress=progress)
    answers = _answers([*_trainings(rows), *experiments], ask)
    trainings = answers["training"]
    return Differences(
        started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        quick=quick,
        series=describe("co2").title,
        unit="ppm",
        persistence=float("nan") if trainings.failure else trainings.persistence,
        seeds=seeds,
        steps=steps,
        loss_steps=LOSS_STEPS,
        units=UNITS,
        window=WINDOW.length,
        batch=BATCH,
        seconds=time.perf_counter() - begin,
        environment=environment.describe(conditions.cores, conditions.variables),
        differences=tuple(difference(row, answers) for row in rows),
    )


Plan = tuple[Work, tuple[str, ...]]  # and the rows
Answers = Mapping[Work, Answer]


def _trainings(rows: Sequence[Row]) -> list[Plan]:
    """The trainings for two workers: those of the common compiled program, and those of other programs."""
    common = program(Setup())
    usual = [row.name for row in rows if {program(setup) for setup in row.setups} == {common}]
    others = [row.name for row in rows if row.name not in usual]
    return [("training", tuple(names)) for names in (others, usual) if names]


def _answers(plans: Sequence[Plan], ask: Callable[[Work, tuple[str, ...]], Answer]) -> Answers:
    """The answer for each kind of work. The trainings take longest and begin first. An interrupt ends all workers."""
    with ThreadPoolExecutor(2) as pool:
        try:
            answers = list(pool.map(lambda plan: ask(*plan), plans))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            processes.end_all()
            raise
    joined: dict[Work, Answer] = {}
    for (work, _), answer in zip(plans, answers, strict=True):
        earlier = joined.get(work)
        if earlier and not answer.failure:  # the second half of the trainings
            answer = answer.model_copy(update={"trainings": earlier.trainings | answer.trainings})
        joined[work] = earlier if earlier and earlier.failure else answer
    return joined


def _ask(
    work: Work,
    rows: tuple[str, ...],
    *,
    conditions: Conditions,
    seeds: tuple[int, ...],
    steps: int,
    progress: Callable[[str], None],
) -> Answer:
    """Run a worker process to its end."""
    job = Job(work=work, rows=rows, cores=conditions.cores, seeds=seeds, steps=steps, data=DATA, window=WINDOW)
    variables = environment.worker_variables(1) | ({"KERAS_BACKEND": ENGINES[work]} if work in ENGINES else {})
    ended = processes.run_worker("benchmarks.differences.worker", job, Answer, variables)
    name = "trainings" if work == "training" else f"experiments in {NAMES[work]}"
    progress(f"{name}: {ended.answer.failure or f'{len(rows)} in {ended.seconds:.0f} s'}")
    return ended.answer


def difference(row: Row, answers: Answers) -> Difference:
    """The record of a row from the answers of the workers."""
    seen = {framework: _observation(answers[framework], row) for framework in row.claims}
    trained = answers["training"]
    effect = None if trained.failure else _effect(*trained.trainings[row.name])
    complete = not any(observation.failure for observation in seen.values())
    return Difference(
        name=row.name,
        title=row.title,
        explains=row.explains,
        measures=row.measures,
        off=row.off,
        on=row.on,
        note=row.note,
        defaults=tuple(_default(row, framework, observation) for framework, observation in seen.items()),
        default_gap=_gap([each.default for each in seen.values()]) if complete else None,
        equal_gap=_gap([each.equal for each in seen.values()]) if complete else None,
        within=row.within,
        needs_gpu=row.gpu,
        effect=effect,
        failure=trained.failure,
    )


def _observation(answer: Answer, row: Row) -> Observation:
    return Observation(failure=answer.failure) if answer.failure else answer.observations[row.name]


def _default(row: Row, framework: Framework, seen: Observation) -> FrameworkDefault:
    claim = row.claims[framework]
    return FrameworkDefault(
        framework=NAMES[framework],
        default=claim.default,
        documented=claim.documented,
        claimed=claim.value,
        observed=seen.observed,
        holds=seen.failure is None and seen.observed is not None and holds(claim.value, seen.observed),
        lines=seen.lines,
        failure=seen.failure,
    )


def _gap(arrays: Sequence[tuple[float, ...]]) -> float | None:
    """The largest difference between two frameworks, relative to the largest value; None without numbers."""
    filled = [np.array(values) for values in arrays if values]
    if len(filled) < 2:
        return None
    largest = max(float(np.abs(values).max()) for values in filled)
    return max(float(np.abs(a - b).max()) for a, b in combinations(filled, 2)) / largest if largest else 0.0


def _effect(off: TrainingResult, on: TrainingResult) -> Effect:
    before, after = np.array(off.outputs), np.array(on.outputs)
    outputs = float(np.abs(after - before).max() / np.abs(before).max())
    return Effect(outputs=outputs, off_loss=off.loss, on_loss=on.loss, off_error=off.error, on_error=on.error)
