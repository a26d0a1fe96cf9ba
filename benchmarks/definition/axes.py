"""The parameter grid of a definition: axes, several models, and variants.

A setting of [data], [window], [model] or [training] with a list of values is an axis; every combination of the values
of all axes is a case. A setting whose value is a list, such as `dense`, is an axis if it is a list of lists. Several
`[[model]]` tables are an axis too; each may have axes of its own.

A `[[variant]]` has a name and the settings in which it differs from the benchmark: single settings of [data], [window]
and [training], or [model] as a whole. It may have fewer backends, fewer modes and other seeds. `[quick]` changes the
tables of the benchmark, not those of a variant; the command line changes both.

"Table sets" below are dictionaries of the four tables that cases are made of: one for each variant, or a single one.
"""

import copy
import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.definition.model_settings import CONVOLUTIONAL
from benchmarks.errors import SettingError, UserError, name_hint

Table = dict[str, Any]
Tables = Mapping[str, Any]  # a table for each name; several models are a list of tables
Axis = tuple[str, str]  # table and setting

TABLES = ("data", "window", "model", "training")
LISTS = {  # settings whose value is a list
    *(("data", name) for name in ("features", "target", "time", "group", "calendar")),
    *(("model", "dense"), ("model", "filters"), ("model", "stack")),
    *(("training", "l2_on"), ("training", "quantiles")),
}
VARIANT = "variant"  # name of the tables in a definition, and of the axis for `--only`
PROVEN = "proven"  # the setting that asks for a certificate
ORIGIN: Axis = ("data", "origin")  # made from `origins`; always the last axis
MATRIX = ("backends", "modes", "seeds", "native_seeds")  # settings of a TrialMatrix


def table_sets(definition: Table) -> list[Table]:
    """The table sets of a definition: those of its variants, or the definition itself."""
    variants: list[Table] = definition.get(VARIANT) or [definition]
    return variants


def case_tables(table_set: Table) -> dict[str, Any]:
    """Only the tables that a case is made of."""
    return {name: table_set[name] for name in TABLES}


def per_model(tables: Tables) -> list[dict[str, Table]]:
    """The tables once for each model."""
    models = tables["model"] if isinstance(tables["model"], list) else [tables["model"]]
    return [dict(tables) | {"model": model} for model in models]


def axes(tables: Mapping[str, Table]) -> list[Axis]:
    """The axes of tables with a single model, in the order of the definition; the origins last."""
    places = [
        (table, setting)
        for table, settings in tables.items()
        for setting, value in settings.items()
        if isinstance(value, list) and ((table, setting) not in LISTS or _is_list_of_lists(value))
    ]
    return sorted(places, key=lambda place: place == ORIGIN)


def lay_out_origins(path: Path, definition: Table) -> None:
    """Make an axis of the origins that `data.origins` counts, in place."""
    for tables in table_sets(definition):
        data = tables["data"]
        origins = data.get("origins")
        if isinstance(origins, list):
            reason = "write one number of origins, as in origins = 5"
            raise SettingError(f"{path}: data.origins = {origins}: {reason}", "data.origins", reason)
        if isinstance(origins, int) and not isinstance(origins, bool) and origins > 0:
            data.setdefault("origin", list(range(1, origins + 1)))


def configuration(label: str, origin: int | None) -> str:
    """The label of a case without its origin: equal for the cases that differ in the origin only."""
    return label.removesuffix(f", {ORIGIN[1]} {origin}")


def _is_list_of_lists(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(entry, list) for entry in value)


def points(path: Path, tables: Tables, variant: str | None = None) -> dict[str, dict[str, Table]]:
    """The tables of every case by its label: one value for each axis.

    variant: the name of the variant that the tables belong to. Raises UserError, with the path of the definition, for
    an axis without values, a repeated value, and two cases with one label.
    """
    cases: dict[str, dict[str, Table]] = {}
    several = isinstance(tables["model"], list)
    for single in per_model(tables):
        shows_model = several or ("model", "cell") in axes(single) or variant is None
        for values, point in _points(path, single):
            model = [model_label(point["model"])] if shows_model else []
            label = ", ".join([*([variant] if variant else []), *model, *values])
            if label in cases:
                raise UserError(
                    f"{path}: two cases have the label '{label}'; write each value of an axis once, and give each "
                    "model a different name"
                )
            cases[label] = point
    return cases


def _points(path: Path, tables: Mapping[str, Table]) -> Iterator[tuple[list[str], dict[str, Table]]]:
    """Each combination of the values of the axes: the parts of its label, and its tables."""
    places = axes(tables)
    for table, setting in places:
        values = tables[table][setting]
        if not values or any(values.count(value) > 1 for value in values):
            reason = "write at least one value, and each value only once"
            name = f"{table}.{setting}"
            raise SettingError(f"{path}: {name} = {values}: {reason}", name, reason)
    for values in itertools.product(*(tables[table][setting] for table, setting in places)):
        point = {name: dict(settings) for name, settings in tables.items()}
        for (table, setting), value in zip(places, values, strict=True):
            point[table][setting] = value
        # the label of a model without a name is its cell
        hidden = () if point["model"].get("name") else (("model", "cell"),)
        label = [f"{name} {_as_text(point[table][name])}" for table, name in places if (table, name) not in hidden]
        yield label, point


def model_label(model: Table) -> str:
    """The label of a `[model]` table; an axis of cells is shown as "lstm/gru"."""
    label = model.get("name") or model.get("cell") or (CONVOLUTIONAL if "filters" in model else "")
    return "/".join(map(str, label)) if isinstance(label, list) else str(label)


def _as_text(value: object) -> str:
    """A value in a label. Commas separate settings, so lists and tables have spaces between their values.

    [64, 32] is "64 32", [] is "none", true is "true", { name = "sgd", momentum = 0.9, nesterov = true } is
    "sgd momentum 0.9 nesterov".
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(map(_as_text, value)) or "none"
    if isinstance(value, dict):
        return " ".join(_entry_as_text(name, entry) for name, entry in value.items())
    return str(value)


def _entry_as_text(name: str, entry: object) -> str:
    if name in ("name", "kind"):
        return _as_text(entry)
    return name if entry is True else f"{name} {_as_text(entry)}"


def narrow(definition: Table, only: Mapping[str, Sequence[str]], option: str = "--only ") -> None:
    """Keep only some values of axes, in place. An axis with one value is still an axis, so labels stay the same.

    only: values as typed, by the dotted name of the axis (`"model.units"`: `["16", "64"]` or `["16,64"]`), by `"model"`
    for several models (`["CNN"]`), or by `"variant"`. Variants without any remaining case are removed. Raises
    UserError for a name that is not an axis, and for a word that is not one of its values. option: what errors write
    before the name.
    """
    only = dict(only)
    if VARIANT in definition and VARIANT in only:
        variants = definition[VARIANT]
        kept = _chosen(f"{option}{VARIANT}", only.pop(VARIANT), [variant["name"] for variant in variants])
        definition[VARIANT] = [variant for variant in variants if variant["name"] in kept]
    sets = [case_tables(table_set) for table_set in table_sets(definition)]
    model_lists = [tables["model"] for tables in sets if isinstance(tables["model"], list)]
    for name, words in only.items():
        if name == "model" and model_lists:
            labels = _chosen(
                f"{option}{name}", words, [model_label(model) for models in model_lists for model in models]
            )
            for models in model_lists:
                models[:] = [model for model in models if model_label(model) in labels]
        else:
            _narrow_axis([single for tables in sets for single in per_model(tables)], name, words, option)
            for models in model_lists:  # remove a model that has the axis, but none of the values
                models[:] = [model for model in models if [] not in model.values()]
    if VARIANT in definition:
        definition[VARIANT] = [variant for variant in definition[VARIANT] if not _is_empty(case_tables(variant))]


def _is_empty(tables: Tables) -> bool:
    """Whether no model is left, or every model has an axis without values."""
    return all(any(single[table][name] == [] for table, name in axes(single)) for single in per_model(tables))


def _narrow_axis(table_sets: Sequence[Mapping[str, Table]], name: str, words: Sequence[str], option: str) -> None:
    known = {f"{table}.{setting}": (table, setting) for tables in table_sets for table, setting in axes(tables)}
    if name not in known:
        names = name_hint(known, name) if known else "the benchmark has no axis, because no setting is a list"
        raise UserError(f"{option}{name}: there is no axis of this name; {names}")
    axis = table, setting = known[name]
    holders = [tables[table] for tables in table_sets if axis in axes(tables)]
    kept = _chosen(f"{option}{name}", words, [value for settings in holders for value in settings[setting]])
    for settings in holders:
        settings[setting] = [value for value in settings[setting] if value in kept]


def _chosen(axis: str, words: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """The values that the words mean, in the order of the axis. Raises UserError for a word that means none."""
    kept: list[Any] = []
    for word in words:
        pieces = word.split(",")
        while pieces:
            number, meant = _first_value(pieces, values)
            if not number:
                wrong = word if set(word) & set("{[") else pieces[0].strip()
                texts = [_as_text(value) for value in values]
                # a near match is useful for names only
                named = any(isinstance(value, str) for value in values)
                known = name_hint(texts, wrong) if named else f"known: {', '.join(texts)}"
                raise UserError(f"{axis}={wrong}: the axis has no such value; {known}")
            kept += meant
            pieces = pieces[number:]
    return [value for value in values if value in kept]


def _first_value(pieces: Sequence[str], values: Sequence[Any]) -> tuple[int, list[Any]]:
    """How many pieces of text, which stood between commas, are the first value, and the value; 0 if they are none.

    A value that has commas itself, such as a table, has several pieces.
    """
    for number in range(len(pieces), 0, -1):
        word = ",".join(pieces[:number]).strip()
        if meant := [value for value in values if _means(word, value)]:
            return number, meant
    return 0, []


def _means(word: str, value: object) -> bool:
    """Whether a word of the command line is this value, as text or parsed as TOML (1e-3 is 0.001)."""
    if word == _as_text(value):
        return True
    try:
        parsed: object = tomllib.loads(f"value = {word}")["value"]
    except tomllib.TOMLDecodeError:
        return False
    return parsed == value and isinstance(parsed, bool) == isinstance(value, bool)


def complete_variants(path: Path, definition: Table) -> None:
    """Add to each variant the settings of the benchmark that it does not change, and remove the benchmark's tables.

    A definition without variants is left as it is. Raises UserError, with the path, for an invalid variant.
    """
    if VARIANT not in definition:
        return
    _require_variants(path, definition[VARIANT])
    inherited = {table: definition.pop(table) for table in TABLES}
    for variant in definition[VARIANT]:
        for table, settings in inherited.items():
            changed = variant.get(table, {})
            if table == "model":
                variant[table] = changed or copy.deepcopy(settings)
            else:
                variant[table] = settings | changed


def _require_variants(path: Path, variants: object) -> None:
    if not isinstance(variants, list) or not variants or not all(isinstance(variant, dict) for variant in variants):
        raise UserError(f"{path}: variant is {variants!r}; write tables, [[variant]], each with a name")
    for number, variant in enumerate(variants, start=1):
        name = variant.get("name")
        if not isinstance(name, str) or not name.isprintable() or not name.strip() or "," in name:
            example = 'name = "as written"'
            raise UserError(f"{path}: variant {number} needs a name of words without a comma, as in {example}")
        if [other.get("name") for other in variants].count(name) > 1:
            raise UserError(f"{path}: two variants have the name '{name}'; give each a different name")
        where = f"{path}: variant '{name}'"
        for setting, value in variant.items():
            if setting not in ("name", PROVEN, *MATRIX, *TABLES):
                raise UserError(
                    f"{where}: there is no setting '{setting}'; {name_hint((PROVEN, *MATRIX, *TABLES), setting)}"
                )
            several = setting == "model" and isinstance(value, list) and all(isinstance(model, dict) for model in value)
            if setting in TABLES and not isinstance(value, dict) and not several:
                raise UserError(f"{where}: {setting} is {value!r}; it must be a table")


def narrow_matrices(path: Path, definition: Table, changes: Mapping[str, Any]) -> None:
    """Apply backends, modes and seeds of the command line to the variants, in place.

    Seeds replace those of a variant. Of its backends and modes, those of the command line remain; a variant without
    any is removed. Raises UserError if no variant is left.
    """
    if VARIANT not in definition:
        return
    for variant in definition[VARIANT]:
        for setting in MATRIX:
            if setting not in variant or setting not in changes:
                continue
            if setting in ("backends", "modes"):
                variant[setting] = [name for name in variant[setting] if name in changes[setting]]
            else:
                variant[setting] = changes[setting]
    left = [variant for variant in definition[VARIANT] if variant.get("backends") != [] and variant.get("modes") != []]
    if not left:
        names = ", ".join(map(str, changes.get("backends", changes.get("modes", ()))))
        raise UserError(f"{path}: no variant has {names}; see its [[variant]] tables")
    definition[VARIANT] = left
