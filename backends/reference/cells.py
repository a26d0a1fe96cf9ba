"""NumPy: recurrent layers. Every cell is one step next to its equation, with its derivative written out.

A cell takes the weights of one direction and gives its step and the step's derivative. A step takes
`a` = x W + b (N, gates*units), computed for all time steps beforehand, with zeros where a gate has no block in W or b;
`m` (N, width), the state as it enters the recurrent product, after recurrent dropout; and the last state. U is the
recurrent kernel; φ is the layer's activation. Sources: LSTM, Gers, Schmidhuber & Cummins 2000 (forget gate, no
peepholes); GRU, Cho et al. 2014, and with the reset gate after the product (cuDNN's form); reduced GRUs, Dey & Salem
2017; recurrent perceptron, De Mari, Theory and Practice of Deep Learning (50.039), week 5; recurrent dropout, Gal &
Ghahramani 2016.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from backends.contract import Array, Dtype, Weights, of_direction
from backends.layers import Shape
from backends.recurrent import Recurrent

State = tuple[Array, ...]  # see Recurrent.states; each (N, width)
Cache = Any  # what a forward pass keeps for its backward pass
Gradients = dict[str, Array]


class CellEquations(NamedTuple):
    """A step and its derivative.

    step: from a, m and the last state to the next state and a cache.
    back: from the cache and the loss's derivative by the next state to those by a, by m, by the last state apart from
        m, and by the weights that the step uses.
    """

    step: Callable[[Array, Array, State], tuple[State, Cache]]
    back: Callable[[Cache, State], tuple[Array, Array, State, Gradients]]


class Activation(NamedTuple):
    """A function, and its derivative as a function of its value."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def rnn(weights: Weights, phi: Activation) -> CellEquations:
    """h' = φ(a + m U)"""
    U = weights["recurrent_kernel"]

    def step(a: Array, m: Array, state: State) -> tuple[State, Cache]:
        h = phi.value(a + m @ U)
        return (h,), (m, h)

    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State, Gradients]:
        m, h = cache
        d_a = d_state[0] * phi.slope(h)
        return d_a, d_a @ U.T, (np.zeros_like(h),), {"recurrent_kernel": m.T @ d_a}

    return CellEquations(step, back)


def lstm(weights: Weights, phi: Activation) -> CellEquations:
    """i, f, o = σ(a + m U); g = φ(a + m U); c' = f c + i g; h' = o φ(c')"""
    U = weights["recurrent_kernel"]

    def step(a: Array, m: Array, state: State) -> tuple[State, Cache]:
        i, f, g, o = _gates(a + m @ U, 4)
        i, f, g, o = _sigmoid(i), _sigmoid(f), phi.value(g), _sigmoid(o)
        c = f * state[1] + i * g
        squashed = phi.value(c)
        return (o * squashed, c), (m, i, f, g, o, squashed, state[1])

    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State, Gradients]:
        m, i, f, g, o, squashed, c_last = cache
        d_h, d_c = d_state
        d_c = d_c + d_h * o * phi.slope(squashed)
        d_i, d_f, d_g, d_o = d_c * g, d_c * c_last, d_c * i, d_h * squashed
        d_a = np.hstack([d_i * i * (1 - i), d_f * f * (1 - f), d_g * phi.slope(g), d_o * o * (1 - o)])
        return d_a, d_a @ U.T, (np.zeros_like(d_h), d_c * f), {"recurrent_kernel": m.T @ d_a}

    return CellEquations(step, back)


def gru(weights: Weights, phi: Activation) -> CellEquations:
    """u = m U; r, z = σ(a + u); n = φ(a + r u); h' = (1 - z) n + z h"""
    U = weights["recurrent_kernel"]

    def step(a: Array, m: Array, state: State) -> tuple[State, Cache]:
        (a_r, a_z, a_n), (u_r, u_z, u_n) = _gates(a, 3), _gates(m @ U, 3)
        r, z = _sigmoid(a_r + u_r), _sigmoid(a_z + u_z)
        n = phi.value(a_n + r * u_n)
        return ((1 - z) * n + z * state[0],), (m, r, z, n, u_n, state[0])

    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State, Gradients]:
        m, r, z, n, u_n, h_last = cache
        d_h = d_state[0]
        d_n = d_h * (1 - z) * phi.slope(n)
        d_r = d_n * u_n * r * (1 - r)
        d_z = d_h * (h_last - n) * z * (1 - z)
        d_u = np.hstack([d_r, d_z, d_n * r])
        return np.hstack([d_r, d_z, d_n]), d_u @ U.T, (d_h * z,), {"recurrent_kernel": m.T @ d_u}

    return CellEquations(step, back)


def gru_reset_before(weights: Weights, phi: Activation) -> CellEquations:
    """r, z = σ(a + m U); n = φ(a + (r m) U); h' = (1 - z) n + z h

    The reduced forms differ in the terms of r and z: gru1 has m U + b, gru2 m U, gru3 b. Missing terms are zero.
    """
    U = weights["recurrent_kernel"]
    units = len(U)
    U_rz, U_n = U[:, :-units], U[:, -units:]  # U_rz has no columns if the gates do not read the state

    def step(a: Array, m: Array, state: State) -> tuple[State, Cache]:
        r, z = _gates(_sigmoid(a[:, : 2 * units] + _widened(m @ U_rz, 2 * units)), 2)
        n = phi.value(a[:, 2 * units :] + (r * m) @ U_n)
        return ((1 - z) * n + z * state[0],), (m, r, z, n, state[0])

    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State, Gradients]:
        m, r, z, n, h_last = cache
        d_h = d_state[0]
        d_n = d_h * (1 - z) * phi.slope(n)
        d_rm = d_n @ U_n.T
        d_rz = np.hstack([d_rm * m * r * (1 - r), d_h * (h_last - n) * z * (1 - z)])
        d_u = d_rz[:, d_rz.shape[1] - U_rz.shape[1] :]
        d_U = np.hstack([m.T @ d_u, (r * m).T @ d_n])
        return np.hstack([d_rz, d_n]), d_rm * r + d_u @ U_rz.T, (d_h * z,), {"recurrent_kernel": d_U}

    return CellEquations(step, back)


def rmlp(weights: Weights, phi: Activation) -> CellEquations:
    """v₀ = relu(a + m U); vᵢ = relu(vᵢ₋₁ Wᵢ + bᵢ), the last without relu; (prediction, memory') = the last v, split

    The memory is the state that enters the recurrent product, the prediction is the layer's output; φ is not used.
    """
    U, last = weights["recurrent_kernel"], sum(name.startswith("kernel_") for name in weights)

    def step(a: Array, m: Array, state: State) -> tuple[State, Cache]:
        values = [np.maximum(a + m @ U, 0)]
        for number in range(1, last + 1):
            value = values[-1] @ weights[f"kernel_{number}"] + weights[f"bias_{number}"]
            values.append(value if number == last else np.maximum(value, 0))
        prediction, memory = np.split(values[-1], [state[1].shape[1]], axis=1)
        return (memory, prediction), (m, values)

    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State, Gradients]:
        m, values = cache
        d_value, gradients = np.hstack([d_state[1], d_state[0]]), {}
        for number in range(last, 0, -1):
            gradients[f"kernel_{number}"] = values[number - 1].T @ d_value
            gradients[f"bias_{number}"] = d_value.sum(axis=0)
            d_value = d_value @ weights[f"kernel_{number}"].T * (values[number - 1] > 0)
        gradients["recurrent_kernel"] = m.T @ d_value
        return d_value, d_value @ U.T, (np.zeros_like(d_state[0]), np.zeros_like(d_state[1])), gradients

    return CellEquations(step, back)


CELLS: Mapping[str, Callable[[Weights, Activation], CellEquations]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "rmlp": rmlp,
    **dict.fromkeys(("gru-reset-before", "gru1", "gru2", "gru3"), gru_reset_before),
}


def make_recurrent(spec: Recurrent, shape: Shape, dtype: Dtype, *, native: bool) -> dict[str, Array]:
    """The layer's parameters, zero."""
    return {name: np.zeros(size) for name, size in spec.shapes(shape).items()}


def recurrent_parameters(spec: Recurrent, layer: dict[str, Array]) -> dict[str, Array]:
    """The layer's parameters by their canonical names in the layer."""
    return layer


def recurrent(
    spec: Recurrent,
    layer: dict[str, Array],
    x: Array,
    real: Array | None,
    masks: Weights,
    perturbations: Weights,
    states: Weights,
) -> tuple[Array, dict[str, Array], Cache]:
    """The layer's output, (N, T, width) or (N, width), its states after it, and a cache for `recurrent_back`.

    real: (N, T), whether a step is real; the state passes other steps unchanged. None: all steps are real.
    states: those before the first step, see ModelSpec.states; {}: zero, and {} comes back.
    """
    outputs, caches, after, start = [], {}, {}, tuple(states.values())
    for direction in spec.directions:
        named = (of_direction(direction, part) for part in (layer, masks, perturbations))
        read = None if real is None else _turned(direction, real)
        steps, last, caches[direction] = _loop(spec, _turned(direction, x), read, start, *named)
        outputs.append(_turned(direction, steps) if spec.sequences else last[spec.output])
        after = dict(zip(states, last, strict=False))
    return np.concatenate(outputs, axis=-1), after, caches


def recurrent_back(
    spec: Recurrent, layer: dict[str, Array], cache: Cache, d_output: Array
) -> tuple[Array, Gradients, Gradients]:
    """The loss's derivatives by the layer's input, by its parameters, and by its state perturbations."""
    d_x: list[Array] = []
    gradients: Gradients = {}
    d_states: Gradients = {}
    for direction, d_side in zip(spec.directions, np.split(d_output, len(spec.directions), axis=-1), strict=True):
        x, *_ = cache[direction]
        d_steps, d_last = np.zeros((*x.shape[:2], spec.units)), np.zeros((len(x), spec.units))
        if spec.sequences:
            d_steps[:] = _turned(direction, d_side)
        else:
            d_last[:] = d_side
        weights = of_direction(direction, layer)
        d_read, by_weight, d_states[f"{direction}state"] = _loop_back(spec, weights, cache[direction], d_steps, d_last)
        gradients |= {direction + name: value for name, value in by_weight.items()}
        d_x.append(_turned(direction, d_read))
    return np.sum(d_x, axis=0), gradients, d_states


def _loop(
    spec: Recurrent,
    x: Array,
    real: Array | None,
    start: State,
    weights: Weights,
    masks: Weights,
    perturbations: Weights,
) -> tuple[Array, State, Cache]:
    """One direction: the output of every step, (N, T, units), the state after the last one, and a cache.

    start: the state before the first step; (): zero.
    """
    cell = CELLS[spec.cell](weights, ACTIVATIONS[spec.activation])
    mask, perturbation = masks.get("recurrent_mask", 1.0), perturbations.get("state")
    x = x * masks["input_mask"][:, None] if "input_mask" in masks else x
    a = _widened(x @ weights["kernel"], spec.columns) + _widened(weights["bias"], spec.columns)
    state = start or tuple(np.zeros((len(x), width)) for width in spec.states)
    outputs, caches = [], []
    for t in range(x.shape[1]):
        after, cache = cell.step(a[:, t], state[0] * mask, state)
        if perturbation is not None:
            after = (after[0] + perturbation[t], *after[1:])
        if real is not None:
            after = tuple(np.where(real[:, t, None], new, old) for new, old in zip(after, state, strict=True))
        state = after
        outputs.append(state[spec.output])
        caches.append(cache)
    return np.stack(outputs, axis=1), state, (x, real, masks, caches)


def _loop_back(
    spec: Recurrent, weights: Weights, cache: Cache, d_outputs: Array, d_last: Array
) -> tuple[Array, Gradients, Array]:
    """One direction: the loss's derivatives by the input, by the parameters, and by the state after each step."""
    x, real, masks, caches = cache
    cell, mask = CELLS[spec.cell](weights, ACTIVATIONS[spec.activation]), masks.get("recurrent_mask", 1.0)
    gradients = {name: np.zeros_like(value) for name, value in weights.items()}
    d_a = np.zeros((*x.shape[:2], spec.columns))
    zeros: State = tuple(np.zeros((len(x), width)) for width in spec.states)
    d_state = tuple(d_last if n == spec.output else zero for n, zero in enumerate(zeros))
    d_states = np.zeros((x.shape[1], len(x), spec.states[0]))
    for t in reversed(range(x.shape[1])):
        d_state = tuple(d + d_outputs[:, t] if n == spec.output else d for n, d in enumerate(d_state))
        passed = zeros
        if real is not None:  # the state before a step of padding is the state after it
            step = real[:, t, None]
            passed, d_state = tuple(d * ~step for d in d_state), tuple(d * step for d in d_state)
        d_states[t] = d_state[0]
        d_a[:, t], d_m, (d_direct, *rest), by_weight = cell.back(caches[t], d_state)
        d_state = tuple(d + skipped for d, skipped in zip((d_direct + d_m * mask, *rest), passed, strict=True))
        for name, value in by_weight.items():
            gradients[name] += value
    d_projected = d_a[..., spec.columns - weights["kernel"].shape[1] :]
    gradients["kernel"] = np.einsum("ntf,ntg->fg", x, d_projected)
    gradients["bias"] = d_a.sum(axis=(0, 1))[spec.columns - len(weights["bias"]) :]
    d_x = d_projected @ weights["kernel"].T
    return d_x * masks["input_mask"][:, None] if "input_mask" in masks else d_x, gradients, d_states


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


ACTIVATIONS: Mapping[str, Activation] = {
    "tanh": Activation(np.tanh, lambda y: 1 - y**2),
    "relu": Activation(lambda x: np.maximum(x, 0), lambda y: (y > 0).astype(np.float64)),
    "sigmoid": Activation(_sigmoid, lambda y: y * (1 - y)),
}


def _gates(blocks: Array, number: int) -> Array:
    """(N, number*units) to (number, N, units); np.split takes a fifth of the time of a training."""
    return blocks.reshape(len(blocks), number, -1).swapaxes(0, 1)


def _turned(direction: str, sequence: Array) -> Array:
    """From the order of time to the order in which a direction reads the steps, or back."""
    return sequence[:, ::-1] if direction else sequence


def _widened(blocks: Array, columns: int) -> Array:
    """(..., fewer) to (..., columns): zeros for the first gates, which have no block."""
    lacking = columns - blocks.shape[-1]
    return np.concatenate([np.zeros((*blocks.shape[:-1], lacking)), blocks], axis=-1)
