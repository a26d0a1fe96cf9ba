"""A model: a sequence of layers, with the shapes of its parameters, its dropout masks and its arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backends.layers import Dense, Layer, Mask, ModelError, Repeat, Shape
from backends.recurrent import Cell, Recurrent


@dataclass(frozen=True)
class ModelSpec:
    """Layers from a window (T, F) to H outputs. In all methods `features` is F and `window` is T.

    masked: the last column of a window is no feature but its mask, 1 for a real step and 0 for padding. A recurrent
        layer leaves its state as it was in a step of padding, in both directions, and its last output is that of the
        last real step that it reads. Every sequence that a layer gives is zero in the steps of padding.
    stateful: the states of recurrent layers pass from one step of the training to the next, see `Steps.resets`.

    Raises ModelError, which names the first faulty layer: on construction if a setting is invalid, and in the methods
    if a layer cannot read the output of the layer before it.
    """

    layers: tuple[Layer, ...]
    masked: bool = False
    stateful: bool = False

    def __post_init__(self) -> None:
        if not self.layers:
            raise ModelError("the model has no layers; add at least an output Dense layer")
        for position, layer in enumerate(self.layers):
            self._refuse(position, layer.fault())
        if self.stateful:
            self._refuse_states()

    def _refuse_states(self) -> None:
        """Raise ModelError if the states of these layers cannot pass to the next windows."""
        if self.masked:
            raise ModelError(
                "padded windows do not follow one another, so no state passes between them; remove min_history"
            )
        if not self.states():
            raise ModelError("it has no recurrent layer whose state could be carried; set stateful to false")
        repeated = False
        for position, layer in enumerate(self.layers):
            repeated = repeated or isinstance(layer, Repeat)
            if isinstance(layer, Recurrent) and layer.bidirectional:
                reason = "its backward direction begins at the end of a window, so its state comes from the future"
                self._refuse(position, f"{reason}; set bidirectional or stateful to false")
            if isinstance(layer, Recurrent) and repeated:
                reason = "it reads a repeated vector and no rows in time, so it has no state to carry"
                self._refuse(position, f"{reason}; set stateful to false")

    def _refuse(self, position: int, reason: str | None) -> None:
        if reason:
            raise ModelError(f"layer {position} ({self.layers[position]}): {reason}")

    def walk(self, features: int, window: int) -> Iterator[tuple[int, Layer, Shape]]:
        """Position, layer and input shape of every layer, in order."""
        shape: Shape = (window, features - self.masked)
        for position, layer in enumerate(self.layers):
            self._refuse(position, layer.misfit(shape))
            yield position, layer, shape
            shape = layer.result(shape)
        if len(shape) == 2:
            self._refuse(len(self.layers) - 1, "it ends in a sequence; set sequences=False or add Flatten after it")

    def outputs(self, features: int, window: int) -> int:
        """H, the number of outputs."""
        *_, (_, last, shape) = self.walk(features, window)
        return last.result(shape)[0]

    def shapes(self, features: int, window: int) -> dict[str, Shape]:
        """Shape of every parameter, by canonical name."""
        return {
            f"{position}.{name}": parameter
            for position, layer, shape in self.walk(features, window)
            for name, parameter in layer.shapes(shape).items()
        }

    def masks(self, features: int, window: int) -> dict[str, Mask]:
        """Every dropout mask, by name."""
        return {
            f"{position}.{name}": mask
            for position, layer, shape in self.walk(features, window)
            for name, mask in layer.masks(shape).items()
        }

    def states(self) -> dict[str, int]:
        """The widths of the states that a stateful model carries, by name: `0.state_0`, in the order of the layer."""
        return {
            f"{position}.state_{number}": width
            for position, layer in enumerate(self.layers)
            if isinstance(layer, Recurrent) and self.stateful
            for number, width in enumerate(layer.states)
        }

    def state_perturbations(self, features: int, window: int, batch: int) -> dict[str, np.ndarray]:
        """Zeros (T, batch, width), by name: `0.state`, `0.backward.state` for each recurrent layer and direction.

        A network adds them to the state after each time step, in the order in which the direction reads the steps. The
        loss's derivative by a perturbation is its derivative by the state.
        """
        return {
            f"{position}.{direction}state": np.zeros((shape[0], batch, layer.states[0]))
            for position, layer, shape in self.walk(features, window)
            if isinstance(layer, Recurrent)
            for direction in layer.directions
        }

    def multiply_adds(self, features: int, window: int) -> int:
        """Multiply-adds of the matrix products in one window's forward pass, a lower bound on its arithmetic."""
        return sum(layer.multiply_adds(shape) for _, layer, shape in self.walk(features, window))

    def input_multiply_adds(self, features: int, window: int) -> int:
        """The part of `multiply_adds` that reads the window itself, in the first layer with a kernel."""
        for _, layer, shape in self.walk(features, window):
            if layer.shapes(shape):
                return layer.input_multiply_adds(shape)
        return 0


def forecaster(cell: Cell, *, units: int, layers: int, horizon: int) -> ModelSpec:
    """The standard model: `layers` recurrent layers of `units`, then a dense layer of `horizon` outputs."""
    recurrent = (Recurrent(cell, units, sequences=depth < layers - 1) for depth in range(layers))
    return ModelSpec((*recurrent, Dense(horizon)))
