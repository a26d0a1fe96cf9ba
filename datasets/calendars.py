"""Columns of the calendar: the hour, the day of the week and the month as sine and cosine, which are known ahead.

    sine = sin(2π p), cosine = cos(2π p)        p: the part of the day, the week or the year that has passed

Each input row has the calendar of the row after it, so that the last row of a window describes the first row of its
forecast. Sine and cosine together are as close for 23 and 0 o'clock as for 0 and 1 o'clock.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datasets.series import Series
from datasets.spec import DataError

DAY = np.timedelta64(1, "D") / np.timedelta64(1, "us")


def with_calendar(series: Series, parts: Sequence[str]) -> Series:
    """The series with two further columns for each part: "hour", "weekday" or "month".

    Raises DataError if the series has no time stamps, or a column with such a name.
    """
    if series.times is None:
        raise DataError(
            f"{series.name} has no time stamps, which data.calendar needs: name their column with data.time (--time)."
        )
    names = tuple(f"{part} {wave}" for part in parts for wave in ("sine", "cosine"))
    taken = next((name for name in names if name in series.columns), None)
    if taken is not None:
        raise DataError(
            f"{series.name} has a column {taken!r} already: remove {taken.split()[0]!r} from data.calendar."
        )
    times = _following(series)
    phases = [2 * np.pi * _passed(times, part) for part in parts]
    waves = [wave(phase) for phase in phases for wave in (np.sin, np.cos)]
    values = np.column_stack([series.values, np.round(waves, 12).T])  # the last bits of a sine differ between machines
    listed = ", ".join(f"the {part}" for part in parts)
    note = f"Each input row has {listed} of the row after it as sine and cosine, which are known ahead of time."
    return replace(series, values=values, columns=(*series.columns, *names), notes=(*series.notes, note))


def _following(series: Series) -> np.ndarray:
    """(rows,): the time stamp of the next row of the run; after its last row, which is no input, a distance later."""
    assert series.times is not None
    times = series.times.astype("datetime64[us]")
    following = np.append(times[1:], times[-1:])
    first, end = np.array(series.spans).T
    last = end - 1
    before = np.maximum(last - 1, first)
    following[last] = times[last] + (times[last] - times[before])
    return following


def _passed(times: np.ndarray, part: str) -> np.ndarray:
    """The part of the day, the week or the year that has passed at each time stamp, from 0 to 1."""
    days = times.astype(np.int64) / DAY
    if part == "hour":
        return days % 1
    if part == "weekday":
        return (np.floor(days) + 3) % 7 / 7  # 1970-01-01 was a Thursday; weeks begin on Monday
    return times.astype("datetime64[M]").astype(np.int64) % 12 / 12
