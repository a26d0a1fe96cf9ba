"""Training loops written by hand, one for each program, as users of a framework write them.

`python -m benchmarks.microbenchmarks.bare_loops BACKEND CELL CORES` prints the seconds of epochs. The suite sets
nothing in this process: no environment variables, dtypes, threads or deterministic modes. There are no seeds, digests
or canonical weights. Shared with a trial are the sizes of the model, Keras's engine, and the cores; the number of
threads follows from the cores in every framework.
"""

import sys
from collections.abc import Callable
from typing import Any

from backends import REGISTRY
from benchmarks.microbenchmarks.harness import BATCH, STEPS, UNITS, WINDOW, Call, print_epochs, problem
from benchmarks.worker.timing import pin


def pytorch_eager(cell: str) -> Call:
    """Resident tensors and fused Adam."""
    import torch

    x, y, order = (torch.from_numpy(array) for array in problem())
    forward, parameters = _pytorch(cell)
    optimizer = torch.optim.Adam(parameters, fused=True)

    def epoch() -> None:
        for rows in order:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(forward(x[rows]), y[rows])
            loss.backward()
            optimizer.step()

    return epoch


def pytorch_compiled(cell: str) -> Call:
    """`torch.compile` of the loss. It skips `nn.GRU`, so the steps of the GRU are written out."""
    import torch

    x, y, order = (torch.from_numpy(array) for array in problem())
    forward, parameters = _written_gru() if cell == "gru" else _pytorch(cell)
    optimizer = torch.optim.Adam(parameters, fused=True)
    compiled = torch.compile(lambda x, y: torch.nn.functional.mse_loss(forward(x), y), dynamic=False)

    def epoch() -> None:
        for rows in order:
            optimizer.zero_grad()
            loss = compiled(x[rows], y[rows])
            loss.backward()
            optimizer.step()

    return epoch


def pytorch_dataloader(cell: str) -> Call:
    """A `DataLoader` with shuffling, Adam with its defaults, and the sum of the losses."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    x, y, _ = (torch.from_numpy(array) for array in problem())
    batches = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
    forward, parameters = _pytorch(cell)
    optimizer = torch.optim.Adam(parameters)

    def epoch() -> float:
        total = 0.0
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(forward(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total

    return epoch


def _pytorch(cell: str) -> tuple[Callable[[Any], Any], list[Any]]:
    """The forecast of windows by PyTorch's own layers, and the trained parameters: one bias per gate."""
    from torch import nn

    layer: Any = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](1, UNITS, batch_first=True)
    head = nn.Linear(UNITS, 1)
    layer.bias_hh_l0.requires_grad_(False)
    trained = [parameter for parameter in (*layer.parameters(), *head.parameters()) if parameter.requires_grad]
    return lambda x: head(layer(x)[0][:, -1]), trained


def _written_gru() -> tuple[Callable[[Any], Any], list[Any]]:
    """The same with a GRU as a loop over the time steps; the input is projected once."""
    import torch
    from torch import nn

    inputs, recurrent, head = nn.Linear(1, 3 * UNITS), nn.Linear(UNITS, 3 * UNITS, bias=False), nn.Linear(UNITS, 1)

    def forward(x: Any) -> Any:
        h = x.new_zeros(len(x), UNITS)
        for a in inputs(x).unbind(1):
            (a_rz, a_n), (u_rz, u_n) = a.split([2 * UNITS, UNITS], 1), recurrent(h).split([2 * UNITS, UNITS], 1)
            r, z = torch.sigmoid(a_rz + u_rz).chunk(2, 1)
            h = torch.lerp(torch.tanh(a_n + r * u_n), h, z)
        return head(h)

    return forward, [*inputs.parameters(), *recurrent.parameters(), *head.parameters()]


def flax_epoch(cell: str, unroll: int = 1) -> Call:
    """A whole epoch in one jitted scan over the batches."""
    import jax

    state, step, order = _flax(cell, unroll)
    run = jax.jit(lambda state: jax.lax.scan(step, state, order), donate_argnums=0)

    def epoch() -> None:
        nonlocal state
        state, losses = run(state)
        jax.block_until_ready(losses)

    return epoch


def flax_unrolled(cell: str) -> Call:
    """The same with four time steps in a turn of the loop over time."""
    return flax_epoch(cell, unroll=4)


def flax_step(cell: str) -> Call:
    """One jitted step, called for each batch."""
    import jax
    import numpy as np

    state, step, order = _flax(cell)
    run, batches = jax.jit(step, donate_argnums=0), np.asarray(order)

    def epoch() -> None:
        nonlocal state
        losses = []
        for rows in batches:
            state, loss = run(state, rows)
            losses.append(loss)
        jax.block_until_ready(losses)

    return epoch


def _flax(cell: str, unroll: int = 1) -> tuple[Any, Callable[[Any, Any], Any], Any]:
    """The state of a training, the function of a step, and the batches."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    x, y, order = (jnp.asarray(array) for array in problem())
    cells = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}
    layer = nnx.RNN(cells[cell](1, UNITS, rngs=nnx.Rngs(0)), unroll=unroll)
    graph, params, rest = nnx.split((layer, nnx.Linear(UNITS, 1, rngs=nnx.Rngs(1))), nnx.Param, ...)
    optimizer = optax.adam(1e-3)

    def loss(params: Any, rows: Any) -> Any:
        layer, head = nnx.merge(graph, params, rest, copy=True)
        return jnp.mean((head(layer(x[rows])[:, -1]) - y[rows]) ** 2)

    def step(state: Any, rows: Any) -> Any:
        params, moments = state
        value, gradients = jax.value_and_grad(loss)(params, rows)
        updates, moments = optimizer.update(gradients, moments, params)
        return (optax.apply_updates(params, updates), moments), value

    return (params, optimizer.init(params)), step, order


def keras_fit(cell: str) -> Call:
    """`fit` with its defaults."""
    x, y, _ = problem()
    model = _keras(cell)
    model.compile(optimizer="adam", loss="mse")
    return lambda: model.fit(x, y, batch_size=BATCH, verbose=0)


def keras_custom(cell: str) -> Call:
    """The custom loop of Keras's guides for the engine: a compiled epoch on TensorFlow and JAX, eager on PyTorch."""
    import keras

    return {"tensorflow": _keras_tensorflow, "jax": _keras_jax, "torch": _keras_torch}[keras.backend.backend()](cell)


def _keras(cell: str) -> Any:
    from keras import Input, Sequential, layers

    layer = {"lstm": layers.LSTM, "gru": layers.GRU}[cell](UNITS)
    return Sequential([Input((WINDOW, 1)), layer, layers.Dense(1)])


def _keras_tensorflow(cell: str) -> Call:
    import keras
    import tensorflow as tf

    x, y, order = (tf.constant(array) for array in problem())
    model, optimizer = _keras(cell), keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def run() -> Any:
        losses = tf.TensorArray(tf.float32, STEPS)
        for step in tf.range(STEPS):
            with tf.GradientTape() as tape:
                predicted = model(tf.gather(x, order[step]), training=True)
                loss = tf.reduce_mean((predicted - tf.gather(y, order[step])) ** 2)
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            losses = losses.write(step, loss)
        return losses.stack()

    return lambda: run().numpy()


def _keras_jax(cell: str) -> Call:
    import jax
    import keras

    x, y, order = (jax.numpy.asarray(array) for array in problem())
    model, optimizer = _keras(cell), keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)

    def loss(trained: Any, fixed: Any, rows: Any) -> Any:
        predicted, fixed = model.stateless_call(trained, fixed, x[rows], training=True)
        return jax.numpy.mean((predicted - y[rows]) ** 2), fixed

    def step(state: Any, rows: Any) -> Any:
        trained, fixed, moments = state
        (value, fixed), gradients = jax.value_and_grad(loss, has_aux=True)(trained, fixed, rows)
        trained, moments = optimizer.stateless_apply(moments, gradients, trained)
        return (trained, fixed, moments), value

    run = jax.jit(lambda state: jax.lax.scan(step, state, order), donate_argnums=0)
    groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    state = tuple([variable.value for variable in group] for group in groups)

    def epoch() -> None:
        nonlocal state
        state, losses = run(state)
        jax.block_until_ready(losses)

    return epoch


def _keras_torch(cell: str) -> Call:
    import torch

    x, y, order = (torch.from_numpy(array) for array in problem())
    model = _keras(cell)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def epoch() -> None:
        for rows in order:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()

    return epoch


LOOPS: dict[str, Callable[[str], Call]] = {  # by the module of a backend, as in the registry
    "pytorch.training": pytorch_eager,
    "pytorch.compiled": pytorch_compiled,
    "pytorch.dataloader": pytorch_dataloader,
    "flax.training": flax_epoch,
    "flax.step": flax_step,
    "flax.unroll": flax_unrolled,
    "keras.training": keras_custom,
    "keras.fit": keras_fit,
}


if __name__ == "__main__":
    name, cell, cores = sys.argv[1:]
    pin(tuple(map(int, cores.split(","))))  # before a framework counts them
    print_epochs(LOOPS[REGISTRY[name].module](cell))
