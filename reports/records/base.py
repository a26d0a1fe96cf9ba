"""Base class, types of numbers and schema version of all records."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

SCHEMA = 3  # the version that is written; `upgrade` reads versions 1 and 2

Mode = Literal["matched", "native"]


def _to_json(value: float) -> float | str:
    """Write infinities and NaN as text, because JSON has no numbers for them."""
    return value if value - value == 0 else str(value)


Number = Annotated[float, BeforeValidator(float), PlainSerializer(_to_json, when_used="json")]


class Matrix(Sequence[tuple[float, ...]]):
    """Rows of equally many numbers, kept in one array: a tenth of the memory of a tuple of tuples, which it equals."""

    def __init__(self, rows: Sequence[tuple[float, ...]]) -> None:
        """Raise ValueError if the rows differ in length."""
        if len({len(row) for row in rows}) > 1:
            raise ValueError("the rows have different lengths")
        self._array = np.array(rows, dtype=float)

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - the two signatures of a sequence
        if isinstance(place, slice):
            return tuple(self)[place]
        return tuple(self._array[place].tolist())

    def __iter__(self) -> Iterator[tuple[float, ...]]:
        return map(tuple, self._array.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: ANN401 - as in NumPy
        return np.array(self._array, dtype=dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Matrix | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._array.tobytes())

    def __repr__(self) -> str:
        return repr(tuple(self))


def _rows_to_json(rows: Sequence[tuple[float, ...]]) -> list[list[float | str]]:
    return [[_to_json(value) for value in row] for row in rows]


Rows = Annotated[Sequence[tuple[Number, ...]], AfterValidator(Matrix), PlainSerializer(_rows_to_json, when_used="json")]


class Record(BaseModel):
    """Immutable record that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def folder_name(started: datetime) -> str:
    """The name of a run's folder, without the number that is added if another run started in the same second."""
    return started.strftime("%Y-%m-%dT%H-%M-%SZ")
