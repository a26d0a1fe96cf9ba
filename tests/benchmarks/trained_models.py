"""Trained models for the tests of `translate`: random weights for every kind of layer."""

import numpy as np

from backends.layers import Conv1D, Dense, Dropout, Flatten, Repeat
from backends.recurrent import Recurrent
from benchmarks.translation.description import LastStep, Masking, TrainedModel, walk

R = Recurrent
MODELS = {
    "two bidirectional grus": (R("gru", 4, True, True), Dropout(0.2), R("gru", 3, False, True), Dropout(0.2), Dense(1)),
    "two biases": (R("lstm", 3, True, True), R("rnn", 3, True, activation="relu"), LastStep(), Dense(2)),
    "activations": (
        R("lstm", 4, True, activation="relu"),
        R("gru", 3, True, activation="sigmoid"),
        R("rnn", 3, True, activation="sigmoid"),
        Dense(2, each_step=True),
    ),
    "encoder and decoder": (
        R("lstm", 4, recurrent_dropout=0.3),
        Repeat(5),
        R("gru", 4, True),
        Dense(3, "tanh", each_step=True),
        Conv1D(4, 3, "relu"),
        Conv1D(3, 4),
        Flatten(),
        Dense(2),
    ),
    "no bias": (R("gru", 3, True), R("gru-reset-before", 3, True, True, dropout=0.1), R("lstm", 3), Dense(1)),
    "padding": (
        Masking(-1.0),
        R("lstm", 4, True, True),
        Dense(3, each_step=True),
        R("gru", 4, True),
        Dropout(0.2),
        R("rnn", 3, True),
        R("gru-reset-before", 3, False, True),
        Dense(1),
    ),
}
SECOND_BIASES = {
    "two bidirectional grus": ("0.", "0.backward.", "2.", "2.backward."),
    "two biases": ("0.", "0.backward.", "1."),
    "activations": ("1.",),
    "padding": ("3.",),
}
WITHOUT_BIAS = {"no bias": ("0.bias", "2.bias", "3.bias")}
FEATURES, WINDOW = 3, 7


def trained(name, layers=None, seed=0):
    """The model of this name, or of these layers, with random weights of this seed in float32."""
    layers = MODELS[name] if layers is None else layers
    shapes = {
        f"{position}.{key}": size
        for position, layer, shape in walk(layers, FEATURES, WINDOW)
        for key, size in layer.shapes(shape).items()
    }
    shapes |= {f"{prefix}recurrent_bias": shapes[f"{prefix}bias"] for prefix in SECOND_BIASES.get(name, ())}
    random = np.random.default_rng(seed)
    weights = {
        key: random.normal(0, 0.5, size).astype(np.float32)
        for key, size in shapes.items()
        if key not in WITHOUT_BIAS.get(name, ())
    }
    return TrainedModel(layers, FEATURES, WINDOW, weights, f"{name}.npz")


def windows(name, count=16):
    """Random windows (N, T, F); those of the model with padding have it at any step but the first."""
    random = np.random.default_rng(7)
    x = random.normal(size=(count, WINDOW, FEATURES))
    if name == "padding":
        x[1:, 1:][random.random((count - 1, WINDOW - 1)) < 0.4] = -1.0
    return x
