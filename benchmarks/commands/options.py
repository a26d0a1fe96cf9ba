"""Options that several commands share."""

import argparse
import re
import tomllib
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.runner.environment import ROOT

RESULTS = ROOT / "results"


def add_definition(parser: argparse.ArgumentParser) -> None:
    """What is asked: a benchmark, and what the command line changes in it."""
    parser.add_argument("name", metavar="NAME", help="a benchmark (see list), or the path of a TOML file of your own")
    parser.add_argument("--quick", action="store_true", help="the small form that its [quick] table describes")
    parser.add_argument("--backends", metavar="A,B", help="these backends instead of the benchmark's")
    parser.add_argument("--seeds", metavar="1,2", help="these seeds instead of the benchmark's, in both modes")
    parser.add_argument("--window", metavar="T", help="rows of input; several with commas: 12,24")
    parser.add_argument("--horizon", metavar="H", help="rows to forecast; several with commas")
    parser.add_argument("--set", metavar="TABLE.SETTING=VALUE", action="append", default=[], dest="settings")
    parser.add_argument(
        "--only",
        metavar="TABLE.SETTING=A,B",
        action="append",
        default=[],
        help="these values of an axis of the grid, as in model.units=16,64; may be repeated",
    )


def add_own_data(parser: argparse.ArgumentParser) -> None:
    """The user's own file in place of the benchmark's series; the name may then be left out."""
    next(action for action in parser._actions if action.dest == "name").nargs = "?"
    own = parser.add_argument_group("your own data, with the models and settings of NAME (default: co2)")
    own.add_argument("--csv", metavar="FILE", help="a CSV file, or Parquet by its ending .parquet")
    own.add_argument("--target", metavar="A,B", help="the column(s) to forecast")
    own.add_argument("--time", metavar="COLUMN", help="the column of time stamps")
    own.add_argument("--features", metavar="A,B", help="further input columns; '*' for all")


def add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", metavar="FOLDER", type=Path, default=RESULTS, help="where runs are kept")


def changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options change in the benchmark's definition, by dotted name."""
    changed: dict[str, Any] = {}
    if getattr(arguments, "csv", None) is not None:
        changed |= _own_data(arguments)
    if arguments.backends is not None:
        changed["backends"] = words(arguments.backends, "--backends")
    if arguments.seeds is not None:
        changed["seeds"] = changed["native_seeds"] = numbers(arguments.seeds, "--seeds")
    for option, setting in (("window", "window.length"), ("horizon", "window.horizon")):
        if (text := getattr(arguments, option)) is not None:
            values = numbers(text, f"--{option}")
            changed[setting] = values[0] if len(values) == 1 else values
    return changed | dict(map(_assignment, arguments.settings))


def only(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Which values of which axes are left, by the axis' dotted name; two of one axis add up."""
    narrowed: dict[str, list[str]] = {}
    for text in arguments.only:
        name, equals, values = text.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--only {text!r}: write TABLE.SETTING=VALUE, as in --only model.units=16,64")
        narrowed.setdefault(name.strip(), []).extend(words(values, f"--only {name}"))
    return narrowed


def own_name(arguments: argparse.Namespace) -> str | None:
    """What runs on the user's own file are filed under."""
    return re.sub(r"[^\w-]+", "-", Path(arguments.csv).stem).strip("-") or "csv" if arguments.csv else None


def _own_data(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.target is None:
        raise UserError("--csv needs --target, the column to forecast, as in --csv sales.csv --target units")
    path = Path(arguments.csv).expanduser()
    data: dict[str, Any] = {"csv": str(path.resolve()), "target": words(arguments.target, "--target")}
    if arguments.time is not None:
        data["time"] = arguments.time
    if arguments.features is not None:
        data["features"] = "*" if arguments.features == "*" else words(arguments.features, "--features")
    forecast = ", ".join(data["target"])
    return {"title": f"{forecast} in {path.name}", "description": f"A forecast of {forecast}.", "data": data}


def _assignment(text: str) -> tuple[str, Any]:
    """TABLE.SETTING=VALUE, the value written as in TOML; what is no TOML value is taken as text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set {text!r}: write TABLE.SETTING=VALUE, as in --set training.epochs=10")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        parsed = {"value": value}
    if "\n" in value:
        raise UserError(f"--set {text!r}: one setting a --set; write another --set for another")
    return name.strip(), parsed["value"]


def numbers(text: str, option: str) -> list[int]:
    try:
        return [int(word) for word in words(text, option)]
    except ValueError:
        raise UserError(f"{option} {text}: write whole numbers with commas between them") from None


def words(text: str, option: str) -> list[str]:
    """Words with commas between them; a UserError names the option where one is empty."""
    found = [word.strip() for word in text.split(",")]
    if not all(found):
        raise UserError(f"{option} {text!r}: write names with commas between them, none empty")
    return found
