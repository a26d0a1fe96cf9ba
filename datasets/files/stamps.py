"""Text to time stamps: the format that all cells of a column fit, time zones, and stamps in several columns.

pandas guesses formats from single cells and parses. A column that fits two formats with different results is an error
that names the settings for both.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from datasets.files import steps
from datasets.files.numbers import MISSING, clean, is_missing, markers
from datasets.spec import EPOCHS, DataError, DataSpec, to_set

SAMPLE = 1000  # cells that formats are tried on, before all cells are parsed
DATES = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%y-%m-%d", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y",
    "%d %B %Y", "%b-%y", "%b %y", "%b-%Y", "%b %Y", "%B %Y", "%Y-%b", "%Y %b", "%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y",
    "%Y-%j",
)  # fmt: skip
TIMES = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", " %H.%M.%S", " %H.%M", " %I:%M %p",
    " %I:%M:%S %p",
)  # fmt: skip
ISO = r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?"
ISO_FORMATS = {
    "0000-00-00": "%Y-%m-%d",
    **{
        f"0000-00-00{mark}00:00{seconds}": f"%Y-%m-%d{mark}%H:%M{form}"
        for mark in " T"
        for seconds, form in (("", ""), (":00", ":%S"))
    },
}
COMPACT = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # by digits
EPOCH_UNITS = {10: "epoch s", 13: "epoch ms", 16: "epoch us", 19: "epoch ns"}  # by digits
YEARS = (1600, 2200)  # of stamps without marks between year, month and day
PARTS = ("year", "quarter", "month", "day", "hour", "minute", "second")
ZONES = ("Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York", "Australia/Sydney", "America/Santiago")


@dataclass(frozen=True)
class Stamps:
    """The time stamps of the rows."""

    times: np.ndarray  # (rows,) datetime64[us], NaT where the cell is a missing value
    format: str
    zone: str = ""  # "" if the cells have no offset and no zone is set
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
    cells = next(iter(texts.values())) if len(texts) == 1 else _joined(texts)
    missing = is_missing(cells, data.missing).to_numpy(bool)
    present = cells[~missing]
    if not len(present):
        raise DataError(f"{where} holds no time stamp in any row: name another column with time.")
    if data.time_format is None:
        parsed, form, notes = _understood(present, where, data)
    else:
        parsed, form, notes = _in_century(_with_format(present, where, data), data.time_format)
    times = np.full(len(cells), np.datetime64("NaT"), "datetime64[us]")
    offsets = parsed.offsets
    times[~missing] = parsed.wall
    if offsets is None:
        return _zoned(times, form, data, where, notes)
    return _with_offsets(times, offsets, ~missing, form, data, where, notes)


@dataclass(frozen=True)
class Parsed:
    """Stamps as they are written, and their offsets from UTC."""

    wall: np.ndarray  # (cells,) datetime64[us]
    offsets: np.ndarray | None = None  # (cells,) timedelta64[us]; None if the format has none


def recognised(cells: Sequence[str]) -> bool:
    """Whether some format of dates fits most cells; numbers alone are no dates, except years and days of 8 digits."""
    present = clean(pd.Series([cell for cell in cells if cell.strip()], dtype="str"))
    if not len(present) or (
        present.str.fullmatch(r"[+-]?\d*[.,]?\d+").all()
        and not present.str.fullmatch(r"(1[6-9]|20)\d\d((0[1-9]|1[0-2])([0-2]\d|3[01]))?").all()
    ):
        return False
    return next(_candidates(present, most=True), None) is not None


def certain_format(sample: Sequence[str], data: DataSpec) -> str | None:
    """The only format that fits all cells of a sample, if pyarrow can read it; else None."""
    cells = pd.Series([cell for cell in sample if cell.strip().casefold() not in MISSING], dtype="str")
    if not len(cells):
        return None
    if data.time_format is not None:
        forms = [data.time_format]
    elif cells.str.fullmatch(ISO).all():
        kinds = cells.str.replace(r"\d", "0", regex=True).unique()
        return ISO_FORMATS.get(kinds[0]) if len(kinds) == 1 else None
    else:
        forms = list(_candidates(cells))
    if len(forms) != 1 or not (forms[0] in EPOCHS or re.fullmatch("(%[YmdHMS][-./: T]?)+", forms[0])):
        return None
    return None if np.isnat(_parse(cells, forms[0]).wall).any() else forms[0]


def _as_text(column: "pd.Series[str] | np.ndarray") -> "pd.Series[str]":
    if isinstance(column, pd.Series):
        return clean(column)
    if column.dtype.kind == "f":
        column = pd.array(column).astype("Int64") if (np.mod(column[~np.isnan(column)], 1) == 0).all() else column
    return clean(pd.Series(column).astype("str").astype("str"))


def _whole(column: "pd.Series[str]") -> "pd.Series[str]":
    """Whole numbers without the ".0" that some programs write; other cells, as 18.00.00, are unchanged."""
    return column.str.removesuffix(".0") if column.dropna().str.fullmatch(r"\d+\.0").all() else column


def _joined(texts: "dict[str, pd.Series[str]]") -> "pd.Series[str]":
    """The parts of each stamp as one text: a date and a time of day, or year, month, day, hour, minute."""
    texts = {name: _whole(column) for name, column in texts.items()}
    columns = list(texts.values())
    if all(column.dropna().str.fullmatch(r"\d+").all() for column in columns) and columns[0].str.len().max() == 4:
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
    for column in columns[1:]:
        joined = joined + " " + column
    return joined


def _with_format(cells: "pd.Series[str]", where: str, data: DataSpec) -> Parsed:
    """The stamps in the format of the setting; the error for a cell that does not fit names a format that does."""
    form = data.time_format or ""
    parsed = _parse(cells, form)
    bad = np.flatnonzero(np.isnat(parsed.wall))
    if not len(bad):
        return parsed
    others = [other for other in _candidates(cells) if not np.isnat(_parse(cells, other).wall).any()]
    cell, row = cells.iloc[bad[0]], int(cells.index[bad[0]]) + 1
    advice = to_set(time_format=others[0]) if others else _leave_out(cell, data)
    raise DataError(f"{where}, row {row} holds {cell!r}, which does not fit time_format = {form!r}: {advice}.")


def _leave_out(cell: str, data: DataSpec) -> str:
    """How to leave out the row of a cell, or the time stamps."""
    if "," in cell or len(cell) > 40:
        return f"correct it, or to ignore the time stamps, {to_set(order='rows')}"
    return f"correct it, or to leave its row out, {to_set(missing=', '.join((*markers(data.missing), cell)))}"


def _understood(cells: "pd.Series[str]", where: str, data: DataSpec) -> tuple[Parsed, str, tuple[str, ...]]:
    """The stamps in the only format that fits all cells."""
    fitting: dict[str, Parsed] = {}
    best: tuple[int, Parsed, str] | None = None
    for form in _candidates(cells, most=True):
        parsed = _parse(cells, form)
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
        return _in_century(parsed, form)
    row = int(np.flatnonzero(np.isnat(best[1].wall))[0]) if best and best[0] < len(cells) else 0
    cell = cells.iloc[row]
    like = f" like the others ({best[2]})" if best and best[0] < len(cells) else ""
    raise DataError(
        f"{where}, row {int(cells.index[row]) + 1} holds {cell[:40]!r}, which is not a time stamp{like}: "
        f"{_leave_out(cell, data) if like else 'to ignore the time stamps, ' + to_set(order='rows')}."
    )


def _is_complete(times: np.ndarray) -> bool:
    """Whether ascending stamps are regular without a missing step."""
    if len(times) < 3 or not (times[1:] > times[:-1]).all():
        return False
    step = steps.inferred(times)
    grid = None if step is None else steps.grid(times, step)
    return grid is not None and len(grid.times) == len(times)


def _candidates(cells: "pd.Series[str]", *, most: bool = False) -> Iterator[str]:
    """Formats that fit all cells of a sample; with `most`, those that fit more than half of them."""
    if len(cells) > SAMPLE:
        cells = pd.concat([cells.iloc[:: len(cells) // SAMPLE + 1], cells.iloc[-1:]])
    limit = len(cells) / 2 if most else 0.5
    for form in dict.fromkeys(_guesses(cells)):
        parsed = _parse(cells, form)
        if np.isnat(parsed.wall).sum() < limit:
            yield form


def _guesses(cells: "pd.Series[str]") -> Iterator[str]:
    digits = cells.str.len()[cells.str.fullmatch(r"\d+")]
    if len(digits) > len(cells) / 2:
        length = int(digits.mode()[0])
        numbers = pd.to_numeric(cells[digits.index], errors="coerce")
        years = numbers // 10 ** (length - 4)
        if length in COMPACT and years.between(*YEARS).mean() > 0.5:
            yield COMPACT[length]
        if length in (9, 10, 12, 13, 15, 16, 18, 19):
            yield EPOCH_UNITS[min(size for size in EPOCH_UNITS if size >= length)]
        return
    yield from ("quarter", "counter")
    for form in _guessed_by_pandas(cells):
        if "%Y-%d-%m" not in form and "%Y/%d/%m" not in form:
            yield form
    sample = cells.iloc[0]
    zone = "%z" if re.search(r"\d(Z|[+-]\d\d:?\d\d)$", sample) and ":" in sample else ""
    marks = re.sub(r"[\w]", "", sample)
    for date in DATES:
        for time in TIMES if re.search(r" \d\d?\.\d\d|:", sample) else ("",):
            if set(re.sub(r"%.", "", date)) <= {*marks, " "}:
                yield date + time + zone


def _guessed_by_pandas(cells: "pd.Series[str]") -> Iterator[str]:
    spread = cells.iloc[:: max(1, len(cells) // 20)]
    for cell in spread:
        for day_first in (True, False):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # the guess contradicts day_first, as it should
                guess = guess_datetime_format(cell, dayfirst=day_first)
            if guess and "%Y" in guess:
                yield guess


def _parse(cells: "pd.Series[str]", form: str) -> Parsed:
    """The stamps of the cells in a format; NaT where it does not fit."""
    if form == "quarter":
        parts = cells.str.extract(r"^(?:(\d{4})[- ]?[Qq]([1-4])|[Qq]([1-4])[- /]?(\d{4}))$")
        year, quarter = parts[0].fillna(parts[3]), parts[1].fillna(parts[2])
        return Parsed(_months(year, (pd.to_numeric(quarter) - 1) * 3))
    if form == "counter":  # a number of years without a century, and a month: 1-01
        parts = cells.str.extract(r"^(\d{1,3})-(0[1-9]|1[0-2])$")
        years = parts[0].dropna()
        if years.str.startswith("0").any() or not (years.str.len() == 1).any():  # years of two digits
            return Parsed(np.full(len(cells), np.datetime64("NaT"), "datetime64[us]"))
        return Parsed(_months(parts[0], pd.to_numeric(parts[1]) - 1))
    if form in EPOCHS:
        numbers = pd.to_numeric(cells, errors="coerce").astype("Int64")
        stamps = pd.to_datetime(numbers, unit=EPOCHS[form], errors="coerce")  # type: ignore[call-overload]
        return Parsed(stamps.to_numpy("datetime64[us]"))
    try:
        if "%z" in form:
            bare = cells.str.replace(r"Z$", "+0000", regex=True)
            instants = pd.to_datetime(bare, format=form, errors="coerce", utc=True)
            wall = pd.to_datetime(
                bare.str.replace(r"\s*[+-]\d\d:?\d\d$", "", regex=True),
                format=form.replace("%z", "").rstrip(),
                errors="coerce",
            )
            local, utc = wall.to_numpy("datetime64[us]"), instants.dt.tz_localize(None).to_numpy("datetime64[us]")
            return Parsed(np.where(np.isnat(utc), utc, local), local - utc)
        return Parsed(pd.to_datetime(cells, format=form, errors="coerce").to_numpy("datetime64[us]"))
    except ValueError:
        return Parsed(np.full(len(cells), np.datetime64("NaT"), "datetime64[us]"))


def _months(year: "pd.Series[str]", month: "pd.Series[float]") -> np.ndarray:
    """The first day of each month. month: counted from 0."""
    count = (pd.to_numeric(year).to_numpy(np.float64) - 1970) * 12 + np.asarray(month, np.float64)
    whole = np.where(np.isnan(count), 0, count).astype(np.int64).astype("datetime64[M]").astype("datetime64[us]")
    return np.where(np.isnan(count), np.datetime64("NaT"), whole)


def _in_century(parsed: Parsed, form: str) -> tuple[Parsed, str, tuple[str, ...]]:
    """Two-digit years, if the format has them, in the century in which no stamp lies in the future."""
    if "%y" not in form:
        return parsed, form, ()
    year = parsed.wall.astype("datetime64[Y]")
    late = year > np.datetime64(datetime.now(UTC).year - 1970, "Y")
    months = parsed.wall.astype("datetime64[M]")
    moved = (months - 1200).astype("datetime64[us]") + (parsed.wall - months.astype("datetime64[us]"))
    wall = np.where(late, moved, parsed.wall)
    first, last = (str(stamp.astype("datetime64[Y]")) for stamp in (wall.min(), wall.max()))
    note = f"Years of two digits were read as {first} to {last}, so that none lies in the future."
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
        return Stamps(times, form, data.time_zone, notes)
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
    return Stamps(
        instants.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[us]"), form, data.time_zone, (*notes, note)
    )


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
        return Stamps(moved.to_numpy("datetime64[us]"), form, data.time_zone, (*notes, note))
    kinds = np.unique(offsets)
    shown = ", ".join(_offset(offset) for offset in kinds[:4])
    if len(kinds) == 1:
        return Stamps(wall, form, shown, notes)
    if _is_daily(wall[rows]):
        note = f"The time stamps have the offsets {shown} from UTC; they were read as local times."
        return Stamps(wall, form, shown, (*notes, note))
    note = f"The time stamps have the offsets {shown} from UTC; they were converted to UTC."
    return Stamps(utc, form, "UTC", (*notes, note))


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
