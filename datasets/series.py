"""A series in memory: rows in order, columns side by side, no missing values left; and the rules that fill gaps.

A gap is filled with the last value observed before it ("carry"). Interpolating between both neighbours draws on the
value after the gap, so an input could hold a trace of its own target; it is there for those who ask for it
("interpolate") and the note says what it does. Missing values at either end are cut off, not filled.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from datasets.spec import DataError, counted

LABELS = {"year": "Y", "quarter": "M", "month": "M", "week": "D", "day": "D", "hour": "m", "minute": "m"}


@dataclass(frozen=True, eq=False)
class Series:
    """One series. Windows never cross from one run to the next; most series are a single run."""

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
    runs: tuple[int, ...] = (0,)  # the row at which each run begins
    temporal: bool = True  # False: the rows are no time series

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.values, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.columns):
            raise DataError(f"{self.name} has values of shape {values.shape} for {len(self.columns)} columns.")
        bad = ~np.isfinite(values)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise DataError(f"{self.name}, column {self.columns[column]!r}, row {row + 1} holds {values[row, column]}.")
        view = values.view()
        view.flags.writeable = False
        object.__setattr__(self, "values", view)

    @property
    def rows(self) -> int:
        return len(self.values)

    def index(self, names: tuple[str, ...]) -> list[int]:
        """Positions of the named columns."""
        return [self.columns.index(name) for name in names]

    def label(self, row: int) -> str:
        """The row's time stamp, as exact as its step, or its number counted from 1."""
        if self.times is None:
            return f"row {row + 1}"
        return str(self.times[row].astype(f"datetime64[{LABELS.get(self.step, 's')}]"))


@dataclass(frozen=True, eq=False)
class Filled:
    """Values without holes, and what was done to them."""

    values: np.ndarray
    kept: slice  # of the rows that came in
    rows: np.ndarray  # rows filled, numbered within `kept`
    notes: tuple[str, ...]


def fill(values: np.ndarray, rule: str = "carry", where: str = "the series") -> Filled:
    """Cut off the rows before every column has begun and after one has ended, then fill what is missing inside.

    values: (rows, columns) with NaN where missing; each column has at least one value.
    """
    missing = np.isnan(values)
    if not missing.any():
        return Filled(values, slice(0, len(values)), np.empty(0, np.int64), ())
    present = ~missing
    start = int(present.argmax(axis=0).max())
    stop = len(values) - int(present[::-1].argmax(axis=0).max())
    if start >= stop:
        raise DataError(f"In {where} the columns have no row in common: one ends before another begins; choose others.")
    notes = []
    if start or stop < len(values):
        notes.append(
            f"Missing values at the ends were cut off: {counted(start)} at the start, {len(values) - stop} at the end."
        )
    kept, holes = values[start:stop].copy(), missing[start:stop]
    rows = np.flatnonzero(holes.any(axis=1))
    if len(rows):
        for column in range(kept.shape[1]):
            _fill_column(kept[:, column], holes[:, column], rule)
        notes.append(_gap_note(rows, len(kept), rule))
    return Filled(kept, slice(start, stop), rows, tuple(notes))


def _fill_column(column: np.ndarray, holes: np.ndarray, rule: str) -> None:
    rows = np.arange(len(column))
    if rule == "interpolate":
        column[holes] = np.interp(rows[holes], rows[~holes], column[~holes])
    else:
        column[:] = column[np.maximum.accumulate(np.where(holes, 0, rows))]


def longest_gap(rows: np.ndarray) -> int:
    """The most consecutive numbers in `rows`, ascending."""
    if not len(rows):
        return 0
    breaks = np.flatnonzero(np.diff(rows) > 1)
    return int(np.diff(np.concatenate(([-1], breaks, [len(rows) - 1]))).max())


def _gap_note(rows: np.ndarray, total: int, rule: str) -> str:
    means = "the last value observed before them"
    if rule == "interpolate":
        means = "a straight line between their neighbours, which draws on values after the gap"
    longest = f"the longest gap is {counted(longest_gap(rows))}"
    return f"{len(rows)} of {total} rows had a missing value and hold {means}; {longest}."


def as_names(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """One name, several or none."""
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else tuple(names)


def check_columns(wanted: Sequence[str], there: Sequence[str], where: str) -> None:
    """Every wanted column is there; a `DataError` names the first that is not, and what is close to it."""
    for name in wanted:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(there[:20])}."
            raise DataError(f"there is no column {name!r} in {where}; {hint}")
