"""Options that several commands share, in the groups that `--help` shows."""

import argparse
import csv
import hashlib
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import backends
from backends.contract import BackendError
from benchmarks.commands import Subparsers
from benchmarks.commands.output import command_line, short
from benchmarks.definition import loading
from benchmarks.errors import UserError
from benchmarks.runner.environment import ROOT
from datasets.spec import DataSpec

RESULTS = ROOT / "results"
PROGRAM = "the path of a file, as in ./mine.py, is a program of your own"
PROGRESS = "print progress and result as JSON, one object a line"


@dataclass(frozen=True)
class Groups:
    """The groups of a command's options, in the order in which `--help` shows them."""

    what: argparse._ArgumentGroup
    where: argparse._ArgumentGroup
    output: argparse._ArgumentGroup
    parser: argparse.ArgumentParser


def command(
    subparsers: Subparsers,
    name: str,
    execute: Callable[[argparse.Namespace], int],
    summary: str,
    example: str,
    *,
    what: str = "what to run",
    run: str = "",
    results: bool = True,
    executor: bool = False,
    json: str = "",
) -> Groups:
    """Add a command whose help ends with an example. The options that several commands share are added on request.

    what: the title of the first group; run: which run a benchmark's name means, for commands that take a run;
    json: the help text of `--json`.
    """
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[:1].upper()}{summary[1:]}.",
        epilog=f"example: {command_line(*shlex.split(example))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.set_defaults(execute=execute)
    first, where, output = (parser.add_argument_group(title) for title in (what, "where", "output"))
    groups = Groups(first, where, output, parser)
    if run:
        text = f"the folder of a run, BENCHMARK/START, or the name of a benchmark for its {run} run"
        groups.what.add_argument("run", metavar="RUN", help=text)
    add_where = groups.where.add_argument
    if results:
        add_where(
            "--results", metavar="FOLDER", type=Path, default=RESULTS, help="the folder of all runs (default: results)"
        )
    if executor:
        add_where("--executor", metavar="NAME", default="local", help="local: this machine (default); or ray")
        add_where("--cluster", metavar="HOST:PORT", help="the Ray cluster (default: the one on this machine)")
    if json:
        groups.output.add_argument("--json", action="store_true", help=json)
    groups.output.add_argument("-h", "--help", action="help", help="print this help and exit")
    return groups


def add_definition(what: argparse._ArgumentGroup, *, optional: bool = False) -> None:
    """The benchmark, and the options that change its definition."""
    name = "a benchmark (the command `list` prints them), or the path of a TOML file"
    what.add_argument("name", metavar="NAME", nargs="?" if optional else None, help=name)
    what.add_argument("--quick", action="store_true", help="run a small form, to see whether everything works")
    what.add_argument("--backends", metavar="A,B", help=f"use these backends instead; {PROGRAM}")
    what.add_argument("--seeds", metavar="1,2", help="use these seeds, in matched and in native mode")
    what.add_argument("--window", metavar="T", help="rows of input; several lengths with commas: 12,24")
    what.add_argument("--horizon", metavar="H", help="rows to forecast; several with commas")
    for option, dest, metavar, text in (
        ("--set", "settings", "TABLE.SETTING=VALUE", "change one setting, as in training.epochs=10"),
        ("--only", "only", "TABLE.SETTING=A,B", "keep these values of an axis, as in model.cell=lstm,gru"),
    ):
        text = f"{text}; may be repeated"
        what.add_argument(option, metavar=metavar, action="append", default=[], dest=dest, help=text)


def elsewhere(results: Path) -> list[str]:
    """The option that names a results folder other than the default, for commands in messages."""
    return [] if results == RESULTS else ["--results", short(results)]


def changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that the options change in the definition, by dotted name."""
    changed: dict[str, Any] = {}
    if getattr(arguments, "csv", None) is not None:
        changed |= _csv_data(arguments)
    if arguments.backends is not None:
        changed["backends"] = backend_names(arguments.backends)
    if arguments.seeds is not None:
        changed["seeds"] = changed["native_seeds"] = numbers(arguments.seeds, "--seeds")
    for option, setting in (("window", "window.length"), ("horizon", "window.horizon")):
        if (text := getattr(arguments, option)) is not None:
            values = numbers(text, f"--{option}")
            changed[setting] = values[0] if len(values) == 1 else values
    return changed | assignments(arguments.settings)


def typed(arguments: argparse.Namespace) -> dict[str, str]:
    """The options that change settings, as typed, by the dotted name of the setting; of several, the last."""
    return dict(_typed(arguments))


def replaced(arguments: argparse.Namespace) -> Iterator[str]:
    """A sentence for each option whose value a later one replaces, as where the advice of an error was added."""
    words: dict[str, str] = {}
    for setting, text in _typed(arguments):
        if setting in words:
            yield f"{words[setting]} and {text} both set {setting}; the second one counts"
        words[setting] = text


def _typed(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The dotted name of each setting that an option changes, and the option as typed; the last one counts."""
    for option, setting in SETTING_OF.items():
        value = getattr(arguments, option, None)
        if value not in (None, False):
            yield setting, f"--{option}" if value is True else f"--{option} {shlex.quote(value)}"
    for text in getattr(arguments, "settings", ()):
        yield _assignment(text)[0], f"--set {shlex.quote(text)}"


def only(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The values to keep of each axis as typed, with commas between them, by the axis's dotted name."""
    narrowed: dict[str, list[str]] = {}
    for text in arguments.only:
        name, equals, values = text.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--only {text!r}: write TABLE.SETTING=VALUE, as in --only model.cell=lstm,gru")
        words(values, f"--only {name}=")  # refuses an empty word
        narrowed.setdefault(name.strip(), []).append(values)
    return narrowed


def add_data_file(groups: Groups) -> None:
    """A file of the user in place of the benchmark's data."""
    data = groups.parser.add_argument_group("your own data, with the models and settings of NAME (default: co2)")
    data.add_argument("--csv", metavar="FILE", help="a CSV, Excel or Parquet file, also compressed; - for a pipe")
    add_columns(data)


def benchmark_name(arguments: argparse.Namespace) -> str:
    """The benchmark that is named, or the default one for a file of the user."""
    stray = next((name for name in COLUMNS if getattr(arguments, name)), None)
    if arguments.csv is None and stray is not None:
        raise UserError(f"--{stray} needs --csv, as in --csv sales.csv --target units; or leave it out")
    if arguments.name is None and arguments.csv is None:
        raise UserError(f"name a benchmark ({', '.join(loading.names())}), or a file of your own with --csv")
    return loading.DEFAULT if arguments.name is None else str(arguments.name)


COLUMNS = ("target", "time", "features", "calendar", "group", "strict")
SETTING_OF = {  # by option
    "backends": "backends", "seeds": "seeds", "window": "window.length", "horizon": "window.horizon",
    **{column: f"data.{column}" for column in COLUMNS},
}  # fmt: skip


def add_columns(data: argparse._ArgumentGroup) -> None:
    """The options that say what the columns of the user's file are."""
    data.add_argument("--target", metavar="A,B", help="the column or columns to forecast; quote a name with a comma")
    data.add_argument("--time", metavar="A,B", help="the column of time stamps, or the columns of their parts")
    data.add_argument("--features", metavar="A,B", help="further input columns; '*' for all columns of numbers")
    data.add_argument("--calendar", metavar="A,B", help="input columns known ahead of time: hour, weekday, month")
    data.add_argument("--group", metavar="A,B", help="the column that tells several series in one file apart")
    text = "refuse missing values, missing rows, repeated and unordered time stamps instead of handling them"
    data.add_argument("--strict", action="store_true", help=text)


def add_data_settings(columns: argparse._ArgumentGroup, *, of: str = "") -> None:
    """The option that changes settings of `[data]`. of: which file they are for, if not the only one."""
    text = f"change one setting of [data]{of}, as in data.decimal=,; may be repeated"
    columns.add_argument("--set", metavar="data.SETTING=VALUE", action="append", default=[], dest="settings", help=text)


def data_settings(texts: Sequence[str], command: str, allowed: Sequence[str] = ()) -> dict[str, Any]:
    """The settings of `[data]` that `--set` changes, by name. allowed: those that read a file, if no others."""
    changed = {}
    for name, value in assignments(texts).items():
        table, _, setting = name.rpartition(".")
        if table != "data" or (allowed and setting not in allowed):
            if not table and name in (allowed or DataSpec.model_fields):
                raise UserError(f"--set {name}: write its table too, as in --set data.{name}=VALUE")
            which = f" that read a file ({', '.join(allowed)})" if allowed else ""
            raise UserError(f"--set {name}: {command} takes only settings of [data]{which}, as in --set data.decimal=,")
        changed[setting] = value
    return changed


def _csv_data(arguments: argparse.Namespace) -> dict[str, Any]:
    """The title, the description and the [data] table for the user's own file."""
    if arguments.target is None:
        show = command_line("data", "show", "--csv", arguments.csv)
        raise UserError(f"--csv needs --target, the column to forecast: {show} prints a command with it")
    data = file_data(arguments, arguments.csv, getattr(arguments, "results", RESULTS))
    name = Path(data["csv"]).name
    forecast = data["target"]
    return {"title": f"{forecast} in {name}", "description": f"A forecast of {forecast}.", "data": data}


def file_data(arguments: argparse.Namespace, file: str, folder: Path) -> dict[str, Any]:
    """The [data] table for a file of the user. A pipe is saved in the folder, because every trial reads it."""
    path = Path(file).expanduser()
    if file == "-" or (path.exists() and not path.is_file() and not path.is_dir()):
        path = _saved(sys.stdin.buffer.read() if file == "-" else path.read_bytes(), folder)
    given = {name: getattr(arguments, name) for name in COLUMNS}
    empty = next((name for name, value in given.items() if isinstance(value, str) and not value.strip(" ,")), None)
    if empty is not None:
        raise UserError(f"--{empty} {given[empty]!r}: a name is empty; write names with commas between them")
    return {"csv": str(path.resolve())} | {name: value for name, value in given.items() if value not in (None, False)}


def _saved(content: bytes, folder: Path) -> Path:
    path = folder / "data" / f"pipe-{hashlib.sha256(content).hexdigest()[:12]}.csv"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); name another folder with --results") from None
    return path


def assignments(texts: Sequence[str]) -> dict[str, Any]:
    """The settings of `--set`, by dotted name."""
    return dict(map(_assignment, texts))


def _assignment(text: str) -> tuple[str, Any]:
    """Split TABLE.SETTING=VALUE. The value is read as TOML; if it is not valid TOML, it is used as text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set {text!r}: write TABLE.SETTING=VALUE, as in --set training.epochs=10")
    if "\n" in value:
        raise UserError(f"--set {text!r}: it holds a line break; write one setting in each --set")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value


def backend_names(text: str) -> list[str]:
    """The backends that `--backends` names, see `backend_name`."""
    return [backend_name(word, "--backends") for word in words(text, "--backends")]


def backend_name(word: str, option: str) -> str:
    """A backend as runs record it: the path of a user's program is relative to the working directory.

    Raises UserError, which names the option, for an unknown name or a faulty program.
    """
    name = backends.resolved(word)
    try:
        backends.entry(name)
    except BackendError as problem:
        raise UserError(f"{option}: {problem}") from None
    return name


def numbers(text: str, option: str) -> list[int]:
    """Whole numbers from text with commas between them. Raises UserError that names the option."""
    try:
        return [int(word) for word in words(text, option)]
    except ValueError:
        raise UserError(f"{option} {text}: write whole numbers with commas between them, as in {option} 1,2") from None


def count(option: str, example: int, most: int | None = None) -> Callable[[str], int]:
    """A function that reads a whole number from 1 on, for argparse, which names the option in errors."""

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else 0
        if number < 1 or (most is not None and number > most):
            bounds = "of 1 or more" if most is None else f"from 1 to {most}"
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number {bounds}; write one, as in {option} {example}"
            )
        return number

    return read


def words(text: str, option: str) -> list[str]:
    """Words from text with commas between them; a word in quotation marks may hold commas.

    Raises UserError that names the option if a word is empty.
    """
    names = [word.strip() for line in csv.reader([text], skipinitialspace=True) for word in line] or [""]
    if not all(names):
        given, gap = ",".join(filter(None, names)) or "A,B", "" if option.endswith("=") else " "
        raise UserError(
            f"{option} {text!r}: a name is empty; write names with commas between them: {option}{gap}{given}"
        )
    return names
