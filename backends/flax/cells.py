"""Flax: recurrent layers. The framework's own, and every cell as one step next to its equation in a scan over them.

The scan runs where Flax has no such cell, and for the others where dropout or a look inside needs each step. A cell
takes its weights (of one direction, in canonical layout, which is Flax' own) and gives its step; a step takes `a`
= x W + b, known for all steps beforehand, `m`, the state as it enters the recurrent product, and the last state.
Sources as in reference_cells.py.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from backends.contract import Dtype, of_direction
from backends.layers import Layer, Shape
from backends.recurrent import Recurrent

State = tuple[jax.Array, ...]  # see Recurrent.states
Step = Callable[[jax.Array, jax.Array, State], State]
Weights = Mapping[str, jax.Array]
Path = tuple[str, ...]  # of attributes, from a layer to its parameter

FUSED = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell, "rnn": nnx.SimpleCell}
NAMES: Mapping[str, Path] = {
    "kernel": ("cell", "dense_i", "kernel"),
    "recurrent_kernel": ("cell", "dense_h", "kernel"),
    "bias": ("cell", "dense_i", "bias"),
}
LSTM_NAMES = {**NAMES, "bias": ("cell", "dense_h", "bias")}


def recurrent_names(spec: Recurrent) -> dict[str, Path]:
    """A layer's parameters: their canonical names and where Flax has them."""
    if spec.cell not in FUSED:
        return {name: (attribute(name),) for name in spec.shapes((1, 1))}
    names = LSTM_NAMES if spec.cell == "lstm" else NAMES
    if not spec.bidirectional:
        return dict(names)
    sides = {"": "forward_rnn", "backward.": "backward_rnn"}
    return {direction + ours: (sides[direction], *path) for direction in sides for ours, path in names.items()}


def attribute(name: str) -> str:
    """A canonical name as one of Python's."""
    return name.replace(".", "_")


def reach(layer: Any, path: Path) -> Any:  # noqa: ANN401
    """Along a path in a layer, or in the state of one."""
    return reduce(getattr, path, layer)


def rnn(weights: Weights) -> Step:
    """h' = tanh(a + m U)"""
    U = weights["recurrent_kernel"]
    return lambda a, m, state: (jnp.tanh(a + m @ U),)


def lstm(weights: Weights) -> Step:
    """i, f, o = σ(a + m U); g = tanh(a + m U); c' = f c + i g; h' = o tanh(c')"""
    U = weights["recurrent_kernel"]

    def step(a: jax.Array, m: jax.Array, state: State) -> State:
        i, f, g, o = jnp.split(a + m @ U, 4, axis=1)
        cell = nnx.sigmoid(f) * state[1] + nnx.sigmoid(i) * jnp.tanh(g)
        return nnx.sigmoid(o) * jnp.tanh(cell), cell

    return step


def gru(weights: Weights) -> Step:
    """u = m U; r, z = σ(a + u); n = tanh(a + r u); h' = (1 - z) n + z h"""
    U = weights["recurrent_kernel"]
    parts = [2 * len(U)]

    def step(a: jax.Array, m: jax.Array, state: State) -> State:
        (a_rz, a_n), (u_rz, u_n) = jnp.split(a, parts, axis=1), jnp.split(m @ U, parts, axis=1)
        r, z = jnp.split(nnx.sigmoid(a_rz + u_rz), 2, axis=1)
        return ((1 - z) * jnp.tanh(a_n + r * u_n) + z * state[0],)

    return step


def gru_reset_before(weights: Weights) -> Step:
    """r, z = σ(a + m U); n = tanh(a + (r m) U); h' = (1 - z) n + z h

    The reduced forms differ in what r and z have: gru1 m U + b, gru2 m U, gru3 b. What is left out is zero here.
    """
    U = weights["recurrent_kernel"]
    units, gated = len(U), len(U) < U.shape[1]
    U_rz, U_n = U[:, :-units], U[:, -units:]

    def step(a: jax.Array, m: jax.Array, state: State) -> State:
        a_rz, a_n = jnp.split(a, [2 * units], axis=1)
        r, z = jnp.split(nnx.sigmoid(a_rz + m @ U_rz if gated else a_rz), 2, axis=1)
        return ((1 - z) * jnp.tanh(a_n + (r * m) @ U_n) + z * state[0],)

    return step


def rmlp(weights: Weights) -> Step:
    """v₀ = relu(a + m U); vᵢ = relu(vᵢ₋₁ Wᵢ + bᵢ), the last without relu; prediction, memory' = its columns"""
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


CELLS: Mapping[str, Callable[[Weights], Step]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "gru-reset-before": gru_reset_before,
    "gru1": gru_reset_before,
    "gru2": gru_reset_before,
    "gru3": gru_reset_before,
    "rmlp": rmlp,
}


def fused(spec: Recurrent, width: int, dtype: Dtype, rngs: nnx.Rngs) -> nnx.Module:
    """Flax' own layer, of one direction or of both."""
    one, *other = (
        nnx.RNN(FUSED[spec.cell](width, spec.units, dtype=dtype, param_dtype=dtype, rngs=rngs)) for _ in spec.directions
    )
    return nnx.Bidirectional(one, *other) if other else one


class Unrolled(nnx.Module):
    """The parameters of a layer that Flax has not; a dot in a name becomes an underscore."""

    def __init__(self, spec: Recurrent, width: int, dtype: Dtype) -> None:
        for name, shape in spec.shapes((1, width)).items():
            setattr(self, attribute(name), nnx.Param(jnp.zeros(shape, dtype)))


def still(walk: Iterable[tuple[int, Layer, Shape]], batch: int, dtype: Dtype) -> dict[str, jax.Array]:
    """Zeros to add to the state after each step of each direction, (T, batch, its width): a place to look inside.

    By `0.state`, `0.backward.state`.
    """
    return {
        f"{position}.{direction}state": jnp.zeros((shape[0], batch, spec.states[0]), dtype)
        for position, spec, shape in walk
        if isinstance(spec, Recurrent)
        for direction in spec.directions
    }


def recurrent(spec: Recurrent, layer: nnx.Module, x: jax.Array, masks: Weights, nudges: Weights) -> jax.Array:
    """A layer's output, from Flax' own where it can do what is asked; nudges: see still."""
    if spec.cell in FUSED and masks.keys() <= {"input_mask"} and not nudges:
        outputs = layer(x * masks["input_mask"][:, None] if masks else x)
        return outputs if spec.sequences else last(spec, outputs)
    weights = {ours: reach(layer, path)[...] for ours, path in recurrent_names(spec).items()}
    return unroll(spec, weights, masks, nudges, x)


def last(spec: Recurrent, outputs: jax.Array) -> jax.Array:
    """The output after each direction's own last step: the second one's stands first in time."""
    if not spec.bidirectional:
        return outputs[:, -1]
    return jnp.concatenate([outputs[:, -1, : spec.units], outputs[:, 0, spec.units :]], axis=1)


def unroll(spec: Recurrent, weights: Weights, masks: Weights, nudges: Weights, x: jax.Array) -> jax.Array:
    """A layer's output."""
    sides = []
    for direction in spec.directions:
        own, given = of_direction(direction, weights), of_direction(direction, {**masks, **nudges})
        final, outputs = loop(spec, own, given, x, reverse=direction != "")
        sides.append(outputs.swapaxes(0, 1) if spec.sequences else final[spec.output])
    return jnp.concatenate(sides, axis=-1) if spec.bidirectional else sides[0]


def loop(spec: Recurrent, weights: Weights, given: Weights, x: jax.Array, *, reverse: bool) -> tuple[State, jax.Array]:
    """One direction: the state after its last step, and the output of each, (T, N, units), in the order of time.

    x: (N, T, F); given: `input_mask` (N, F), `recurrent_mask` (N, width of the state), `state` (T, N, that width).
    """
    if "input_mask" in given:
        x = x * given["input_mask"][:, None]
    projected = x.swapaxes(0, 1) @ weights["kernel"]
    a = widened(projected, spec.columns) + widened(weights["bias"], spec.columns)
    step, mask = CELLS[spec.cell](weights), given.get("recurrent_mask")

    def pass_on(state: State, now: tuple[jax.Array, jax.Array | None]) -> tuple[State, jax.Array]:
        a_t, nudge = now
        state = step(a_t, state[0] if mask is None else state[0] * mask, state)
        if nudge is not None:
            state = (state[0] + nudge, *state[1:])
        return state, state[spec.output]

    start = tuple(jnp.zeros((len(x), width), x.dtype) for width in spec.states)
    return jax.lax.scan(pass_on, start, (a, given.get("state")), reverse=reverse)


def widened(blocks: jax.Array, columns: int) -> jax.Array:
    """The gates that are left out stand first and count as zero: (..., fewer) to (..., columns)."""
    lacking = columns - blocks.shape[-1]
    return jnp.pad(blocks, [(0, 0)] * (blocks.ndim - 1) + [(lacking, 0)]) if lacking else blocks
