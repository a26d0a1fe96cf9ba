"""What all records share."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

SCHEMA = 2  # 1 had no gate, no environment and no matrix product in a trial; what it lacks reads as None

Mode = Literal["matched", "native"]


def _to_json(value: float) -> float | str:
    """JSON has no infinity and no NaN: they are written as text, so that a failed trial can be recorded too."""
    return value if value - value == 0 else str(value)


Number = Annotated[float, BeforeValidator(float), PlainSerializer(_to_json, when_used="json")]


class Record(BaseModel):
    """Immutable, and strict about what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
