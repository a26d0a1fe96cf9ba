"""Flax: recurrent layers. A function for each difference; the lines of the functions `equal_...` are shown."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.differences.probe import Array, Case, Probe, shown

jax.config.update("jax_enable_x64", True)
CELLS = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}


def layer(case: Case, kind: str = "lstm", dtype: Any = jnp.float64) -> nnx.RNN:  # noqa: ANN401
    """A layer with the case's weights."""
    W, U, b = case.lstm if kind == "lstm" else case.gru
    cell = CELLS[kind](case.features, case.units, dtype=dtype, param_dtype=dtype, rngs=nnx.Rngs(0))
    cell.dense_i.kernel[...], cell.dense_h.kernel[...] = jnp.asarray(W), jnp.asarray(U)
    (cell.dense_h if kind == "lstm" else cell.dense_i).bias[...] = jnp.asarray(b)
    return nnx.RNN(cell)


def last(made: nnx.RNN, x: Array) -> Array:
    return np.asarray(_outputs(made, jnp.asarray(x))[:, -1])


@nnx.jit  # compiled once for all layers of a kind
def _outputs(made: nnx.RNN, x: jax.Array) -> jax.Array:
    return made(x)


def _parameters(made: nnx.Module) -> list[jax.Array]:
    return jax.tree.leaves(nnx.state(made, nnx.Param))


def second_bias(case: Case) -> Probe:
    made = layer(case)
    biases = sum(value.size for value in _parameters(made) if value.ndim == 1) / (4 * case.units)
    gradients = nnx.grad(lambda model: jnp.mean((model(case.x)[:, -1] - case.target) ** 2))(made)
    parameters = nnx.state(made, nnx.Param)
    nnx.update(made, jax.tree.map(lambda w, g: w - 0.1 * g, parameters, gradients))
    return Probe(biases, last(made, case.x), last(made, case.x))


def gate_order(case: Case) -> Probe:
    outputs = last(layer(case, "gru"), case.x)
    return Probe(_update_block(case), outputs, outputs)


def _update_block(case: Case) -> int:
    """The place of the update gate: the block whose large bias keeps the state at zero."""
    for place in range(3):
        made = layer(case, "gru")
        bias = made.cell.dense_i.bias
        bias[...] = bias[...].at[place * case.units : (place + 1) * case.units].set(100.0)
        if np.abs(last(made, case.x)).max() < 1e-6:
            return place
    return -1


@shown
def equal_gru_reset(h: jax.Array, a_rz: jax.Array, a_n: jax.Array, U_rz: jax.Array, U_n: jax.Array) -> jax.Array:
    r, z = jnp.split(nnx.sigmoid(a_rz + h @ U_rz), 2, axis=1)  # a = x_t @ W + b; a cell of your own
    n = jnp.tanh(a_n + (r * h) @ U_n)
    return (1 - z) * n + z * h


def gru_reset(case: Case) -> Probe:
    W, U, b = case.gru
    split = 2 * case.units
    h = after = jnp.zeros((len(case.x), case.units))
    for x_t in case.x.swapaxes(0, 1):
        a = x_t @ W + b
        h = equal_gru_reset(h, a[:, :split], a[:, split:], U[:, :split], U[:, split:])
        u = after @ U
        r, z = jnp.split(nnx.sigmoid(a[:, :split] + u[:, :split]), 2, axis=1)
        after = (1 - z) * jnp.tanh(a[:, split:] + r * u[:, split:]) + z * after
    default = last(layer(case, "gru"), case.x)
    return Probe("after" if np.allclose(default, after, rtol=0, atol=1e-12) else "before", default, np.asarray(h))


@shown
def equal_initial_weights(features: int, units: int) -> nnx.RNNCellBase:
    init = nnx.initializers.glorot_uniform()  # Flax's default is lecun_normal; the recurrent kernel is orthogonal
    return nnx.OptimizedLSTMCell(features, units, kernel_init=init, rngs=nnx.Rngs(0))


def initial_weights(case: Case) -> Probe:
    default = _spread(nnx.OptimizedLSTMCell(64, 64, rngs=nnx.Rngs(0)))
    return Probe(default.tolist(), default, _spread(equal_initial_weights(64, 64)))


def _spread(cell: nnx.RNNCellBase) -> Array:
    return np.array([float(dense.kernel[...].std()) for dense in (cell.dense_i, cell.dense_h)])


@shown
def equal_forget_bias(cell: nnx.OptimizedLSTMCell, units: int) -> None:
    bias = cell.dense_h.bias  # the gates are i, f, g, o
    bias[...] = bias[...].at[units : 2 * units].set(1.0)


def forget_bias(case: Case) -> Probe:
    cell = nnx.OptimizedLSTMCell(3, 64, rngs=nnx.Rngs(0))
    default = np.asarray(cell.dense_h.bias[...])[64:128]
    equal_forget_bias(cell, 64)
    return Probe(round(float(default.mean())), default, np.asarray(cell.dense_h.bias[...])[64:128])


@shown
def equal_padding(layer: nnx.RNN, x: jax.Array, lengths: jax.Array) -> jax.Array:
    outputs = layer(x, seq_lengths=lengths)
    return outputs[jnp.arange(len(x)), lengths - 1]


def padding(case: Case) -> Probe:
    default = last(layer(case), case.padded)
    equal = np.asarray(equal_padding(layer(case), jnp.asarray(case.padded), jnp.asarray(case.lengths)))
    return Probe(bool(np.abs(default - equal).max() > 1e-6), default, equal)


@shown
def equal_bidirectional_last(layer: nnx.Bidirectional, x: jax.Array, units: int) -> jax.Array:
    outputs = layer(x)  # not outputs[:, -1]
    return jnp.concatenate([outputs[:, -1, :units], outputs[:, 0, units:]], axis=-1)


def bidirectional_last(case: Case) -> Probe:
    made = nnx.Bidirectional(layer(case), layer(case))
    default = np.asarray(made(jnp.asarray(case.x))[:, -1])
    equal = np.asarray(equal_bidirectional_last(made, jnp.asarray(case.x), case.units))
    return Probe(bool(np.allclose(default, equal)), default, equal)


@shown
def equal_recurrent_dropout(
    a: jax.Array, h: jax.Array, c: jax.Array, U: jax.Array, masks: jax.Array
) -> tuple[jax.Array, jax.Array]:
    # a step of a cell of your own; a = x_t @ W + b; first axis of a, U, masks: the gates; masks: drawn once a sequence
    i, f, g, o = a + jnp.einsum("gnh,ghk->gnk", h * masks, U)
    c = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
    return nnx.sigmoid(o) * jnp.tanh(c), c


def recurrent_dropout(case: Case) -> Probe:
    W, U, b = (jnp.stack(jnp.split(value, 4, axis=-1)) for value in case.lstm)
    h = c = jnp.zeros((len(case.x), case.units))
    for x_t in case.x.swapaxes(0, 1):
        h, c = equal_recurrent_dropout(x_t @ W + b[:, None], h, c, U, jnp.asarray(case.masks))
    offered = any("dropout" in name for name in inspect.signature(nnx.OptimizedLSTMCell.__init__).parameters)
    return Probe("offered" if offered else "none", last(layer(case), case.x), np.asarray(h))


def dropout_scaling(case: Case) -> Probe:
    values = np.unique(np.asarray(nnx.Dropout(0.5, deterministic=False, rngs=nnx.Rngs(0))(jnp.ones(1000))))
    return Probe(float(values.max()), values, values)


@shown
def equal_dropout_argument(layer: nnx.RNN, x: jax.Array, rate: float) -> jax.Array:
    dropout = nnx.Dropout(rate, broadcast_dims=(1,), deterministic=False, rngs=nnx.Rngs(0))
    return layer(dropout(x))[:, -1]  # one mask for all steps of a sequence


def dropout_argument(case: Case) -> Probe:
    offered = any("dropout" in name for name in inspect.signature(nnx.OptimizedLSTMCell.__init__).parameters)
    equal = np.asarray(equal_dropout_argument(layer(case), jnp.asarray(case.x), 0.999))
    return Probe("inputs" if offered else "no such argument", last(layer(case), case.x), equal)
