"""The step of a series: order, repeated time stamps, the regular grid, resampling, and the usual season.

Months, quarters and years are counted in calendar months, business days in days of the week that occur, all other
steps in microseconds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.spec import DataError, to_set

MICROSECONDS = {"second": 10**6, "minute": 60 * 10**6, "hour": 3600 * 10**6, "day": 86_400 * 10**6,
                "week": 7 * 86_400 * 10**6}  # fmt: skip
MONTHS = {"month": 1, "quarter": 3, "year": 12}
SEASONS = {"second": 3600, "minute": 1440, "hour": 24, "day": 7, "week": 52, "month": 12, "quarter": 4}
SHORT = {"s": "second", "sec": "second", "min": "minute", "h": "hour", "d": "day", "D": "day", "w": "week", "W": "week"}
NICE = {"second": (1, 2, 5, 10, 15, 20, 30), "minute": (1, 2, 5, 10, 15, 20, 30), "hour": (1, 2, 3, 4, 6, 8, 12),
        "day": (1,), "week": (1,), "month": (1,), "quarter": (1,), "year": (1,)}  # fmt: skip
CLOSE = 3  # days by which the day of a month may differ, as the last business day does
WEEKS = 2  # that a series spans at least, to tell business days from days
SPARSEST = 10  # rows of the grid per row of the file; above this, a stamp is wrong rather than rows missing
MONTH = np.timedelta64(20, "D")  # less than the mean distance of months, also where a few are repeated
DAY = np.timedelta64(1, "D").astype("timedelta64[us]")


@dataclass(frozen=True)
class Step:
    """The time between two rows."""

    unit: str  # second, minute, hour, day, week, month, quarter, year or business day
    count: int = 1
    week: str = "1111111"  # of a business day: 1 for each day of the week, from Monday, that has rows

    @property
    def name(self) -> str:
        """In words: "hour", "15 minutes"."""
        return self.unit if self.count == 1 else f"{self.count} {self.unit}s"

    @property
    def season(self) -> int | None:
        """The usual season in steps: an hour of seconds, a day of minutes and hours, a week, a year."""
        if self.unit == "business day":
            return self.week.count("1")
        whole, rest = divmod(SEASONS.get(self.unit, 0), self.count)
        return whole if whole > 1 and not rest else None

    def index(self, times: np.ndarray) -> np.ndarray:
        """The number of each stamp on the grid, rounded down; int64."""
        if self.unit == "business day":
            days: np.ndarray = np.busday_count("1970-01-05", times.astype("datetime64[D]"), weekmask=self.week)
            return days
        if self.unit in MONTHS:
            return times.astype("datetime64[M]").astype(np.int64) // (MONTHS[self.unit] * self.count)
        monday = 4 * 86_400 * 10**6 if self.unit == "week" else 0  # 1970-01-05 was a Monday
        return (times.astype(np.int64) - monday) // (MICROSECONDS[self.unit] * self.count)

    def floor(self, index: np.ndarray) -> np.ndarray:
        """The first stamp of each number; datetime64[us]. Not for business days."""
        if self.unit in MONTHS:
            return (index * MONTHS[self.unit] * self.count).astype("datetime64[M]").astype("datetime64[us]")
        monday = 4 * 86_400 * 10**6 if self.unit == "week" else 0
        return (index * MICROSECONDS[self.unit] * self.count + monday).astype("datetime64[us]")


def of_words(text: str) -> Step:
    """The step that the setting `resample` names."""
    match = re.fullmatch(r"(\d+)? ?([A-Za-z]+)", text)
    assert match is not None  # checked by DataSpec
    word = match[2]
    return Step(SHORT.get(word) or word.removesuffix("s"), int(match[1] or 1))


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular sequence of stamps."""

    times: np.ndarray  # (steps,) datetime64[us]
    place: np.ndarray | None  # (rows,) the step of each row; None if each row is a step

    @property
    def places(self) -> np.ndarray:
        """(rows,): the step of each row."""
        return np.arange(len(self.times)) if self.place is None else self.place


def inferred(times: np.ndarray) -> Step | None:
    """The step of ascending, unique stamps; None if they are not regular."""
    if len(times) < 2:
        return None
    if (times[-1] - times[0]) / (len(times) - 1) < MONTH:
        return _fixed(times)
    months = times.astype("datetime64[M]")
    distances = np.diff(months.astype(np.int64))
    calendar = _calendar(distances) if (distances > 0).all() else None
    start = times - months.astype(times.dtype)
    end = (months + 1).astype(times.dtype) - times
    if calendar and min(np.ptp(start), np.ptp(end)) == np.timedelta64(0, "us"):
        return calendar
    fixed = _fixed(times)
    if fixed is not None:
        return fixed
    if calendar and min(np.ptp(start), np.ptp(end)) <= CLOSE * DAY:
        return calendar
    return None


def _calendar(distances: np.ndarray) -> Step:
    values, counts = np.unique(distances, return_counts=True)
    common = int(values[counts.argmax()])
    unit = "year" if common % 12 == 0 else "quarter" if common == 3 else "month"
    return Step(unit, common // MONTHS[unit])


def common_distance(times: np.ndarray) -> int:
    """The most common distance of two neighbours, in microseconds."""
    distances = np.diff(times).view(np.int64)
    if (distances == distances[0]).sum() > len(distances) / 2:  # sorting ten million distances takes seconds
        return int(distances[0])
    values, counts = np.unique(distances, return_counts=True)
    return int(values[counts.argmax()])


def _fixed(times: np.ndarray) -> Step | None:
    common = common_distance(times)
    regular = bool((np.diff(times).view(np.int64) == common).all())
    if not regular and ((times - times[0]).astype(np.int64) % common).any():
        return None
    unit = next((unit for unit in reversed(MICROSECONDS) if common % MICROSECONDS[unit] == 0), None)
    if unit is None:
        return None  # parts of seconds
    step = Step(unit, common // MICROSECONDS[unit])
    return _business_days(times) if step == Step("day") else step


def _business_days(times: np.ndarray) -> Step:
    """Days, or business days if some days of the week never occur."""
    days = times.astype("datetime64[D]")
    weekdays = np.bincount((days.astype(np.int64) + 3) % 7, minlength=7)  # from Monday
    span = int((days[-1] - days[0]).astype(np.int64))
    week = "".join("1" if count else "0" for count in weekdays)
    if span < 7 * WEEKS or "0" not in week or len(days) < 0.5 * np.busday_count(days[0], days[-1], weekmask=week):
        return Step("day")
    return Step("business day", week=week)


def grid(times: np.ndarray, step: Step) -> Grid | None:
    """The grid through ascending, unique stamps; None if two stamps lie in the same step, or one between two steps."""
    if step.unit in MICROSECONDS:
        size = np.timedelta64(MICROSECONDS[step.unit] * step.count, "us")
        if (np.diff(times) == size).all():
            return Grid(times, None)
    if step.unit == "business day":
        days = times.astype("datetime64[D]")
        if not np.is_busday(days, weekmask=step.week).all() or np.ptp(times - days.astype(times.dtype)):
            return None
        place = step.index(times) - step.index(times[:1])
        stamps = np.busday_offset(days[0], np.arange(place[-1] + 1), weekmask=step.week).astype(times.dtype)
        return Grid(stamps + (times[0] - days[0].astype(times.dtype)), place)
    if step.unit in MONTHS:
        place, rest = _in_months(times, step)
    else:
        place, rest = np.divmod((times - times[0]).astype(np.int64), MICROSECONDS[step.unit] * step.count)
    if rest.any() or (np.diff(place) < 1).any():
        return None
    if step.unit in MONTHS:
        stamps = _added_months(times, np.arange(place[-1] + 1) * MONTHS[step.unit] * step.count)
        stamps[place] = times  # the last business day of a month is its own stamp
    else:
        stamps = times[0] + (np.arange(place[-1] + 1) * MICROSECONDS[step.unit] * step.count).astype("timedelta64[us]")
    return Grid(stamps, place)


def _in_months(times: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    months = times.astype("datetime64[M]").astype(np.int64)
    return np.divmod(months - months[0], MONTHS[step.unit] * step.count)


def _added_months(times: np.ndarray, months: np.ndarray) -> np.ndarray:
    """The first stamp moved by each number of months, at the same distance from the start or the end of the month."""
    month = times.astype("datetime64[M]")
    at_end = np.ptp(times - month.astype(times.dtype)) > np.ptp((month + 1).astype(times.dtype) - times)
    anchor = 1 if at_end else 0
    offset = times[0] - (month[0] + anchor).astype(times.dtype)
    stamps: np.ndarray = (month[0] + anchor + months).astype(times.dtype) + offset
    return stamps


def following(times: np.ndarray, step: Step, count: int) -> np.ndarray:
    """The next `count` stamps after those of a regular series; datetime64[us]."""
    times = times.astype("datetime64[us]")
    ahead = np.arange(1, count + 1) * step.count
    if step.unit in MICROSECONDS:
        stamps: np.ndarray = times[-1] + (ahead * MICROSECONDS[step.unit]).astype("timedelta64[us]")
        return stamps
    if step.unit == "business day":
        days = times[-1:].astype("datetime64[D]")
        moved: np.ndarray = np.busday_offset(days, ahead, weekmask=step.week).astype(times.dtype)
        moved += times[-1] - days.astype(times.dtype)
        return moved
    months = times.astype("datetime64[M]")
    if np.ptp(times - months.astype(times.dtype)) and np.ptp((months + 1).astype(times.dtype) - times):
        for anchor in (_first_business_day, _last_business_day):  # at no fixed distance from an end of the month
            if (anchor(months) == times).all():
                return anchor(months[-1] + ahead * MONTHS[step.unit])
    passed = int((months[-1] - months[0]).astype(np.int64))
    return _added_months(times, passed + ahead * MONTHS[step.unit])


def _first_business_day(months: np.ndarray) -> np.ndarray:
    return np.busday_offset(months.astype("datetime64[D]"), 0, roll="forward").astype("datetime64[us]")


def _last_business_day(months: np.ndarray) -> np.ndarray:
    return np.busday_offset((months + 1).astype("datetime64[D]"), -1, roll="forward").astype("datetime64[us]")


def resampled(times: np.ndarray, values: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean of the values in each step: stamps of the steps that have rows, means, and the first row of each.

    times: (rows,) ascending; values: (rows, columns), NaN where missing.
    """
    index = step.index(times)
    first = np.flatnonzero(np.concatenate(([True], index[1:] != index[:-1])))
    return step.floor(index[first]), means(values, first), first


def means(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The mean of each group of rows, without missing values. first: the first row of each group."""
    present = ~np.isnan(values)
    counts = np.add.reduceat(present, first, axis=0, dtype=np.int64)
    sums = np.add.reduceat(np.where(present, values, 0), first, axis=0)
    averages: np.ndarray = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return averages


def best_step(times: np.ndarray) -> str:
    """The usual step that is nearest to the median distance of two neighbours, in words."""
    distance = float(np.median(np.diff(times).astype(np.int64)))
    month = 30.44 * MICROSECONDS["day"]
    sizes = {
        Step(unit, count): count * MICROSECONDS.get(unit, MONTHS.get(unit, 0) * month)
        for unit, counts in NICE.items()
        for count in counts
    }
    best = min(sizes, key=lambda step: abs(np.log(sizes[step] / max(distance, 1))))
    return f"1 {best.name}" if best.count == 1 else best.name


def refuse_jump(times: np.ndarray, place: np.ndarray, step: Step, where: str, rows: Sequence[int]) -> None:
    """Raise DataError if the grid has far more steps than the file has rows, which a wrong stamp causes.

    rows: the rows of the file.
    """
    if place[-1] + 1 <= SPARSEST * len(times):
        return
    jump = int(np.diff(place).argmax())
    missing = iso(times[jump + 1])
    raise DataError(
        f"{where} jumps from {iso(times[jump])} in row {rows[jump] + 1} to {iso(times[jump + 1])} in row "
        f"{rows[jump + 1] + 1}, where 1 {step.name} is usual: correct the stamp, or to leave its row out, "
        f"{to_set(missing=missing)}; to ignore the time between rows, {to_set(order='rows')}."
    )


def iso(stamp: np.datetime64) -> str:
    """ISO 8601, without the time of day if it is midnight."""
    return str(stamp.astype("datetime64[s]")).removesuffix("T00:00:00")
