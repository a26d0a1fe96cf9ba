"""The oracle: recurrent layers, their backpropagation through time and Adam, written out in float64 NumPy.

Slow and plain, so that it can be read against the equations. It keeps the same contract as the frameworks, and its
layout is the canonical one (see backends/contract.py).

Each cell is written in terms of `a = x W + b` (N, gates*units), known for all steps beforehand, and `u = h U`, the
recurrent product. Sources: LSTM, Gers, Schmidhuber & Cummins 2000 (forget gate, no peepholes); GRU, Cho et al. 2014
with the reset gate after the product (the form of cuDNN); Adam, Kingma & Ba 2015.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from backends.contract import GATES, Adam, Array, Dense, Dtype, Layer, ModelSpec, Weights

State = tuple[Array, ...]  # the hidden state first, each (N, units)
Cache = Any  # what a forward pass keeps for its own backward pass


def create(name: str, *, dtype: Dtype, threads: int) -> "ReferenceBackend":
    """The oracle computes in float64 whatever is asked; NumPy's threads follow the environment."""
    return ReferenceBackend()


class ReferenceBackend:
    """NumPy."""

    name = "reference"

    def build(
        self,
        model: ModelSpec,
        optimizer: Adam,
        weights: Weights | None,
        x: Array,
        y: Array,
        *,
        dtype: Dtype,
        seed: int,
    ) -> "ReferenceModel":
        if weights is None:
            raise ValueError("the oracle has no native mode")
        return ReferenceModel(model, optimizer, weights, x, y)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


class Cell(ABC):
    """One step of a recurrence, and its derivative."""

    @staticmethod
    @abstractmethod
    def step(a: Array, u: Array, state: State) -> tuple[State, Cache]:
        """The next state from the input's part `a`, the recurrent product `u` and the last state."""

    @staticmethod
    @abstractmethod
    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State]:
        """From the loss' derivative by the next state: by `a`, by `u`, and by the last state where `u` has no part."""


class RNN(Cell):
    """h' = tanh(a + u)"""

    @staticmethod
    def step(a: Array, u: Array, state: State) -> tuple[State, Cache]:
        h = np.tanh(a + u)
        return (h,), h

    @staticmethod
    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State]:
        d_a = d_state[0] * (1 - cache**2)
        return d_a, d_a, (np.zeros_like(cache),)


class LSTM(Cell):
    """i, f, o = σ(a + u); g = tanh(a + u); c' = f c + i g; h' = o tanh(c')"""

    @staticmethod
    def step(a: Array, u: Array, state: State) -> tuple[State, Cache]:
        i, f, g, o = np.split(a + u, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * state[1] + i * g
        squashed = np.tanh(c)
        return (o * squashed, c), (i, f, g, o, squashed, state[1])

    @staticmethod
    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State]:
        i, f, g, o, squashed, c_last = cache
        d_h, d_c = d_state
        d_c = d_c + d_h * o * (1 - squashed**2)
        d_i, d_f, d_g, d_o = d_c * g, d_c * c_last, d_c * i, d_h * squashed
        d_a = np.hstack([d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g**2), d_o * o * (1 - o)])
        return d_a, d_a, (np.zeros_like(d_h), d_c * f)


class GRU(Cell):
    """r, z = σ(a + u); n = tanh(a + r u); h' = (1 - z) n + z h"""

    @staticmethod
    def step(a: Array, u: Array, state: State) -> tuple[State, Cache]:
        (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
        r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
        n = np.tanh(a_n + r * u_n)
        return ((1 - z) * n + z * state[0],), (r, z, n, u_n, state[0])

    @staticmethod
    def back(cache: Cache, d_state: State) -> tuple[Array, Array, State]:
        r, z, n, u_n, h_last = cache
        d_h = d_state[0]
        d_n = d_h * (1 - z) * (1 - n**2)
        d_r = d_n * u_n * r * (1 - r)
        d_z = d_h * (h_last - n) * z * (1 - z)
        return np.hstack([d_r, d_z, d_n]), np.hstack([d_r, d_z, d_n * r]), (d_h * z,)


CELLS: dict[str, type[Cell]] = {"lstm": LSTM, "gru": GRU, "rnn": RNN}


def forward(layer: Layer, weights: Weights, x: Array) -> tuple[Array, Cache]:
    """A layer's output and what its backward pass needs."""
    if isinstance(layer, Dense):
        return x @ weights["kernel"] + weights["bias"], x
    cell, recurrent = CELLS[layer.cell], weights["recurrent_kernel"]
    projected = x @ weights["kernel"] + weights["bias"]
    state: State = (np.zeros((len(x), layer.units)),) * (2 if layer.cell == "lstm" else 1)
    hidden, caches = [state[0]], []
    for t in range(x.shape[1]):
        state, cache = cell.step(projected[:, t], state[0] @ recurrent, state)
        hidden.append(state[0])
        caches.append(cache)
    output = np.stack(hidden[1:], axis=1) if layer.sequences else hidden[-1]
    return output, (x, hidden, caches)


def backward(layer: Layer, weights: Weights, cache: Cache, d_output: Array) -> tuple[Array, dict[str, Array]]:
    """The loss' derivative by a layer's input and by its parameters, from that by its output."""
    if isinstance(layer, Dense):
        x = cache
        return d_output @ weights["kernel"].T, {"kernel": x.T @ d_output, "bias": d_output.sum(axis=0)}
    x, hidden, caches = cache
    cell, recurrent = CELLS[layer.cell], weights["recurrent_kernel"]
    d_projected = np.empty((*x.shape[:2], GATES[layer.cell] * layer.units))
    d_recurrent = np.zeros_like(recurrent)
    d_state: State = (np.zeros_like(hidden[0]),) * (2 if layer.cell == "lstm" else 1)
    for t in reversed(range(x.shape[1])):
        if layer.sequences:
            d_state = (d_state[0] + d_output[:, t], *d_state[1:])
        elif t == x.shape[1] - 1:
            d_state = (d_output, *d_state[1:])
        d_projected[:, t], d_u, d_direct = cell.back(caches[t], d_state)
        d_recurrent += hidden[t].T @ d_u
        d_state = (d_direct[0] + d_u @ recurrent.T, *d_direct[1:])
    gradients = {
        "kernel": np.einsum("ntf,ntg->fg", x, d_projected),
        "recurrent_kernel": d_recurrent,
        "bias": d_projected.sum(axis=(0, 1)),
    }
    return d_projected @ weights["kernel"].T, gradients


class ReferenceModel:
    """Keeps the contract of backends.contract.Model."""

    def __init__(self, model: ModelSpec, optimizer: Adam, weights: Weights, x: Array, y: Array) -> None:
        self._layers, self._adam = model.layers, optimizer
        self._x, self._y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        self._weights = {name: np.array(value, np.float64) for name, value in weights.items()}
        self._first = {name: np.zeros_like(value) for name, value in self._weights.items()}
        self._second = {name: np.zeros_like(value) for name, value in self._weights.items()}
        self._steps = 0

    def _of(self, position: int) -> dict[str, Array]:
        prefix = f"{position}."
        return {name.removeprefix(prefix): w for name, w in self._weights.items() if name.startswith(prefix)}

    def _loss_and_gradients(self, rows: Array) -> tuple[float, dict[str, Array]]:
        output, caches = self._x[rows], []
        for position, layer in enumerate(self._layers):
            output, cache = forward(layer, self._of(position), output)
            caches.append(cache)
        error = output - self._y[rows]
        gradients, d_output = {}, 2 * error / error.size
        for position, layer in reversed(list(enumerate(self._layers))):
            d_output, own = backward(layer, self._of(position), caches[position], d_output)
            gradients.update({f"{position}.{name}": value for name, value in own.items()})
        return float(np.mean(error**2)), gradients

    def _adam_step(self, gradients: dict[str, Array]) -> None:
        """m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; w -= α m̂ / (√v̂ + ε), m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ)"""
        adam = self._adam
        self._steps += 1
        for name, g in gradients.items():
            m = self._first[name] = adam.beta1 * self._first[name] + (1 - adam.beta1) * g
            v = self._second[name] = adam.beta2 * self._second[name] + (1 - adam.beta2) * g**2
            m_hat, v_hat = m / (1 - adam.beta1**self._steps), v / (1 - adam.beta2**self._steps)
            self._weights[name] -= adam.learning_rate * m_hat / (np.sqrt(v_hat) + adam.epsilon)

    def train(self, order: Array) -> Array:
        losses = np.empty(len(order))
        for step, rows in enumerate(order):
            losses[step], gradients = self._loss_and_gradients(rows)
            self._adam_step(gradients)
        return losses

    def gradients(self, rows: Array) -> dict[str, Array]:
        return self._loss_and_gradients(rows)[1]

    def predict(self, x: Array) -> Array:
        output = np.asarray(x, np.float64)
        for position, layer in enumerate(self._layers):
            output, _ = forward(layer, self._of(position), output)
        return output

    def weights(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self._weights.items()}

    def parameter_count(self) -> int:
        return sum(value.size for value in self._weights.values())

    def kernel(self) -> str:
        return "NumPy"
