"""A user's CSV or Parquet file to a series: rows in order of time, missing rows found, gaps filled.

Time stamps must be unique and ascending; a file with the newest row first is reversed. The step is the most common
distance between two rows. Every stamp must lie a whole number of steps after the first, so that missing rows can be
found. Months, quarters and years are counted in calendar months, all other steps in seconds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.files import frames
from datasets.files.frames import Frame
from datasets.series import Filled, Series, fill
from datasets.spec import DataError, DataSpec, counted, to_set

EXACT = 2.0**53  # larger integers are not distinguishable in double precision
SECOND = 1_000_000  # in microseconds; nanoseconds end in the year 2262
STEPS = {
    SECOND: "second",
    60 * SECOND: "minute",
    3600 * SECOND: "hour",
    86_400 * SECOND: "day",
    7 * 86_400 * SECOND: "week",
}
CALENDAR = {1: "month", 3: "quarter", 12: "year"}  # by months
SEASONS = {"hour": 24, "day": 7, "week": 52, "month": 12, "quarter": 4}  # usual seasons, in steps
SPARSEST = 10  # grid rows per row of the file; above this, a stamp is wrong rather than rows missing


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows in order of time, including rows that the file lacks."""

    values: np.ndarray  # (rows, columns), NaN where missing
    origin: np.ndarray  # (rows,) the row of the file, NaN for a row that the file lacks
    times: np.ndarray | None = None
    step: str = "row"
    notes: tuple[str, ...] = ()


def read(data: DataSpec) -> Series:
    """The chosen columns, on a regular grid of time if there are time stamps, gaps filled as `gaps` says."""
    path = (data.csv or Path()).expanduser()
    frame = frames.read(path, data)
    count = len(frame.cells)
    if count < 2:
        raise DataError(f"{path} has {counted(count)} of data below its header: a forecast needs at least 2.")
    columns = [frames.numbers(frame.cells[name], f"{path}, column {name!r}", data.missing) for name in frame.columns]
    notes = [note for _, note in columns if note]
    rows = _in_time(frame, data, np.column_stack([values for values, _ in columns]))
    whole = fill(rows.values, "carry" if data.gaps == "refuse" else data.gaps, str(path))
    if data.gaps == "refuse" and len(whole.rows):
        raise _gap(frame, data, rows, whole.kept.start + int(whole.rows[0]))
    _refuse_constant_targets(frame, whole)
    return Series(
        name=path.name,
        title=f"{', '.join(frame.targets)} in {path.name}",
        values=whole.values,
        columns=frame.columns,
        targets=frame.targets,
        times=None if rows.times is None else rows.times[whole.kept],
        unit=data.unit,
        step=rows.step,
        season=SEASONS.get(rows.step),
        licence="the user's own",
        source=str(path),
        notes=(*notes, *rows.notes, *whole.notes),
        filled=whole.rows,
    )


def _in_time(frame: Frame, data: DataSpec, values: np.ndarray) -> _Rows:
    origin = np.arange(len(values), dtype=np.float64)
    if data.time is None:
        return _Rows(values, origin)
    where = f"{frame.path}, column {data.time!r}"
    times = _parse(frame.cells[data.time], where, data.time_format)
    if data.order == "rows":
        ascending = bool((times[1:] > times[:-1]).all())
        return _Rows(values, origin, times if ascending else None)
    notes: tuple[str, ...] = ()
    if (times[1:] < times[:-1]).all():
        times, values, origin = times[::-1], values[::-1], origin[::-1]
        notes = ("The file has its newest row first; its rows were reversed.",)
    grid, place, step = _grid(times, where)
    return _Rows(_spread(values, place, len(grid)), _spread(origin, place, len(grid)), grid, step, notes)


def _spread(values: np.ndarray, place: np.ndarray, size: int) -> np.ndarray:
    """The values at their places on the grid, NaN at all other places."""
    if size == len(values):
        return values
    grid = np.full((size, *values.shape[1:]), np.nan)
    grid[place] = values
    return grid


def _gap(frame: Frame, data: DataSpec, rows: _Rows, first: int) -> DataError:
    """The error for the first missing value inside the series."""
    advice = f"to repeat the last value before it, {to_set(gaps='carry')}"
    if np.isnan(rows.origin[first]) and rows.times is not None:
        previous = int(rows.origin[first - 1]) + 1
        return DataError(
            f"{frame.path}, column {data.time!r} lacks {_iso(rows.times[first])} after row {previous} (1 {rows.step} "
            f"between rows): {advice}; to ignore the time between rows, {to_set(order='rows')}."
        )
    column = frame.columns[int(np.isnan(rows.values[first]).argmax())]
    return DataError(f"{frame.path}, column {column!r}, row {int(rows.origin[first]) + 1} has no value: {advice}.")


def _refuse_constant_targets(frame: Frame, whole: Filled) -> None:
    for target in frame.targets:
        column = whole.values[:, frame.columns.index(target)]
        if (column != column[0]).any():
            continue
        value = float(column[0])
        problem = f"{frame.path}, column {target!r} holds {value:g} in every row"
        if abs(value) < EXACT:
            raise DataError(f"{problem}: there is nothing to forecast; name another column.")
        raise DataError(
            f"{problem}, because its values do not differ in double precision: "
            "subtract a constant from the column, or name another column."
        )


def _parse(raw: "pd.Series[str]", where: str, time_format: str | None) -> np.ndarray:
    """(rows,) datetime64[us]. Raises DataError for the first cell that is not a time stamp."""
    if pd.api.types.is_datetime64_any_dtype(raw):
        stamps = pd.to_datetime(raw, utc=True)
    else:
        text = raw.astype("string").str.strip()
        stamps = pd.to_datetime(text, format=time_format or _format_of(text), errors="coerce", utc=True)
    bad = np.flatnonzero(stamps.isna())
    if len(bad):
        cell = raw.iloc[bad[0]]
        if pd.isna(cell):
            raise DataError(f"{where}, row {bad[0] + 1} holds no time stamp.")
        if time_format:
            raise DataError(
                f"{where}, row {bad[0] + 1} holds {str(cell)!r}, which does not fit time_format = {time_format!r}."
            )
        raise DataError(
            f"{where}, row {bad[0] + 1} holds {str(cell)!r}, which is not an ISO date like 1990-12-31: give the format "
            f"of the dates; if they are day/month/year, {to_set(time_format='%d/%m/%Y')}."
        )
    return stamps.dt.tz_localize(None).to_numpy("datetime64[us]")


def _format_of(text: "pd.Series[str]") -> str:
    """The format of stamps that consist of 8 digits (a date) or 4 digits (a year); else ISO 8601."""
    if text.str.fullmatch(r"\d{8}").all():
        return "%Y%m%d"
    return "%Y" if text.str.fullmatch(r"\d{4}").all() else "ISO8601"


def _grid(times: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray, str]:
    """A regular grid through two or more stamps: its stamps, the grid row of each stamp, and the name of the step.

    Raises DataError for the first row that is not on the grid.
    """
    _check_order(times, where)
    calendar = _months(times)
    counts = calendar if calendar is not None else times.astype(np.int64)
    distances, frequencies = np.unique(np.diff(counts), return_counts=True)
    unit = int(distances[frequencies.argmax()])
    step = CALENDAR.get(unit, f"{unit} months") if calendar is not None else STEPS.get(unit, f"{unit / SECOND:g} s")
    place, rest = np.divmod(counts - counts[0], unit)
    if rest.any():
        row = int(np.flatnonzero(rest)[0])
        raise DataError(
            f"{where}, row {row + 1}, {_iso(times[row])}, is not a whole number of steps (1 {step}) after row 1: "
            f"make the steps regular, or to ignore the time between rows, {to_set(order='rows')}."
        )
    if place[-1] + 1 > SPARSEST * len(times):
        jump = int(np.diff(place).argmax())
        raise DataError(
            f"{where} jumps from {_iso(times[jump])} in row {jump + 1} to {_iso(times[jump + 1])} in row {jump + 2}, "
            f"where 1 {step} is usual: correct the stamp."
        )
    offsets = np.arange(place[-1] + 1) * unit
    if calendar is None:
        return times[0] + offsets.astype("timedelta64[us]"), place, step
    return _add_months(times, offsets), place, step


def _check_order(times: np.ndarray, where: str) -> None:
    wrong = np.flatnonzero(times[1:] <= times[:-1])
    if not len(wrong):
        return
    row = int(wrong[0])
    if times[row + 1] == times[row]:
        raise DataError(f"{where}, row {row + 2} repeats the time stamp {_iso(times[row])} of row {row + 1}: keep one.")
    raise DataError(
        f"{where}, row {row + 2}, {_iso(times[row + 1])}, comes after {_iso(times[row])}: sort the file by time."
    )


def _months(times: np.ndarray) -> np.ndarray | None:
    """Months since 1970 if all stamps have the same distance from the start or the end of their month; else None."""
    months = times.astype("datetime64[M]")
    if (np.diff(months.astype(np.int64)) < 1).any():
        return None
    if _constant(times - months.astype(times.dtype)) or _constant((months + 1).astype(times.dtype) - times):
        return months.astype(np.int64)
    return None


def _add_months(times: np.ndarray, months: np.ndarray) -> np.ndarray:
    """The first stamp moved by each number of months, at the same distance from the start or the end of the month."""
    month = times[0].astype("datetime64[M]")
    from_start = times - times.astype("datetime64[M]").astype(times.dtype)
    anchor = 0 if _constant(from_start) else 1
    offset = times[0] - (month + anchor).astype(times.dtype)
    stamps: np.ndarray = (month + anchor + months).astype(times.dtype) + offset
    return stamps


def _constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())


def _iso(stamp: np.datetime64) -> str:
    """ISO 8601, without the time of day if it is midnight."""
    return str(stamp.astype("datetime64[s]")).removesuffix("T00:00:00")
