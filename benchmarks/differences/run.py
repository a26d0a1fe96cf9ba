"""The run of the benchmark `differences`: starts the workers, compares what they answer, and makes the record."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from benchmarks.differences.jobs import Answer, Job, Observation, Training
from benchmarks.differences.rows import FRAMEWORKS, Framework, Row, holds
from benchmarks.differences.setup import BATCH, LOSS_STEPS, UNITS
from benchmarks.runner import environment
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


class WorkerError(RuntimeError):
    """A worker ended without an answer. The message is a clause."""


def run(rows: Sequence[Row], *, quick: bool, seeds: tuple[int, ...], progress: Callable[[str], None]) -> Differences:
    """Run the experiments of the rows in the frameworks and the trainings, two processes at a time."""
    started, begin = datetime.now(UTC), time.perf_counter()
    conditions = Conditions.of()
    steps = LOSS_STEPS if quick else STEPS
    names = {work: tuple(row.name for row in rows if work in row.claims) for work in FRAMEWORKS}
    plans: dict[Work, tuple[str, ...]] = {"training": tuple(row.name for row in rows)}
    plans |= {work: kept for work, kept in names.items() if kept}
    answers = _answers(plans, partial(_ask, conditions=conditions, seeds=seeds, steps=steps, progress=progress))
    trainings = answers["training"]
    return Differences(
        started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        quick=quick,
        series=describe("co2").title,
        unit="ppm",
        persistence=trainings.persistence if isinstance(trainings, Answer) else float("nan"),
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


Answers = Mapping[Work, Answer | WorkerError]


def _answers(plans: Mapping[Work, tuple[str, ...]], ask: Callable[[Work, tuple[str, ...]], Answer]) -> Answers:
    """The answer of each worker; the trainings take longest and begin first."""

    def attempt(item: tuple[Work, tuple[str, ...]]) -> Answer | WorkerError:
        try:
            return ask(*item)
        except WorkerError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(plans, pool.map(attempt, plans.items()), strict=True))


def _ask(
    work: Work,
    rows: tuple[str, ...],
    *,
    conditions: Conditions,
    seeds: tuple[int, ...],
    steps: int,
    progress: Callable[[str], None],
) -> Answer:
    """Run a worker process to its end. Raises WorkerError."""
    cores = conditions.cores[:1] if work == "training" else conditions.cores[-1:]
    job = Job(work=work, rows=rows, cores=cores, seeds=seeds, steps=steps, data=DATA, window=WINDOW)
    variables = environment.worker_variables(1) | ({"KERAS_BACKEND": ENGINES[work]} if work in ENGINES else {})
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="like-for-like-") as folder:
        job_path, answer_path = Path(folder) / "job.json", Path(folder) / "answer.json"
        job_path.write_text(job.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.differences.worker", str(job_path), str(answer_path)]
        process = subprocess.run(
            [*command, str(os.getpid())],
            cwd=environment.ROOT,
            env=environment.worker_environment(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        try:
            answer = Answer.model_validate_json(answer_path.read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            last = (process.stderr.strip().splitlines() or ["nothing"])[-1][:300]
            message = f"its process ended with status {process.returncode}; its last output: {last}"
            raise WorkerError(message) from None
    name = "trainings" if work == "training" else f"experiments in {NAMES[work]}"
    progress(f"{name}: {len(rows)} in {time.perf_counter() - begin:.0f} s")
    return answer


def difference(row: Row, answers: Answers) -> Difference:
    """The record of a row from the answers of the workers."""
    seen = {framework: _observation(answers[framework], row) for framework in row.claims}
    trained = answers["training"]
    effect = _effect(*trained.trainings[row.name]) if isinstance(trained, Answer) else None
    complete = not any(observation.failure for observation in seen.values())
    return Difference(
        name=row.name,
        title=row.title,
        explains=row.explains,
        off=row.off,
        on=row.on,
        note=row.note,
        defaults=tuple(_default(row, framework, observation) for framework, observation in seen.items()),
        default_gap=_gap([each.default for each in seen.values()]) if complete else None,
        equal_gap=_gap([each.equal for each in seen.values()]) if complete else None,
        within=row.within,
        needs_gpu=row.gpu,
        effect=effect,
        failure=None if isinstance(trained, Answer) else str(trained),
    )


def _observation(answer: Answer | WorkerError, row: Row) -> Observation:
    return answer.observations[row.name] if isinstance(answer, Answer) else Observation(failure=str(answer))


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


def _effect(off: Training, on: Training) -> Effect:
    before, after = np.array(off.outputs), np.array(on.outputs)
    outputs = float(np.abs(after - before).max() / np.abs(before).max())
    return Effect(outputs=outputs, off_loss=off.loss, on_loss=on.loss, off_error=off.error, on_error=on.error)
