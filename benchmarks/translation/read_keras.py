"""A `.keras` file of Keras 3, read without Keras: its JSON text and its HDF5 arrays. Nothing in it is executed.

| Keras                                  | canonical                                                    |
| -------------------------------------- | ------------------------------------------------------------ |
| GRU: gates `z r h`                     | `r z n`: the first two blocks swap                           |
| GRU, `reset_after=True`: bias (2, ...) | `bias` and `recurrent_bias`                                  |
| GRU, `reset_after=False`               | the cell "gru-reset-before"                                  |
| Bidirectional                          | `bidirectional`, weights of `backward_layer` as `backward.`  |
| TimeDistributed(Dense), Dense on steps | `Dense(each_step=True)`                                      |
"""

import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, get_args
from zipfile import BadZipFile, ZipFile

import numpy as np

from backends.layers import Activation, Conv1D, Dense, Dropout, Flatten, Layer, ModelError, Repeat, Shape
from backends.recurrent import Cell, Recurrent, RecurrentActivation
from benchmarks.errors import UserError
from benchmarks.translation.description import Array, Masking, TrainedModel

Config = Mapping[str, Any]
PARTS = ("metadata.json", "config.json", "model.weights.h5")
MAJOR = "3"
CELLS: Mapping[str, Cell] = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}
# The name of a layer's group in the file of weights, before a number for each further layer of the class.
GROUPS = {
    "SimpleRNN": "simple_rnn",
    "TimeDistributed": "time_distributed",
    "RepeatVector": "repeat_vector",
}
LAYERS = (
    *CELLS,
    *("Bidirectional", "Dense", "TimeDistributed", "Conv1D", "Dropout", "Flatten", "RepeatVector", "Masking"),
)
# Settings without effect on predictions.
FREE = {
    *(
        "name",
        "trainable",
        "dtype",
        "seed",
        "unroll",
        "noise_shape",
        "input_axes",
        "unit_forget_bias",
        "implementation",
    ),
    *("use_cudnn", "data_format", "batch_input_shape", "batch_shape"),
    *(
        f"{part}_{kind}"
        for part in ("kernel", "recurrent", "bias", "activity")
        for kind in ("initializer", "regularizer")
    ),
    *(f"{part}_constraint" for part in ("kernel", "recurrent", "bias")),
}
# Settings that must have this value if they are there; all others must be false or absent.
FIXED: Mapping[str, object] = {
    "recurrent_activation": "sigmoid",
    "padding": "same",
    "strides": 1,
    "dilation_rate": 1,
    "groups": 1,
    "merge_mode": "concat",
    "data_format": "channels_last",
}
REMEDIES = {
    "padding": "translate has convolutions with padding='same'",
    "stateful": "the state between batches would be lost",
}


def read(path: Path) -> TrainedModel:
    """The model in the file. Raises UserError with one sentence for anything that cannot be translated."""
    config, arrays = _parts(path)
    try:
        return _read(path, config, arrays)
    except (UserError, ModelError):
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path} is damaged: its config.json does not describe layers as Keras does") from None


def _read(path: Path, config: Config, arrays: dict[str, Array]) -> TrainedModel:
    if config.get("class_name") != "Sequential" or not isinstance(config.get("config"), dict) or not _of_keras(config):
        raise UserError(f"{path} holds a {config.get('class_name')} model; translate reads keras.Sequential")
    entries = config["config"].get("layers")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path} is damaged: config.json lists no layers")
    window, features = _input(path, config["config"], entries)
    layers: list[Layer] = []
    weights: dict[str, Array] = {}
    groups: Counter[str] = Counter()
    shape: Shape = (window or 24, features)
    for entry in entries:
        kind = str(entry.get("class_name"))
        if kind == "InputLayer" and _of_keras(entry):
            continue
        reader = _Reader(path, entry, shape)
        layer = reader.layer()
        if reason := layer.fault() or layer.misfit(shape):
            raise UserError(f"{path}: {reader.label}: {reason}")
        group = GROUPS.get(kind, kind.lower())
        groups[group] += 1
        group += f"_{groups[group] - 1}" if groups[group] > 1 else ""
        taken = reader.weights(layer, {name: arrays.pop(name) for name in list(arrays) if name.split("/")[1] == group})
        weights |= {f"{len(layers)}.{name}": value for name, value in taken.items()}
        layers.append(layer)
        shape = layer.result(shape)
    if arrays:
        name, value = next(iter(arrays.items()))
        raise UserError(f"{path}: the tensor {name} {value.shape} is surplus; no layer of config.json has it")
    if not layers:
        raise UserError(f"{path} holds a model without layers")
    model = TrainedModel(tuple(layers), features, window, weights, str(path))
    model.check()
    return model


def _parts(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """The configuration of the model, and its arrays by their paths in the file of weights."""
    try:
        with ZipFile(path) as archive:
            missing = [part for part in PARTS if part not in archive.namelist()]
            if missing:
                raise UserError(f"{path} is no file of Keras 3: it lacks {missing[0]}")
            facts, config, stored = (archive.read(part) for part in PARTS)
        version = str(json.loads(facts).get("keras_version"))
        parsed = json.loads(config)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (BadZipFile, EOFError, ValueError, AttributeError, RuntimeError) as problem:
        if isinstance(problem, UserError):
            raise
        raise UserError(
            f"{path} is truncated or no .keras file; save the model again: model.save('model.keras')"
        ) from None
    if version.split(".")[0] != MAJOR:
        installed = metadata.version("keras")
        raise UserError(f"{path} was written by Keras {version}; translate reads files of Keras 3 up to {installed}")
    if not isinstance(parsed, dict):
        raise UserError(f"{path} is damaged: config.json holds no model")
    return parsed, _arrays(path, stored)


def _arrays(path: Path, stored: bytes) -> dict[str, Array]:
    """The arrays of the layers, such as `layers/lstm/cell/vars/0`, without the states of random generators."""
    import h5py

    arrays: dict[str, Array] = {}

    def visit(name: str, entry: object) -> None:
        if isinstance(entry, h5py.Dataset) and name.startswith("layers/") and "seed_generator" not in name:
            arrays[name] = np.asarray(entry)

    try:
        with h5py.File(io.BytesIO(stored), "r") as file:
            file.visititems(visit)
    except (OSError, RuntimeError, ValueError, KeyError):
        raise UserError(f"{path} is damaged: its model.weights.h5 is truncated or no HDF5 file") from None
    return arrays


def _input(path: Path, config: Config, entries: list[Config]) -> tuple[int | None, int]:
    """The window, or None for any length, and the number of features."""
    shape = config.get("build_input_shape")
    if entries and entries[0].get("class_name") == "InputLayer":
        shape = entries[0].get("config", {}).get("batch_shape", shape)
    if not isinstance(shape, list) or len(shape) != 3 or not isinstance(shape[2], int):
        raise UserError(f"{path}: the input has the shape {shape}; expected windows (None, steps, features)")
    return shape[1], shape[2]


def _of_keras(entry: Config) -> bool:
    """Whether an object is Keras's own. To load any other, Keras would import a module that the file names."""
    return str(entry.get("module", "keras")).split(".")[0] == "keras" and not entry.get("registered_name")


@dataclass(frozen=True)
class _Reader:
    """One entry of the list of layers."""

    path: Path
    entry: Config
    shape: Shape  # of the layer's input

    @property
    def config(self) -> Config:
        config = self.entry.get("config")
        return config if isinstance(config, dict) else {}

    @property
    def kind(self) -> str:
        return str(self.entry.get("class_name"))

    @property
    def label(self) -> str:
        return f"layer {self.config.get('name')} ({self.kind})"

    def error(self, reason: str) -> UserError:
        return UserError(f"{self.path}: {self.label}: {reason}")

    def layer(self) -> Layer:
        """The layer in the vocabulary. Raises UserError for a class, a setting or an activation outside of it."""
        if self.kind not in LAYERS or not _of_keras(self.entry):
            raise self.error(f"translate has no such layer; it has {', '.join(LAYERS)}")
        config = dict(self.config)
        self._check_type(config.get("dtype"))
        match self.kind:
            case "Bidirectional":
                return self._bidirectional(config)
            case "TimeDistributed":
                inner = self._inner(config.pop("layer"))
                self._check_rest(config)
                if inner.kind != "Dense":
                    raise self.error(f"it wraps {inner.kind}; translate has TimeDistributed(Dense)")
                return inner.layer()
            case "Dense":
                layer: Layer = Dense(config.pop("units"), self._activation(config, Activation), len(self.shape) == 2)
                config.pop("use_bias")
            case "Conv1D":
                width = config.pop("kernel_size")
                layer = Conv1D(config.pop("filters"), width[0], self._activation(config, Activation))
                config.pop("use_bias")
            case "Dropout":
                layer = Dropout(config.pop("rate"))
            case "Flatten":
                layer = Flatten()
            case "RepeatVector":
                layer = Repeat(config.pop("n"))
            case "Masking":
                layer = Masking(float(config.pop("mask_value")))
            case _:
                layer = self._recurrent(config)
        self._check_rest(config)
        return layer

    def _inner(self, entry: Config) -> "_Reader":
        return _Reader(self.path, entry, self.shape)

    def _bidirectional(self, config: dict[str, Any]) -> Layer:
        sides = [self._inner(config.pop(name)) for name in ("layer", "backward_layer")]
        self._check_rest(config)
        settings = []
        for side, backwards in zip(sides, (False, True), strict=True):
            if side.kind not in CELLS or not _of_keras(side.entry):
                raise self.error(f"it wraps {side.kind}; translate has Bidirectional of {', '.join(CELLS)}")
            inner = dict(side.config)
            if inner.pop("go_backwards", False) != backwards:
                raise self.error("its directions are reversed; translate reads the first one forwards")
            inner["zero_output_for_mask"] = False  # Keras sets it in both directions
            settings.append(side._recurrent(inner))
            side._check_rest(inner)
        if settings[0] != settings[1]:
            raise self.error("its two directions have different settings; translate has equal ones")
        forward = settings[0]
        return Recurrent(**vars(forward) | {"bidirectional": True})

    def _recurrent(self, config: dict[str, Any]) -> Recurrent:
        cell = CELLS[self.kind]
        if not config.pop("reset_after", True):
            cell = "gru-reset-before"
        config.pop("use_bias")
        return Recurrent(
            cell,
            config.pop("units"),
            sequences=config.pop("return_sequences"),
            dropout=config.pop("dropout"),
            recurrent_dropout=config.pop("recurrent_dropout"),
            activation=self._activation(config, RecurrentActivation),
        )

    def _activation(self, config: dict[str, Any], known: object) -> Any:  # noqa: ANN401
        activation = config.pop("activation")
        if activation not in get_args(known):
            name = activation.get("class_name", activation) if isinstance(activation, dict) else activation
            name = activation["config"] if name == "function" and isinstance(activation, dict) else name
            raise self.error(f"translate has no activation {name!r} here; it has {', '.join(get_args(known))}")
        return activation

    def _check_type(self, policy: object) -> None:
        """Computation in half precision cannot be compared within the bounds."""
        name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
        if name not in ("float32", "float64", None):
            raise self.error(f"it computes in {name}; translate has float32 and float64")

    def _check_rest(self, config: Config) -> None:
        """No further setting may change what the layer computes. Unknown ones, of newer versions, must be unset."""
        for name, value in config.items():
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            if name in FREE or value in (None, False) or (name in FIXED and value == FIXED[name]):
                continue
            expected = f"{name} = {FIXED[name]!r}" if name in FIXED else f"{name} unset"
            remedy = REMEDIES.get(name, f"translate has {expected}")
            raise self.error(f"{name} is {value!r}; {remedy}")

    def weights(self, layer: Layer, arrays: dict[str, Array]) -> dict[str, Array]:
        """The layer's weights by canonical name, from its arrays by their paths in the file. Empties `arrays`."""
        directions = layer.directions if isinstance(layer, Recurrent) else ("",)
        result: dict[str, Array] = {}
        for direction in directions:
            config, place = self.config, "vars"
            if isinstance(layer, Recurrent):
                place = "cell/vars"
                if layer.bidirectional:
                    side = "backward_layer" if direction else "forward_layer"
                    place, config = f"{side}/{place}", config["layer"]["config"]
            elif self.kind == "TimeDistributed":
                place, config = "layer/vars", config["layer"]["config"]
            wanted = self._shapes(layer, config)
            for number, (name, shape) in enumerate(wanted.items()):
                path = next((key for key in arrays if key.split("/", 2)[2] == f"{place}/{number}"), None)
                if path is None:
                    raise self.error(f"the tensor {direction}{name} ({place}/{number}) is missing; expected {shape}")
                value = arrays.pop(path)
                if value.shape != shape:
                    raise self.error(f"the tensor {direction}{name} has the shape {value.shape}; expected {shape}")
                result |= {direction + key: part for key, part in _canonical(layer, name, value).items()}
        for name, value in arrays.items():
            raise self.error(f"the tensor {name} {value.shape} is surplus; the layer has no such tensor")
        return result

    def _shapes(self, layer: Layer, config: Config) -> dict[str, Shape]:
        """Shapes of the arrays in Keras's layout, in the order of the file."""
        shapes = layer.shapes(self.shape)
        wanted: dict[str, Shape] = {name: shapes[name] for name in ("kernel", "recurrent_kernel") if name in shapes}
        if "bias" in shapes and config.get("use_bias"):
            rows = isinstance(layer, Recurrent) and layer.cell == "gru"
            wanted["bias"] = (2, *shapes["bias"]) if rows else shapes["bias"]
        return wanted


def _canonical(layer: Layer, name: str, value: Array) -> dict[str, Array]:
    if isinstance(layer, Recurrent) and layer.cell.startswith("gru"):
        value = swapped(value)
        if value.ndim == 2 and name == "bias":
            return {"bias": value[0], "recurrent_bias": value[1]}
    return {name: value}


def swapped(value: Array) -> Array:
    """The gates of a GRU from `z r h` to `r z n`, or back."""
    first, second, candidate = np.split(value, 3, axis=-1)
    return np.concatenate([second, first, candidate], axis=-1)
