"""Validation of the tables of a definition: the first wrong setting becomes one sentence with what to write."""

import shlex
import tomllib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backends.recurrent import Cell
from benchmarks.definition.model_settings import AnyLayer
from benchmarks.definition.settings import SETTINGS, Header, optimizer_with
from benchmarks.errors import SettingError, as_toml, name_hint

Schema = TypeVar("Schema", bound=BaseModel)
EXAMPLES = {  # of the settings without a default
    "title": "Sales by week",
    "backends": ["pytorch", "flax"],
    "length": 20,
    "epochs": 60,
    "batch": 32,
}
WANTED = {  # what to write, by the type of pydantic's error
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a text, in quotation marks",
}
PLAIN = {  # in the other messages of pydantic
    "should be": "must be",
    "should have": "must have",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}


def validated(
    schema: type[Schema], settings: dict[str, Any], where: str, others: Iterable[str] = (), table: str = ""
) -> Schema:
    """Validate settings. Raises SettingError with one sentence about the first wrong setting.

    where: the start of the sentence, file and table. others: names of tables, for the hint about a misspelt name.
    table: the table of these settings; "" for the top of a definition.
    """
    try:
        return schema.model_validate(settings)
    except ValidationError as problem:
        # a misspelt setting is also a missing setting; the hint about the name is more useful
        error = min(problem.errors(), key=lambda error: error["type"] != "extra_forbidden")
        known = [field.alias or name for name, field in schema.model_fields.items()]
        message = _sentence(error, [*known, *others], table)
        name = str(error["loc"][0]) if error["loc"] else ""
        reason = message.removeprefix(f"{name} = {as_toml(error['input'])}: ")
        raise SettingError(f"{where} {message}", f"{table}.{name}" if table else name, reason) from None


def _sentence(error: ErrorDetails, known: list[str], table: str) -> str:
    """An error of pydantic as one sentence in the terms of a definition. table: as in `validated`."""
    setting, given = _place(error), as_toml(error["input"])
    if error["type"] == "missing":
        return f"{setting} is missing; {_missing(setting, known) if len(error['loc']) == 1 else 'add it'}"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        layers = get_args(get_args(AnyLayer)[0])
        kinds = [str(get_args(layer.model_fields["kind"].annotation)[0]) for layer in layers]
        kind = error["input"].get("kind")
        wrong = "a layer needs a kind" if kind is None else f"a layer cannot have the kind {as_toml(kind)}"
        if kind in get_args(Cell):
            return f'{setting} = {given}: {wrong}; write kind = "recurrent", cell = "{kind}"'
        return f"{setting} = {given}: {wrong}; {name_hint(kinds, str(kind))}"
    if error["type"] == "extra_forbidden":
        return f"there is no setting '{setting}'{_unknown(error, known, table)}"
    before = f"{setting} = {given}: " if setting else ""
    if error["type"] == "value_error":
        return before + error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        return f"{before}it must be the number as printed, in quotation marks"
    if error["type"] in WANTED:
        return f"{before}write {WANTED[error['type']]}"
    if error["type"] in ("too_short", "string_too_short"):
        return f"{before}it must not be empty"
    if error["type"] == "tuple_type":
        values = as_toml(_as_list(error["input"]))
        option = shlex.quote(f"{table}.{setting}={values}" if table else f"{setting}={values}")
        return f"{before}it must be a list, as in {setting} = {values}, on the command line --set {option}"
    reason = error["msg"].removeprefix("Input ")
    for pydantic, plain in PLAIN.items():
        reason = reason.replace(pydantic, plain)
    return f"{before}it {reason}"


def _place(error: ErrorDetails) -> str:
    """The name of the setting; of a value in a list its number too, counted from 1."""
    parts = [part for part in error["loc"] if part not in ("int", "float", "str", "constrained-int")]
    if len(parts) == 2 and isinstance(parts[1], int):
        return f"value {parts[1] + 1} of {parts[0]}"
    return ".".join(map(str, parts))


def _missing(setting: str, known: list[str]) -> str:
    if setting in EXAMPLES:
        return f"write it, as in {setting} = {as_toml(EXAMPLES[setting])}"
    return f"settings of this table: {', '.join(known)}"


def _unknown(error: ErrorDetails, known: list[str], table: str) -> str:
    """The end of the sentence on a setting that its table has not."""
    setting, value = str(error["loc"][0]), error["input"]
    if len(error["loc"]) > 1:
        return " here; remove it"
    if "optimizer" in known and (optimizer := optimizer_with(setting, value)):
        option = shlex.quote(f"training.optimizer={optimizer}")
        return f"; it is one of an optimizer, as in optimizer = {optimizer}, on the command line --set {option}"
    tables: dict[str, type[BaseModel]] = {"": Header, **SETTINGS}
    home = next((name for name, schema in tables.items() if setting in schema.model_fields), table)
    if home == table or get_close_matches(setting, known, n=1, cutoff=0.8):
        return f"; {name_hint(known, setting)}"
    place, dotted = (f"[{home}]", f"{home}.{setting}") if home else ("the top of the file", setting)
    return f" here; move it to {place}, on the command line --set {shlex.quote(f'{dotted}={as_toml(value)}')}"


def _as_list(value: object) -> list[object]:
    """What was meant as a list: values with commas between them, or a single value."""
    if not isinstance(value, str):
        return [value]
    try:
        return list(tomllib.loads(f"value = [{value}]")["value"])
    except tomllib.TOMLDecodeError:
        return [word.strip() for word in value.split(",")]


def table_hint(known: Sequence[str], table: str, setting: str, value: object) -> str:
    """What to write in place of an unknown table; an optimizer is a value of [training], and no table of its own."""
    optimizer = as_toml({"name": value}) if setting == "name" else optimizer_with(setting, value)
    if table.removeprefix("training.") == "optimizer" and optimizer:
        return f"write the optimizer as a whole: --set {shlex.quote(f'training.optimizer={optimizer}')}"
    return name_hint(known, table)
