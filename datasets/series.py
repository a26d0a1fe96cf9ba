"""A series in memory, the filling of its gaps, and its split into train, validation and test.

A series has rows in order, columns of numbers and no missing values. A gap is filled with the last value observed
before it (`gaps = "carry"`). `gaps = "interpolate"` draws a straight line to the value after the gap, so an input can
contain information about its own target; the note of the series says so. Missing values at the start and at the end
are cut off, not filled.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from datasets.spec import DataError, DataSpec, MissingColumnError, counted

PRECISION = {"year": "Y", "quarter": "M", "month": "M", "week": "D", "day": "D", "hour": "m", "minute": "m"}  # by unit
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Series:
    """One series. Most series are a single run; a window never spans two runs."""

    name: str
    title: str
    values: np.ndarray  # (rows, columns) float64, read-only, finite
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    times: np.ndarray | None = None  # (rows,) datetime64
    unit: str = ""
    step: str = "row"
    season: int | None = None  # in steps
    licence: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    filled: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))  # rows that hold a filled value
    unscored: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))  # rows that no window may forecast
    runs: tuple[int, ...] = (0,)  # first row of each run
    groups: tuple[str, ...] = ()  # the name of each run, if the runs are series of their own
    temporal: bool = True  # False: the rows are not a time series
    time_format: str = ""  # of the time stamps in a user's file
    time_zone: str = ""  # of local times in a user's file that were converted to UTC
    understood: tuple[tuple[str, str], ...] = ()  # of a user's file: labelled lines, the most important first

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.values, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.columns):
            raise DataError(f"{self.name} has values of shape {values.shape} for {len(self.columns)} columns.")
        if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise DataError(f"{self.name}, column {self.columns[column]!r}, row {row + 1} holds {values[row, column]}.")
        view = values.view()
        view.flags.writeable = False
        object.__setattr__(self, "values", view)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.values)

    def index(self, names: tuple[str, ...]) -> list[int]:
        """Positions of the named columns."""
        return [self.columns.index(name) for name in names]

    def label(self, row: int) -> str:
        """The time stamp of a row in the precision of the step, or without time stamps "row 1", counted from 1."""
        return f"row {row + 1}" if self.times is None else label(self.times[row], self.step)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Of each run its first row, and the row after its last."""
        return tuple(pairwise((*self.runs, self.rows)))

    def extent(self, spans: Sequence[tuple[int, int]]) -> str:
        """The first and the last time stamp, or row, of these first rows and ends; of several series, the outermost."""
        rows = [(start, stop - 1) for start, stop in spans if stop > start]
        if not rows:
            return "no row"
        if self.times is None and len(spans) > 1:
            return f"of {len(rows):,} series"
        key = (lambda row: row) if self.times is None else self.times.__getitem__
        first, last = min((start for start, _ in rows), key=key), max((stop for _, stop in rows), key=key)
        return f"{self.label(first)} to {self.label(last)}"

    def run_of(self, rows: np.ndarray) -> np.ndarray:
        """(N,): the number of the run of each of these rows."""
        return np.searchsorted(np.array(self.runs), rows, side="right") - 1


def label(stamp: np.datetime64, step: str) -> str:
    """A time stamp in the precision of a step such as "15 minutes" or "business day"."""
    unit = step.split()[-1].removesuffix("s")
    return str(stamp.astype(f"datetime64[{PRECISION.get(unit, 's')}]"))


@dataclass(frozen=True, eq=False)
class Filled:
    """Values without gaps, and what was done to obtain them."""

    values: np.ndarray  # (rows, columns)
    kept: slice  # the rows of the input that were kept
    rows: np.ndarray  # the rows that were filled, numbered within `kept`
    holes: np.ndarray  # (filled rows, columns) True where a value was missing
    cut: tuple[int, int] = (0, 0)  # rows cut off at the start and at the end


def fill(values: np.ndarray, rule: str = "carry", where: str = "the series") -> Filled:
    """Fill missing values, after cutting off the rows before every column has begun or after one has ended.

    values: (rows, columns) with NaN where missing; each column has at least one value. rule: "carry" or "interpolate".
    Raises DataError if no row is left.
    """
    if values.size and not np.isnan(values.min()):  # takes no memory
        return Filled(values, slice(0, len(values)), np.empty(0, np.int64), np.empty((0, values.shape[1]), bool))
    missing = np.isnan(values)
    present = ~missing
    start = int(present.argmax(axis=0).max())
    stop = len(values) - int(present[::-1].argmax(axis=0).max())
    if start >= stop or missing.all(axis=0).any():
        raise DataError(
            f"In {where} no row lies between the first and the last value of every column: choose other columns."
        )
    kept, holes = values[start:stop].copy(), missing[start:stop]
    rows = np.flatnonzero(holes.any(axis=1))
    for column in range(kept.shape[1]) if len(rows) else ():
        _fill_column(kept[:, column], holes[:, column], rule)
    return Filled(kept, slice(start, stop), rows, holes[rows], (start, len(values) - stop))


def fill_notes(pieces: Sequence[Filled], rule: str = "carry") -> list[str]:
    """Sentences on the gaps of one or several series."""
    notes = []
    start, end = (sum(piece.cut[place] for piece in pieces) for place in (0, 1))
    if start or end:
        notes.append(f"Missing values at the ends were cut off: {counted(start)} at the start, {end} at the end.")
    rows = sum(len(piece.rows) for piece in pieces)
    if rows:
        filling = "the last value observed before them"
        if rule == "interpolate":
            filling = "a straight line between their neighbours, which uses values after the gap"
        total, longest = sum(len(piece.values) for piece in pieces), max(longest_gap(piece.rows) for piece in pieces)
        notes.append(
            f"{rows:,} of {total:,} rows were missing or had a missing value, and were filled with {filling}; "
            f"the longest gap is {counted(longest)}."
        )
    return notes


def _fill_column(column: np.ndarray, holes: np.ndarray, rule: str) -> None:
    rows = np.arange(len(column))
    if rule == "interpolate":
        column[holes] = np.interp(rows[holes], rows[~holes], column[~holes])
    else:
        column[:] = column[np.maximum.accumulate(np.where(holes, 0, rows))]


def longest_gap(rows: np.ndarray) -> int:
    """The length of the longest sequence of consecutive numbers in `rows`, which ascend."""
    if not len(rows):
        return 0
    breaks = np.flatnonzero(np.diff(rows) > 1)
    return int(np.diff(np.concatenate(([-1], breaks, [len(rows) - 1]))).max())


def as_names(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """A tuple of names from a single name, several names or None."""
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else tuple(names)


def check_columns(wanted: Sequence[str], columns: Sequence[str], where: str) -> None:
    """Raise MissingColumnError for the first wanted name that is not among the columns; a close name is its hint."""
    for name in wanted:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(columns[:20])}."
            raise MissingColumnError(f"there is no column {name!r} in {where}; {hint}")


@dataclass(frozen=True)
class Split:
    """The end of each part, exclusive; the next part begins there.

    The ends are rows of the series. If the file has several series, they are steps of the time that all of them share,
    and `series` has the first training row of each series and the end row of each of its parts.
    """

    train: int
    validation: int
    test: int
    series: tuple[tuple[int, int, int, int], ...] = ()
    start: int = 0  # of the training part; above 0 only for a later origin with origin_training = "sliding"

    @property
    def spans(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """First row and end of each part, by name: one pair, or one for each series, which may be empty."""
        ends = self.series or ((self.start, self.train, self.validation, self.test),)
        return {name: tuple((row[place], row[place + 1]) for row in ends) for place, name in enumerate(PARTS)}


@dataclass(frozen=True, eq=False)
class _Axis:
    """What is split: the rows of a series, or the distinct time stamps of several series."""

    name: str
    steps: int
    times: np.ndarray | None
    noun: str
    label: Callable[[int], str]


def split(series: Series, data: DataSpec) -> Split:
    """The end rows of the parts. Raises DataError with the name of the setting that leaves a part empty.

    Several series in one file are split at the same time stamps; without time stamps, each is split by itself.
    """
    if not series.groups:
        axis = _Axis(series.name, series.rows, series.times, "row", series.label)
        begin, train, validation, test = _bounds(axis, data)
        return Split(train, validation, test, start=begin)
    bounds = series.spans
    if series.times is None:
        longest = max(stop - start for start, stop in bounds)
        begin, train, validation, test = _bounds(_Axis(series.name, longest, None, "row", str), data)
        rows = [_shares(series, data, start, stop) for start, stop in bounds]
    else:
        stamps = _distinct([series.times[start:stop] for start, stop in bounds])
        axis = _Axis(series.name, len(stamps), stamps, "step", lambda step: label(stamps[step], series.step))
        begin, train, validation, test = steps = _bounds(axis, data)
        limits = [stamps[step] if step < len(stamps) else stamps[-1] + np.timedelta64(1, "us") for step in steps]
        rows = [tuple((start + np.searchsorted(series.times[start:stop], limits)).tolist()) for start, stop in bounds]
    return Split(train, validation, test, tuple(rows), begin)


def _distinct(runs: Sequence[np.ndarray]) -> np.ndarray:
    """The distinct time stamps of several series, in order. NumPy's own function takes 20 times as long."""
    first, *others = runs
    stamps = np.sort(np.concatenate([first, *(run for run in others if not np.array_equal(run, first))]), kind="stable")
    distinct: np.ndarray = stamps[np.append(True, stamps[1:] != stamps[:-1])]
    return distinct


def _shares(series: Series, data: DataSpec, start: int, stop: int) -> tuple[int, int, int, int]:
    """The parts of one of several series without time stamps; a part of a short series may be empty."""
    bounds = _bounds(_Axis(series.name, stop - start, None, "row", str), data, checked=False)
    begin, train, validation, test = (min(start + bound, stop) for bound in bounds)
    return begin, train, validation, test


def _bounds(axis: _Axis, data: DataSpec, *, checked: bool = True) -> tuple[int, int, int, int]:
    """The first step of the training part and the end of each part, at the origin that the settings name."""
    train, validation, test = _ends(axis, data, checked=checked)
    if data.origins is None or data.origin is None:
        return 0, train, validation, test
    steps = test - validation
    if checked and steps < data.origins:
        raise DataError(
            f"origins = {data.origins} are more than the {counted(steps, axis.noun)} of the test part of {axis.name}: "
            f"write at most {steps}."
        )
    moved = steps * (data.origin - 1) // data.origins
    begin = moved if data.origin_training == "sliding" else 0
    return begin, train + moved, validation + moved, validation + steps * data.origin // data.origins


def _ends(axis: _Axis, data: DataSpec, *, checked: bool = True) -> list[int]:
    ends: list[int] = []
    for option in PARTS:
        value = getattr(data, option)
        begin = ends[-1] if ends else 0
        if value is None:
            end = axis.steps
        elif isinstance(value, str):
            end = _step_at(axis, option, value)
        elif isinstance(value, int):
            end = begin + value
        else:
            end = begin + int(value * axis.steps + 1e-6)  # against rounding: 0.29 * 100 is 28.999999999999996
        if checked:
            _check_part(axis, option, value, begin, end)
        ends.append(end)
    return ends


def _step_at(axis: _Axis, option: str, value: str) -> int:
    """The first row at or after a date or time."""
    if axis.times is None:
        raise DataError(
            f"{option} = {value!r} is a date, but {axis.name} has no time stamps: give a share or a number of rows."
        )
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    step = int(np.searchsorted(axis.times, np.datetime64(moment)))
    if step == axis.steps and option != "test":
        raise DataError(
            f"{option} = {value!r} is after the last {axis.noun} of {axis.name}, {axis.label(axis.steps - 1)}, and "
            "later parts need rows too: write an earlier date."
        )
    return step


def _check_part(axis: _Axis, option: str, value: object, begin: int, end: int) -> None:
    noun = axis.noun
    span = f"{axis.name} has {counted(axis.steps, noun)}, {axis.label(0)} to {axis.label(axis.steps - 1)}"
    if end > axis.steps:
        raise DataError(f"{option} = {value!r} ends at {noun} {end}, but {span}: give it fewer {noun}s.")
    may_be_empty = option == "validation" and isinstance(value, int | float) and value == 0
    if end <= begin and not may_be_empty:
        cause = f"{option} = {value!r} leaves" if value is not None else "train and validation leave"
        raise DataError(f"{cause} no {noun} for the {option} part, which begins at {noun} {begin + 1}: {span}.")
