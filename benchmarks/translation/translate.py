"""Reads a trained model, writes it for another framework, and proves that both predict the same.

Everything is written to a temporary folder beside the final one, which gets its name when the proof holds.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from backends.model import ModelSpec
from backends.recurrent import Recurrent
from backends.reference.network import Network, load_weights
from benchmarks.errors import UserError
from benchmarks.translation import (
    isolated,
    read_flax,
    read_keras,
    read_pytorch,
    tensors,
    write_flax,
    write_keras,
    write_pytorch,
)
from benchmarks.translation.description import (
    TITLES,
    Array,
    Framework,
    Masking,
    TrainedModel,
    check_finite,
    folded,
    has_candidate_bias,
    read_description,
)
from benchmarks.worker import checkpoints
from benchmarks.worker.certification import difference

WRITERS: Mapping[str, ModuleType] = {"pytorch": write_pytorch, "keras": write_keras, "flax": write_flax}
DIALECTS = {"pytorch": read_pytorch.DIALECT, "flax": read_flax.DIALECT}
SOURCES: Mapping[str, str] = {
    ".keras": "keras",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".safetensors": "pytorch",
    ".msgpack": "flax",
    ".npz": "reference",
}
BOUNDS = {"float64": 1e-12, "float32": 1e-5}
RANDOM = "random"  # the name of the random windows
COUNT = 64  # of them
PROGRAM = "model.py"


@dataclass(frozen=True)
class Comparison:
    """The largest difference of the forecasts for some windows, relative to the largest magnitude of the original."""

    windows: str
    count: int
    dtype: str
    difference: float

    @property
    def bound(self) -> float:
        return BOUNDS[self.dtype]

    @property
    def good(self) -> bool:
        return self.difference <= self.bound


@dataclass(frozen=True)
class Translation:
    """The files that were written, and the proof. Without proof there are no files."""

    files: tuple[Path, ...]
    original: str  # the program that gave the forecasts of the original
    comparisons: tuple[Comparison, ...]

    @property
    def good(self) -> bool:
        return all(comparison.good for comparison in self.comparisons)


def read(path: Path, described: Path | None, key: str | None) -> tuple[str, TrainedModel]:
    """The framework of a file, or "reference" for .npz, and the model in it. Raises UserError for any other file."""
    origin = SOURCES.get(path.suffix.lower())
    if origin is None:
        hdf5 = path.suffix.lower() in (".h5", ".hdf5")
        extra = "; save the whole model in Keras 3: model.save('model.keras')" if hdf5 else ""
        raise UserError(f"{path}: translate reads {', '.join(SOURCES)}{extra}")
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    if key is not None and path.suffix.lower() not in (".pt", ".pth"):
        raise UserError(f"--key {key}: only a .pt file may hold several state dicts; remove --key")
    if origin == "keras":
        if described is not None:
            raise UserError(f"--model {described}: {path} describes its layers itself; remove --model")
        return origin, read_keras.read(path)
    description = read_description(described, path)
    assert described is not None
    if origin == "reference":
        return origin, _read_npz(path, description.layers(described), description.features, description.window)
    arrays = _read_tensors(path, origin, key)
    return origin, tensors.read(arrays, DIALECTS[origin], description, path, described)


def _read_npz(path: Path, layers: tuple[Any, ...], features: int, window: int) -> TrainedModel:
    """The weights of an .npz file that `export --weights` or a run has written."""
    try:
        weights = checkpoints.weights_from_bytes(path.read_bytes())
    except ValueError:
        raise UserError(f"{path} is truncated or no .npz file of weights; write it with export --weights") from None
    for name, value in weights.items():
        if value.dtype not in (np.float32, np.float64):
            raise UserError(f"{path}: the tensor {name} {value.shape} holds {value.dtype}; expected float32 or float64")
    check_finite(weights, str(path))
    model = TrainedModel(layers, features, window, weights, str(path))
    model.check()
    return model


def _read_tensors(path: Path, origin: str, key: str | None) -> dict[str, Array]:
    with tempfile.TemporaryDirectory(prefix="like-for-like-") as folder:
        to = str(Path(folder) / "tensors.npz")
        task = {"task": f"read_{origin}", "path": str(path), "to": to}
        run([task | ({"key": key} if origin == "pytorch" else {})])
        return isolated.restore(to)


def translate(
    origin: str, path: Path, model: TrainedModel, to: Framework, folder: Path, windows: Mapping[str, Array]
) -> Translation:
    """Write the model for the framework `to` into `folder`, which does not exist yet, if the proof holds.

    windows: given windows (N, T, F) by their name; random ones are added. Raises UserError if nothing can be proven.
    """
    steps = model.steps if not windows else next(iter(windows.values())).shape[1]
    noise = np.random.default_rng(0).normal(size=(COUNT, steps, model.features))
    if model.masked:
        noise = _padded(noise, model)
    inputs = {RANDOM: noise, **windows}
    if not folder.parent.is_dir():
        raise UserError(
            f"{folder}: the folder {folder.parent} does not exist; create it, or name another with --output"
        )
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); name another folder with --output") from None
    try:
        result = temporary / "result"
        isolated.save(str(temporary / "windows.npz"), inputs)
        with ThreadPoolExecutor() as pool:  # both wait for processes
            writing = pool.submit(_written, to, model, result)
            original, expected = _original(origin, path, model, to, inputs, temporary)
            forecasts = writing.result()
        comparisons = tuple(
            Comparison(name, len(x), dtype, difference(forecasts[f"{name} {dtype}"], expected[f"{name} {dtype}"]))
            for name, x in inputs.items()
            for dtype in BOUNDS
        )
        _check_variation(expected)
        files: tuple[Path, ...] = ()
        if all(comparison.good for comparison in comparisons):
            os.chmod(result, 0o777 & ~_umask())
            os.rename(result, folder)
            files = tuple(folder / file for file in (PROGRAM, WRITERS[to].WEIGHTS))
        return Translation(files, original, comparisons)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0o077)  # for this moment; files of other threads must not be open to all
    os.umask(mask)
    return mask


def _padded(noise: Array, model: TrainedModel) -> Array:
    """Windows with steps of padding: none in the first, some at the end, at the start and in between in the others."""
    value = next(layer.value for layer in model.layers if isinstance(layer, Masking))
    real = np.random.default_rng(1).random(noise.shape[:2]) < np.linspace(1, 0.3, len(noise))[:, None]
    real[:, 0] = True
    return np.where(real[..., None], noise, value)


def _written(to: str, model: TrainedModel, folder: Path) -> dict[str, Array]:
    """Write program and weights into the new folder, and return the program's forecasts."""
    writer, inside = WRITERS[to], folder.parent
    folder.mkdir()
    (folder / PROGRAM).write_text(writer.source(model), encoding="utf-8")
    isolated.save(str(inside / f"{to}.npz"), writer.tensors(model))
    program, forecasts = str(folder / PROGRAM), str(inside / f"{to}-forecasts.npz")
    run(
        [
            {
                "task": "store",
                "framework": to,
                "program": program,
                "tensors": str(inside / f"{to}.npz"),
                "to": str(folder / writer.WEIGHTS),
            },
            {"task": "predict", "program": program, "windows": str(inside / "windows.npz"), "to": forecasts},
        ]
    )
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    return isolated.restore(forecasts)


def _original(
    origin: str, path: Path, model: TrainedModel, to: str, inputs: Mapping[str, Array], folder: Path
) -> tuple[str, dict[str, Array]]:
    """The program that stands for the original, and its forecasts in both types."""
    if origin == "keras":
        forecasts = folder / "original.npz"
        windows = str(folder / "windows.npz")
        run([{"task": "predict_keras", "path": str(path.resolve()), "windows": windows, "to": str(forecasts)}])
        return "Keras", isolated.restore(str(forecasts))
    if origin == "reference":
        if (forecasts_by_name := _reference(model, inputs)) is not None:
            return "the reference implementation", forecasts_by_name
        origin = "keras" if to == "pytorch" else "pytorch"
        return f"{TITLES[origin]}'s own layers", _written(origin, model, folder / "original")
    return TITLES[origin], _written(origin, model, folder / "original")


def _reference(model: TrainedModel, inputs: Mapping[str, Array]) -> dict[str, Array] | None:
    """The forecasts of the reference implementation, in float64 for both types; None if it cannot have the biases.

    It has one bias, the sum of two, and so no GRU whose second bias is not zero in the candidate.
    """
    spec = ModelSpec(model.layers)
    weights = {name: np.zeros(size) for name, size in spec.shapes(model.features, model.steps).items()}
    weights |= {name: np.asarray(value, np.float64) for name, value in model.weights.items()}
    recurrent = [(position, layer) for position, layer in enumerate(model.layers) if isinstance(layer, Recurrent)]
    for position, layer in recurrent:
        for direction in layer.directions:
            named = model.of(position, direction)
            if has_candidate_bias(layer, named):
                return None
            total = folded(named)
            weights[f"{position}.{direction}bias"] += 0 if total is None else total - named.get("bias", 0)
    network = Network(spec, model.features, model.steps, "float64", 0, native=False)
    load_weights(network, weights)
    forecasts = {name: network(x, {}, {}, training=False)[0] for name, x in inputs.items()}
    return {f"{name} {dtype}": value for name, value in forecasts.items() for dtype in BOUNDS}


def _check_variation(expected: Mapping[str, Array]) -> None:
    """Equal forecasts for all windows would prove nothing."""
    if all(np.ptp(value, axis=0).max() == 0 for value in expected.values()):
        raise UserError(
            "the original forecasts the same for all windows, which proves nothing; give windows that it has learned "
            "with --windows windows.npy"
        )


def run(tasks: list[dict[str, Any]]) -> None:
    """Run tasks of isolated.py, one after the other in a new process on the CPU. Raises UserError for its mistakes."""
    settings = {
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": os.devnull,
        "JAX_ENABLE_X64": "1",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with tempfile.TemporaryDirectory(prefix="like-for-like-") as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps(tasks), encoding="utf-8")
        command = [sys.executable, "-I", "-B", isolated.__file__, str(job)]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
    if done.returncode == isolated.MISTAKE:
        raise UserError(done.stdout.strip().splitlines()[-1].removeprefix(isolated.PREFIX))
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing"]
        last = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)] or lines
        raise UserError(
            f"the process that ran the framework ended with status {done.returncode}; its last output: {last[-1][:300]}"
        )
