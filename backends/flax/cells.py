"""Flax: recurrent layers. Its own, and every cell as one step next to its equation in a scan over the steps.

The scan serves cells that Flax lacks, recurrent dropout, and state perturbations. A cell takes the weights of one
direction in canonical layout, Flax's own, and the activation φ, and gives its step. A step takes `a` = x W + b,
computed for all time steps beforehand; `m`, the state as it enters the recurrent product; and the last state. The
sources of the equations are in backends/reference/cells.py.
"""

from collections.abc import Callable, Mapping
from functools import reduce

import jax
import jax.numpy as jnp
from flax import nnx

from backends.contract import BackendError, Dtype, of_direction
from backends.layers import Shape
from backends.recurrent import Recurrent

State = tuple[jax.Array, ...]  # see Recurrent.states
Step = Callable[[jax.Array, jax.Array, State], State]
Weights = Mapping[str, jax.Array]
Activation = Callable[[jax.Array], jax.Array]  # φ

ACTIVATIONS: Mapping[str, Activation] = {"tanh": jnp.tanh, "relu": nnx.relu, "sigmoid": nnx.sigmoid}
FUSED = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell, "rnn": nnx.SimpleCell}
NAMES = {"kernel": "cell.dense_i.kernel", "recurrent_kernel": "cell.dense_h.kernel", "bias": "cell.dense_i.bias"}
LSTM_NAMES = {**NAMES, "bias": "cell.dense_h.bias"}


def rnn(weights: Weights, phi: Activation) -> Step:
    """h' = φ(a + m U)"""
    U = weights["recurrent_kernel"]
    return lambda a, m, state: (phi(a + m @ U),)


def lstm(weights: Weights, phi: Activation) -> Step:
    """i, f, o = σ(a + m U); g = φ(a + m U); c' = f c + i g; h' = o φ(c')"""
    U = weights["recurrent_kernel"]

    def step(a: jax.Array, m: jax.Array, state: State) -> State:
        i, f, g, o = jnp.split(a + m @ U, 4, axis=1)
        cell = nnx.sigmoid(f) * state[1] + nnx.sigmoid(i) * phi(g)
        return nnx.sigmoid(o) * phi(cell), cell

    return step


def gru(weights: Weights, phi: Activation) -> Step:
    """u = m U; r, z = σ(a + u); n = φ(a + r u); h' = (1 - z) n + z h"""
    U = weights["recurrent_kernel"]
    parts = [2 * len(U)]

    def step(a: jax.Array, m: jax.Array, state: State) -> State:
        (a_rz, a_n), (u_rz, u_n) = jnp.split(a, parts, axis=1), jnp.split(m @ U, parts, axis=1)
        r, z = jnp.split(nnx.sigmoid(a_rz + u_rz), 2, axis=1)
        return ((1 - z) * phi(a_n + r * u_n) + z * state[0],)

    return step


def gru_reset_before(weights: Weights, phi: Activation) -> Step:
    """r, z = σ(a + m U); n = φ(a + (r m) U); h' = (1 - z) n + z h

    The reduced forms differ in the terms of r and z: gru1 has m U + b, gru2 m U, gru3 b. Missing terms are zero.
    """
    U = weights["recurrent_kernel"]
    units, gated = len(U), len(U) < U.shape[1]
    U_rz, U_n = U[:, :-units], U[:, -units:]

    def step(a: jax.Array, m: jax.Array, state: State) -> State:
        a_rz, a_n = jnp.split(a, [2 * units], axis=1)
        r, z = jnp.split(nnx.sigmoid(a_rz + m @ U_rz if gated else a_rz), 2, axis=1)
        return ((1 - z) * phi(a_n + (r * m) @ U_n) + z * state[0],)

    return step


def rmlp(weights: Weights, phi: Activation) -> Step:
    """v₀ = relu(a + m U); vᵢ = relu(vᵢ₋₁ Wᵢ + bᵢ), the last without relu; (prediction, memory') = the last v, split"""
    U = weights["recurrent_kernel"]
    count = sum(name.startswith("kernel_") for name in weights)
    deeper = [(weights[f"kernel_{n}"], weights[f"bias_{n}"]) for n in range(1, count + 1)]

    def step(a: jax.Array, m: jax.Array, state: State) -> State:
        value = a + m @ U
        for W, b in deeper:
            value = nnx.relu(value) @ W + b
        prediction, memory = jnp.split(value, [state[1].shape[1]], axis=1)
        return memory, prediction

    return step


CELLS: Mapping[str, Callable[[Weights, Activation], Step]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "rmlp": rmlp,
    **dict.fromkeys(("gru-reset-before", "gru1", "gru2", "gru3"), gru_reset_before),
}


class Unrolled(nnx.Module):
    """The parameters of a layer that Flax lacks; a dot in a name becomes an underscore."""

    def __init__(self, spec: Recurrent, width: int, dtype: Dtype) -> None:
        for name, shape in spec.shapes((1, width)).items():
            setattr(self, name.replace(".", "_"), nnx.Param(jnp.zeros(shape, dtype)))


def make_recurrent(spec: Recurrent, shape: Shape, dtype: Dtype, rngs: nnx.Rngs, *, native: bool) -> nnx.Module:
    """Flax's own layer for inputs (T, F), or the parameters of a layer that it lacks."""
    dropout = " with dropout in it" if spec.dropout or spec.recurrent_dropout else ""
    if native and (dropout or spec.cell not in FUSED):
        raise BackendError(f"Flax has no layer of its own for {spec}{dropout}; use matched mode")
    if spec.cell not in FUSED:
        return Unrolled(spec, shape[1], dtype)
    settings = {} if spec.activation == "tanh" else {"activation_fn": ACTIVATIONS[spec.activation]}
    forward, *backward = (
        nnx.RNN(FUSED[spec.cell](shape[1], spec.units, dtype=dtype, param_dtype=dtype, rngs=rngs, **settings))
        for _ in spec.directions
    )
    return nnx.Bidirectional(forward, *backward) if backward else forward


def recurrent_parameters(spec: Recurrent, layer: nnx.Module) -> dict[str, nnx.Param]:
    """The layer's parameters by their canonical names in the layer."""
    if spec.cell not in FUSED:
        return {name: getattr(layer, name.replace(".", "_")) for name in spec.shapes((1, 1))}
    names = LSTM_NAMES if spec.cell == "lstm" else NAMES
    sides = {"": layer.forward_rnn, "backward.": layer.backward_rnn} if spec.bidirectional else {"": layer}
    return {
        direction + name: reduce(getattr, path.split("."), side)
        for direction, side in sides.items()
        for name, path in names.items()
    }


def recurrent(
    spec: Recurrent,
    layer: nnx.Module,
    x: jax.Array,
    real: jax.Array | None,
    masks: Weights,
    perturbations: Weights,
    states: Weights,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The layer's output, (N, T, width) or (N, width), from Flax's own layer where it offers what is needed.

    Its states after the last step follow, or {} without `states`.

    real: (N, T, 1), whether a step is real; the state passes other steps unchanged. None: all steps are real.
    masks, perturbations: those of this layer, by name; see ModelSpec.
    states: those of this layer before the first step, (N, width) each, see ModelSpec.states; {}: zero.
    """
    if spec.cell in FUSED and masks.keys() <= {"input_mask"} and not perturbations:
        x = x * masks["input_mask"][:, None] if masks else x
        if real is not None:
            return _with_lengths(spec, layer, x, real), {}
        outputs, after = _continued(spec, layer, x, states) if states else (layer(x), {})
        return outputs if spec.sequences else _last(spec, outputs), after
    weights = {name: variable[...] for name, variable in recurrent_parameters(spec, layer).items()}
    sides, final = [], ()
    for direction in spec.directions:
        named = (of_direction(direction, part) for part in (weights, masks, perturbations))
        final, outputs = _loop(spec, x, real, tuple(states.values()), *named, reverse=direction != "")
        sides.append(outputs.swapaxes(0, 1) if spec.sequences else final[spec.output])
    return jnp.concatenate(sides, axis=-1) if spec.bidirectional else sides[0], dict(zip(states, final, strict=False))


def _continued(
    spec: Recurrent, layer: nnx.RNN, x: jax.Array, states: Weights
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The outputs of Flax's own layer from these states on, and the states afterwards. Its LSTM has them as c, h."""
    start = tuple(states.values())
    carry, outputs = layer(x, initial_carry=start[::-1] if spec.cell == "lstm" else start[0], return_carry=True)
    return outputs, dict(zip(states, carry[::-1] if spec.cell == "lstm" else (carry,), strict=True))


def _with_lengths(spec: Recurrent, layer: nnx.Module, x: jax.Array, real: jax.Array) -> jax.Array:
    """The output of Flax's own layer with `seq_lengths`, for which the real steps come first. Any may be padding."""
    order = jnp.argsort(~real, axis=1, stable=True)
    lengths = jnp.sum(real, axis=(1, 2))
    outputs = layer(jnp.take_along_axis(x, order, axis=1), seq_lengths=lengths)
    if spec.sequences:
        return jnp.take_along_axis(outputs, jnp.argsort(order, axis=1), axis=1)
    last = jnp.take_along_axis(outputs, lengths[:, None, None] - 1, axis=1)[:, 0]
    return jnp.concatenate([last[:, : spec.units], outputs[:, 0, spec.units :]], axis=1)


def _last(spec: Recurrent, outputs: jax.Array) -> jax.Array:
    """The output after each direction's own last step, which is first in time for the backward direction."""
    if not spec.bidirectional:
        return outputs[:, -1]
    return jnp.concatenate([outputs[:, -1, : spec.units], outputs[:, 0, spec.units :]], axis=1)


def _loop(
    spec: Recurrent,
    x: jax.Array,
    real: jax.Array | None,
    start: State,
    weights: Weights,
    masks: Weights,
    perturbations: Weights,
    *,
    reverse: bool,
) -> tuple[State, jax.Array]:
    """One direction: the state after its last step, and the outputs (T, N, units) in the order of time.

    start: the state before its first step; (): zero.
    """
    if "input_mask" in masks:
        x = x * masks["input_mask"][:, None]
    projected = x.swapaxes(0, 1) @ weights["kernel"]
    a = _widened(projected, spec.columns) + _widened(weights["bias"], spec.columns)
    step, mask, perturbation = (
        CELLS[spec.cell](weights, ACTIVATIONS[spec.activation]),
        masks.get("recurrent_mask"),
        perturbations.get("state"),
    )
    if perturbation is not None and reverse:
        perturbation = perturbation[::-1]

    def scanned(state: State, inputs: tuple[jax.Array, jax.Array | None, jax.Array | None]) -> tuple[State, jax.Array]:
        a_t, perturbation_t, real_t = inputs
        after = step(a_t, state[0] if mask is None else state[0] * mask, state)
        if perturbation_t is not None:
            after = (after[0] + perturbation_t, *after[1:])
        if real_t is not None:
            after = tuple(jnp.where(real_t, new, old) for new, old in zip(after, state, strict=True))
        return after, after[spec.output]

    start = start or tuple(jnp.zeros((len(x), width), x.dtype) for width in spec.states)
    steps = None if real is None else real.swapaxes(0, 1)
    return jax.lax.scan(scanned, start, (a, perturbation, steps), reverse=reverse)


def _widened(blocks: jax.Array, columns: int) -> jax.Array:
    """(..., fewer) to (..., columns): zeros for the first gates, which have no block."""
    lacking = columns - blocks.shape[-1]
    return jnp.pad(blocks, [(0, 0)] * (blocks.ndim - 1) + [(lacking, 0)]) if lacking else blocks
