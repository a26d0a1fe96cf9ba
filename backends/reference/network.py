"""The oracle: the same contract as the frameworks, written out in float64 NumPy, every gradient by hand.

Slow and plain, so that it can be read against the equations: the cells' in reference_cells.py, the other layers' in
reference_layers.py, objective, clipping and Adam here. Its layout is the canonical one. Sources: Adam, Kingma & Ba
2015; clipping by the global norm, Pascanu, Mikolov & Bengio 2013.
"""

import numpy as np
from threadpoolctl import threadpool_limits

from backends.contract import Adam, Array, BackendError, Checkpoint, Dtype, Objective, Steps, Weights, of_layer
from backends.model import ModelSpec
from backends.reference.layers import backward, forward


def create(name: str, *, dtype: Dtype, threads: int) -> "ReferenceBackend":
    """The oracle computes in float64 and with one thread, whatever is asked."""
    return ReferenceBackend()


class ReferenceBackend:
    """NumPy."""

    name = "reference"

    def build(
        self,
        model: ModelSpec,
        objective: Objective,
        optimizer: Adam,
        weights: Weights | None,
        x: Array,
        y: Array,
        *,
        dtype: Dtype,
        seed: int,
    ) -> "ReferenceModel":
        if weights is None:
            raise BackendError("the oracle has no native mode")
        return ReferenceModel(model, objective, optimizer, weights, x, y)


def loss(kind: str, error: Array) -> tuple[float, Array]:
    """The mean loss of the errors, and its derivative by each."""
    if kind == "mse":
        return float(np.mean(error**2)), 2 * error / error.size
    size = np.abs(error)
    if kind == "mae":
        return float(np.mean(size)), np.sign(error) / error.size
    return float(np.mean(np.where(size <= 1, error**2 / 2, size - 0.5))), np.clip(error, -1, 1) / error.size


THREADS = 1  # its products are small: more would mostly wait for each other


class ReferenceModel:
    """Keeps the contract of backends.contract.Model."""

    def __init__(
        self, model: ModelSpec, objective: Objective, optimizer: Adam, weights: Weights, x: Array, y: Array
    ) -> None:
        self._layers, self._objective, self._adam = model.layers, objective, optimizer
        self._x, self._y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        zeros = {name: np.zeros(np.shape(value)) for name, value in weights.items()}
        self.restore(Checkpoint(weights, zeros, zeros, 0))

    def _forward(self, x: Array, masks: Weights) -> tuple[Array, list[object]]:
        output, caches = np.asarray(x, np.float64), []
        for position, layer in enumerate(self._layers):
            output, cache = forward(layer, of_layer(position, self._weights), of_layer(position, masks), output)
            caches.append(cache)
        return output, caches

    def _backward(self, rows: Array, masks: Weights) -> tuple[float, dict[str, Array], dict[str, Array]]:
        """The objective over `rows`, its derivative by every parameter, and the flow of every recurrent layer."""
        output, caches = self._forward(self._x[rows], masks)
        value, d_output = loss(self._objective.loss, output - self._y[rows])
        gradients: dict[str, Array] = {}
        flow: dict[str, Array] = {}
        for position, layer in reversed(list(enumerate(self._layers))):
            d_output, own, states = backward(layer, of_layer(position, self._weights), caches[position], d_output)
            gradients |= {f"{position}.{name}": gradient for name, gradient in own.items()}
            flow |= {f"{position}.{direction}".rstrip("."): norms for direction, norms in states.items()}
        for name in self._objective.l2_on:
            value += self._objective.l2 * float(np.sum(self._weights[name] ** 2))
            gradients[name] = gradients[name] + 2 * self._objective.l2 * self._weights[name]
        return value, gradients, flow

    def _adam_step(self, gradients: dict[str, Array], rate: float) -> None:
        """if ‖g‖ > ν: g = ν g / ‖g‖; then, with weight decay λ, for every parameter g += λ w and

        m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; w -= α m̂ / (√v̂ + ε), m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ)
        """
        adam = self._adam
        self._steps += 1
        norm = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
        scale = 1.0 if adam.clip_norm is None or norm <= adam.clip_norm else adam.clip_norm / norm
        for name, raw in gradients.items():
            g = scale * raw + adam.weight_decay * self._weights[name]
            m = self._first[name] = adam.beta1 * self._first[name] + (1 - adam.beta1) * g
            v = self._second[name] = adam.beta2 * self._second[name] + (1 - adam.beta2) * g**2
            m_hat, v_hat = m / (1 - adam.beta1**self._steps), v / (1 - adam.beta2**self._steps)
            self._weights[name] -= rate * m_hat / (np.sqrt(v_hat) + adam.epsilon)

    def train(self, steps: Steps) -> Array:
        values = np.empty(len(steps))
        with threadpool_limits(THREADS):
            for step, (rows, rate) in enumerate(zip(steps.order, steps.rates, strict=True)):
                masks = {name: mask[step] for name, mask in steps.masks.items()}
                values[step], gradients, _ = self._backward(rows, masks)
                self._adam_step(gradients, rate)
        return values

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        with threadpool_limits(THREADS):
            return self._backward(rows, masks or {})[1]

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        with threadpool_limits(THREADS):
            return self._backward(rows, {})[2]

    def predict(self, x: Array) -> Array:
        with threadpool_limits(THREADS):
            return self._forward(x, {})[0]

    def weights(self) -> dict[str, Array]:
        return copied(self._weights)

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.weights(), copied(self._first), copied(self._second), self._steps)

    def restore(self, checkpoint: Checkpoint) -> None:
        self._weights, self._steps = copied(checkpoint.weights), checkpoint.steps
        self._first, self._second = copied(checkpoint.first), copied(checkpoint.second)

    def parameter_count(self) -> int:
        return sum(value.size for value in self._weights.values())

    def kernel(self) -> str:
        return "NumPy"


def copied(arrays: Weights) -> dict[str, Array]:
    return {name: np.array(value, np.float64) for name, value in arrays.items()}
