"""What the contract costs: each backend's epoch against the best bare loop in the same framework, in turn.

`python -m benchmarks.microbenchmarks.harness_overhead [BACKEND ...]`. A bare loop knows nothing of seeds, digests or
canonical weights; it is written as that framework's own people would write it for speed. For Keras it is `fit`, plain
and with the compile settings that may serve it better; the best of them is what counts. One process a backend and
cell; in it the contestants take turns, and the ratio is taken within each round, so that drift of the machine hits
both alike.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

import backends
from backends.contract import Adam, Objective, Steps
from backends.model import forecaster
from backends.seeded import initial_weights
from benchmarks.runner.cores import Conditions
from benchmarks.runner.environment import ROOT, worker_environment
from benchmarks.worker.timing import pin

UNITS, WINDOW, BATCH, STEPS = 50, 20, 32, 47
EPOCHS, ROUNDS = 4, 12  # epochs a turn, turns
CELLS = ("lstm", "gru")

Array = np.ndarray
Turn = Callable[[], object]  # trains EPOCHS epochs and returns when they are done


def problem() -> tuple[Array, Array, Array]:
    """x (N, T, 1), y (N, 1) and an epoch's order (steps, batch); a rowful epoch has no incomplete batch."""
    random = np.random.default_rng(0)
    rows = STEPS * BATCH
    x, y = random.normal(size=(rows, WINDOW, 1)), random.normal(size=(rows, 1))
    return x.astype(np.float32), y.astype(np.float32), random.permutation(rows).reshape(STEPS, BATCH)


def ours(name: str, cell: str, threads: int) -> Turn:
    """The backend through the contract, matched mode."""
    x, y, order = problem()
    model = forecaster(cell, units=UNITS, layers=1, horizon=1)  # type: ignore[arg-type]
    backend = backends.load(name, dtype="float32", threads=threads)
    weights = initial_weights(model, 1, WINDOW, 1)
    built = backend.build(model, Objective(), Adam(), weights, x, y, dtype="float32", seed=1)
    steps = Steps(order, np.full(STEPS, 1e-3))
    return lambda: [built.train(steps) for _ in range(EPOCHS)]


def pytorch(cell: str) -> dict[str, Turn]:
    """Resident tensors, fused Adam."""
    import torch

    x, y, order = (torch.from_numpy(array) for array in problem())
    layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](1, UNITS, batch_first=True)
    head = torch.nn.Linear(UNITS, 1)
    layer.bias_hh_l0.requires_grad_(False)
    trained = [p for p in (*layer.parameters(), *head.parameters()) if p.requires_grad]
    optimizer = torch.optim.Adam(trained, fused=True)

    def turn() -> None:
        for _ in range(EPOCHS):
            for rows in order:
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(head(layer(x[rows])[0][:, -1]), y[rows])
                loss.backward()
                optimizer.step()

    return {"eager, fused Adam": turn}


def flax(cell: str) -> dict[str, Turn]:
    """A whole epoch in one jitted scan over the batches' rows."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    x, y, order = (jnp.asarray(array) for array in problem())
    layer = nnx.RNN({"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}[cell](1, UNITS, rngs=nnx.Rngs(0)))
    graph, params, rest = nnx.split((layer, nnx.Linear(UNITS, 1, rngs=nnx.Rngs(1))), nnx.Param, ...)
    optimizer = optax.adam(1e-3)

    def loss(params: Any, rows: Any) -> Any:
        layer, head = nnx.merge(graph, params, rest, copy=True)
        return jnp.mean((head(layer(x[rows])[:, -1]) - y[rows]) ** 2)

    def step(carry: Any, rows: Any) -> Any:
        params, moments = carry
        value, gradients = jax.value_and_grad(loss)(params, rows)
        updates, moments = optimizer.update(gradients, moments, params)
        return (optax.apply_updates(params, updates), moments), value

    epoch = jax.jit(lambda carry: jax.lax.scan(step, carry, order), donate_argnums=0)
    state = [(params, optimizer.init(params))]

    def turn() -> None:
        for _ in range(EPOCHS):
            state[0], losses = epoch(state[0])
            jax.block_until_ready(losses)

    return {"one jitted scan an epoch": turn}


def keras(cell: str) -> dict[str, Turn]:
    """`fit`, as it comes and with what may make it faster."""
    settings: dict[str, dict[str, Any]] = {"plain fit": {}}
    engine = __import__("keras").backend.backend()
    if engine != "torch":
        settings["fit, 16 steps an execution"] = {"steps_per_execution": 16}
        settings["fit, an epoch an execution"] = {"steps_per_execution": STEPS}
    if engine == "tensorflow":
        settings["fit, XLA"] = {"jit_compile": True}
        settings["fit, XLA, 16 steps an execution"] = {"jit_compile": True, "steps_per_execution": 16}
        settings["fit, XLA, 16 steps, unrolled"] = {"jit_compile": True, "steps_per_execution": 16, "unroll": True}
    return {name: _fit(cell, **options) for name, options in settings.items()}


def _fit(cell: str, *, unroll: bool = False, **compilation: Any) -> Turn:
    from keras import Input, Sequential, layers, optimizers

    x, y, _ = problem()
    layer = {"lstm": layers.LSTM, "gru": layers.GRU}[cell](UNITS, unroll=unroll)
    model = Sequential([Input((WINDOW, 1)), layer, layers.Dense(1)])
    model.compile(optimizer=optimizers.Adam(1e-3), loss="mse", **compilation)
    return partial(model.fit, x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)


BARE = {"pytorch": pytorch, "flax": flax, "keras": keras, "keras-jax": keras, "keras-torch": keras}


def measure(name: str, cell: str) -> dict[str, Any]:
    """In this process: seconds an epoch of ours and of each bare loop, turn by turn."""
    conditions = Conditions.of()
    pin(conditions.cores)
    contestants = {"ours": ours(name, cell, len(conditions.cores))} | BARE[name](cell)
    seconds: dict[str, list[float]] = {contestant: [] for contestant in contestants}
    for number in range(ROUNDS + 1):
        for contestant, turn in contestants.items():
            start = time.perf_counter()
            turn()
            if number:  # the first turn traces and compiles
                seconds[contestant].append((time.perf_counter() - start) / EPOCHS)
    return {"backend": name, "cell": cell, "seconds": seconds}


def row(result: dict[str, Any]) -> str:
    """One line of the table: the median of the ratios within each round, against the loop that is fastest."""
    seconds = result["seconds"]
    mine = seconds.pop("ours")
    best = min(seconds, key=lambda loop: median(seconds[loop]))
    ratios = sorted(a / b for a, b in zip(mine, seconds[best], strict=True))
    plain = [a / b for a, b in zip(mine, seconds[next(iter(seconds))], strict=True)]
    return (
        f"| {result['backend']:<11} | {result['cell']:<4} | {median(mine) * 1e3:8.1f} | {best:<32} | "
        f"{median(seconds[best]) * 1e3:8.1f} | {median(ratios):.2f} ({ratios[1]:.2f} to {ratios[-2]:.2f}) | "
        f"{median(plain):.2f} |"
    )


def main(names: list[str]) -> None:
    print("| backend | cell | ours, ms/epoch | best bare loop | ms/epoch | ratio, median (range) | to the plain loop |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in names:
        for cell in CELLS:
            command = [sys.executable, "-m", "benchmarks.microbenchmarks.harness_overhead", "--measure", name, cell]
            environment = worker_environment(Conditions.of().variables)
            done = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            done.check_returncode()
            print(row(json.loads(done.stdout.splitlines()[-1])), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        main(sys.argv[1:] or list(BARE))
