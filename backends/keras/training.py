"""Keras: the backend and the objective; the training loop is the engine's, in engines.py."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
from keras import losses, ops

from backends.contract import (
    KEPT,
    Array,
    Backend,
    BackendError,
    Checkpoint,
    Dtype,
    Objective,
    StepParts,
    Steps,
    Weights,
    norms_by_lag,
)
from backends.keras.engines import ENGINE, NONE, Named, Optimizer, Tensor
from backends.keras.network import Network, canonical, load_weights, parameters
from backends.keras.optimizer import checkpoint, make_optimizer, restore

LOSSES = {"mse": losses.mean_squared_error, "mae": losses.mean_absolute_error, "huber": losses.huber}


def _pinball(outputs: Tensor, y: Tensor, quantiles: Array) -> Tensor:
    """max(q e, (q - 1) e) of outputs (N, H * Q), y (N, H) and quantiles (H * Q,), the mean of each window, (N,)."""
    error = ops.repeat(y, outputs.shape[1] // y.shape[1], axis=1) - outputs
    below, above = (ops.convert_to_tensor(factors, dtype=outputs.dtype) for factors in (quantiles - 1, quantiles))
    return ops.mean(ops.maximum(above * error, below * error), axis=-1)


def _loss_function(objective: Objective, targets: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of y (N, H) and outputs for each window, (N,). targets: H."""
    if objective.loss == "quantile":
        quantiles = np.tile(objective.quantiles, targets).astype(keras.config.floatx())
        return lambda y, outputs: _pinball(outputs, y, quantiles)
    return LOSSES[objective.loss]


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend; sets Keras's dtype for this process. Raises BackendError if Keras runs on another engine."""
    wanted, running = os.environ["KERAS_BACKEND"], keras.backend.backend()
    if wanted != running:
        raise BackendError(f"backend '{name}' needs a process of its own: Keras already runs on {running} in this one")
    keras.config.set_floatx(dtype)
    if dtype == "float64":
        _keep_float64()
    return Backend(name, Network, load_weights, make_optimizer, KerasModel)


class KerasModel:
    """Implements backends.contract.Model."""

    def __init__(self, network: Network, objective: Objective, optimizer: Optimizer, x: Array, y: Array) -> None:
        self.network, self.objective, self.optimizer = network, objective, optimizer
        self._trained = parameters(network)
        self._criterion = _loss_function(objective, y.shape[1])
        self._engine = ENGINE(network, self._loss, optimizer, *(rows.astype(keras.config.floatx()) for rows in (x, y)))

    def _loss(self, x: Tensor, y: Tensor, masks: Named, perturbations: Named, *, training: bool) -> Tensor:
        """The objective of inputs x and targets y."""
        outputs = self.network(x, masks, perturbations, training=training)
        loss = ops.mean(self._criterion(y, outputs))
        for name in self.objective.l2_on if self.objective.l2 else ():
            loss = loss + self.objective.l2 * ops.sum(ops.square(self._trained[name]))
        return loss

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Restore random generators, because Keras's recurrent layers draw masks even if they drop nothing, and states.

        The states of a batch of another size are other variables.
        """
        carried, variables = self.network.carried, self.network.changing
        before = [np.array(ops.convert_to_numpy(variable)) for variable in variables]
        yield
        self.network.carried, self.network.changing = carried, variables
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)

    def train(self, steps: Steps) -> Array:
        self.network.carry(steps.order.shape[1])
        return self._engine.train(steps)

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        with self._unchanged():
            gradients = self._engine.gradients(rows, masks or NONE)
        return canonical(self.network, dict(zip(self._trained, gradients, strict=True)))

    def step_parts(self, step: Steps) -> StepParts:
        return self._engine.step_parts(step)

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        network = self.network
        zeros = network.model.state_perturbations(network.features, network.window, len(rows))
        with self._unchanged():
            return norms_by_lag(self._engine.state_gradients(rows, zeros))

    def predict(self, x: Array, resets: Array | None = None) -> Array:
        with self._unchanged():
            if resets is None:
                return self._engine.predict(x, NONE)
            self.network.carry(resets.shape[1])
            steps = zip(x.reshape(*resets.shape, *x.shape[1:]), 1.0 - resets, strict=True)
            return np.concatenate([self._engine.predict(rows, {KEPT: kept}) for rows, kept in steps])

    def weights(self) -> dict[str, Array]:
        return canonical(self.network, self._trained)

    def checkpoint(self) -> Checkpoint:
        states = {name: np.array(ops.convert_to_numpy(state)) for name, state in self.network.carried.items()}
        return replace(checkpoint(self.network, self.optimizer), states=states)

    def restore(self, checkpoint: Checkpoint) -> None:
        restore(self.network, self.optimizer, checkpoint)
        self.network.carried = {}  # a checkpoint before the first step has no states
        for name, state in checkpoint.states.items():
            self.network.carry(len(state))
            self.network.carried[name].assign(state)

    def parameter_count(self) -> int:
        return sum(value.size for value in self.weights().values())

    def kernel(self) -> str:
        with self._unchanged():
            return self._engine.kernel()


def _keep_float64() -> None:
    """Make results of float64 inputs float64 on JAX and PyTorch too.

    Keras looks up the dtype of a result in this table, which maps float64 to float32 there: `tanh` on JAX and `matmul`
    on PyTorch would compute in float32 for any `floatx`.
    """
    from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE

    BIT64_TO_BIT32_DTYPE["float64"] = "float64"
