"""Which rows belong to train, validation and test."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from datasets.series import Series
from datasets.spec import DataError, DataSpec, counted


@dataclass(frozen=True)
class Split:
    """The row at which each part ends; the next begins there."""

    train: int
    validation: int
    test: int

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First row and end of each part, by name."""
        return {
            "train": (0, self.train),
            "validation": (self.train, self.validation),
            "test": (self.validation, self.test),
        }


def split(series: Series, data: DataSpec) -> Split:
    """The rows at which the parts end; a `DataError` names the option that leaves a part empty."""
    ends: list[int] = []
    for option in ("train", "validation", "test"):
        value = getattr(data, option)
        before = ends[-1] if ends else 0
        if value is None:
            end = series.rows
        elif isinstance(value, str):
            end = _row_of(series, option, value)
        elif isinstance(value, int):
            end = before + value
        else:
            end = before + int(value * series.rows + 1e-6)  # 0.7 * 10 is 7.0, 0.1 * 3 * 10 only nearly 3
        _check(series, option, value, before, end)
        ends.append(end)
    return Split(*ends)


def _row_of(series: Series, option: str, value: str) -> int:
    if series.times is None:
        raise DataError(
            f"{option} = {value!r} is a date, but {series.name} has no time stamps: give a share or a number of rows."
        )
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return int(np.searchsorted(series.times, np.datetime64(moment)))


def _check(series: Series, option: str, value: object, before: int, end: int) -> None:
    span = f"{series.name} has {counted(series.rows)}, {series.label(0)} to {series.label(series.rows - 1)}"
    if end > series.rows:
        raise DataError(f"{option} = {value!r} ends at row {end}, but {span}: give it fewer rows.")
    may_be_empty = option == "validation" and isinstance(value, int | float) and value == 0
    if end <= before and not may_be_empty:
        named = f"{option} = {value!r}" if value is not None else "what train and validation take"
        raise DataError(f"{named} leaves no row for the {option} part, which would begin at row {before + 1}: {span}.")
