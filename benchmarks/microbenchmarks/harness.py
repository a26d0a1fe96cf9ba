"""Times calls in turns, in a fresh process for each backend, and prints tables of ratios within a turn."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

import backends
from backends.contract import Array, Backend, Objective, Steps
from backends.model import ModelSpec
from backends.optimizers import Adam
from backends.seeded import draw_masks, initial_weights
from benchmarks.errors import UserError
from benchmarks.runner.cores import Conditions
from benchmarks.runner.environment import ROOT, worker_environment
from benchmarks.worker.timing import pin, timed

TURNS = 12
WARM_UP, EPOCHS = 3, 12  # epochs in a process that is timed alone
UNITS, WINDOW, BATCH, STEPS = 50, 20, 32, 47  # of the model, and of an epoch without an incomplete batch

Call = Callable[[], object]


def take_turns(calls: Mapping[str, Call], turns: int = TURNS) -> dict[str, list[float]]:
    """Seconds of every call in every turn. A turn before them, which traces and compiles, is not counted."""
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            seconds[name].append(timed(call)[0])
    return seconds


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """The ratio of each turn, sorted."""
    return sorted(above / below for above, below in zip(numerators, denominators, strict=True))


def summary(values: Sequence[float]) -> str:
    """The median of sorted values, and their range without the smallest and the largest."""
    return f"{median(values):.2f} ({values[1]:.2f} to {values[-2]:.2f})"


def print_row(cells: Iterable[object]) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def print_header(cells: Sequence[str]) -> None:
    print_row(cells)
    print_row(["---"] * len(cells))


def problem() -> tuple[Array, Array, Array]:
    """x (N, T, 1), y (N, 1) and the order of an epoch (steps, batch), random."""
    random = np.random.default_rng(0)
    rows = STEPS * BATCH
    x, y = random.normal(size=(rows, WINDOW, 1)), random.normal(size=(rows, 1))
    return x.astype(np.float32), y.astype(np.float32), random.permutation(rows).reshape(STEPS, BATCH)


def epoch(backend: Backend, model: ModelSpec) -> Call:
    """A call that trains the model on the problem through the contract, in matched mode and float32."""
    x, y, order = problem()
    if model.masked:  # windows of every length, padded on the left
        lengths = 1 + np.arange(len(x)) % WINDOW
        x = np.concatenate([x, (np.arange(WINDOW) >= WINDOW - lengths[:, None])[..., None]], axis=2, dtype=np.float32)
    features = x.shape[2]
    weights = initial_weights(model, features, WINDOW, 1)
    built = backend.build(model, Objective(), Adam(), weights, x, y, dtype="float32", seed=1)
    masks = draw_masks(model, features, WINDOW, seed=1, epoch=0, steps=STEPS, batch=BATCH)
    steps = Steps(order, np.full(STEPS, 1e-3), masks)
    return lambda: built.train(steps)


def print_epochs(call: Call) -> None:
    """Print, as JSON, the wall and CPU seconds of epochs that follow those in which the program compiles."""
    for _ in range(WARM_UP):
        call()
    seconds = []
    gc.collect()
    gc.disable()  # as in a trial
    for _ in range(EPOCHS):
        cpu = time.process_time()
        wall, _ = timed(call)
        seconds.append((wall, time.process_time() - cpu))
    print(json.dumps(seconds))


def trained_backends() -> list[str]:
    """One backend for each framework and engine, without the reference implementation."""
    return [name for name, entry in backends.REGISTRY.items() if entry.native and not entry.base]


def in_process(module: str, *arguments: str) -> Any:
    """The result of `measure(backend, *arguments)` of a module here, in a process with a worker's environment."""
    return printed(module, worker_environment(Conditions.of().variables), "--measure", *arguments)


def printed(module: str, environment: Mapping[str, str], *arguments: str) -> Any:
    """The JSON value in the last line that a module here prints, in a process of its own.

    Raises UserError with the last line of its standard error if the process fails.
    """
    command = [sys.executable, "-m", f"benchmarks.microbenchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise UserError(f"{module} {' '.join(arguments)} ended with status {done.returncode}; its last output: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def run(main: Callable[[list[str]], None], measure: Callable[..., Any]) -> None:
    """The command line: with `--measure` the worker's side, which loads the backend; otherwise names of backends."""
    if sys.argv[1:2] != ["--measure"]:
        main(sys.argv[1:] or trained_backends())
        return
    name, *arguments = sys.argv[2:]
    conditions = Conditions.of()
    pin(conditions.cores)
    backend = backends.load(name, dtype="float32", threads=len(conditions.cores))
    print(json.dumps(measure(backend, *arguments)))
