"""A model is a sequence of layers: which parameters and masks it has, and whether its layers fit."""

from collections.abc import Iterator
from dataclasses import dataclass

from backends.layers import Dense, Layer, Mask, ModelError, Shape
from backends.recurrent import Cell, Recurrent


@dataclass(frozen=True)
class ModelSpec:
    """Layers from windows (T, F) to H outputs; `features` is F, `window` is T.

    A `ModelError` names the first layer that is wrong in itself (on making) or does not fit (on asking for shapes).
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ModelError("the model has no layers; a Dense layer at its end would do")
        for position, layer in enumerate(self.layers):
            self._refuse(position, layer.fault())

    def _refuse(self, position: int, reason: str | None) -> None:
        if reason:
            raise ModelError(f"layer {position} ({self.layers[position]}): {reason}")

    def walk(self, features: int, window: int) -> Iterator[tuple[int, Layer, Shape]]:
        """Position, layer and the shape of its input, layer by layer."""
        shape: Shape = (window, features)
        for position, layer in enumerate(self.layers):
            self._refuse(position, layer.misfit(shape))
            yield position, layer, shape
            shape = layer.result(shape)
        if len(shape) == 2:
            last = "it ends in a sequence; sequences=False, or Flatten after it, would do"
            self._refuse(len(self.layers) - 1, last)

    def outputs(self, features: int, window: int) -> int:
        """H."""
        *_, (_, last, shape) = self.walk(features, window)
        return last.result(shape)[0]

    def shapes(self, features: int, window: int) -> dict[str, Shape]:
        """Name and shape of every canonical parameter."""
        return {
            f"{position}.{name}": own
            for position, layer, shape in self.walk(features, window)
            for name, own in layer.shapes(shape).items()
        }

    def masks(self, features: int, window: int) -> dict[str, Mask]:
        """Every dropout mask by name."""
        return {
            f"{position}.{name}": mask
            for position, layer, shape in self.walk(features, window)
            for name, mask in layer.masks(shape).items()
        }

    def multiply_adds(self, features: int, window: int) -> int:
        """Multiply-add operations of one window's forward pass, those of its matrix products: the least it can take."""
        return sum(layer.multiply_adds(shape) for _, layer, shape in self.walk(features, window))

    def input_multiply_adds(self, features: int, window: int) -> int:
        """Those of them that take the window itself, in the first layer that has a kernel."""
        for _, layer, shape in self.walk(features, window):
            if layer.shapes(shape):
                return layer.input_multiply_adds(shape)
        return 0


def forecaster(cell: Cell, *, units: int, layers: int, horizon: int) -> ModelSpec:
    """The standard model: `layers` recurrent layers of `units`, then a dense head of `horizon` outputs."""
    recurrent = (Recurrent(cell, units, sequences=depth < layers - 1) for depth in range(layers))
    return ModelSpec((*recurrent, Dense(horizon)))
