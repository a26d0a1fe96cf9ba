"""Runs framework code in an interpreter of its own: `python -I isolated.py JOB`, without this suite on its path.

JOB is a JSON file with the name of a task, below, and its arguments. A mistake in a file of the user is one sentence on
standard output and the exit status 3. Reading a file of tensors executes nothing that the file brings.
"""

import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import numpy as np

Array = np.ndarray
MISTAKE = 3  # exit status
PREFIX = "error: "
SAVE = "save the tensors alone: torch.save(model.state_dict(), 'model.pt')"
TRAINING = (
    "_initializer",
    "_regularizer",
    "_constraint",
    "seed",
    "compile_config",
)  # endings of keys in Keras's JSON text


class FileError(ValueError):
    """A mistake in a file of the user, as one sentence."""


def save(path: str, arrays: Mapping[str, Array]) -> None:
    """Store arrays in their order, with names of any characters."""
    numbered = {f"a{number}": value for number, value in enumerate(arrays.values())}
    np.savez(path, names=np.array(list(arrays), dtype=np.str_), **numbered)  # type: ignore[arg-type]


def restore(path: str) -> dict[str, Array]:
    """The arrays that `save` stored."""
    with np.load(path, allow_pickle=False) as stored:
        return {str(name): stored[f"a{number}"] for number, name in enumerate(stored["names"])}


def read_pytorch(path: str, key: str | None, to: str) -> None:
    """Store the tensors of a state dict, .pt or .safetensors. key: the entry of a .pt that holds it, of several."""
    import pickle

    import torch
    from safetensors.torch import load_file

    try:
        if path.lower().endswith(".safetensors"):
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise FileError(f"{path} holds Python objects, which translate never executes; {SAVE}") from None
    except Exception as problem:
        kind = "is truncated or no file of PyTorch tensors"
        if "TorchScript" in str(problem):
            kind = "holds a TorchScript program, which translate never executes"
        elif "version" in str(problem):
            kind = f"is of another version than PyTorch {torch.__version__} reads"
        raise FileError(f"{path} {kind}; {SAVE}") from None
    save(to, {name: _numpy(name, value, path) for name, value in _state(content, key, path).items()})


def _state(content: Any, key: str | None, path: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise FileError(f"{path} holds a {type(content).__name__}, not a state dict; {SAVE}")
    nested = [str(name) for name, value in content.items() if isinstance(value, dict) and _has_tensors(value)]
    if key is not None:
        if key not in nested:
            advice = f"--key may be one of {', '.join(nested)}" if nested else "remove --key"
            raise FileError(f"{path} has no state dict {key!r}; {advice}")
        return dict(content[key])
    if _has_tensors(content):
        return content
    if len(nested) > 1:
        raise FileError(f"{path} holds several state dicts: {', '.join(nested)}; choose one with --key {nested[0]}")
    if not nested:
        raise FileError(f"{path} holds no tensors; {SAVE}")
    return dict(content[nested[0]])


def _has_tensors(values: dict[Any, Any]) -> bool:
    return bool(values) and all(hasattr(value, "detach") for value in values.values())


def _numpy(name: str, value: Any, path: str) -> Array:
    """float32 or float64 as it is; float32 from shorter formats, which it holds exactly."""
    import torch

    if not value.is_floating_point():
        raise FileError(
            f"{path}: the tensor {name} {tuple(value.shape)} holds {value.dtype}; expected float32 or float64"
        )
    exact = value if value.dtype in (torch.float32, torch.float64) else value.float()
    return np.asarray(exact.detach())


def read_flax(path: str, to: str) -> None:
    """Store the tensors of a nested dictionary that `flax.serialization` wrote, without the states of dropout."""
    from flax import serialization

    try:
        content = serialization.msgpack_restore(Path(path).read_bytes())
    except Exception:
        raise FileError(
            f"{path} is truncated or not written by Flax; save the state of the model again: "
            "serialization.msgpack_serialize(nnx.to_pure_dict(nnx.state(model, nnx.Param)))"
        ) from None
    if not isinstance(content, dict):
        raise FileError(f"{path} holds a {type(content).__name__}; expected the state of a model, a dictionary")
    arrays: dict[str, Array] = {}
    pending = list(content.items())
    while pending:
        name, value = pending.pop(0)
        if isinstance(value, dict):
            pending = [(f"{name}.{key}", entry) for key, entry in value.items()] + pending
        elif "rngs" not in str(name).split("."):
            array = np.asarray(value)
            if array.dtype.kind not in "f" and "float" not in array.dtype.name:
                raise FileError(f"{path}: the tensor {name} {array.shape} holds {array.dtype}; expected floats")
            arrays[str(name)] = array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
    save(to, arrays)


def store(framework: str, program: str, tensors: str, to: str) -> None:
    """Write the weights of the model in `program` in the format of its framework."""
    {"pytorch": _store_pytorch, "keras": _store_keras, "flax": _store_flax}[framework](program, restore(tensors), to)


def _store_pytorch(program: str, arrays: dict[str, Array], to: str) -> None:
    import torch

    torch.save({name: torch.tensor(value) for name, value in arrays.items()}, to)


def _store_keras(program: str, arrays: dict[str, Array], to: str) -> None:
    import keras

    widest = str(np.result_type(np.float32, *arrays.values()))
    keras.config.set_floatx(widest)
    keras.config.set_dtype_policy(widest)
    model = _module(program).build()
    for place in dict.fromkeys(name.rpartition(".")[0] for name in arrays):
        position, *sides = place.split(".")
        layer = reduce(getattr, sides, model.layers[int(position)])
        values = [value for name, value in arrays.items() if name.rpartition(".")[0] == place]
        layer.set_weights(values)
    model.save_weights(to)


def _store_flax(program: str, arrays: dict[str, Array], to: str) -> None:
    from flax import serialization

    state: dict[str, Any] = {}
    for name, value in arrays.items():
        *places, last = name.split(".")
        inner = reduce(lambda inside, place: inside.setdefault(place, {}), places, state)
        inner[last] = np.ascontiguousarray(value)
    Path(to).write_bytes(serialization.msgpack_serialize(state))


def predict(program: str, windows: str, to: str) -> None:
    """Store the forecasts of a written program for all windows, in float64 and in float32."""
    module = _module(program)
    outputs = {}
    for dtype in ("float64", "float32"):
        model = module.load(module.torch.__dict__[dtype] if hasattr(module, "torch") else dtype)
        for name, x in restore(windows).items():
            outputs[f"{name} {dtype}"] = module.predict(model, x.astype(dtype))
    save(to, outputs)


def predict_keras(path: str, windows: str, to: str) -> None:
    """Store the forecasts of a .keras file, loaded by Keras.

    The JSON text gets the other type for each precision, and loses all that serves training, so that it names no
    object but the layers.
    """
    import keras

    outputs = {}
    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        with ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            config = _for_prediction(json.loads(archive.read("config.json")), dtype)
            try:
                model = keras.models.model_from_json(json.dumps(config))
                model.load_weights(archive.extract("model.weights.h5", folder))
            except Exception as problem:
                first = (str(problem).strip().splitlines() or [""])[0][:200]
                raise FileError(f"{path}: Keras {keras.__version__} cannot load it: {first}") from None
        for name, x in restore(windows).items():
            forecasts = model(x.astype(dtype), training=False)
            outputs[f"{name} {dtype}"] = np.asarray(keras.ops.convert_to_numpy(forecasts))
    save(to, outputs)


def _for_prediction(config: Any, dtype: str) -> Any:
    if isinstance(config, list):
        return [_for_prediction(value, dtype) for value in config]
    if not isinstance(config, dict):
        return config
    kept = {key: value for key, value in config.items() if not key.endswith(TRAINING)}
    return {key: dtype if key == "dtype" else _for_prediction(value, dtype) for key, value in kept.items()}


def _module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("translated_model", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TASKS: dict[str, Callable[..., None]] = {
    function.__name__: function for function in (read_pytorch, read_flax, store, predict, predict_keras)
}


def main(job: str) -> int:
    arguments = json.loads(Path(job).read_text(encoding="utf-8"))
    for task in arguments:
        try:
            TASKS[task.pop("task")](**task)
        except FileError as mistake:
            sys.stdout.write(f"{PREFIX}{mistake}\n")
            return MISTAKE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
