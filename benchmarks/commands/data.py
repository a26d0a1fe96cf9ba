"""`data`: the series that benchmarks can ask for, their facts, and a picture of each."""

import argparse
import sys
from pathlib import Path

import numpy as np

import datasets
from benchmarks.commands import Subparsers
from benchmarks.commands.options import RESULTS
from datasets import DataError, Series, Split, split
from datasets.series import longest_gap
from datasets.spec import counted

NAME = "data"
COLOURS = {"train": "#3b6ea5", "validation": "#c98a1b", "test": "#b13f3f"}


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="the series: list, fetch, show", allow_abbrev=False)
    parser.set_defaults(execute=listed)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    fetch = verbs.add_parser("fetch", help="download a series into the cache", allow_abbrev=False)
    which = fetch.add_mutually_exclusive_group(required=True)
    which.add_argument("name", metavar="NAME", nargs="?", help="a series")
    which.add_argument("--all", action="store_true", help="every series")
    fetch.set_defaults(execute=fetched)
    show = verbs.add_parser("show", help="facts of a series, and its picture with the split", allow_abbrev=False)
    show.add_argument("name", metavar="NAME", help="a series")
    show.add_argument("--folder", metavar="FOLDER", type=Path, default=RESULTS / "data", help="where the picture goes")
    show.set_defaults(execute=shown)


def listed(arguments: argparse.Namespace) -> int:
    """A line a series."""
    for entry in map(datasets.describe, datasets.names()):
        state = entry.origin.kind
        if state == "downloaded":
            state = "cached" if entry.origin.is_cached() else "not cached"
        by = f"{entry.unit} by {entry.step}" if entry.unit else f"by {entry.step}"
        size = f"{entry.rows:,} × {len(entry.columns)}"
        print(f"{entry.name:<19} {size:>11}  {state:<11} {entry.title}; {by}; {entry.licence}")
    return 0


def fetched(arguments: argparse.Namespace) -> int:
    """Download what is not there yet; of all series, those that can be had, and a line for each that cannot."""
    if not arguments.all:
        _fetch(arguments.name)
        return 0
    status = 0
    for name in datasets.names():
        try:
            _fetch(name)
        except DataError as mistake:
            print(f"error: {name}: {mistake}", file=sys.stderr)
            status = 2
    return status


def _fetch(name: str) -> None:
    path = datasets.describe(name).origin.fetch()
    print(f"{name:<19} {path or 'needs no download'}", flush=True)  # the next may take minutes


def shown(arguments: argparse.Namespace) -> int:
    """Facts, then where the picture is."""
    series = datasets.load(arguments.name)
    spec = datasets.DataSpec(series=series.name, order="time" if series.temporal else "rows")
    parts = split(series, spec)
    for label, text in _facts(series):
        print(f"{label:<10} {text}")
    for name, (start, stop) in parts.spans.items():
        print(f"{name:<10} {series.label(start)} to {series.label(stop - 1)}, {counted(stop - start)}")
    print(f"picture    {_draw(series, parts, arguments.folder)}")
    return 0


def _facts(series: Series) -> list[tuple[str, str]]:
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
    """Rows filled, and rows that the source itself leaves out where steps are of one length."""
    found = []
    if len(series.filled):
        found.append(f"{counted(len(series.filled))} filled, the longest gap {counted(longest_gap(series.filled))}")
    if series.times is not None and series.step in ("hour", "day", "week"):
        steps = np.diff(series.times)
        if absent := int((steps / steps.min() - 1).sum()):
            found.append(f"{counted(absent)} absent, nothing put in their place")
    return "; ".join(found) or "none"


def _draw(series: Series, parts: Split, folder: Path) -> Path:
    """The target over time, a colour a part, filled values as dots."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    target = series.targets[0]
    values = series.values[:, series.columns.index(target)]
    along = np.arange(series.rows) if series.times is None else series.times
    line = "-" if len(series.runs) == 1 else "."  # a line would join what no window joins
    figure, axes = plt.subplots(figsize=(10, 4), layout="constrained")
    for name, (start, stop) in parts.spans.items():
        axes.plot(along[start:stop], values[start:stop], line, color=COLOURS[name], linewidth=0.8, label=name)
    if len(series.filled):
        axes.plot(along[series.filled], values[series.filled], ".", color="black", markersize=3, label="filled")
    axes.set_title(series.title, loc="left")
    axes.set_ylabel(f"{target}, {series.unit}" if series.unit else target)
    axes.set_xlabel("" if series.times is not None else series.step)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    path = folder / f"{series.name}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): give another --folder.") from None
    finally:
        plt.close(figure)
    return path
