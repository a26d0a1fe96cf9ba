"""The time stamps of a user's file: read, checked, and laid on a regular grid so that missing rows show.

Stamps must be unique and ascending (a file with the newest row first is turned round). The step is the most common
distance between two rows; every stamp must lie a whole number of steps from the first. Months, quarters and years
are counted in the calendar, everything else in seconds. Rows are counted from 1 below the header.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from datasets.spec import DataError, to_set

SECOND = 1_000_000  # microseconds: nanoseconds would end in the year 2262
STEPS = {SECOND: "second", 60 * SECOND: "minute", 3600 * SECOND: "hour", 86_400 * SECOND: "day"}
STEPS[7 * 86_400 * SECOND] = "week"
CALENDAR = {1: "month", 3: "quarter", 12: "year"}
SEASONS = {"hour": 24, "day": 7, "week": 52, "month": 12, "quarter": 4}
SPARSEST = 10  # grid rows for each row of the file; beyond, a stamp is wrong rather than rows missing


@dataclass(frozen=True, eq=False)
class Timeline:
    """A regular grid of time stamps."""

    times: np.ndarray  # (grid rows,)
    place: np.ndarray  # (rows,) the grid row of each row of the file
    step: str

    @property
    def season(self) -> int | None:
        """The usual season of such a step, in steps."""
        return SEASONS.get(self.step)


def parse(raw: "pd.Series[str]", where: str, time_format: str | None) -> np.ndarray:
    """(rows,) datetime64[us]; the first cell that is no time stamp is a `DataError`."""
    if pd.api.types.is_datetime64_any_dtype(raw):
        stamps = pd.to_datetime(raw, utc=True)
    else:
        text = raw.astype("string").str.strip()
        form = time_format or _format_of(text)
        stamps = pd.to_datetime(text, format=form, errors="coerce", utc=True)
    bad = np.flatnonzero(stamps.isna())
    if len(bad):
        cell = raw.iloc[bad[0]]
        hint = f"does not fit time_format = {time_format!r}" if time_format else "is no ISO date like 1990-12-31"
        known = "holds no time stamp" if pd.isna(cell) else f"holds {str(cell)!r}, which {hint}"
        example = "if it is day/month/year, " + to_set(time_format="%d/%m/%Y")
        advice = "" if time_format or pd.isna(cell) else f": say how to read it; {example}"
        raise DataError(f"{where}, row {bad[0] + 1} {known}{advice}.")
    return stamps.dt.tz_localize(None).to_numpy("datetime64[us]")


def _format_of(text: "pd.Series[str]") -> str:
    """Digits alone are dates or years; a number of seconds would be mistaken for neither."""
    if text.str.fullmatch(r"\d{8}").all():
        return "%Y%m%d"
    return "%Y" if text.str.fullmatch(r"\d{4}").all() else "ISO8601"


def is_reversed(times: np.ndarray) -> bool:
    """Whether every row is older than the one before."""
    return len(times) > 1 and bool((times[1:] < times[:-1]).all())


def lay(times: np.ndarray, where: str) -> Timeline:
    """The grid on which two or more stamps lie; a `DataError` names the first row that does not fit."""
    _check_order(times, where)
    calendar = _months(times)
    counts = calendar if calendar is not None else times.astype(np.int64)
    distances, how_often = np.unique(np.diff(counts), return_counts=True)
    unit = int(distances[how_often.argmax()])
    step = CALENDAR.get(unit, f"{unit} months") if calendar is not None else STEPS.get(unit, f"{unit / SECOND:g} s")
    place, rest = np.divmod(counts - counts[0], unit)
    if rest.any():
        row = int(np.flatnonzero(rest)[0])
        raise DataError(
            f"{where}, row {row + 1}, {iso(times[row])}, is not a whole number of steps (1 {step}) after row 1: "
            f"make the file regular, or to take the rows as they follow one another, {to_set(order='rows')}."
        )
    if place[-1] + 1 > SPARSEST * len(times):
        jump = int(np.diff(place).argmax())
        raise DataError(
            f"{where} jumps from {iso(times[jump])} in row {jump + 1} to {iso(times[jump + 1])} in row {jump + 2}, "
            f"where 1 {step} is usual: correct the stamp."
        )
    grid = np.arange(place[-1] + 1) * unit
    if calendar is None:
        return Timeline(times[0] + grid.astype("timedelta64[us]"), place, step)
    return Timeline(_in_months(times, grid), place, step)


def _check_order(times: np.ndarray, where: str) -> None:
    wrong = np.flatnonzero(times[1:] <= times[:-1])
    if not len(wrong):
        return
    row = int(wrong[0])
    if times[row + 1] == times[row]:
        raise DataError(f"{where}, row {row + 2} repeats the time stamp {iso(times[row])} of row {row + 1}: keep one.")
    raise DataError(
        f"{where}, row {row + 2}, {iso(times[row + 1])}, comes after {iso(times[row])}: sort the file by time."
    )


def _months(times: np.ndarray) -> np.ndarray | None:
    """Months since 1970, if the stamps are as far into, or as far from the end of, their months; else None."""
    months = times.astype("datetime64[M]")
    if (np.diff(months.astype(np.int64)) < 1).any():
        return None
    if _constant(times - months.astype(times.dtype)) or _constant((months + 1).astype(times.dtype) - times):
        return months.astype(np.int64)
    return None


def _in_months(times: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The stamps of the grid rows, each as far into its month as the first, or as far from its end."""
    month = times[0].astype("datetime64[M]")
    into = times - times.astype("datetime64[M]").astype(times.dtype)
    anchor = 0 if _constant(into) else 1
    offset = times[0] - (month + anchor).astype(times.dtype)
    stamps: np.ndarray = (month + anchor + grid).astype(times.dtype) + offset
    return stamps


def _constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())


def iso(stamp: np.datetime64) -> str:
    """The shortest ISO 8601 for messages."""
    return str(stamp.astype("datetime64[s]")).removesuffix("T00:00:00")
