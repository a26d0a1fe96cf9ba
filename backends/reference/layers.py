"""The oracle's layers: for each its output and its backward pass, in float64 NumPy.

Recurrent dropout is Gal & Ghahramani's (2016): one mask a sequence, on the state where it enters the recurrent product.
"""

import numpy as np

from backends.contract import Array, Weights, of_direction
from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat
from backends.recurrent import Recurrent
from backends.reference.cells import CELLS, Cache, State, widened

Backward = tuple[Array, dict[str, Array], dict[str, Array]]  # by the input, by the parameters, by the states


def forward(layer: Layer, weights: Weights, masks: Weights, x: Array) -> tuple[Array, Cache]:
    """A layer's output and what its backward pass needs; weights and masks are its own."""
    match layer:
        case Recurrent():
            return recurrent(layer, weights, masks, x)
        case Dense():
            output = activated(x @ weights["kernel"] + weights["bias"], layer.activation)
            return output, (x, output)
        case Conv1D():
            output = activated(convolved(x, weights["kernel"]) + weights["bias"], layer.activation)
            return output, (x, output)
        case Flatten():
            return x.reshape(len(x), -1), x.shape
        case Repeat():
            return np.repeat(x[:, None], layer.times, axis=1), None
        case Dropout():
            mask = masks.get("mask", 1.0)
            return x * mask, mask
    raise TypeError(layer)


def backward(layer: Layer, weights: Weights, cache: Cache, d_output: Array) -> Backward:
    """The loss' derivative by a layer's input, parameters and states, from that by its output."""
    match layer:
        case Recurrent():
            return recurrent_back(layer, weights, cache, d_output)
        case Dense():
            x, output = cache
            d_sum = d_output * slope(output, layer.activation)
            rows, d_rows = x.reshape(-1, x.shape[-1]), d_sum.reshape(-1, layer.units)
            return d_sum @ weights["kernel"].T, {"kernel": rows.T @ d_rows, "bias": d_rows.sum(axis=0)}, {}
        case Conv1D():
            x, output = cache
            d_sum = d_output * slope(output, layer.activation)
            d_x, d_kernel = convolved_back(x, weights["kernel"], d_sum)
            return d_x, {"kernel": d_kernel, "bias": d_sum.sum(axis=(0, 1))}, {}
        case Flatten():
            return d_output.reshape(cache), {}, {}
        case Repeat():
            return d_output.sum(axis=1), {}, {}
        case Dropout():
            return d_output * cache, {}, {}
    raise TypeError(layer)


def activated(x: Array, activation: str) -> Array:
    if activation == "relu":
        return np.asarray(np.maximum(x, 0))
    return np.asarray(np.tanh(x)) if activation == "tanh" else x


def slope(output: Array, activation: str) -> Array:
    """The activation's derivative, from its output; a relu's is 0 where it is 0."""
    if activation == "relu":
        return np.where(output > 0, 1.0, 0.0)
    return 1 - np.square(output) if activation == "tanh" else np.ones_like(output)


def taps(steps: int, width: int) -> list[tuple[slice, slice]]:
    """For each place in the kernel: the steps of the input that it reads, and the steps of the output that it feeds."""
    before = (width - 1) // 2
    shifts = range(-before, width - before)
    return [
        (slice(max(0, shift), steps + min(0, shift)), slice(max(0, -shift), steps - max(0, shift))) for shift in shifts
    ]


def convolved(x: Array, kernel: Array) -> Array:
    """y[t] = Σ_k x[t + k - before] W[k], x zero outside the window"""
    y = np.zeros((*x.shape[:2], kernel.shape[2]))
    for (read, fed), W in zip(taps(x.shape[1], len(kernel)), kernel, strict=True):
        y[:, fed] += x[:, read] @ W
    return y


def convolved_back(x: Array, kernel: Array, d_y: Array) -> tuple[Array, Array]:
    d_x, d_kernel = np.zeros_like(x), np.zeros_like(kernel)
    for k, (read, fed) in enumerate(taps(x.shape[1], len(kernel))):
        d_x[:, read] += d_y[:, fed] @ kernel[k].T
        d_kernel[k] = np.einsum("ntf,ntg->fg", x[:, read], d_y[:, fed])
    return d_x, d_kernel


def turned(direction: str, sequence: Array) -> Array:
    """The steps in the order in which a direction reads them, or back again."""
    return sequence[:, ::-1] if direction else sequence


def recurrent(layer: Recurrent, weights: Weights, masks: Weights, x: Array) -> tuple[Array, Cache]:
    """Each direction's outputs side by side."""
    outputs, caches = [], {}
    for direction in layer.directions:
        steps, caches[direction] = unroll(
            layer, of_direction(direction, weights), of_direction(direction, masks), turned(direction, x)
        )
        outputs.append(turned(direction, steps) if layer.sequences else steps[:, -1])
    return np.concatenate(outputs, axis=-1), caches


def recurrent_back(layer: Recurrent, weights: Weights, cache: Cache, d_output: Array) -> Backward:
    gradients: dict[str, Array] = {}
    d_inputs, flow = [], {}
    for direction, d_side in zip(layer.directions, np.split(d_output, len(layer.directions), axis=-1), strict=True):
        kept = cache[direction]
        d_steps = np.zeros((*kept[0].shape[:2], layer.units))
        if layer.sequences:
            d_steps[:] = turned(direction, d_side)
        else:
            d_steps[:, -1] = d_side
        d_turned, own_gradients, flow[direction.rstrip(".")] = unroll_back(
            layer, of_direction(direction, weights), kept, d_steps
        )
        gradients |= {direction + name: value for name, value in own_gradients.items()}
        d_inputs.append(turned(direction, d_turned))
    return np.sum(d_inputs, axis=0), gradients, flow


def unroll(layer: Recurrent, weights: Weights, masks: Weights, x: Array) -> tuple[Array, Cache]:
    """One direction: the output of every step, (N, T, units)."""
    cell, mask = CELLS[layer.cell], masks.get("recurrent_mask", 1.0)
    read = x * masks["input_mask"][:, None] if "input_mask" in masks else x
    a = widened(read @ weights["kernel"], layer.columns) + widened(weights["bias"], layer.columns)
    state: State = tuple(np.zeros((len(x), width)) for width in layer.states)
    outputs, caches = [], []
    for t in range(x.shape[1]):
        state, cache = cell.step(weights, a[:, t], state[0] * mask, state)
        outputs.append(state[layer.output])
        caches.append(cache)
    return np.stack(outputs, axis=1), (read, masks, caches)


def unroll_back(
    layer: Recurrent, weights: Weights, cache: Cache, d_outputs: Array
) -> tuple[Array, dict[str, Array], Array]:
    """The loss' derivative by input and parameters, and the norm of that by each state, the last one first."""
    read, masks, caches = cache
    cell, mask = CELLS[layer.cell], masks.get("recurrent_mask", 1.0)
    gradients = {name: np.zeros_like(value) for name, value in weights.items()}
    d_a = np.zeros((*read.shape[:2], layer.columns))
    d_state: State = tuple(np.zeros((len(read), width)) for width in layer.states)
    flow = []
    for t in reversed(range(read.shape[1])):
        d_state = tuple(d + d_outputs[:, t] if n == layer.output else d for n, d in enumerate(d_state))
        flow.append(np.linalg.norm(d_state[0]))
        d_a[:, t], d_m, (d_direct, *rest), own_gradients = cell.back(weights, caches[t], d_state)
        d_state = (d_direct + d_m * mask, *rest)
        for name, value in own_gradients.items():
            gradients[name] += value
    d_projected = d_a[..., layer.columns - weights["kernel"].shape[1] :]
    gradients["kernel"] = np.einsum("ntf,ntg->fg", read, d_projected)
    gradients["bias"] = d_a.sum(axis=(0, 1))[layer.columns - len(weights["bias"]) :]
    d_x = d_projected @ weights["kernel"].T
    return d_x * masks["input_mask"][:, None] if "input_mask" in masks else d_x, gradients, np.array(flow)
