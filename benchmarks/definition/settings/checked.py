"""Settings validated, or one sentence that says what is wrong with the first wrong one."""

import json
from collections.abc import Iterable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from benchmarks.definition.settings.model import AnyLayer
from benchmarks.errors import UserError, one_of

Checked = TypeVar("Checked", bound=BaseModel)


def checked(kind: type[Checked], settings: dict[str, Any], where: str, others: Iterable[str] = ()) -> Checked:
    """Validate, or say in one sentence what is wrong with the first wrong setting."""
    try:
        return kind.model_validate(settings)
    except ValidationError as problem:
        # a misspelt setting is also a missing one: its near match is the better sentence
        error = min(problem.errors(), key=lambda error: error["type"] != "extra_forbidden")
        known = [field.alias or name for name, field in kind.model_fields.items()]
        raise UserError(f"{where} {_sentence(error, [*known, *others])}") from None


def _sentence(error: ErrorDetails, known: list[str]) -> str:
    """A validation error in our words; a validator's own message is a clause already."""
    setting = ".".join(str(part) for part in error["loc"] if part not in ("int", "float", "str", "constrained-int"))
    if error["type"] == "missing" and len(error["loc"]) > 1:
        return f"{setting} is missing"
    if error["type"] == "missing":
        return f"{setting} is missing; {', '.join(known)} can stand here"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kinds = get_args(get_args(AnyLayer)[0])
        tags = [str(get_args(kind.model_fields["kind"].annotation)[0]) for kind in kinds]
        return f"{setting} = {_shown(error['input'])}: it needs a kind; {one_of(tags, str(error['input'].get('kind')))}"
    if error["type"] == "extra_forbidden" and len(error["loc"]) > 1:
        return f"there is no setting '{setting}'; what it stands in has none of this name"
    if error["type"] == "extra_forbidden":
        return f"there is no setting '{setting}'; {one_of(known, setting)}"
    given = f"{setting} = {_shown(error['input'])}: " if setting else ""
    if error["type"] == "value_error":
        return given + error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        return f"{given}it must be a number as it was printed, in quotation marks"
    if error["type"] in ("too_short", "string_too_short"):
        return f"{given}it may not be empty"
    if error["type"] == "tuple_type":
        return f"{given}it must be a list, as in {setting} = [{_shown(error['input'])}]"
    return f"{given}it {error['msg'].removeprefix('Input ')}"


def _shown(value: object) -> str:
    """A value as TOML has it."""
    return repr(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False)
