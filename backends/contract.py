"""What a backend is: the layers it must know, the weights it must speak, the two protocols it must keep.

NumPy only. Arrays are (N, T, F) going in and (N, H) coming out; weights are canonical:

- a recurrent layer has `kernel` (F, gates*units), `recurrent_kernel` (units, gates*units) and one `bias`
  (gates*units,), the gates side by side: lstm `i f g o`, gru `r z n`, rnn a single one;
- a dense layer has `kernel` (F, units) and `bias` (units,);
- a parameter's name is its layer's position and its own name: `0.kernel`, `0.recurrent_kernel`, `1.bias`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

Array = np.ndarray
Weights = Mapping[str, np.ndarray]
Cell = Literal["lstm", "gru", "rnn"]
Dtype = Literal["float32", "float64"]

GATES: Mapping[str, int] = {"lstm": 4, "gru": 3, "rnn": 1}


class BackendError(ValueError):
    """A backend cannot do what was asked; the message is one sentence for the user."""


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer: (N, T, F) to (N, T, units) with `sequences`, else the last output (N, units)."""

    cell: Cell
    units: int
    sequences: bool = False


@dataclass(frozen=True)
class Dense:
    """An affine layer without activation: (N, F) to (N, units)."""

    units: int


Layer = Recurrent | Dense


@dataclass(frozen=True)
class ModelSpec:
    """A model is a sequence of layers; the last one gives the H outputs."""

    layers: tuple[Layer, ...]

    def shapes(self, features: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every canonical parameter, for inputs of `features` features."""
        shapes: dict[str, tuple[int, ...]] = {}
        width = features
        for position, layer in enumerate(self.layers):
            columns = layer.units
            if isinstance(layer, Recurrent):
                columns *= GATES[layer.cell]
                shapes[f"{position}.recurrent_kernel"] = (layer.units, columns)
            shapes[f"{position}.kernel"] = (width, columns)
            shapes[f"{position}.bias"] = (columns,)
            width = layer.units
        return shapes


def forecaster(cell: Cell, *, units: int, layers: int, horizon: int) -> ModelSpec:
    """The standard model: `layers` recurrent layers of `units`, then a dense head of `horizon` outputs."""
    recurrent = (Recurrent(cell, units, sequences=depth < layers - 1) for depth in range(layers))
    return ModelSpec((*recurrent, Dense(horizon)))


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1), epsilon added to the square root of the corrected second moment."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


class Model(Protocol):
    """One model on one device, its training rows resident there."""

    def train(self, order: Array) -> Array:
        """Take one optimizer step on the mean squared error of each row of `order`.

        order: (steps, batch), integer row indices into the resident x and y.
        Returns the loss of each step before its update, (steps,) in the model's dtype. Returns only when the
        device has finished. What the framework must trace or compile, it does on the first call: a later call
        with the same batch and no more steps than an epoch (N // batch) compiles nothing.
        """

    def gradients(self, rows: Array) -> dict[str, Array]:
        """Gradient of the mean squared error over the resident `rows` (batch,), by canonical name. Changes nothing."""

    def predict(self, x: Array) -> Array:
        """(N, T, F) to (N, H), in the model's dtype."""

    def weights(self) -> dict[str, Array]:
        """The current weights, canonical. A native layer with a second bias also has `recurrent_bias`."""

    def parameter_count(self) -> int:
        """Trained parameters, as the framework itself counts them."""

    def kernel(self) -> str:
        """What really computes the recurrence: "mkldnn_rnn_layer", "aten loop", "XLA while", "cuDNN", ..."""


class Backend(Protocol):
    """One framework, imported and configured."""

    name: str

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
    ) -> Model:
        """A model with x (N, T, F) and y (N, H) resident.

        weights: canonical initial weights (matched mode: one trained bias per gate, `optimizer` to the letter),
        or None for native mode: the framework's own layers, initialisation (from `seed`), biases and optimizer
        defaults, with `optimizer.learning_rate` alone.
        """
