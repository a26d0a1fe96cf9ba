"""Base class, number type and schema version of all records."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

SCHEMA = 3  # the version that is written; `upgrade` reads versions 1 and 2

Mode = Literal["matched", "native"]


def _to_json(value: float) -> float | str:
    """Write infinities and NaN as text, because JSON has no numbers for them."""
    return value if value - value == 0 else str(value)


Number = Annotated[float, BeforeValidator(float), PlainSerializer(_to_json, when_used="json")]


class Record(BaseModel):
    """Immutable record that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
