"""Keras: batches, schedules, losses and numbers. A function for each difference; functions `equal_...` are shown."""

import inspect
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from benchmarks.differences.keras.cells import last, lstm
from benchmarks.differences.keras.float64 import float64
from benchmarks.differences.probe import Array, Case, Probe, shown

__all__ = ["float64"]
Layer = Any  # Keras has no annotations
Model = Any
Tensor = Any


class Recorder(keras.layers.Layer):
    """Passes rows on, and records the numbers of the rows in each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Array] = []

    def call(self, rows: Tensor) -> Tensor:
        self.batches.append(np.asarray(rows)[:, 0])
        return rows


def _fitted(rows: Array, **settings: Any) -> list[Array]:  # noqa: ANN401
    """The rows of each batch of an epoch of `fit`."""
    recorder = Recorder()
    model = keras.Sequential([recorder, keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    keras.utils.set_random_seed(0)
    rows = rows[:, None].astype(float)
    model(rows)
    recorder.batches.clear()
    model.fit(rows, rows, batch_size=4, verbose=0, **settings)
    return recorder.batches


@shown
def equal_partial_batch(x: Array, batch: int) -> Array:
    return x[: len(x) // batch * batch]  # give `fit` whole batches only


def partial_batch(case: Case) -> Probe:
    rows = np.arange(10)
    default, equal = ([len(b) for b in _fitted(part)] for part in (rows, equal_partial_batch(rows, 4)))
    return Probe(len(default), np.resize([*default, 0, 0, 0], 3), np.resize([*equal, 0, 0, 0], 3))


@shown
def equal_shuffle(model: Model, x: Array, y: Array, order: Array) -> None:
    model.fit(x[order], y[order], batch_size=4, shuffle=False, verbose=0)


class _Fit:
    """Records the rows that `fit` of `_fitted` receives, in place of a model."""

    def fit(self, x: Array, y: Array, *, batch_size: int, shuffle: bool, verbose: int) -> None:
        self.seen = np.concatenate(_fitted(x, shuffle=shuffle))


def shuffle(case: Case) -> Probe:
    rows, order = np.arange(12), np.random.default_rng(0).permutation(12)
    default, given = np.concatenate(_fitted(rows)), _Fit()
    equal_shuffle(given, rows, rows, order)
    shuffles = inspect.signature(keras.Model.fit).parameters["shuffle"].default
    return Probe(bool(shuffles and not np.array_equal(default, rows)), default, given.seen)


@shown
def equal_stateful(units: int) -> Layer:
    return keras.layers.LSTM(units, stateful=True)  # layer.reset_state() where a new series begins


def stateful(case: Case) -> Probe:
    made = lstm(case)
    default = np.asarray([last(made, part) for part in (case.x[:, :3], case.x[:, 3:])][1])
    kept = equal_stateful(case.units)
    kept.build((len(case.x), None, case.features))
    kept.set_weights(list(case.lstm))
    equal = [last(kept, part) for part in (case.x[:, :3], case.x[:, 3:])][1]
    return Probe(not np.allclose(default, last(lstm(case), case.x[:, 3:])), default, equal)


@shown
def equal_schedule(rate: float, steps_per_epoch: int) -> Any:  # noqa: ANN401
    return keras.optimizers.schedules.ExponentialDecay(rate, steps_per_epoch, 0.5, staircase=True)


def schedule(case: Case) -> Probe:
    def rates(schedule: Any) -> Array:  # noqa: ANN401
        optimizer, variable = keras.optimizers.SGD(schedule), keras.Variable(np.zeros(1))
        values = []
        for _ in range(8):
            values.append(float(np.asarray(optimizer.learning_rate)))
            optimizer.apply([ops.convert_to_tensor(np.zeros(1))], [variable])
        return np.array(values)

    default = rates(keras.optimizers.schedules.ExponentialDecay(1.0, 4, 0.5))
    return Probe("every step" if len(set(default)) == 8 else "when you call it", default, rates(equal_schedule(1.0, 4)))


@shown
def equal_shown_loss(model: Model, x: Array, y: Array) -> float:
    return model.evaluate(x, y, verbose=0)  # after the epoch, on all windows


def shown_loss(case: Case) -> Probe:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([case.weights[:, None]])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x, y = case.gradients[:12], case.gradients[12:24, :1]
    history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0).history["loss"]
    equal = equal_shown_loss(model, x, y)
    observed = "mean over the batches of the epoch" if abs(history[0] - equal) > 1e-3 else "after the epoch"
    return Probe(observed, np.array(history), np.array([equal]))


@shown
def equal_tf32() -> None:
    tf.config.experimental.enable_tensor_float_32_execution(False)


def tf32(case: Case) -> Probe:
    observed = f"TensorFlow {tf.config.experimental.tensor_float_32_execution_enabled()}"
    default = _gpu_product(case)
    equal_tf32()
    return Probe(observed, default, _gpu_product(case))


def _gpu_product(case: Case) -> Array:
    """Outputs of an LSTM in float32 on the GPU; without a GPU, no numbers."""
    if not tf.config.list_physical_devices("GPU"):
        return np.zeros(0)
    made = lstm(case, dtype="float32")
    return np.asarray(made(case.x.astype("float32"))).astype(float)


@shown
def equal_approximations(x: Tensor) -> tuple[Tensor, Tensor]:
    x = ops.cast(x, "float64")
    return ops.tanh(x), ops.sigmoid(x)


def approximations(case: Case) -> Probe:
    x = case.grid
    default = np.concatenate([np.asarray(value).astype(float) for value in (ops.tanh(x), ops.sigmoid(x))])
    equal = np.concatenate([np.asarray(value) for value in equal_approximations(x)])
    return Probe(bool(np.abs(default / np.where(equal == 0, 1, equal) - 1)[equal != 0].max() < 1e-6), default, equal)


@shown
def equal_hard_sigmoid(x: Tensor) -> Tensor:
    return ops.clip(0.2 * x + 0.5, 0, 1)


def hard_sigmoid(case: Case) -> Probe:
    x = np.linspace(-4, 4, 101)
    value = float(np.asarray(keras.activations.hard_sigmoid(ops.convert_to_tensor(np.ones(1))))[0])
    default = np.asarray(keras.activations.hard_sigmoid(ops.convert_to_tensor(x)))
    return Probe(round(value, 4), default, np.asarray(equal_hard_sigmoid(ops.convert_to_tensor(x))))
