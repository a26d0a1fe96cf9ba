"""A trained model as Keras: arrays for `set_weights`, and a source file. Keras has a layer for every cell.

An LSTM or a simple RNN has one bias in Keras: the sum of two. A GRU with `reset_after=True` has two rows of bias.
"""

import numpy as np

from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat
from backends.recurrent import Recurrent
from benchmarks.translation.description import Array, LastStep, Masking, TrainedModel, folded
from benchmarks.translation.read_keras import swapped
from benchmarks.translation.source import MAIN, Call, header, laid_out, summary, windows

WEIGHTS = "model.weights.h5"
CELLS = {"lstm": "LSTM", "gru": "GRU", "gru-reset-before": "GRU", "rnn": "SimpleRNN"}


def tensors(model: TrainedModel) -> dict[str, Array]:
    """The arrays of each layer by position and side, in the order of its weights: `0.forward_layer.0`, `2.1`."""
    result: dict[str, Array] = {}
    for position, layer in enumerate(model.layers):
        if not isinstance(layer, Recurrent):
            weights = model.of(position)
            arrays = [weights[name] for name in ("kernel", "bias") if name in weights]
            result |= {f"{position}.{number}": value for number, value in enumerate(arrays)}
            continue
        for direction in layer.directions:
            side = ("backward_layer." if direction else "forward_layer.") if layer.bidirectional else ""
            arrays = _recurrent(layer, model.of(position, direction), bias=model.has_bias(position))
            result |= {f"{position}.{side}{number}": value for number, value in enumerate(arrays)}
    return result


def _recurrent(layer: Recurrent, weights: dict[str, Array], *, bias: bool) -> list[Array]:
    kernels = [weights["kernel"], weights["recurrent_kernel"]]
    zeros = weights["kernel"][0] * 0
    if layer.cell == "gru":
        kernels.append(np.stack([weights.get("bias", zeros), weights.get("recurrent_bias", zeros)]))
    else:
        total = folded(weights)
        kernels.append(zeros if total is None else total)
    kernels = kernels if bias else kernels[:2]
    return [swapped(value) for value in kernels] if layer.cell.startswith("gru") else kernels


def source(model: TrainedModel) -> str:
    """The text of model.py."""
    shape = f"({model.window}, {model.features})"
    entries: list[str | Call] = [Call("keras.Input", (shape,))]
    entries += [_constructor(layer, bias=model.has_bias(place)) for place, layer in enumerate(model.layers)]
    return TEMPLATE.format(
        header=header(model, WEIGHTS),
        written=LAST_STEP if any(isinstance(layer, LastStep) for layer in model.layers) else "",
        summary=summary(model, 4),
        layers="\n".join(laid_out(entry, 12, end=",") for entry in entries),
        windows=windows(model),
        dtype=model.dtype,
    )


def _constructor(layer: Layer, *, bias: bool) -> Call:
    settings: tuple[str, ...] = () if bias else ("use_bias=False",)
    match layer:
        case Dense() | Conv1D():
            sizes = (layer.units,) if isinstance(layer, Dense) else (layer.filters, layer.width)
            padding = ('padding="same"',) if isinstance(layer, Conv1D) else ()
            activation = () if layer.activation == "linear" else (f'activation="{layer.activation}"',)
            return Call(f"layers.{type(layer).__name__}", (*map(str, sizes), *padding, *activation, *settings))
        case Dropout():
            return Call("layers.Dropout", (f"{layer.rate!r}",))
        case Flatten():
            return Call("layers.Flatten", ())
        case Repeat():
            return Call("layers.RepeatVector", (str(layer.times),))
        case Masking():
            return Call("layers.Masking", (repr(layer.value),))
        case LastStep():
            return Call("LastStep", ())
        case Recurrent():
            settings += (f'activation="{layer.activation}"',) if layer.activation != "tanh" else ()
            settings += ("return_sequences=True",) if layer.sequences else ()
            settings += ("reset_after=False",) if layer.cell == "gru-reset-before" else ()
            rates = {"dropout": layer.dropout, "recurrent_dropout": layer.recurrent_dropout}
            settings += tuple(f"{name}={rate!r}" for name, rate in rates.items() if rate)
            inner = Call(f"layers.{CELLS[layer.cell]}", (str(layer.units), *settings))
            return Call("layers.Bidirectional", (inner,)) if layer.bidirectional else inner
    raise TypeError(layer)


TEMPLATE = (
    '''\
{header}

import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers

WEIGHTS = Path(__file__).with_name("model.weights.h5")


{written}def build() -> keras.Sequential:
{summary}
    return keras.Sequential(
        [
{layers}
        ]
    )


def load(dtype: str = "{dtype}") -> keras.Sequential:
    """The model with its weights. Later layers of this process get the same dtype."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    model = build()
    model.load_weights(WEIGHTS)
    return model


def predict(model: keras.Sequential, windows: np.ndarray) -> np.ndarray:
    """{windows} to forecasts, in the type of the model."""
    forecasts = model(np.asarray(windows, model.compute_dtype), training=False)
    return np.asarray(keras.ops.convert_to_numpy(forecasts))


'''
    + MAIN
)

LAST_STEP = '''\
@keras.saving.register_keras_serializable()
class LastStep(layers.Layer):
    """(N, T, F) to (N, F): the output at the last step of the window."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x[:, -1]


'''
