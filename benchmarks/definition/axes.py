"""The grid of a benchmark: a list in [data], [window], [model] or [training] is an axis, its points are the cases.

A setting that is a list by nature is an axis where it is a list of lists. Several models, `[[model]]` each, are an axis
too, and each has axes of its own.
"""

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.definition.settings.model import CONVOLUTIONAL
from benchmarks.errors import UserError, one_of

Table = dict[str, Any]
Axis = tuple[str, str]  # table and setting

Tables = Mapping[str, Any]  # a table each; of several models, a list of tables

LISTS = {  # settings that are lists by nature, not axes
    *(("data", "features"), ("data", "target")),
    *(("model", "dense"), ("model", "filters"), ("model", "stack")),
    ("training", "l2_on"),
}


APART = "write each value of an axis in one way, and give each model a name of its own"


def of_each_model(tables: Tables) -> list[dict[str, Table]]:
    """The tables with one model each."""
    models = tables["model"] if isinstance(tables["model"], list) else [tables["model"]]
    return [dict(tables) | {"model": model} for model in models]


def axes(tables: Mapping[str, Table]) -> list[Axis]:
    """The axes' places, in the order of the definition."""
    return [
        (table, setting)
        for table, settings in tables.items()
        for setting, value in settings.items()
        if isinstance(value, list) and ((table, setting) not in LISTS or _is_list_of_lists(value))
    ]


def _is_list_of_lists(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(each, list) for each in value)


def points(path: Path, tables: Tables, name: str | None = None) -> dict[str, dict[str, Table]]:
    """Every combination of the axes' values, by its label: the same tables with one value each.

    name: of the variant whose tables these are. Raises UserError, with the definition's path, for an axis without
    values and for values that are the same.
    """
    found: dict[str, dict[str, Table]] = {}
    several = isinstance(tables["model"], list)
    for one in of_each_model(tables):
        for own, point in _points(path, one):
            told = several or ("model", "cell") in axes(one) or name is None
            label = ", ".join([*([name] if name else []), *([_called(point["model"])] if told else []), *own])
            if label in found:
                raise UserError(f"{path}: two cases would both be called '{label}'; {APART}")
            found[label] = point
    return found


def _points(path: Path, tables: Mapping[str, Table]) -> Iterator[tuple[list[str], dict[str, Table]]]:
    """Each point, after what its label tells of the axes."""
    places = axes(tables)
    for table, setting in places:
        values = tables[table][setting]
        if not values or any(values.count(value) > 1 for value in values):
            raise UserError(f"{path}: {table}.{setting} = {values}; as an axis it needs values, each once")
    for values in itertools.product(*(tables[table][setting] for table, setting in places)):
        point = {name: dict(settings) for name, settings in tables.items()}
        for (table, setting), value in zip(places, values, strict=True):
            point[table][setting] = value
        yield _told(point, places), point


def narrow(holders: Sequence[Tables], only: Mapping[str, Sequence[str]]) -> None:
    """Leave an axis only the values asked for, in its own order; it stays an axis, so labels stay what they were.

    holders: the tables of each variant, or the benchmark's own. only: the values as typed, by the axis' dotted name
    (`"model.units"`: `["16", "64"]`), or models by theirs, where there are several (`"model"`: `["CNN"]`). An axis
    of several models or variants is narrowed in each that has it; one that is left without a value is empty then, see
    `is_empty`. Raises UserError for what is no axis, or none of its values.
    """
    lists = [tables["model"] for tables in holders if isinstance(tables["model"], list)]
    for name, words in only.items():
        if name == "model" and lists:
            kept = chosen(name, words, [_called(model) for models in lists for model in models])
            for models in lists:
                models[:] = [model for model in models if _called(model) in kept]
        else:
            _narrow_axis([one for tables in holders for one in of_each_model(tables)], name, words)
            for models in lists:  # a model that has the axis and none of these values
                models[:] = [model for model in models if [] not in model.values()]


def is_empty(tables: Tables) -> bool:
    """Whether narrowing has left no model, or nothing of an axis."""
    return not any(not any(one[table][setting] == [] for table, setting in axes(one)) for one in of_each_model(tables))


def _narrow_axis(models: list[dict[str, Table]], name: str, words: Sequence[str]) -> None:
    known = {f"{table}.{setting}": (table, setting) for one in models for table, setting in axes(one)}
    if name not in known:
        which = one_of(known, name) if known else "it has none, since no setting is a list"
        raise UserError(f"--only {name}: it is no axis of this benchmark; {which}")
    axis = table, setting = known[name]
    having = [one[table] for one in models if axis in axes(one)]
    kept = chosen(name, words, [value for settings in having for value in settings[setting]])
    for settings in having:
        settings[setting] = [value for value in settings[setting] if value in kept]


def chosen(name: str, words: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """Those of an axis' values that the words mean; a UserError for a word that means none."""
    for word in words:
        if not any(_means(word, value) for value in values):
            raise UserError(f"--only {name}={word}: it is none of the axis' values; {_nearest(values, word)}")
    return [value for value in values if any(_means(word, value) for word in words)]


def _means(word: str, value: object) -> bool:
    """Whether a word of the command line is this value: as text, or as TOML has it (1e-3 is 0.001)."""
    if word in (str(value), _worded(value)):
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
    return f"known: {', '.join(map(_worded, values))}"


def _called(model: Table) -> str:
    called = model.get("name") or model.get("cell") or (CONVOLUTIONAL if "filters" in model else "")
    return "/".join(map(str, called)) if isinstance(called, list) else str(called)


def _told(point: dict[str, Table], places: Sequence[Axis]) -> list[str]:
    """The values of the axes, but the cell where the model's label is its cell: "units 64", "batch 32"."""
    told = () if point["model"].get("name") else (("model", "cell"),)
    return [f"{setting} {_worded(point[table][setting])}" for table, setting in places if (table, setting) not in told]


def _worded(value: object) -> str:
    """A value in a label, where commas part the settings: a list's with spaces between them, [64, 32] is "64 32"."""
    return (" ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
