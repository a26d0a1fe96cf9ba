"""`data`: the series that benchmarks can use. List and download them, print their facts, draw a picture."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import datasets
from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import command_line, short, table
from benchmarks.definition import loading
from benchmarks.definition.validation import validated
from benchmarks.errors import UserError, error_line
from datasets import DataError, Series, Split, split
from datasets.series import longest_gap
from datasets.spec import counted

NAME = "data"
EARLIEST = np.datetime64("0002-01-01")  # Matplotlib draws no date before the year 1, nor the margin before it
MOST_DRAWN = 20  # series of one file
COLOURS = {"train": "#3b6ea5", "validation": "#c98a1b", "test": "#b13f3f"}


def add(subparsers: Subparsers) -> None:
    what = "which series"
    summary = "list, download and show the series"
    groups = options.command(subparsers, NAME, list_series, summary, "data show co2", what=what, results=False)
    verbs = groups.parser.add_subparsers(title="verbs; without a verb, the series are listed", metavar="VERB")
    summary = "download a series into the cache"
    fetch = options.command(verbs, "fetch", fetch_series, summary, "data fetch cet", what=what, results=False)
    series = fetch.what.add_mutually_exclusive_group(required=True)
    series.add_argument("name", metavar="NAME", nargs="?", help="a series")
    series.add_argument("--all", action="store_true", help="every series")
    summary = "print the facts of a series, and draw it with its split"
    show = options.command(verbs, "show", show_series, summary, "data show co2", what=what, results=False)
    series = show.what.add_mutually_exclusive_group(required=True)
    series.add_argument("name", metavar="NAME", nargs="?", help="a series, or a file of your own; - for a pipe")
    series.add_argument("--csv", metavar="FILE", help="a file of your own, as in the command run")
    columns = show.parser.add_argument_group("columns of your file (default: what the file suggests)")
    options.add_columns(columns)
    options.add_data_settings(columns)
    folder, text = options.RESULTS / "data", "the folder for the picture (default: results/data)"
    show.where.add_argument("--folder", metavar="FOLDER", type=Path, default=folder, help=text)


def list_series(arguments: argparse.Namespace) -> int:
    """Print a table with a row for each series."""
    rows = []
    for entry in map(datasets.describe, datasets.names()):
        data = "included" if entry.origin.kind == "packaged" else entry.origin.kind
        if data == "downloaded":
            data = "in the cache" if entry.origin.is_cached() else "to download"
        size = f"{entry.rows:,}", str(len(entry.columns))
        rows.append((entry.name, *size, entry.step, entry.unit, data, entry.title))
    heads = ("series", "rows", "columns", "step", "unit", "data", "title")
    print(table(heads, rows, numbers=("rows", "columns")))
    return 0


def fetch_series(arguments: argparse.Namespace) -> int:
    """Download a series that is not in the cache. With --all, a series that fails does not stop the others."""
    if not arguments.all:
        _fetch(arguments.name)
        return 0
    status = 0
    for name in datasets.names():
        try:
            _fetch(name)
        except DataError as mistake:
            print(error_line(mistake, name), file=sys.stderr)
            status = 2
    return status


def _fetch(name: str) -> None:
    path = datasets.describe(name).origin.fetch()
    print(f"{name:<19} {path or 'needs no download'}", flush=True)  # the next download may take minutes


def show_series(arguments: argparse.Namespace) -> int:
    """Print the facts of a series, the rows of each part, and the path of its picture."""
    name, run = arguments.csv or arguments.name, []
    if arguments.csv is None and name in datasets.names():
        typed = next(iter(options.typed(arguments).values()), None)
        if typed is not None:
            raise UserError(f"{typed} is for a file of your own, and {name} is a registered series: leave it out")
        series = datasets.load(name)
        spec = datasets.DataSpec(series=series.name, order="time" if series.temporal else "rows")
    elif arguments.csv is not None or name == "-" or Path(name).expanduser().exists() or Path(name).suffix:
        data = _file_data(arguments, name)
        spec, run = validated(datasets.DataSpec, data, "data show:"), _run_words(data, arguments.settings)
        series = datasets.read(spec)
    else:
        datasets.describe(name)  # raises the error for an unknown name
    parts = split(series, spec)
    for label, text in _facts(series):
        print(f"{label:<10} {text}")
    for name, spans in parts.spans.items():
        print(f"{name:<10} {series.extent(spans)}, {counted(sum(stop - start for start, stop in spans))}")
    print(f"picture    {_draw(series, parts, arguments.folder)}")
    if run:
        print(f"run        {command_line(*run, *_shortened(series, spec, parts))}")
    return 0


def _file_data(arguments: argparse.Namespace, file: str) -> dict[str, Any]:
    """The [data] table for a file: columns that no option names are those that the file suggests."""
    data = options.file_data(arguments, file, options.RESULTS)
    data |= options.data_settings(arguments.settings, "data show")
    if "target" not in data:
        known = {name: value for name, value in data.items() if name != "resample"}  # which needs the column of time
        suggested = datasets.suggested_columns(validated(datasets.DataSpec, known | {"target": "*"}, "data show:"))
        data = {name: value for name, value in suggested.items() if value} | data
    return data


def _run_words(data: dict[str, Any], settings: Sequence[str]) -> list[str]:
    """The command for a run that reads the file in the same way. settings: those of `--set`, as they were typed."""
    typed = {text.partition("=")[0].strip().removeprefix("data.") for text in settings}
    columns = {name: data[name] for name in options.COLUMNS if data.get(name) and name not in typed}
    given = {"csv": short(Path(data["csv"]))} | columns
    words = ["run"]
    for name, value in [*given.items(), *(("set", text) for text in settings)]:
        if value is True:
            words += [f"--{name}"]
        else:  # a value with a hyphen in front would be read as an option
            words += [f"--{name}={value}"] if value.startswith("-") else [f"--{name}", value]
    return words


def _shortened(series: Series, spec: datasets.DataSpec, parts: Split) -> list[str]:
    """The options for a file that is too short for the window or the batch of the default benchmark."""
    case = next(iter(loading.read(loading.DEFAULT).cases.values()))
    window, words = case.window, []
    rows = max(stop - start for start, stop in parts.spans["train"])
    if rows < window.length + window.horizon:
        window = window.model_copy(update={"length": max(1, rows // 2)})
        words += ["--window", str(window.length)]
    try:
        windows = len(datasets.cut(series, spec, window).train)
    except DataError:  # no window fits, and the run says why
        return words
    return words + (["--set", f"training.batch={windows}"] if windows < case.training.batch_of(windows) else [])


def _facts(series: Series) -> list[tuple[str, str]]:
    if series.understood:
        return [*series.understood, *(("note", note) for note in series.notes)]
    entry = datasets.describe(series.name)
    facts = [
        ("series", f"{series.name}: {series.title}"),
        ("rows", f"{series.rows:,}, by {series.step}" + (f", season {series.season} steps" if series.season else "")),
        ("span", f"{series.label(0)} to {series.label(series.rows - 1)}"),
        ("gaps", _gaps(series)),
    ]
    for name, column in zip(series.columns, series.values.T, strict=True):
        role = "target" if name in series.targets else "column"
        unit = f" {series.unit}" if name in series.targets else ""
        facts.append(
            (role, f"{name}: mean {column.mean():.6g}, from {column.min():.6g} to {column.max():.6g}{unit}".rstrip())
        )
    facts += [("licence", series.licence), ("source", series.source)]
    facts += [("SHA-256", entry.origin.sha256)] if entry.origin.sha256 else []
    return facts + [("note", note) for note in series.notes]


def _gaps(series: Series) -> str:
    """The number of filled rows, and of rows that the source itself lacks in a series with equal steps."""
    gaps = []
    if len(series.filled):
        gaps.append(f"{counted(len(series.filled))} filled, the longest gap {counted(longest_gap(series.filled))}")
    if series.times is not None and series.step in ("hour", "day", "week"):
        steps = np.diff(series.times)
        if absent := int((steps / steps.min() - 1).sum()):
            gaps.append(f"{counted(absent)} missing in the source and not filled")
    return "; ".join(gaps) or "none"


def _draw(series: Series, parts: Split, folder: Path) -> Path:
    """Draw the target over time, each part in its colour, filled values as dots. Returns the path of the PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    target = series.targets[0]
    values = series.values[:, series.columns.index(target)]
    along, dated = np.arange(series.rows), False
    if series.times is not None and series.times.min() > EARLIEST:
        along, dated = series.times, True
    line = "-" if len(series.runs) == 1 or series.groups else "."  # a line would join rows that no window joins
    figure, axes = plt.subplots(figsize=(10, 4), layout="constrained")
    for name, spans in parts.spans.items():
        for number, (start, stop) in enumerate(spans[:MOST_DRAWN]):
            label = name if number == 0 else None
            axes.plot(along[start:stop], values[start:stop], line, color=COLOURS[name], linewidth=0.8, label=label)
    if len(series.filled):
        axes.plot(along[series.filled], values[series.filled], ".", color="black", markersize=3, label="filled")
    axes.set_title(series.title, loc="left")
    axes.set_ylabel(f"{target}, {series.unit}" if series.unit else target)
    axes.set_xlabel("" if dated else series.step)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    path = folder / f"{Path(series.name).stem if series.understood else series.name}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): name another folder with --folder.") from None
    finally:
        plt.close(figure)
    return path
