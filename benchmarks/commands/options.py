"""Options that several commands share."""

import argparse
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.runner.environment import ROOT

RESULTS = ROOT / "results"


def add_narrowing(parser: argparse.ArgumentParser) -> None:
    """The benchmark, and what narrows it."""
    parser.add_argument("name", metavar="NAME", help="a benchmark (see list), or the path of a TOML file of your own")
    parser.add_argument("--quick", action="store_true", help="the small form that its [quick] table describes")
    parser.add_argument("--backends", metavar="A,B", help="these backends instead of the benchmark's")
    parser.add_argument("--seeds", metavar="1,2", help="these seeds instead of the benchmark's")


def add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", metavar="FOLDER", type=Path, default=RESULTS, help="where runs are kept")


def changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options change in the benchmark's definition, by dotted name."""
    changed: dict[str, Any] = {}
    if arguments.backends is not None:
        changed["backends"] = _words(arguments.backends, "--backends")
    if arguments.seeds is not None:
        try:
            changed["seeds"] = [int(word) for word in _words(arguments.seeds, "--seeds")]
        except ValueError:
            raise UserError(f"--seeds {arguments.seeds}: seeds are whole numbers, as in --seeds 1,2,3") from None
    return changed


def words(arguments: argparse.Namespace) -> list[str]:
    """The shared options as they were typed, to repeat the command."""
    typed = [arguments.name]
    if arguments.quick:
        typed.append("--quick")
    for option in ("backends", "seeds"):
        if (value := getattr(arguments, option)) is not None:
            typed += [f"--{option}", value]
    return typed


def _words(text: str, option: str) -> list[str]:
    found = [word.strip() for word in text.split(",")]
    if not all(found):
        raise UserError(f"{option} {text!r}: write names with commas between them, none empty")
    return found
