"""Keras: recurrent layers. A function for each difference; the lines of the functions `equal_...` are shown."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.differences.probe import Array, Case, Probe, shown

keras.config.set_floatx("float64")
Layer = Any  # Keras has no annotations
Tensor = Any


@shown
def equal_gate_order(array: Array) -> Array:
    r, z, n = np.split(array, 3, axis=-1)  # kernel, recurrent kernel and each row of the bias
    return np.concatenate([z, r, n], axis=-1)


def load(made: Layer, case: Case, kernels: tuple[Array, Array, Array]) -> Layer:
    """Build the layer and give it the case's weights; the second row of a GRU's bias is zero."""
    made.build((None, None, case.features))
    W, U, b = kernels
    bias = np.stack([b, 0 * b]) if getattr(made, "reset_after", False) else b
    for variables in (made.forward_layer, made.backward_layer) if hasattr(made, "forward_layer") else (made,):
        variables.set_weights([W, U, bias])
    return made


def lstm(case: Case, **settings: Any) -> Layer:  # noqa: ANN401
    return load(keras.layers.LSTM(case.units, **settings), case, case.lstm)


def gru(case: Case, *, reordered: bool = True, **settings: Any) -> Layer:  # noqa: ANN401
    kernels = [equal_gate_order(value) if reordered else value for value in case.gru]
    return load(keras.layers.GRU(case.units, **settings), case, tuple(kernels))  # type: ignore[arg-type]


def last(made: Layer, x: Array) -> Array:
    return np.asarray(made(x))


def second_bias(case: Case) -> Probe:
    made = lstm(case)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((made(case.x) - case.target) ** 2)
    for variable, gradient in zip(made.weights, tape.gradient(loss, made.weights), strict=True):
        variable.assign_sub(0.1 * gradient)
    biases = np.size(made.get_weights()[2]) / (4 * case.units)
    return Probe(biases, last(made, case.x), last(made, case.x))


def gate_order(case: Case) -> Probe:
    return Probe(_update_block(case), last(gru(case, reordered=False), case.x), last(gru(case), case.x))


def _update_block(case: Case) -> int:
    """The place of the update gate: the block whose large bias keeps the state at zero."""
    for place in range(3):
        made = gru(case)
        W, U, b = made.get_weights()
        b[0, place * case.units : (place + 1) * case.units] = 100.0
        made.set_weights([W, U, b])
        if np.abs(last(made, case.x)).max() < 1e-6:
            return place
    return -1


@shown
def equal_gru_reset(units: int) -> Layer:
    return keras.layers.GRU(units, reset_after=False)


def gru_reset(case: Case) -> Probe:
    W, U, b = (equal_gate_order(value) for value in case.gru)
    before = load(equal_gru_reset(case.units), case, (W, U, b))
    default = gru(case)
    return Probe("after" if default.reset_after else "before", last(default, case.x), last(before, case.x))


@shown
def equal_initial_weights(units: int) -> Layer:
    return keras.layers.LSTM(units)  # glorot_uniform and orthogonal are the defaults


def initial_weights(case: Case) -> Probe:
    made = equal_initial_weights(64)
    made.build((None, None, 64))
    spread = np.array([value.std() for value in made.get_weights()[:2]])
    return Probe(spread.tolist(), spread, spread)


def forget_bias(case: Case) -> Probe:
    made = keras.layers.LSTM(64)
    made.build((None, None, 3))
    bias = made.get_weights()[2][64:128]
    return Probe(round(float(bias.mean())), bias, bias)


@shown
def equal_padding(layer: Layer, x: Tensor) -> Tensor:
    return layer(keras.layers.Masking(mask_value=0.0)(x))


def padding(case: Case) -> Probe:
    default, equal = last(lstm(case), case.padded), np.asarray(equal_padding(lstm(case), case.padded))
    return Probe(bool(np.abs(default - equal).max() > 1e-6), default, equal)


def bidirectional_last(case: Case) -> Probe:
    made = load(keras.layers.Bidirectional(keras.layers.LSTM(case.units)), case, case.lstm)
    outputs = last(made, case.x)
    backward = last(lstm(case), case.x[:, ::-1])
    return Probe(bool(np.allclose(outputs[:, case.units :], backward)), outputs, outputs)


@shown
def equal_recurrent_dropout(units: int, rate: float) -> Layer:
    return keras.layers.LSTM(units, recurrent_dropout=rate)


def recurrent_dropout(case: Case) -> Probe:
    made = load(equal_recurrent_dropout(case.units, 0.5), case, case.lstm)
    made.cell.get_recurrent_dropout_mask = lambda _: [tf.constant(mask) for mask in case.masks]  # not random ones
    equal = np.asarray(made(case.x, training=True))
    return Probe(_recurrent_masks(), last(lstm(case), case.x), equal)


def _recurrent_masks() -> str:
    """How often the layer's cell draws masks. Each gate has a mask of its own if the four are different."""
    cell = keras.layers.LSTM(40, recurrent_dropout=0.5).cell
    first, second = ([np.asarray(mask) for mask in cell.get_recurrent_dropout_mask(np.ones((1, 40)))] for _ in range(2))
    again = all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    gates = len({mask.tobytes() for mask in first})
    return f"per {'sequence' if again else 'step'}, {gates} masks"


def dropout_scaling(case: Case) -> Probe:
    values = np.unique(np.asarray(keras.layers.Dropout(0.5)(np.ones(1000), training=True)))
    return Probe(float(values.max()), values, values)


@shown
def equal_dropout_argument(units: int, rate: float) -> Layer:
    return keras.layers.LSTM(units, dropout=rate)


def dropout_argument(case: Case) -> Probe:
    made = load(equal_dropout_argument(case.units, 0.999), case, case.lstm)
    outputs = np.asarray(made(case.x, training=True))
    zeros = np.allclose(outputs, last(lstm(case), 0 * case.x))
    return Probe("inputs" if zeros else "nothing, for a single layer", outputs, outputs)
