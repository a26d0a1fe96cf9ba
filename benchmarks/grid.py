"""The grid of a benchmark: a list in [data], [window], [model] or [training] is an axis, its points are the cases."""

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError, one_of

Table = dict[str, Any]
Axis = tuple[str, str]  # table and setting

LISTS = {("data", "features"), ("data", "target")}  # settings that are lists by nature, not axes


def axes(tables: Mapping[str, Table]) -> list[Axis]:
    """The axes' places, in the order of the definition."""
    return [
        (table, setting)
        for table, settings in tables.items()
        for setting, value in settings.items()
        if isinstance(value, list) and (table, setting) not in LISTS
    ]


def points(path: Path, tables: Mapping[str, Table]) -> dict[str, dict[str, Table]]:
    """Every combination of the axes' values, by its label: the same tables with one value each.

    Raises UserError, with the definition's path, for an axis without values and for values that are the same.
    """
    found: dict[str, dict[str, Table]] = {}
    places = axes(tables)
    for table, setting in places:
        values = tables[table][setting]
        if not values or any(values.count(value) > 1 for value in values):
            raise UserError(f"{path}: {table}.{setting} = {values}; as an axis it needs values, each once")
    for values in itertools.product(*(tables[table][setting] for table, setting in places)):
        point = {name: dict(settings) for name, settings in tables.items()}
        for (table, setting), value in zip(places, values, strict=True):
            point[table][setting] = value
        if (label := _label(point, places)) in found:
            raise UserError(f"{path}: two cases would both be called '{label}'; write each value of an axis in one way")
        found[label] = point
    return found


def narrow(tables: Mapping[str, Table], only: Mapping[str, Sequence[str]]) -> None:
    """Leave an axis only the values asked for, in its own order; it stays an axis, so labels stay what they were.

    only: the values as typed, by the axis' dotted name (`"model.units"`: `["16", "64"]`). Raises UserError for what
    is no axis, or none of its values.
    """
    known = {f"{table}.{setting}": (table, setting) for table, setting in axes(tables)}
    for name, words in only.items():
        if name not in known:
            which = one_of(known, name) if known else "it has none, since no setting is a list"
            raise UserError(f"--only {name}: it is no axis of this benchmark; {which}")
        table, setting = known[name]
        values = tables[table][setting]
        for word in words:
            if not any(_means(word, value) for value in values):
                raise UserError(f"--only {name}={word}: it is none of the axis' values; {_nearest(values, word)}")
        tables[table][setting] = [value for value in values if any(_means(word, value) for word in words)]


def _means(word: str, value: object) -> bool:
    """Whether a word of the command line is this value: as text, or as TOML has it (1e-3 is 0.001)."""
    if word == str(value):
        return True
    try:
        parsed: object = tomllib.loads(f"value = {word}")["value"]
    except tomllib.TOMLDecodeError:
        return False
    return parsed == value and isinstance(parsed, bool) == isinstance(value, bool)


def _nearest(values: Sequence[object], word: str) -> str:
    """Numbers in the axis' order, where no spelling is near another; names with the near match."""
    if any(isinstance(value, str) for value in values):
        return one_of(map(str, values), word)
    return f"known: {', '.join(map(str, values))}"


def _label(point: dict[str, Table], places: Sequence[Axis]) -> str:
    """The cell, and the values of the axes: "lstm", "gru, units 64"."""
    cell = str(point["model"].get("cell", ""))
    rest = [f"{setting} {point[table][setting]}" for table, setting in places if (table, setting) != ("model", "cell")]
    return ", ".join([cell, *rest])
