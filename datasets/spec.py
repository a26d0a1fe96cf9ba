"""What can be asked of the data: the tables `[data]` and `[window]` of a benchmark, and the error for wrong asking.

Where a part ends is written in one of three ways, told apart by their type:

- `train = 0.7`, a number between 0 and 1: that share of the series' rows;
- `train = 800`, a whole number: that many rows;
- `train = "1990-01-01"`, an ISO date or time: every row before it.

The parts follow one another: train from the first row, then validation, then test with all that is left, or with as
much of it as `test` says. Shares are shares of rows, not of windows, so that the test part stays the same when the
window's length changes.
"""

import json
import shlex
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, model_validator

LARGEST = 1e150  # the square of a value, summed over rows, must stay finite; so must that of its inverse
Dtype = Literal["float32", "float64"]


class DataError(ValueError):
    """The data cannot be used as asked; the message is one sentence: what is wrong, where, and what would be right."""


def counted(number: int, noun: str = "row") -> str:
    """1 row, 1,598 rows."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def to_set(**settings: str) -> str:
    """How to write settings of `[data]`, for messages: in a benchmark's file, and on the command line.

    The command line reads a value as TOML if it is TOML, else as text, so a tab needs quotation marks and a
    semicolon does not.
    """
    quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in settings.items()}
    table = " and ".join(f"data.{name} = {value}" for name, value in quoted.items())
    plain = ((name, value if value.isprintable() else quoted[name]) for name, value in settings.items())
    line = " ".join(f"--set {shlex.quote(f'data.{name}={value}')}" for name, value in plain)
    return f"set {table} (on the command line: {line})"


END = 'write a share below 1 like 0.7, a whole number of rows, or an ISO date like "1990-01-31"'


def _checked_end(value: object) -> object:
    if isinstance(value, date | datetime):  # TOML has dates of its own
        return value.isoformat()
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(END) from None
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):  # to Python, true is the number 1
        raise ValueError(END)
    if value < 0 or (isinstance(value, float) and not value < 1):
        raise ValueError(END)
    return value


def _checked_missing(value: object) -> object:
    """Markers are compared as text or as numbers, but a single one is naturally written as a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(marker, int | float | str) for marker in value):
        return ", ".join(str(marker) for marker in value)
    if value is not None and not isinstance(value, str):
        raise ValueError('write the markers of missing values, as in -9999 or "n/k, 999.9"')
    return value


def _checked_names(value: object) -> object:
    if isinstance(value, list | tuple):
        twice = next((name for name in value if value.count(name) > 1), None)
        if twice is not None or not value:
            raise ValueError(
                f"{twice!r} is named twice: name it once"
                if value
                else "an empty list names no column: name at least one"
            )
    if not all(isinstance(name, str) for name in (value if isinstance(value, list | tuple) else [value])):
        raise ValueError('write a column\'s name in quotation marks, or a list of such names, as in ["a", "b"]')
    return tuple(value) if isinstance(value, list | tuple) else value


End = Annotated[StrictFloat | StrictInt | StrictStr, BeforeValidator(_checked_end)]
Names = Annotated[str | tuple[str, ...], BeforeValidator(_checked_names)]
Markers = Annotated[str | None, BeforeValidator(_checked_missing)]
Count = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]

CSV_ONLY = ("time", "time_format", "separator", "decimal", "missing", "gaps", "unit")


class DataSpec(BaseModel):
    """The table `[data]`: which numbers, how they are split, differenced and scaled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: str | None = None  # a registered name, or else:
    csv: Path | None = None  # the user's own file: CSV, or Parquet by its ending .parquet or .pq
    target: Names | None = None  # column(s) to forecast; a registered series has its own
    features: Names | None = None  # further input columns, "*": all. Default: csv none, a registered series all
    time: str | None = None  # csv: the column of time stamps
    time_format: str | None = None  # csv: as strptime reads it ("%d/%m/%Y"); default: ISO 8601, YYYYMMDD or years
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","  # csv
    decimal: Literal[".", ","] = "."  # csv
    missing: Markers = None  # csv: further markers, "999.9, -9999"; "" for none; default: see `files`
    gaps: Literal["refuse", "carry", "interpolate"] = "refuse"  # csv: what fills a missing value; see `series`
    unit: str = ""  # csv
    season: Count | None = None  # in steps; default: the series' own
    order: Literal["time", "rows"] = "time"  # "rows": window over rows although they are no regular time series
    difference: Flag = False  # learn the change from row to row, per column, before scaling
    scaling: Literal["standard", "minmax", "none"] = "standard"  # per column
    scale_on: Literal["train", "all"] = "train"  # "all" lets the scaler see the test part, as many lessons do
    train: End = 0.7
    validation: End = 0.15
    test: End | None = None  # None: all that is left

    @model_validator(mode="after")
    def _one_source(self) -> "DataSpec":
        if (self.series is None) == (self.csv is None):
            raise ValueError("give either series, a registered name, or csv, the path of a file")
        if self.csv is not None and not self.target:
            raise ValueError("csv needs target, the name of the column to forecast")
        if self.separator == self.decimal:
            raise ValueError(
                f"separator and decimal are both {self.decimal!r}: {to_set(separator=';')}, or what the file has"
            )
        stray = (
            []
            if self.series is None
            else [n for n in CSV_ONLY if getattr(self, n) != type(self).model_fields[n].default]
        )
        if stray:
            raise ValueError(f"{stray[0]} belongs to csv; series = {self.series!r} brings its own")
        return self

    @model_validator(mode="after")
    def _shares_leave_a_test_part(self) -> "DataSpec":
        shares = [end for end in (self.train, self.validation, self.test) if isinstance(end, float)]
        if sum(shares) > (1 - 1e-9 if self.test is None else 1 + 1e-9):
            raise ValueError(
                f"train = {self.train}, validation = {self.validation} and the test part are more than all rows: "
                "shares must stay below 1 together, so that some rows are left for the test part"
            )
        return self


class WindowSpec(BaseModel):
    """The table `[window]`: how much past goes in, how much future comes out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    length: Count  # T, rows of input
    horizon: Count = 1  # H, rows of output
    rollout: Flag = False  # learn one row ahead; forecast H rows by taking each forecast for the next row of input
    stride: Count = 1  # rows from one window to the next
    min_history: Count | None = None  # below length: also windows with that little past, zeros and a mask on their left

    @model_validator(mode="after")
    def _history_fits(self) -> "WindowSpec":
        if self.min_history is not None and self.min_history > self.length:
            raise ValueError(f"min_history = {self.min_history} is longer than the window, length = {self.length}")
        return self

    @property
    def learnt(self) -> int:
        """Rows that a training target has."""
        return 1 if self.rollout else self.horizon

    @property
    def shortest(self) -> int:
        """The least past that a window has."""
        return self.min_history or self.length
