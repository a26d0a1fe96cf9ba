"""What a cell written by hand costs: its step against the same framework's own GRU of the same size, in turn.

`python -m benchmarks.microbenchmarks.cell_speed [BACKEND ...]`. One process a backend; in it every cell trains turn
by turn beside a GRU of its own, and the ratio is taken within each turn, so that drift of the machine hits both alike.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np

import backends
from backends.contract import Adam, Backend, Objective, Steps
from backends.layers import Dense
from backends.model import ModelSpec
from backends.recurrent import Recurrent
from backends.seeded import draw_masks, initial_weights
from benchmarks.runner.cores import Conditions
from benchmarks.runner.environment import ROOT, worker_environment
from benchmarks.worker.timing import pin, timed

UNITS, WINDOW, BATCH, STEPS = 50, 20, 32, 47
TURNS = 12
WRITTEN = {
    **{cell: Recurrent(cell, UNITS) for cell in ("gru-reset-before", "gru1", "gru2", "gru3", "rmlp")},
    **{f"{cell}, recurrent dropout": Recurrent(cell, UNITS, recurrent_dropout=0.2) for cell in ("rnn", "lstm", "gru")},
}


def trainer(backend: Backend, layer: Recurrent) -> Callable[[], object]:
    """Trains an epoch and returns when it is done; matched mode, float32."""
    random, model = np.random.default_rng(0), ModelSpec((layer, Dense(1)))
    x = random.normal(size=(STEPS * BATCH, WINDOW, 1)).astype("float32")
    y = random.normal(size=(len(x), 1)).astype("float32")
    weights = initial_weights(model, 1, WINDOW, 1)
    built = backend.build(model, Objective(), Adam(), weights, x, y, dtype="float32", seed=1)
    masks = draw_masks(model, 1, WINDOW, seed=1, epoch=0, steps=STEPS, batch=BATCH)
    steps = Steps(random.permutation(len(x)).reshape(STEPS, BATCH), np.full(STEPS, 1e-3), masks)
    return partial(built.train, steps)


def measure(name: str) -> dict[str, list[float]]:
    """In this process: each written cell's time in those of the GRU, a ratio a turn."""
    conditions = Conditions.of()
    pin(conditions.cores)
    backend = backends.load(name, dtype="float32", threads=len(conditions.cores))
    gru = trainer(backend, Recurrent("gru", UNITS))
    gru()
    ratios = {}
    for cell, layer in WRITTEN.items():
        written = trainer(backend, layer)
        written()  # traces and compiles
        ratios[cell] = [timed(written)[0] / timed(gru)[0] for _ in range(TURNS)]
    return ratios


def main(names: list[str]) -> None:
    print("| cell | " + " | ".join(names) + " |\n| --- |" + " --- |" * len(names))
    found = {}
    for name in names:
        command = [sys.executable, "-m", "benchmarks.microbenchmarks.cell_speed", "--measure", name]
        environment = worker_environment(Conditions.of().variables)
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        done.check_returncode()
        found[name] = json.loads(done.stdout.splitlines()[-1])
    for cell in WRITTEN:
        ratios = [sorted(found[name][cell]) for name in names]
        print(f"| {cell} | " + " | ".join(f"{median(r):.2f} ({r[1]:.2f} to {r[-2]:.2f})" for r in ratios) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main(sys.argv[1:] or [name for name in backends.REGISTRY if name != "reference"])
