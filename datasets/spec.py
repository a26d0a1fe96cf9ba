"""The settings of the tables `[data]` and `[window]` of a benchmark, and the error of the whole package.

The end of a part of the split is written in one of three ways, distinguished by type:

- `train = 0.7`, a number between 0 and 1: this share of the rows of the series;
- `train = 800`, an integer: this many rows;
- `train = "1990-01-01"`, an ISO date or time: all rows before it.

The parts follow one another in time: train from the first row, then validation, then test. The test part takes all
remaining rows, or as many as `test` says. Shares are shares of rows, not of windows, so that the test part does not
change with the length of the window.

With `origins = 5` the test part is cut into five consecutive pieces. A model is trained before each piece and tested on
it: train and validation move forward by the rows of the earlier pieces, and the training part grows ("expanding") or
keeps its number of rows ("sliding"). The pieces together are the test part without `origins`.
"""

import json
import re
import shlex
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, model_validator

LARGEST = 1e150  # limit for absolute values: squares summed over rows, and squares of the inverse, must stay finite
STEP = r"(\d+ ?)?(s|sec|seconds?|min|minutes?|h|hours?|d|D|days?|w|W|weeks?|months?|quarters?|years?)"
EPOCHS = {"epoch s": "s", "epoch ms": "ms", "epoch us": "us", "epoch ns": "ns"}  # unit by time_format
DAYS = "spreadsheet days"  # time_format of days since 1899-12-30, as spreadsheets store dates
Dtype = Literal["float32", "float64"]


class DataError(ValueError):
    """The data cannot be used as requested. The message says what is wrong, where, and how to correct it."""


class MissingColumnError(DataError):
    """A column that is wanted is not in the file."""


class Settings(BaseModel):
    """Base class of all settings: immutable; unknown settings are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def counted(number: int, noun: str = "row") -> str:
    """A number with its noun in singular or plural: "1 row", "1,598 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def to_set(**settings: str | int) -> str:
    """Advice for error messages: how to write settings of `[data]` in a TOML file and on the command line.

    The command line parses a value as TOML and falls back to plain text, so text that TOML reads as another value, or
    that is not printable, needs quotation marks; a semicolon does not.
    """
    quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in settings.items()}
    table = " and ".join(f"data.{name} = {value}" for name, value in quoted.items())
    plain = ((name, str(value) if _is_plain(value) else quoted[name]) for name, value in settings.items())
    line = " ".join(f"--set {shlex.quote(f'data.{name}={value}')}" for name, value in plain)
    return f"set {table} (on the command line: {line})"


def _is_plain(value: str | int) -> bool:
    """Whether the command line reads a value as it is."""
    if isinstance(value, int):
        return True
    try:
        return value.isprintable() and tomllib.loads(f"x = {value}")["x"] == value
    except tomllib.TOMLDecodeError:
        return value == value.strip() != ""


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


def _split(value: object) -> object:
    """A list from text with commas."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _checked_step(value: object) -> object:
    """A step in words ("15 minutes") or as pandas writes it ("15min")."""
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(STEP, value.strip()):
        raise ValueError('write a step such as "15 minutes", "1 hour", "1 day" or "1 month"')
    return value.strip()


def _checked_separator(value: object) -> object:
    if value is not None and (not isinstance(value, str) or len(value) != 1):
        raise ValueError("write one character; a shell needs quotation marks around it, as in --set 'data.separator=;'")
    return value


def _checked_encoding(value: object) -> object:
    if value is not None:
        try:
            "".encode(str(value))
        except LookupError:
            raise ValueError(f'{value!r} is no encoding; write one such as "utf-8" or "latin-1"') from None
    return value


def _checked_time_format(value: object) -> object:
    if value is None or value in (*EPOCHS, DAYS):
        return value
    if not isinstance(value, str) or "%" not in value:
        raise ValueError('write a strptime format such as "%d/%m/%Y", or leave it out')
    try:
        datetime.strptime(datetime(2000, 1, 2, tzinfo=UTC).strftime(value), value)
    except (ValueError, re.error):
        raise ValueError(f'{value!r} is no strptime format; write one such as "%d/%m/%Y", or leave it out') from None
    return value


End = Annotated[StrictFloat | StrictInt | StrictStr, BeforeValidator(_checked_end)]
Names = Annotated[str | tuple[str, ...], BeforeValidator(_checked_names)]
Markers = Annotated[str | None, BeforeValidator(_checked_missing)]
Count = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]

Calendar = Annotated[tuple[Literal["hour", "weekday", "month"], ...], BeforeValidator(_split)]
Encoding = Annotated[str | None, BeforeValidator(_checked_encoding)]
Step = Annotated[str | None, BeforeValidator(_checked_step)]
Separator = Annotated[str | None, BeforeValidator(_checked_separator)]
# The command line reads data.sheet=2024 as a number; a name can mean nothing else.
Sheet = Annotated[str | None, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
TimeFormat = Annotated[str | None, BeforeValidator(_checked_time_format)]


CSV_ONLY = (
    "time", "time_format", "time_zone", "group", "encoding", "sheet", "separator", "decimal", "thousands", "skip",
    "comment", "missing", "gaps", "duplicates", "resample", "strict", "unit", "scale_per",
)  # fmt: skip


class DataSpec(Settings):
    """The table `[data]`: which series or file, and how it is split, differenced and scaled."""

    series: str | None = None  # name of a registered series; give either series or csv
    csv: Path | None = None  # path of a file of the user: CSV, Excel or Parquet, also compressed
    target: Names | None = None  # columns to forecast; default for a registered series: its last column
    features: Names | None = None  # further input columns, "*": all; default: csv none, a registered series all
    # Only for csv. What is not set is derived from the file, and the report states it.
    time: Names | None = None  # the column of time stamps, or several: "date,time"
    time_format: TimeFormat = None  # a strptime format ("%d/%m/%Y"), "epoch s" (ms, us, ns) or "spreadsheet days"
    time_zone: str | None = None  # of the time stamps, as in "Europe/Berlin"
    group: Names | None = None  # columns that tell several series in one file apart
    encoding: Encoding = None  # as in "latin-1"
    sheet: Sheet = None  # of an Excel workbook, by its name; default: the first
    separator: Separator = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", " ", "'"] | None = None  # "": no mark between thousands
    skip: Annotated[int, Field(strict=True, ge=0)] | None = None  # lines above the header
    comment: str | None = None  # the first characters of lines that are no rows; "": there are none
    missing: Markers = None  # markers of missing values, "999.9, Total *"; "": none; default: see files/numbers.py
    gaps: Literal["carry", "interpolate"] = "carry"  # how missing values are filled; see series.py
    duplicates: Literal["mean", "first", "last"] | None = None  # rows with the same time stamp; default: mean
    resample: Step = None  # a step ("15 minutes") whose rows are averaged
    strict: Flag = False  # missing values, missing rows, repeated and unordered time stamps are errors
    unit: str = ""  # of the target
    # for series and csv
    calendar: Calendar = ()  # further input columns, known ahead: "hour", "weekday", "month"
    season: Count | None = None  # in steps; default: the season of the series
    order: Literal["time", "rows"] = "time"  # "rows": cut windows over rows even if they are no regular time series
    difference: Flag = False  # learn the change from row to row, per column, before scaling
    scaling: Literal["standard", "minmax", "none"] = "standard"  # per column
    scale_on: Literal["train", "all"] = "train"  # rows that the scaler is fitted on; "all" includes the test part
    scale_per: Literal["all", "series"] = "all"  # with `group`: one scaler for all series, or one for each
    train: End = 0.7
    validation: End = 0.15
    test: End | None = None  # None: all remaining rows
    origins: Count | None = None  # consecutive pieces of the test part; a model is trained before each of them
    origin: Count | None = None  # the piece, from 1, that is the test part; None: the whole test part
    origin_training: Literal["expanding", "sliding"] = "expanding"  # training part: all rows so far, or equally many

    @model_validator(mode="after")
    def _has_one_source(self) -> "DataSpec":
        if (self.series is None) == (self.csv is None):
            raise ValueError("give either series, a registered name, or csv, the path of a file")
        if self.csv is not None and not self.target:
            raise ValueError("csv needs target, the name of the column to forecast")
        if self.separator is not None and self.separator == self.decimal:
            raise ValueError(
                f"separator and decimal are both {self.decimal!r}: {to_set(separator=';')}, or the file's separator"
            )
        if self.decimal is not None and self.thousands == self.decimal:
            other = "." if self.thousands == "," else ","
            raise ValueError(f"thousands and decimal are both {self.thousands!r}: {to_set(decimal=other)}")
        if self.time is None and self.resample is not None:
            raise ValueError("resample needs time, the column of time stamps")
        fields = type(self).model_fields
        stray = [name for name in CSV_ONLY if getattr(self, name) != fields[name].default]
        if self.series is not None and stray:
            raise ValueError(f"{stray[0]} is for csv files only; remove it, or give csv instead of series")
        return self

    @model_validator(mode="after")
    def _has_the_origin(self) -> "DataSpec":
        if self.origin is not None and (self.origins is None or self.origin > self.origins):
            raise ValueError(f"origin = {self.origin} needs origins, a number of at least {self.origin}")
        if self.origins is None and self.origin_training != "expanding":
            raise ValueError("origin_training needs origins, as in origins = 5")
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
    min_history: Count | None = (
        None  # also windows with this few rows of past, padded with zeros; length: none is padded
    )
    padding: Literal["left", "right"] = "left"  # of these windows: zeros before the rows, or after them
    mask: Flag | None = (
        None  # with min_history: true, its default, lets models skip the padding; false: they read zeros
    )

    @model_validator(mode="after")
    def _history_fits(self) -> "WindowSpec":
        if self.min_history is not None and self.min_history > self.length:
            raise ValueError(
                f"min_history = {self.min_history} is longer than the window, length = {self.length}; "
                f"write at most {self.length}"
            )
        changed = {"mask": self.mask is not None, "padding": self.padding != "left"}
        stray = next((name for name, given in changed.items() if given), None)
        if stray and self.min_history is None:
            raise ValueError(f"{stray} belongs to padded windows; set min_history, as in 2, or remove {stray}")
        if self.padding == "right" and self.shortest < self.length and self.rollout:
            raise ValueError('a rollout appends rows at the end, so it needs padding = "left"')
        return self

    @property
    def masked(self) -> bool:
        """Whether windows have a last column that is 1 for an observed row and 0 for padding."""
        return self.mask is not False and self.shortest < self.length

    @property
    def target_rows(self) -> int:
        """The number of rows in a training target: 1 with a rollout, else the horizon."""
        return 1 if self.rollout else self.horizon

    @property
    def shortest(self) -> int:
        """The smallest number of observed input rows that a window may have."""
        return self.min_history or self.length
