"""NumPy: the backend, the objective with its derivative, and the training loop."""

from dataclasses import replace

import numpy as np
from threadpoolctl import ThreadpoolController

from backends.contract import (
    KEPT,
    Array,
    Backend,
    Checkpoint,
    Dtype,
    Objective,
    StepParts,
    Steps,
    Weights,
    norms_by_lag,
)
from backends.reference.network import Network, canonical, load_weights, parameters
from backends.reference.optimizer import NumpyOptimizer, checkpoint, make_optimizer, restore

THREADS = 1  # the products are small: with more, the threads mostly wait for each other
POOLS = ThreadpoolController()  # finds NumPy's libraries once, which takes as long as many steps
NONE: Weights = {}


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend. The reference implementation computes in float64 and with one thread for any `dtype`."""
    return Backend(name, Network, load_weights, make_optimizer, ReferenceModel)


class ReferenceModel:
    """Implements backends.contract.Model."""

    def __init__(self, network: Network, objective: Objective, optimizer: NumpyOptimizer, x: Array, y: Array) -> None:
        self.network, self.objective, self.optimizer = network, objective, optimizer
        self.x, self.y = np.asarray(x, np.float64), np.asarray(y, np.float64)

    def differentiate(self, rows: Array, masks: Weights) -> tuple[float, dict[str, Array], dict[str, Array]]:
        """The objective over `rows`, and its derivatives by every parameter and every state perturbation."""
        outputs, caches = self.network(self.x[rows], masks, NONE, training=True)
        value, d_outputs = loss(self.objective, outputs, self.y[rows])
        gradients, d_states = self.network.back(caches, d_outputs)
        weights, l2 = parameters(self.network), self.objective.l2
        for name in self.objective.l2_on:
            gradients[name] = gradients[name] + 2 * l2 * weights[name]
        return value + self._penalty(), gradients, d_states

    def _penalty(self) -> float:
        weights = parameters(self.network)
        return sum(self.objective.l2 * float(np.sum(weights[name] ** 2)) for name in self.objective.l2_on)

    def train(self, steps: Steps) -> Array:
        losses, inputs = np.empty(len(steps)), steps.inputs
        self.network.carry(steps.order.shape[1])
        with POOLS.limit(limits=THREADS):
            for step, (rows, rate) in enumerate(zip(steps.order, steps.rates, strict=True)):
                masks = {name: mask[step] for name, mask in inputs.items()}
                losses[step], gradients, _ = self.differentiate(rows, masks)
                self.optimizer.step(gradients, rate)
        return losses

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        with POOLS.limit(limits=THREADS):
            return self.differentiate(rows, masks or NONE)[1]

    def step_parts(self, step: Steps) -> StepParts:
        POOLS.limit(limits=THREADS)  # until the process ends: setting the limit takes time too
        rows, masks = step.order[0], {name: mask[0] for name, mask in step.masks.items()}
        _, gradients, _ = self.differentiate(rows, masks)

        def forward() -> float:
            outputs, _ = self.network(self.x[rows], masks, NONE, training=True)
            return loss(self.objective, outputs, self.y[rows])[0] + self._penalty()

        return StepParts(
            forward,
            lambda: self.differentiate(rows, masks)[0],
            lambda: self.optimizer.step(gradients, step.rates[0]),
        )

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        with POOLS.limit(limits=THREADS):
            return norms_by_lag(self.differentiate(rows, NONE)[2])

    def predict(self, x: Array, resets: Array | None = None) -> Array:
        x, network = np.asarray(x, np.float64), self.network
        with POOLS.limit(limits=THREADS):
            if resets is None:
                return network(x, NONE, NONE, training=False)[0]
            carried = network.carried
            network.carry(resets.shape[1])
            steps = zip(x.reshape(*resets.shape, *x.shape[1:]), 1.0 - resets, strict=True)
            forecasts = [network(rows, {KEPT: kept}, NONE, training=False)[0] for rows, kept in steps]
            network.carried = carried
        return np.concatenate(forecasts)

    def weights(self) -> dict[str, Array]:
        return canonical(self.network, parameters(self.network))

    def checkpoint(self) -> Checkpoint:
        states = canonical(self.network, self.network.carried)
        return replace(checkpoint(self.network, self.optimizer), states=states)

    def restore(self, checkpoint: Checkpoint) -> None:
        restore(self.network, self.optimizer, checkpoint)
        self.network.carried = canonical(self.network, checkpoint.states)

    def parameter_count(self) -> int:
        return sum(value.size for value in parameters(self.network).values())

    def kernel(self) -> str:
        return "NumPy"


def loss(objective: Objective, outputs: Array, y: Array) -> tuple[float, Array]:
    """The mean loss, and its derivative by each output."""
    kind = objective.loss
    if kind == "quantile":
        q, error = np.tile(objective.quantiles, y.shape[1]), np.repeat(y, len(objective.quantiles), axis=1) - outputs
        return float(np.mean(np.maximum(q * error, (q - 1) * error))), np.where(error > 0, -q, 1 - q) / error.size
    error = outputs - y
    if kind == "mse":
        return float(np.mean(error**2)), 2 * error / error.size
    size = np.abs(error)
    if kind == "mae":
        return float(np.mean(size)), np.sign(error) / error.size
    return float(np.mean(np.where(size <= 1, error**2 / 2, size - 0.5))), np.clip(error, -1, 1) / error.size
