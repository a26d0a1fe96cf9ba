"""Keras as its guides begin: `Sequential`, `compile` and `fit`, on the same batches in the same order."""

from dataclasses import replace

import keras
import numpy as np

from backends.contract import KEPT, Array, Backend, BackendError, Dtype, Objective, Steps
from backends.keras import training
from backends.keras.cells import FUSED
from backends.keras.engines import NONE, Optimizer, Tensor, Variable
from backends.keras.network import Network, parameters
from backends.keras.training import KerasModel
from backends.recurrent import Recurrent


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend. Raises BackendError if Keras runs on another engine."""
    return replace(training.create(name, dtype=dtype), model=FitModel)


class FitModel(KerasModel):
    """`fit` reports the mean loss of an epoch, in float32, so `train` returns this one number."""

    def __init__(self, network: Network, objective: Objective, optimizer: Optimizer, x: Array, y: Array) -> None:
        super().__init__(network, objective, optimizer, x, y)
        self._x, self._y, self._rate = x, y, _prepare(network, objective, optimizer, x.dtype.name)
        self._models: dict[int, keras.Model] = {}  # by batch size, as the states

    def _model(self, batch: int) -> keras.Model:
        """The compiled model; one for all batches of a model without carried states."""
        network, batch = self.network, batch if self.network.model.stateful else 0
        if batch not in self._models:
            start = keras.Input(self._x.shape[1:], dtype=self._x.dtype.name)
            model = Carrying(network) if batch else keras.Sequential([start, *network.layers])
            model.compile(optimizer=self.optimizer, loss=self._criterion)
            self._models[batch] = model
        return self._models[batch]

    def train(self, steps: Steps) -> Array:
        rows, batch = steps.order.ravel(), steps.order.shape[1]
        self.network.carry(batch)
        changes = [SetRate(self._rate, steps.rates)] if len(set(steps.rates)) > 1 else []
        self._rate.assign(steps.rates[0])
        kept = {name: value.ravel().astype(self._x.dtype) for name, value in steps.inputs.items()}
        x = (self._x[rows], kept[KEPT]) if kept else self._x[rows]
        settings = {"batch_size": batch, "shuffle": False, "verbose": 0, "callbacks": changes}
        history = self._model(batch).fit(x, self._y[rows], **settings)
        return np.array(history.history["loss"], dtype=self._x.dtype)


class Carrying(keras.Model):
    """A network whose states pass from batch to batch. Its inputs are windows and, 0 or 1, whether states are kept.

    `stateful=True` in Keras's layers would pass them too, but resets the states of all rows of a batch or of none.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.tracked = [*network.layers, *network.carried.values()]
        self._forward = network.__call__

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> Tensor:
        x, kept = inputs
        return self._forward(x, {KEPT: kept}, NONE, training=training)


class SetRate(keras.callbacks.Callback):
    """Sets the learning rate of each step."""

    def __init__(self, variable: Variable, rates: Array) -> None:
        super().__init__()
        self._variable, self._rates = variable, rates

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # between steps the variables' values are the trainer's; take them back
        self._variable.assign(self._rates[batch])


def _prepare(network: Network, objective: Objective, optimizer: Optimizer, dtype: str) -> Variable:
    """Set what `fit` reads from layers and optimizer, the penalty and the learning rate; return the rate's variable.

    Raises BackendError for what `fit` cannot train: written cells, dropout with given masks, and masked windows.
    """
    for spec in network.model.layers:
        if isinstance(spec, Recurrent) and spec.cell not in FUSED:
            raise BackendError(f"fit trains Keras's own layers, and Keras has none for {spec}; use the backend 'keras'")
    if not network.native and network.model.masks(network.features, network.window):
        raise BackendError("fit cannot be given dropout masks; use the backend 'keras', or native mode")
    if network.model.masked:
        raise BackendError("fit cannot be given the mask of a padded window; use the backend 'keras'")
    for name in objective.l2_on if objective.l2 else ():
        parameters(network)[name].regularizer = keras.regularizers.L2(objective.l2)
    rate = keras.Variable(0.0, dtype=dtype, trainable=False, name="rate")
    optimizer._track_variable(rate)
    optimizer.rate = rate
    return rate
