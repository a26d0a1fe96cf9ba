"""The settings of the tables `[data]` and `[window]` of a benchmark, and the error of the whole package.

The end of a part of the split is written in one of three ways, distinguished by type:

- `train = 0.7`, a number between 0 and 1: this share of the rows of the series;
- `train = 800`, an integer: this many rows;
- `train = "1990-01-01"`, an ISO date or time: all rows before it.

The parts follow one another in time: train from the first row, then validation, then test. The test part takes all
remaining rows, or as many as `test` says. Shares are shares of rows, not of windows, so that the test part does not
change with the length of the window.
"""

import json
import shlex
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, model_validator

LARGEST = 1e150  # limit for absolute values: squares summed over rows, and squares of the inverse, must stay finite
Dtype = Literal["float32", "float64"]


class DataError(ValueError):
    """The data cannot be used as requested. The message says what is wrong, where, and how to correct it."""


class Settings(BaseModel):
    """Base class of all settings: immutable; unknown settings are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def counted(number: int, noun: str = "row") -> str:
    """A number with its noun in singular or plural: "1 row", "1,598 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def to_set(**settings: str) -> str:
    """Advice for error messages: how to write settings of `[data]` in a TOML file and on the command line.

    The command line parses a value as TOML and falls back to plain text, so a tab needs quotation marks and a
    semicolon does not.
    """
    quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in settings.items()}
    table = " and ".join(f"data.{name} = {value}" for name, value in quoted.items())
    plain = ((name, value if value.isprintable() else quoted[name]) for name, value in settings.items())
    line = " ".join(f"--set {shlex.quote(f'data.{name}={value}')}" for name, value in plain)
    return f"set {table} (on the command line: {line})"


END_ADVICE = 'write a share below 1 like 0.7, a whole number of rows, or an ISO date like "1990-01-31"'


def _checked_end(value: object) -> object:
    if isinstance(value, date | datetime):  # TOML has a type for dates
        return value.isoformat()
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(END_ADVICE) from None
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):  # bool is a subclass of int in Python
        raise ValueError(END_ADVICE)
    if value < 0 or (isinstance(value, float) and not value < 1):
        raise ValueError(END_ADVICE)
    return value


def _checked_missing(value: object) -> object:
    """The markers of missing values as one text; a number or a list of numbers and texts is converted."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(marker, int | float | str) for marker in value):
        return ", ".join(str(marker) for marker in value)
    if value is not None and not isinstance(value, str):
        raise ValueError('write the markers of missing values, as in -9999 or "n/k, 999.9"')
    return value


def _checked_names(value: object) -> object:
    names = value if isinstance(value, list | tuple) else [value]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"{repeated!r} is named twice: name it once")
    if not names:
        raise ValueError("an empty list names no column: name at least one")
    if not all(isinstance(name, str) for name in names):
        raise ValueError('write a column\'s name in quotation marks, or a list of such names, as in ["a", "b"]')
    return tuple(value) if isinstance(value, list | tuple) else value


End = Annotated[StrictFloat | StrictInt | StrictStr, BeforeValidator(_checked_end)]
Names = Annotated[str | tuple[str, ...], BeforeValidator(_checked_names)]
Markers = Annotated[str | None, BeforeValidator(_checked_missing)]
Count = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]

CSV_ONLY = ("time", "time_format", "separator", "decimal", "missing", "gaps", "unit")


class DataSpec(Settings):
    """The table `[data]`: which series or file, and how it is split, differenced and scaled."""

    series: str | None = None  # name of a registered series; give either series or csv
    csv: Path | None = None  # path of a file of the user: CSV, or Parquet if it ends in .parquet or .pq
    target: Names | None = None  # columns to forecast; default for a registered series: its last column
    features: Names | None = None  # further input columns, "*": all; default: csv none, a registered series all
    time: str | None = None  # csv: the column of time stamps
    time_format: str | None = None  # csv: a strptime format ("%d/%m/%Y"); default: ISO 8601, YYYYMMDD or years
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","  # csv
    decimal: Literal[".", ","] = "."  # csv
    missing: Markers = None  # csv: markers of missing values, "999.9, -9999"; "": none; default: see files/frames.py
    gaps: Literal["refuse", "carry", "interpolate"] = "refuse"  # csv: how missing values are filled; see series.py
    unit: str = ""  # csv: the unit of the target
    season: Count | None = None  # in steps; default: the season of the series
    order: Literal["time", "rows"] = "time"  # "rows": cut windows over rows even if they are no regular time series
    difference: Flag = False  # learn the change from row to row, per column, before scaling
    scaling: Literal["standard", "minmax", "none"] = "standard"  # per column
    scale_on: Literal["train", "all"] = "train"  # rows that the scaler is fitted on; "all" includes the test part
    train: End = 0.7
    validation: End = 0.15
    test: End | None = None  # None: all remaining rows

    @model_validator(mode="after")
    def _has_one_source(self) -> "DataSpec":
        if (self.series is None) == (self.csv is None):
            raise ValueError("give either series, a registered name, or csv, the path of a file")
        if self.csv is not None and not self.target:
            raise ValueError("csv needs target, the name of the column to forecast")
        if self.separator == self.decimal:
            raise ValueError(
                f"separator and decimal are both {self.decimal!r}: {to_set(separator=';')}, or the file's separator"
            )
        fields = type(self).model_fields
        stray = [name for name in CSV_ONLY if getattr(self, name) != fields[name].default]
        if self.series is not None and stray:
            raise ValueError(f"{stray[0]} is for csv files only; remove it, or give csv instead of series")
        return self

    @model_validator(mode="after")
    def _leaves_a_test_part(self) -> "DataSpec":
        shares = [end for end in (self.train, self.validation, self.test) if isinstance(end, float)]
        if sum(shares) > (1 - 1e-9 if self.test is None else 1 + 1e-9):
            raise ValueError(
                f"train = {self.train}, validation = {self.validation} and the test part are more than all rows: "
                "the shares must add up to less than 1, so that some rows are left for the test part"
            )
        return self


class WindowSpec(Settings):
    """The table `[window]`: how many rows a model reads and how many rows it forecasts."""

    length: Count  # T, rows of input
    horizon: Count = 1  # H, rows of output
    rollout: Flag = False  # train on one row ahead; forecast H rows by feeding each forecast back as the next input row
    stride: Count = 1  # rows from one window to the next
    min_history: Count | None = None  # less than length: also windows with this few rows of past, padded with zeros

    @model_validator(mode="after")
    def _history_fits(self) -> "WindowSpec":
        if self.min_history is not None and self.min_history > self.length:
            raise ValueError(f"min_history = {self.min_history} is longer than the window, length = {self.length}")
        return self

    @property
    def target_rows(self) -> int:
        """The number of rows in a training target: 1 with a rollout, else the horizon."""
        return 1 if self.rollout else self.horizon

    @property
    def shortest(self) -> int:
        """The smallest number of observed input rows that a window may have."""
        return self.min_history or self.length
