"""Text to time stamps: the format that all cells of a column fit, time zones, and stamps in several columns.

A column that fits two formats with different results is an error
that names the settings for both.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from datasets.files import steps
from datasets.files.formats import MIDNIGHT, Parsed, are_spreadsheet_days, candidates, parse
from datasets.files.numbers import clean, is_missing, marker_of, markers, matches, others_named
from datasets.spec import DAYS, DataError, DataSpec, counted, to_set

PARTS = ("year", "quarter", "month", "day", "hour", "minute", "second")
ZONES = ("Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York", "Australia/Sydney", "America/Santiago")


@dataclass(frozen=True)
class Stamps:
    """The time stamps of the rows."""

    times: np.ndarray  # (rows,) datetime64[us], NaT where the cell is a missing value
    format: str
    zone: str = ""  # "" if the cells have no offset and no zone is set
    converted: bool = False  # the cells are local times of the zone, the stamps are in UTC
    notes: tuple[str, ...] = ()


def stamps(columns: "dict[str, pd.Series[str] | np.ndarray]", where: str, data: DataSpec, form: str) -> Stamps:
    """The time stamps of one column, or of several that hold their parts. form: the format of stamps already parsed.

    Raises DataError for the first cell that is not a time stamp, or if the cells fit two formats.
    """
    parsed = _parsed(columns, where, data, form)
    for marker in markers(data.missing):  # as messages show stamps
        stamp = pd.to_datetime(marker, format="ISO8601", errors="coerce")
        if isinstance(stamp, pd.Timestamp) and stamp.tz is None:
            parsed.times[parsed.times == stamp.to_datetime64()] = np.datetime64("NaT")
    return parsed


def _parsed(columns: "dict[str, pd.Series[str] | np.ndarray]", where: str, data: DataSpec, form: str) -> Stamps:
    arrays = [column for column in columns.values() if isinstance(column, np.ndarray)]
    if len(columns) == 1 and arrays and arrays[0].dtype.kind == "M":
        return _zoned(arrays[0].astype("datetime64[us]", copy=bool(data.missing)), form, data, where)
    texts = {name: _as_text(column) for name, column in columns.items()}
    cells = next(iter(texts.values())) if len(texts) == 1 else _joined(texts, where, data)
    missing = is_missing(cells, data.missing).to_numpy(bool)
    present = cells[~missing]
    if not len(present):
        raise DataError(f"{where} holds no time stamp in any row: name another column with time.")
    if data.time_format is None:
        parsed, form, notes = _understood(present, where, data)
    else:
        parsed, form, notes = _in_century(_with_format(present, where, data), data.time_format)
    if "%H" in form and (ends := present.str.contains(MIDNIGHT)).any():
        notes += (
            f"24 o'clock in {counted(int(ends.sum()))} was read as 0 o'clock of the next day, and every other hour as "
            "that time of day; if hour 1 means the time from 0 to 1 o'clock, all time stamps are one hour late.",
        )
    times = np.full(len(cells), np.datetime64("NaT"), "datetime64[us]")
    offsets = parsed.offsets
    times[~missing] = parsed.wall
    if offsets is None:
        return _zoned(times, form, data, where, notes)
    return _with_offsets(times, offsets, ~missing, form, data, where, notes)


def _as_text(column: "pd.Series[str] | np.ndarray") -> "pd.Series[str]":
    if isinstance(column, pd.Series):
        return clean(column)
    if column.dtype.kind == "f":
        column = pd.array(column).astype("Int64") if (np.mod(column[~np.isnan(column)], 1) == 0).all() else column
    return clean(pd.Series(column).astype("str").astype("str"))


def _whole(column: "pd.Series[str]") -> "pd.Series[str]":
    """Whole numbers without the ".0" that some programs write; other cells, as 18.00.00, are unchanged."""
    return column.str.removesuffix(".0") if matches(column.dropna(), r"\d+\.0").all() else column


def _joined(texts: "dict[str, pd.Series[str]]", where: str, data: DataSpec) -> "pd.Series[str]":
    """The parts of each stamp as one text: a date and a time of day, or year, month, day, hour, minute."""
    texts = {name: _whole(column) for name, column in texts.items()}
    columns = list(texts.values())
    for name, column in texts.items():  # the month of a row of totals, as in 1970,Annual
        digits = matches(column.dropna(), r"\d+")
        if digits.any() and len(columns) > 2 - (name.casefold() in PARTS) and 0.5 < digits.mean() < 1:
            raise _unlike(
                column.dropna(),
                ~digits,
                f"{where.rpartition(', columns ')[0]}, column {name!r}",
                "a number",
                data,
            )
    if all(matches(column.dropna(), r"\d+").all() for column in columns) and columns[0].str.len().max() == 4:
        named = {name.casefold().rstrip("s"): column for name, column in texts.items()}
        ordered = [named[part] for part in PARTS if part in named] if set(named) <= set(PARTS) else columns
        if len(ordered) == 2 and "quarter" in named:
            return ordered[0] + "Q" + ordered[1]
        joined = ordered[0]
        marks = ("-", "-", " ", ":", ":")
        for mark, column in zip(marks, ordered[1:], strict=False):
            joined = joined + mark + column.str.zfill(2)
        return joined + ":00" if len(ordered) == 4 else joined
    joined = columns[0]
    if data.time_format is None and _are_hours(list(texts)[1:], columns[1:]):
        minutes = columns[2].str.zfill(2) if len(columns) > 2 else "00"
        return joined + " " + columns[1].str.zfill(2) + ":" + minutes
    for column in columns[1:]:
        joined = joined + " " + column
    return joined


def _are_hours(names: "list[str]", columns: "list[pd.Series[str]]") -> bool:
    """Whether the columns after a date are the hour, or the hour and the minute, as whole numbers.

    By the name of the first one, or because it reaches 22 and no more than 24.
    """
    if not 1 <= len(columns) <= 2 or not all(matches(column.dropna(), r"\d\d?").all() for column in columns):
        return False
    latest = columns[0].dropna().astype(int).max()  # NaN without a value
    return bool(latest <= 24 and (latest >= 22 or names[0].casefold().rstrip("s") == "hour"))


def _with_format(cells: "pd.Series[str]", where: str, data: DataSpec) -> Parsed:
    """The stamps in the format of the setting; the error for a cell that does not fit names a format that does."""
    form = data.time_format or ""
    parsed = parse(cells, form)
    bad = np.flatnonzero(np.isnat(parsed.wall))
    if not len(bad):
        return parsed
    others = [other for other in candidates(cells) if not np.isnat(parse(cells, other).wall).any()]
    cell, row = cells.iloc[bad[0]], int(cells.index[bad[0]]) + 1
    if not others:
        raise _unlike(cells, np.isnat(parsed.wall), where, f"of time_format = {form!r}", data)
    raise DataError(
        f"{where}, row {row} holds {cell!r}, which does not fit time_format = {form!r}: "
        f"{to_set(time_format=others[0])}."
    )


def _unlike(cells: "pd.Series[str]", bad: np.ndarray, where: str, kind: str, data: DataSpec) -> DataError:
    """The error for cells that are not like the others: repeated header lines, and rows of totals or of a month 13."""
    rows = cells.index[bad] + 1
    cell = cells[bad].iloc[0]
    marker = marker_of(cells[bad].unique().tolist(), cells[~bad])
    if marker is None:
        advice = f"correct it, or to ignore the time stamps, {to_set(order='rows')}"
    else:
        these = "its row" if len(rows) == 1 else "these rows"
        advice = f"correct it, or to leave {these} out, {to_set(missing=', '.join((*markers(data.missing), marker)))}"
    more = others_named(rows, "other row")
    return DataError(f"{where}, row {rows[0]} holds {cell[:40]!r}, which is not {kind}{more}: {advice}.")


def _understood(cells: "pd.Series[str]", where: str, data: DataSpec) -> tuple[Parsed, str, tuple[str, ...]]:
    """The stamps in the only format that fits all cells."""
    fitting: dict[str, Parsed] = {}
    best: tuple[int, Parsed, str] | None = None
    for form in candidates(cells, most=True):
        parsed = parse(cells, form)
        bad = int(np.isnat(parsed.wall).sum())
        if best is None or bad < best[0]:
            best = (bad, parsed, form)
        if not bad and not any(np.array_equal(parsed.wall, other.wall) for other in fitting.values()):
            fitting[form] = parsed
    if len(fitting) > 1:
        regular = [form for form, parsed in fitting.items() if _is_complete(parsed.wall)]
        if len(regular) == 1:
            notes = (f"The format {regular[0]} was chosen, because only in it no step of time is missing.",)
            return fitting[regular[0]], regular[0], notes
        first, second = list(fitting)[:2]
        row = int(np.flatnonzero(fitting[first].wall != fitting[second].wall)[0])
        dates = [str(fitting[form].wall[row].astype("datetime64[D]")) for form in (first, second)]
        raise DataError(
            f"{where}, row {int(cells.index[row]) + 1} holds {cells.iloc[row]!r}, which can mean {dates[0]} or "
            f"{dates[1]}: for the first, {to_set(time_format=first)}; for the second, {to_set(time_format=second)}."
        )
    if fitting:
        form, parsed = next(iter(fitting.items()))
        _refuse_days(cells, parsed, form, where)
        return _in_century(parsed, form)
    if best and best[0] < len(cells):
        raise _unlike(cells, np.isnat(best[1].wall), where, f"a time stamp like the others ({best[2]})", data)
    days = ""
    if are_spreadsheet_days(cells):
        day = str(parse(cells[:1], DAYS).wall[0].astype("datetime64[D]"))
        days = f"if it is a day of a spreadsheet, {day}, {to_set(time_format=DAYS)}; "
    raise DataError(
        f"{where}, row {int(cells.index[0]) + 1} holds {cells.iloc[0][:40]!r}, which is not a time stamp: {days}"
        f"to ignore the time stamps, {to_set(order='rows')}."
    )


def _refuse_days(cells: "pd.Series[str]", parsed: Parsed, form: str, where: str) -> None:
    """Raise DataError if a name and two digits are rather a day of a month than a month of a year, by their order."""
    if not re.fullmatch("%[bB].?%y", form):
        return
    days = parse("2000 " + cells, f"%Y {form.replace('%y', '%d')}").wall  # a leap year
    if np.isnat(days).any() or _turns(days) >= _turns(parsed.wall):
        return
    cell, row = cells.iloc[0], int(cells.index[0]) + 1
    month, day = np.datetime_as_string(parsed.wall[0], "M"), np.datetime_as_string(days[0], "D")[5:]
    raise DataError(
        f"{where}, row {row} holds {cell!r}, which can mean the month {month} or the day {day} of a year that the file "
        f"does not name: for the first, {to_set(time_format=form)}; for the second, add the year in the file, or to "
        f"ignore the time stamps, {to_set(order='rows')}."
    )


def _turns(times: np.ndarray) -> int:
    """How often neighbours change from ascending to descending order, or back."""
    return int((np.diff(np.sign(np.diff(times).astype(np.int64))) != 0).sum())


def _is_complete(times: np.ndarray) -> bool:
    """Whether ascending stamps are regular without a missing step."""
    if len(times) < 3 or not (times[1:] > times[:-1]).all():
        return False
    step = steps.inferred(times)
    grid = None if step is None else steps.grid(times, step)
    return grid is not None and len(grid.times) == len(times)


def _in_century(parsed: Parsed, form: str) -> tuple[Parsed, str, tuple[str, ...]]:
    """Two-digit years, if the format has them, in the century in which no stamp lies in the future."""
    if "%y" not in form:
        return parsed, form, ()
    year = parsed.wall.astype("datetime64[Y]")
    late = year > np.datetime64(datetime.now(UTC).year - 1970, "Y")
    months = parsed.wall.astype("datetime64[M]")
    moved = (months - 1200).astype("datetime64[us]") + (parsed.wall - months.astype("datetime64[us]"))
    wall = np.where(late, moved, parsed.wall)
    if late.any() and _turns(parsed.wall) < _turns(wall):
        wall = parsed.wall  # a plan or a scenario reaches into the future
    first, last = (str(stamp.astype("datetime64[Y]")) for stamp in (wall.min(), wall.max()))
    why = "none lies in the future" if wall is not parsed.wall else "the rows are in order of time"
    note = f"Years of two digits were read as {first} to {last}, so that {why}."
    return Parsed(wall, parsed.offsets), form, (note,)


def zone_of(name: str) -> ZoneInfo:
    """The time zone. Raises DataError for an unknown name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f"time_zone = {name!r} is no time zone: write a name such as {to_set(time_zone='Europe/Berlin')}."
        ) from None


def _zoned(times: np.ndarray, form: str, data: DataSpec, where: str, notes: tuple[str, ...] = ()) -> Stamps:
    """Stamps without offsets: as they are, or local times of the zone of the setting, converted to UTC."""
    if data.time_zone is None:
        return Stamps(times, form, notes=notes)
    zone = zone_of(data.time_zone)
    if _is_daily(times[~np.isnat(times)]):
        return Stamps(times, form, data.time_zone, notes=notes)
    local = pd.DatetimeIndex(times)
    try:
        instants = local.tz_localize(zone, ambiguous="infer")
    except ValueError as error:
        first = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").tz_localize(None)
        bad = np.flatnonzero(np.isnat(first.to_numpy("datetime64[us]")) & ~np.isnat(times))
        if not len(bad):
            raise DataError(f"{where}: the time stamps do not fit time_zone = {data.time_zone!r} ({error}).") from None
        later = local.tz_localize(zone, ambiguous=np.zeros(len(local), bool), nonexistent="NaT")
        absent = np.flatnonzero(np.isnat(later.tz_localize(None).to_numpy("datetime64[us]")) & ~np.isnat(times))
        if len(absent):
            raise DataError(
                f"{where}, row {absent[0] + 1} holds {times[absent[0]]}, an hour that summer time leaves out in "
                f"{data.time_zone}: {to_set(time_zone='UTC')}, or the zone of the file."
            ) from None
        instants = later
    note = f"The time stamps are local times of {data.time_zone}; below they are given in UTC."
    utc = instants.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[us]")
    return Stamps(utc, form, data.time_zone, converted=True, notes=(*notes, note))


def _with_offsets(
    wall: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    form: str,
    data: DataSpec,
    where: str,
    notes: tuple[str, ...],
) -> Stamps:
    """Stamps with offsets from UTC: local times if days are regular in them, or if the offset does not change."""
    utc = wall.copy()
    utc[rows] = wall[rows] - offsets
    if data.time_zone is not None:
        moved = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone_of(data.time_zone)).tz_localize(None)
        note = f"The time stamps were converted to {data.time_zone}."
        return Stamps(moved.to_numpy("datetime64[us]"), form, data.time_zone, notes=(*notes, note))
    kinds = np.unique(offsets)
    shown = ", ".join(_offset(offset) for offset in kinds[:4])
    if len(kinds) == 1:
        return Stamps(wall, form, shown, notes=notes)
    if _is_daily(wall[rows]):
        note = f"The time stamps have the offsets {shown} from UTC; they were read as local times."
        return Stamps(wall, form, shown, notes=(*notes, note))
    note = f"The time stamps have the offsets {shown} from UTC; they were converted to UTC."
    return Stamps(utc, form, "UTC", notes=(*notes, note))


def _is_daily(times: np.ndarray) -> bool:
    """Whether days or longer steps separate the stamps, so that they are regular in local time."""
    return len(times) > 1 and bool(np.median(np.diff(np.sort(times))) >= np.timedelta64(1, "D"))


def _offset(offset: np.timedelta64) -> str:
    minutes = int(offset / np.timedelta64(1, "m"))
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def fitting_zone(times: np.ndarray) -> str | None:
    """A time zone whose end of summer time explains the repeated hours of local times in the order of the file."""
    local = pd.DatetimeIndex(times)
    for name in ZONES:
        try:
            instants = local.tz_localize(ZoneInfo(name), ambiguous="infer")
        except ValueError:
            continue
        if instants.is_monotonic_increasing and instants.is_unique:
            return name
    return None
