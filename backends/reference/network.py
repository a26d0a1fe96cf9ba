"""NumPy: the reference implementation of every layer, in float64 and canonical layout, with its derivative.

The code is slow and plain, so that it can be compared with the equations. Recurrent layers are in cells.py, Adam and
clipping in optimizer.py, the objective and the training loop in training.py.
"""

from collections.abc import Mapping

import numpy as np

from backends.contract import KEPT, Array, BackendError, Dtype, Weights, of_layer
from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.model import ModelSpec
from backends.recurrent import Recurrent
from backends.reference.cells import Cache, make_recurrent, recurrent, recurrent_back, recurrent_parameters


class Network:
    """From windows (N, T, F) to outputs (N, H)."""

    def __init__(self, model: ModelSpec, features: int, window: int, dtype: Dtype, seed: int, *, native: bool) -> None:
        if native:
            raise BackendError("the reference implementation has no native mode; use matched mode")
        self.model, self.features, self.window, self.native = model, features, window, native
        self.layers = [make_layer(spec, shape, dtype, native=native) for _, spec, shape in model.walk(features, window)]
        self.carried: dict[str, Array] = {}  # the states after the last step, see ModelSpec.states

    def carry(self, batch: int) -> None:
        """Set the states of a stateful model to zero, unless they are those of a batch of this size."""
        if any(len(self.carried.get(name, ())) != batch for name in self.model.states()):
            self.carried = {name: np.zeros((batch, width)) for name, width in self.model.states().items()}

    def __call__(self, x: Array, masks: Weights, perturbations: Weights, *, training: bool) -> tuple[Array, Cache]:
        """The outputs, and a cache for `back`.

        masks, perturbations: by name, see ModelSpec and Steps.inputs. training: native dropout is active; here it has
        no effect.
        """
        kept = masks[KEPT][:, None] if KEPT in masks else None
        states = {} if kept is None else {name: state * kept for name, state in self.carried.items()}
        caches, after = [], dict[str, Array]()
        x, real = (x[..., :-1] * x[..., -1:], x[..., -1] > 0) if self.model.masked else (x, None)
        for position, (spec, layer) in enumerate(zip(self.model.layers, self.layers, strict=True)):
            if isinstance(spec, Recurrent):
                named = (of_layer(position, part) for part in (masks, perturbations, states))
                x, last, cache = recurrent(spec, layer, x, real, *named)
                after |= {f"{position}.{name}": state for name, state in last.items()}
            else:
                x, cache = _forward(spec, layer, x, of_layer(position, masks))
            if x.ndim == 2:  # a vector has no steps
                real = None
            elif real is not None:
                x = x * real[..., None]
            caches.append((cache, real))
        if states:
            self.carried = after
        return x, caches

    def back(self, caches: Cache, d_output: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        """The loss's derivatives by every parameter and by every state perturbation, from that by the outputs."""
        gradients: dict[str, Array] = {}
        d_states: dict[str, Array] = {}
        for position, spec in reversed(list(enumerate(self.model.layers))):
            cache, real = caches[position]
            d_output = d_output if real is None else d_output * real[..., None]
            d_output, by_weight, by_state = _backward(spec, self.layers[position], cache, d_output)
            gradients |= {f"{position}.{name}": value for name, value in by_weight.items()}
            d_states |= {f"{position}.{name}": value for name, value in by_state.items()}
        return gradients, d_states


def make_layer(spec: Layer, shape: Shape, dtype: Dtype, *, native: bool) -> dict[str, Array]:
    """The parameters of a layer for inputs of this shape, zero."""
    if isinstance(spec, Recurrent):
        return make_recurrent(spec, shape, dtype, native=native)
    return {name: np.zeros(size) for name, size in spec.shapes(shape).items()}


def parameters(network: Network) -> dict[str, Array]:
    """The trained parameters by canonical name."""
    result: dict[str, Array] = {}
    for position, (spec, layer) in enumerate(zip(network.model.layers, network.layers, strict=True)):
        named = recurrent_parameters(spec, layer) if isinstance(spec, Recurrent) else layer
        result |= {f"{position}.{name}": value for name, value in named.items()}
    return result


def load_weights(network: Network, weights: Weights) -> None:
    """Set the parameters to canonical weights."""
    for name, value in parameters(network).items():
        value[...] = weights[name]


def canonical(network: Network, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Copies of weights, gradients or moments. The layout of the reference implementation is the canonical one."""
    return {name: value.copy() for name, value in tensors.items()}


def _forward(spec: Layer, layer: dict[str, Array], x: Array, masks: Weights) -> tuple[Array, Cache]:
    """The output of a layer that is not recurrent, and a cache for its derivative."""
    match spec:
        case Dense():
            output = _activated(x @ layer["kernel"] + layer["bias"], spec.activation)
            return output, (x, output)
        case Conv1D():
            output = _activated(_convolved(x, layer["kernel"]) + layer["bias"], spec.activation)
            return output, (x, output)
        case Flatten():
            return x.reshape(len(x), -1), x.shape
        case Repeat():
            return np.repeat(x[:, None], spec.times, axis=1), None
        case Dropout():
            mask = masks.get("mask", 1.0)
            return x * mask, mask
    raise TypeError(spec)


def _backward(
    spec: Layer, layer: dict[str, Array], cache: Cache, d_output: Array
) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    """The loss's derivatives by a layer's input, parameters and state perturbations, from that by its output."""
    match spec:
        case Recurrent():
            return recurrent_back(spec, layer, cache, d_output)
        case Dense():
            x, output = cache
            d_sum = d_output * _slope(output, spec.activation)
            rows, d_rows = x.reshape(-1, x.shape[-1]), d_sum.reshape(-1, spec.units)
            return d_sum @ layer["kernel"].T, {"kernel": rows.T @ d_rows, "bias": d_rows.sum(axis=0)}, {}
        case Conv1D():
            x, output = cache
            d_sum = d_output * _slope(output, spec.activation)
            d_x, d_kernel = _convolved_back(x, layer["kernel"], d_sum)
            return d_x, {"kernel": d_kernel, "bias": d_sum.sum(axis=(0, 1))}, {}
        case Flatten():
            return d_output.reshape(cache), {}, {}
        case Repeat():
            return d_output.sum(axis=1), {}, {}
        case Dropout():
            return d_output * cache, {}, {}
    raise TypeError(spec)


def _activated(x: Array, activation: str) -> Array:
    if activation == "relu":
        return np.asarray(np.maximum(x, 0))
    return np.asarray(np.tanh(x)) if activation == "tanh" else x


def _slope(output: Array, activation: str) -> Array:
    """The activation's derivative, from its output; relu's is 0 where the output is 0."""
    if activation == "relu":
        return np.where(output > 0, 1.0, 0.0)
    return 1 - np.square(output) if activation == "tanh" else np.ones_like(output)


def _taps(steps: int, width: int) -> list[tuple[slice, slice]]:
    """For each entry of a kernel: the steps of the input that it reads, and the steps of the output that it feeds."""
    before = (width - 1) // 2
    shifts = range(-before, width - before)
    return [
        (slice(max(0, shift), steps + min(0, shift)), slice(max(0, -shift), steps - max(0, shift))) for shift in shifts
    ]


def _convolved(x: Array, kernel: Array) -> Array:
    """y[t] = Σ_k x[t + k - before] W[k], with x zero outside the window"""
    y = np.zeros((*x.shape[:2], kernel.shape[2]))
    for (read, fed), W in zip(_taps(x.shape[1], len(kernel)), kernel, strict=True):
        y[:, fed] += x[:, read] @ W
    return y


def _convolved_back(x: Array, kernel: Array, d_y: Array) -> tuple[Array, Array]:
    d_x, d_kernel = np.zeros_like(x), np.zeros_like(kernel)
    for k, (read, fed) in enumerate(_taps(x.shape[1], len(kernel))):
        d_x[:, read] += d_y[:, fed] @ kernel[k].T
        d_kernel[k] = np.einsum("ntf,ntg->fg", x[:, read], d_y[:, fed])
    return d_x, d_kernel
