"""Harness overhead: each backend's epoch through the contract, relative to a hand-written loop in the same framework.

`python -m benchmarks.microbenchmarks.harness_overhead [BACKEND ...]`. A hand-written loop has no seeds, digests or
canonical weights; it is written for speed, as users of the framework write it. For Keras it is `fit`, with its defaults
and with compile settings that may be faster. The table compares with the fastest loop, and with the first one.
"""

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from backends import REGISTRY
from backends.contract import Backend
from backends.model import forecaster
from benchmarks.microbenchmarks import harness
from benchmarks.microbenchmarks.harness import BATCH, STEPS, UNITS, WINDOW, Call, problem

EPOCHS = 4  # in a turn
CELLS = ("lstm", "gru")


def pytorch(cell: str) -> dict[str, Call]:
    """Resident tensors and fused Adam."""
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


def flax(cell: str) -> dict[str, Call]:
    """A whole epoch in one jitted scan over the batches."""
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


def keras(cell: str) -> dict[str, Call]:
    """`fit`, with its defaults and with settings that may be faster."""
    from keras import backend

    settings: dict[str, dict[str, Any]] = {"plain fit": {}}
    engine = backend.backend()
    if engine != "torch":
        settings["fit, 16 steps an execution"] = {"steps_per_execution": 16}
        settings["fit, an epoch an execution"] = {"steps_per_execution": STEPS}
    if engine == "tensorflow":
        settings["fit, XLA"] = {"jit_compile": True}
        settings["fit, XLA, 16 steps an execution"] = {"jit_compile": True, "steps_per_execution": 16}
        settings["fit, XLA, 16 steps, unrolled"] = {"jit_compile": True, "steps_per_execution": 16, "unroll": True}
    return {name: _fit(cell, **options) for name, options in settings.items()}


def _fit(cell: str, *, unroll: bool = False, **compilation: Any) -> Call:
    from keras import Input, Sequential, layers, optimizers

    x, y, _ = problem()
    layer = {"lstm": layers.LSTM, "gru": layers.GRU}[cell](UNITS, unroll=unroll)
    model = Sequential([Input((WINDOW, 1)), layer, layers.Dense(1)])
    model.compile(optimizer=optimizers.Adam(1e-3), loss="mse", **compilation)
    return partial(model.fit, x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)


LOOPS: dict[str, Callable[[str], dict[str, Call]]] = {"pytorch": pytorch, "flax": flax, "keras": keras}


def measure(backend: Backend, cell: str) -> dict[str, list[float]]:
    """Seconds an epoch through the contract ("contract") and in every hand-written loop, turn by turn."""
    model = forecaster(cell, units=UNITS, layers=1, horizon=1)  # type: ignore[arg-type]
    loops = LOOPS[REGISTRY[backend.name].module.partition(".")[0]](cell)
    seconds = harness.take_turns({"contract": harness.epoch(backend, model, EPOCHS), **loops})
    return {name: [value / EPOCHS for value in values] for name, values in seconds.items()}


def main(names: list[str]) -> None:
    harness.print_header(
        ["backend", "cell", "ms/epoch", "fastest loop", "its ms/epoch", "ratio (range)", "to the first"]
    )
    for name in names:
        for cell in CELLS:
            loops = harness.in_process("harness_overhead", name, cell)
            contract = loops.pop("contract")
            fastest = min(loops, key=lambda loop: median(loops[loop]))
            to_fastest, to_first = (harness.ratios(contract, loops[loop]) for loop in (fastest, next(iter(loops))))
            times = [f"{median(seconds) * 1e3:.1f}" for seconds in (contract, loops[fastest])]
            harness.print_row(
                [name, cell, times[0], fastest, times[1], harness.summary(to_fastest), f"{median(to_first):.2f}"]
            )


if __name__ == "__main__":
    harness.run(main, measure)
