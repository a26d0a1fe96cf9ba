"""`translate FILE --to FRAMEWORK`: write a trained model for another framework, and prove that both are equal."""

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np

import datasets
from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import emit, short, table
from benchmarks.definition.validation import validated
from benchmarks.errors import UserError, name_hint
from benchmarks.translation import translate
from benchmarks.translation.description import TITLES, Array, Framework, TrainedModel

NAME = "translate"
MOST = 1000  # windows of a file that are compared


def add(subparsers: Subparsers) -> None:
    summary = "write a trained model for another framework, and prove that both predict the same"
    groups = options.command(
        subparsers,
        NAME,
        execute,
        summary,
        "translate model.keras --to pytorch",
        what="what to translate",
        results=False,
        json="print the result as one JSON object",
    )
    known = ", ".join(translate.SOURCES)
    groups.what.add_argument("file", metavar="FILE", type=Path, help=f"a trained model: {known}")
    groups.what.add_argument("--to", metavar="FRAMEWORK", required=True, help="pytorch, keras or flax")
    text = "a TOML file that describes the layers; all files except .keras need it"
    groups.what.add_argument("--model", metavar="TOML", type=Path, help=text)
    groups.what.add_argument("--key", metavar="NAME", help="the state dict to read, if a .pt file has several")
    proof = groups.parser.add_argument_group("windows to compare, besides random ones")
    proof.add_argument("--windows", metavar="NPY", type=Path, help="a NumPy file of windows (N, T, F)")
    proof.add_argument("--csv", metavar="FILE", help="a table; its values are cut into windows as they are, unscaled")
    options.add_columns(proof)
    folder = "the folder to write, which must not exist (default: the file's name with the framework's)"
    groups.where.add_argument("--output", metavar="FOLDER", type=Path, help=folder)


def execute(arguments: argparse.Namespace) -> int:
    if arguments.to not in TITLES:
        raise UserError(f"--to {arguments.to}: there is no such framework; {name_hint(TITLES, arguments.to)}")
    to = cast(Framework, arguments.to)
    path = arguments.file.expanduser()
    folder = (arguments.output or Path(f"{path.stem}-{to}")).expanduser()
    if folder.exists():
        raise UserError(f"{folder} exists; name another folder with --output, or remove it")
    origin, model = translate.read(path, arguments.model, arguments.key)
    if origin == to:
        raise UserError(f"{path} is a model of {TITLES[to]}; write another framework with --to")
    result = translate.translate(origin, path, model, to, folder, _windows(arguments, model))
    if arguments.json:
        facts = [
            asdict(entry)
            | {"bound": entry.bound, "equal": entry.good}
            | ({} if math.isfinite(entry.difference) else {"difference": str(entry.difference)})
            for entry in result.comparisons
        ]
        emit("translated", files=list(map(str, result.files)), original=result.original, comparisons=facts)
    else:
        print(_described(result, to, path))
    return 0 if result.good else 1


def _described(result: translate.Translation, to: Framework, path: Path) -> str:
    rows = [
        (
            entry.windows,
            f"{entry.count:,}",
            entry.dtype,
            f"{entry.difference:.1e}",
            f"{entry.bound:.0e}",
            "yes" if entry.good else "NO",
        )
        for entry in result.comparisons
    ]
    heads = ("windows", "number", "precision", "largest difference", "bound", "equal")
    numbers = ("number", "largest difference", "bound")
    end = "\n".join(map(short, result.files)) or "The forecasts differ, so no file was written."
    return (
        f"Forecasts of {path.name} by {result.original} and by the written program in {TITLES[to]}: the largest "
        f"differences, relative to the largest forecast.\n\n{table(heads, rows, numbers=numbers)}\n\n{end}"
    )


def _windows(arguments: argparse.Namespace, model: TrainedModel) -> dict[str, Array]:
    """The given windows by the name of their file."""
    result: dict[str, Array] = {}
    if arguments.windows is not None:
        result[arguments.windows.name] = _from_numpy(arguments.windows, model)
    if arguments.csv is not None:
        result[Path(arguments.csv).name] = _from_table(arguments, model)
    return result


def _from_numpy(path: Path, model: TrainedModel) -> Array:
    try:
        windows = np.load(path.expanduser(), allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"--windows {path}: there is no such file") from None
    except (OSError, ValueError, EOFError):
        raise UserError(f"--windows {path}: it is no NumPy file of numbers; write it with numpy.save") from None
    expected = f"(N, {model.window or 'T'}, {model.features})"
    shape: tuple[int, ...] = getattr(windows, "shape", ())
    if len(shape) != 3 or not len(windows) or shape[2] != model.features or model.window not in (None, shape[1]):
        raise UserError(f"--windows {path}: its shape is {shape}; expected {expected}")
    if windows.dtype.kind not in "fiu" or not np.isfinite(windows).all():
        raise UserError(f"--windows {path}: it holds values that are no finite numbers; expected windows {expected}")
    return np.asarray(windows[:MOST], np.float64)


def _from_table(arguments: argparse.Namespace, model: TrainedModel) -> Array:
    if arguments.target is None:
        raise UserError("--csv needs --target, the column of the windows, as in --csv sales.csv --target units")
    data = options.file_data(arguments, arguments.csv, options.RESULTS)
    series = datasets.read(validated(datasets.DataSpec, data, "translate:"))
    if len(series.columns) != model.features:
        raise UserError(
            f"--csv {arguments.csv}: it gives the columns {', '.join(series.columns)}, but the model has "
            f"{model.features} features; name columns with --target and --features"
        )
    if series.rows < model.steps:
        raise UserError(f"--csv {arguments.csv}: it has {series.rows} rows; a window needs {model.steps}")
    cut = np.lib.stride_tricks.sliding_window_view(series.values, model.steps, axis=0)
    return np.ascontiguousarray(np.moveaxis(cut, -1, 1)[-MOST:])
