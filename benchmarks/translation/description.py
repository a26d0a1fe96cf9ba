"""A trained model between two frameworks: layers, canonical weights, and the TOML file that describes them.

A weight has its canonical name, see backends/layers.py. A weight that the model lacks is absent: `0.bias` of a layer
without bias, and `0.recurrent_bias` (gates*units,) of a layer with one bias. A `recurrent_bias` is added to the
product with the state, so that in a GRU the reset gate also scales the part of the candidate.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from backends.contract import of_direction
from backends.layers import NEEDS_SEQUENCE, Dense, Dropout, Layer, ModelError, Shape
from backends.recurrent import Recurrent
from benchmarks.definition.model_settings import ModelSettings
from benchmarks.definition.validation import validated
from benchmarks.errors import UserError
from datasets.spec import Count, Settings

Array = np.ndarray
Framework = Literal["pytorch", "keras", "flax"]
TITLES: dict[str, str] = {"pytorch": "PyTorch", "keras": "Keras", "flax": "Flax"}
CELLS = ("rnn", "lstm", "gru", "gru-reset-before")


@dataclass(frozen=True)
class Masking(Layer):
    """A step whose features all equal `value` is padding: later recurrent layers leave their state as it was."""

    value: float = 0.0

    def fault(self) -> str | None:
        return None if math.isfinite(self.value) else f"its value is {self.value}; it must be a finite number"

    def misfit(self, shape: Shape) -> str | None:
        return NEEDS_SEQUENCE if len(shape) == 1 else None


@dataclass(frozen=True)
class LastStep(Layer):
    """(T, F) to (F,): the output at the last step of the window, in both directions of a bidirectional layer."""

    def result(self, shape: Shape) -> Shape:
        return shape[1:]


@dataclass(frozen=True)
class TrainedModel:
    """Layers from windows (T, F) to outputs, and their canonical weights.

    window: T, or None if the model reads windows of any length.
    source: the name of the file, for texts.
    """

    layers: tuple[Layer, ...]
    features: int
    window: int | None
    weights: Mapping[str, Array]
    source: str

    @property
    def dtype(self) -> str:
        """The widest type of the weights, "float32" or "float64"."""
        return str(np.result_type(np.float32, *self.weights.values()))

    @property
    def masked(self) -> bool:
        return any(isinstance(layer, Masking) for layer in self.layers)

    @property
    def steps(self) -> int:
        """The length of windows for a test."""
        return self.window or 24

    def walk(self) -> Iterator[tuple[int, Layer, Shape]]:
        """Position, layer and input shape of every layer. Raises ModelError for a layer that does not fit."""
        return walk(self.layers, self.features, self.steps)

    @property
    def result(self) -> Shape:
        """The shape of the outputs for one window."""
        *_, (_, last, shape) = self.walk()
        return last.result(shape)

    def of(self, position: int, direction: str = "") -> dict[str, Array]:
        """The weights of a layer, or of a direction of a recurrent layer, by their names in it."""
        prefix = f"{position}."
        named = {name.removeprefix(prefix): value for name, value in self.weights.items() if name.startswith(prefix)}
        return of_direction(direction, named)

    def has_bias(self, position: int) -> bool:
        """Whether a layer has a bias, in any direction."""
        return any(name.startswith(f"{position}.") and name.endswith("bias") for name in self.weights)

    def padded(self) -> list[bool]:
        """Whether the input of each layer may have steps of padding. As in Keras, other layers than these end that."""
        result, padded = [], False
        for layer in self.layers:
            result.append(padded)
            sequences = isinstance(layer, Recurrent) and layer.sequences
            padded = isinstance(layer, Masking) or (padded and (sequences or isinstance(layer, Dense | Dropout)))
        return result

    def check(self) -> None:
        """Raise UserError for a weight that is missing, has another shape, is surplus, or is not finite."""
        expected: dict[str, Shape] = {}
        for position, layer, shape in self.walk():
            for name, size in layer.shapes(shape).items():
                expected[f"{position}.{name}"] = size
                if isinstance(layer, Recurrent) and name.endswith("bias"):
                    expected[f"{position}.{name.replace('bias', 'recurrent_bias')}"] = size
        for name, size in expected.items():
            if name not in self.weights and not name.endswith("bias"):
                raise UserError(f"{self.source}: the tensor {name} is missing; its shape would be {size}")
        for name, value in self.weights.items():
            if name not in expected:
                raise UserError(
                    f"{self.source}: the tensor {name} {value.shape} is surplus; the layers have no such one"
                )
            if value.shape != expected[name]:
                raise UserError(
                    f"{self.source}: the tensor {name} has the shape {value.shape}; expected {expected[name]}"
                )
        check_finite(self.weights, self.source)


def check_finite(tensors: Mapping[str, Array], source: str) -> None:
    """Raise UserError that names the first tensor with NaN or infinity."""
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            place = tuple(int(index) for index in np.argwhere(~np.isfinite(value))[0])
            raise UserError(
                f"{source}: the tensor {name} {value.shape} holds {value[place]} at {list(place)}; expected finite "
                "numbers, as in a checkpoint from before the training diverged"
            )


def walk(layers: tuple[Layer, ...], features: int, window: int) -> Iterator[tuple[int, Layer, Shape]]:
    """As ModelSpec.walk, but a model may end in a sequence. Raises ModelError for a layer that does not fit."""
    shape: Shape = (window, features)
    for position, layer in enumerate(layers):
        if reason := layer.fault() or layer.misfit(shape):
            raise ModelError(f"layer {position} ({layer}): {reason}")
        yield position, layer, shape
        shape = layer.result(shape)


class Description(Settings):
    """The TOML file that says which layers a file of tensors belongs to.

    names: the prefix of the tensors of each layer that has tensors, in the order of the layers, as in ["rnn", "head"].
    last_step: what a bidirectional layer without `sequences` gives: "each direction", the output of each direction
        after its own last step, or "window", the outputs at the last step of the window, `outputs[:, -1]`.
    """

    window: Count
    features: Count
    outputs: Count = 1
    names: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    last_step: Literal["each direction", "window"] | None = None
    model: ModelSettings

    def layers(self, path: Path) -> tuple[Layer, ...]:
        if self.model.stateful:
            raise UserError(
                f"{path}: stateful = true: a written program starts each window with states of zero; remove stateful "
                "to accept that"
            )
        layers = self.model.architecture(self.outputs).layers
        for position, layer in enumerate(layers):
            if isinstance(layer, Recurrent) and layer.cell not in CELLS:
                known = ", ".join(CELLS)
                raise UserError(f"{path}: layer {position}: translate has no cell {layer.cell}; it has {known}")
        return layers


EXAMPLE = ("window = 24", "features = 1", 'model.cell = "gru"', "model.units = 50")  # lines of a TOML file


def read_description(path: Path | None, source: Path) -> Description:
    """The description of the layers of `source`. Raises UserError with an example if there is none."""
    if path is None:
        raise UserError(
            f"{source} has tensors but no layers; describe them in a TOML file and name it with --model, as in "
            f"--model model.toml, with a line for each of: {', '.join(EXAMPLE)}"
        )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--model {path}: there is no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"--model {path}: it is not text; name a TOML file that describes the layers") from None
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise UserError(f"--model {path}: it is no TOML file: {problem}") from None
    if isinstance(tables.get("model"), dict) and "stack" in tables["model"]:
        tables["model"].setdefault("name", path.stem.replace(",", " "))
    return validated(Description, tables, f"{path}:")


def with_last_step(layers: tuple[Layer, ...], description: Description, path: Path | None) -> tuple[Layer, ...]:
    """The layers, with `last_step` applied to bidirectional ones. Raises UserError that asks for it if it matters."""
    result: list[Layer] = []
    for position, layer in enumerate(layers):
        if isinstance(layer, Recurrent) and layer.bidirectional and not layer.sequences:
            if description.last_step is None:
                raise UserError(
                    f"{path}: layer {position} reads in both directions, and its last output may be meant in two ways; "
                    'write last_step = "each direction" (after the last step of each), or last_step = "window" '
                    "(outputs[:, -1])"
                )
            if description.last_step == "window":
                result += [replace(layer, sequences=True), LastStep()]
                continue
        result.append(layer)
    return tuple(result)


def folded(weights: Mapping[str, Array]) -> Array | None:
    """The sum of the two biases of a direction, in float64 because float32 would round it; None without bias."""
    first, second = weights.get("bias"), weights.get("recurrent_bias")
    if first is None or second is None or not second.any():
        return second if first is None else first
    return np.asarray(first.astype(np.float64) + second)


def has_candidate_bias(layer: Recurrent, weights: Mapping[str, Array]) -> bool:
    """Whether a direction of a GRU has a second bias that is not zero in the candidate, where the reset gate scales it.

    The second biases of gates, and of other cells, may be added to the first.
    """
    second = weights.get("recurrent_bias")
    return layer.cell == "gru" and second is not None and bool(second[2 * layer.units :].any())
