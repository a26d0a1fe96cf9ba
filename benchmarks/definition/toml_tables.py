"""A benchmark's TOML as tables, before anything is validated: read, made smaller, changed and narrowed.

`holders` are the tables that cases are made of: the definition itself, or its variants.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.definition import axes, variants
from benchmarks.definition.axes import Table
from benchmarks.definition.search_space import SEARCH
from benchmarks.errors import UserError, one_of

HERE = Path(__file__).parents[1]
TABLES = ("data", "window", "model", "training")


def read(path: Path) -> tuple[str, Table]:
    """The file's text, and what it says; a `UserError` where it is no TOML, or lacks what every definition has."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in UTF-8; a benchmark is a TOML file like {HERE / 'co2.toml'}") from None
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise UserError(f"{path} is not a readable TOML file: {error}") from None
    _require_tables(path, tables, ("quick", *TABLES))
    return text, tables


def shape(path: Path, tables: Table, *, quick: bool, changes: Table, only: Mapping[str, Sequence[str]]) -> None:
    """Settle what every variant inherits, after `[quick]` and before the command line has its say."""
    quicker = tables.pop("quick")
    _require_small(path, quicker)
    quicker = quicker if quick else {}
    smaller = {axis: values for axis, values in quicker.pop("only", {}).items() if axis not in only}
    _change(path, tables, [tables], dict(_dotted(quicker)))
    variants.settle(path, tables, TABLES)
    _narrow(tables, smaller)  # before the command line leaves out variants that it names
    variants.narrow_who(path, tables, changes)
    _change(path, tables, variants.holders(tables), changes)
    for holder in variants.holders(tables):
        _require_tables(path, holder, TABLES)
        _anchor(holder, path.parent)
    _narrow(tables, dict(only))


def _require_small(path: Path, quicker: Table) -> None:
    """What `[quick]` says of tables must be tables, and of `only` lists of words that are not empty."""
    for name in ("only", *TABLES):
        if not isinstance(found := quicker.get(name, {}), dict):
            raise UserError(f"{path}: [quick] {name} is {found!r}; it must be a table, as in training.epochs = 2")
    for axis, values in _dotted(quicker.get("only", {})):
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            example = 'only.variant = ["as written"]'
            raise UserError(f"{path}: [quick] only.{axis} is {values!r}; it must be a list of words, as in {example}")


def _change(path: Path, tables: Table, holders: list[Table], changes: Table) -> None:
    """Change settings by dotted name, or whole tables: those of cases in each of `holders`."""
    for dotted, value in changes.items():
        table, _, setting = dotted.rpartition(".")
        known = [*TABLES, *([SEARCH] if SEARCH in tables else [])]
        if table and table not in known:
            raise UserError(f"{path}: there is no table '{table}' to change {dotted} in; {one_of(known, table)}")
        for holder in holders if table in TABLES or setting in TABLES else [tables]:
            for settings in _settings_of(holder, table):
                settings[setting] = value


def _narrow(tables: Table, only: dict[str, Sequence[str]]) -> None:
    """Leave of the variants and of the axes what is asked for."""
    if variants.NAME in tables and variants.NAME in only:
        words, every = only.pop(variants.NAME), tables[variants.NAME]
        kept = axes.chosen(variants.NAME, words, [variant["name"] for variant in every])
        tables[variants.NAME] = [variant for variant in every if variant["name"] in kept]
    axes.narrow([of(holder) for holder in variants.holders(tables)], only)
    if variants.NAME in tables:
        tables[variants.NAME] = [one for one in tables[variants.NAME] if not axes.is_empty(of(one))]


def _settings_of(tables: Table, table: str) -> list[Table]:
    """The table of this name, or of several models each; the top of the file has none."""
    found = tables[table] if table else tables
    return found if isinstance(found, list) else [found]


def _require_tables(path: Path, tables: Table, names: tuple[str, ...]) -> None:
    for name in (*names, *([SEARCH] if SEARCH in tables else [])):
        found = tables.setdefault(name, {})
        several = name == "model" and isinstance(found, list) and found and all(isinstance(m, dict) for m in found)
        if not isinstance(found, dict) and not several:
            raise UserError(f"{path}: {name} is {found!r}; it must be a table, [{name}]")


def _anchor(tables: Table, folder: Path) -> None:
    """A user's file is named from where the TOML lies, wherever the run is started or repeated."""
    data = tables["data"]
    if isinstance(data.get("csv"), str):
        data["csv"] = str((folder / Path(data["csv"]).expanduser()).resolve())


def _dotted(table: Table, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def of(holder: Table) -> dict[str, Any]:
    """The tables that a case is made of."""
    return {name: holder[name] for name in TABLES}
