"""The formats of time stamps: which ones fit the cells of a column, and the stamps in a format.

pandas guesses formats from single cells and parses. Quarters, weeks of ISO 8601 and the days of spreadsheets are read
here.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as compute  # type: ignore[import-untyped]
from pandas.tseries.api import guess_datetime_format

from datasets.files import steps
from datasets.files.numbers import MISSING, clean, matches
from datasets.spec import DAYS, EPOCHS, DataSpec

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
ISO = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[ T]\d\d:\d\d(?::\d\d)?)?"
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
WORD = r"(?:q|qtr|quarter|quartal|t|trim|trimestre|k|kwartaal)"
NUMBER = r"[1-4](?:\.|st|nd|rd|th|er|e)?"
YEAR = r"\d{4}|'?\d\d"
QUARTER = (  # 1970Q1, 1970 quarter 1; Q1 1970; 1. Quartal 1970, 1Q1970; also Q1 70
    rf"(?P<y1>{YEAR})[-.:/ ]*{WORD}[. ]*(?P<q1>{NUMBER})|{WORD}[. ]*(?P<q2>{NUMBER})[-.:/, ]*(?P<y2>{YEAR})"
    rf"|(?P<q3>{NUMBER})[ ]*{WORD}[-.:/, ]*(?P<y3>{YEAR})|(?P<y4>{YEAR})[-.:/, ]+(?P<q4>{NUMBER})[ ]*{WORD}"
)
WEEK = r"(\d{4})-?[Ww](0[1-9]|[1-4]\d|5[0-3])(?:-?([1-7]))?"  # ISO 8601
MIDNIGHT = r"(?:(?<=[ T])|(?<=^\d{8}))24(?=(?:[:.]?00){0,2}(?:\.0+)?(?:$|Z|[+-]\d))"  # the end of a day, in ISO 8601
OFFSET = r"\s*(?:Z|[+-]\d\d:?\d\d)$"
SPREADSHEET_DAYS = (20_000, 70_000)  # 1954 to 2091
DATE_AND_TIME = r"((?:%[aAbBdjmyY]|[^%])+)([ T])(%[HI](?:[-:. ]?%[MSfp])*)"  # a format of both, and the mark between
MIDNIGHT_1900 = np.datetime64("1900-01-01", "us")  # the day that pandas gives to a time of day
YEARS = (1600, 2200)  # of stamps without marks between year, month and day


@dataclass(frozen=True)
class Parsed:
    """Stamps as they are written, and their offsets from UTC."""

    wall: np.ndarray  # (cells,) datetime64[us]
    offsets: np.ndarray | None = None  # (cells,) timedelta64[us]; None if the format has none


def recognised(cells: Sequence[str]) -> bool:
    """Whether some format of dates fits most cells; numbers alone are no dates, except years and days of 8 digits."""
    present = clean(pd.Series([cell for cell in cells if cell.strip()], dtype="str"))
    if not len(present) or (
        matches(present, r"[+-]?\d*[.,]?\d+").all()
        and not matches(present, r"(1[6-9]|20)\d\d((0[1-9]|1[0-2])([0-2]\d|3[01]))?").all()
    ):
        return False
    if matches(present, ISO).all():
        return True  # the most common format, without trying the others
    return next(candidates(present, most=True), None) is not None


def certain_format(sample: Sequence[str], data: DataSpec) -> str | None:
    """The only format that fits all cells of a sample, if it alone gives the stamps; else None.

    Offsets, years of two digits, quarters and the like need a look at all cells.
    """
    cells = pd.Series([cell for cell in sample if cell.strip().casefold() not in MISSING], dtype="str")
    if not len(cells):
        return None
    if data.time_format is not None:
        forms = [data.time_format]
    elif matches(cells, ISO).all():
        kinds = cells.str.replace(r"\d", "0", regex=True).unique()
        return ISO_FORMATS.get(kinds[0]) if len(kinds) == 1 else None
    else:
        forms = list(candidates(cells))
    if len(forms) != 1 or not (forms[0] in EPOCHS or (forms[0].startswith("%") and not re.search("%[zZy]", forms[0]))):
        return None
    return None if np.isnat(parse(cells, forms[0]).wall).any() else forms[0]


def are_spreadsheet_days(cells: Iterable[str]) -> bool:
    """Whether ascending numbers can be days since 1899-12-30, as 43831 for 2020-01-01."""
    numbers = pd.to_numeric(pd.Series(cells, dtype="str"), errors="coerce").dropna()
    return len(numbers) > 1 and bool(numbers.between(*SPREADSHEET_DAYS).all() and numbers.is_monotonic_increasing)


def are_stamps(cells: Sequence[str]) -> bool:
    """Whether ascending numbers can be time stamps, as 202001 for a month or 1577836800 for seconds since 1970."""
    present = pd.Series([cell for cell in cells if cell.strip()], dtype="str")
    ascending = pd.to_numeric(present, errors="coerce").is_monotonic_increasing
    return ascending and present.nunique() > 1 and next(candidates(present), None) is not None


def candidates(cells: "pd.Series[str]", *, most: bool = False) -> Iterator[str]:
    """Formats that fit all cells of a sample; with `most`, those that fit more than half of them."""
    if len(cells) > SAMPLE:
        cells = pd.concat([cells.iloc[:: len(cells) // SAMPLE + 1], cells.iloc[-1:]])
    limit = len(cells) / 2 if most else 0.5
    shapes = Counter(map(_shape, cells))
    local = Counter(_shape(re.sub(OFFSET, "", cell)) for cell in cells) if cells.str.contains(OFFSET).any() else shapes
    for form in dict.fromkeys(_guesses(cells)):
        if form.startswith("%") and len(cells) - (local if "%z" in form else shapes)[_shape_of_format(form)] >= limit:
            continue  # parsing takes a hundred times as long
        parsed = parse(cells, form)
        if np.isnat(parsed.wall).sum() < limit:
            yield form


def _shape(cell: str) -> str:
    """A cell with 0 for each group of digits, a for each word, and single blanks; a format fits cells of one shape."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", re.sub(r"\s+", " ", cell)))


@lru_cache(1024)
def _shape_of_format(form: str) -> str:
    """The shape of the cells that a format fits, without the offset."""
    return _shape(re.sub("%[aAbBp]", "a", re.sub(r"(%[dfHIjmMSyY])+", "0", form.removesuffix("%z").rstrip())))


def _guesses(cells: "pd.Series[str]") -> Iterator[str]:
    digits = cells.str.len()[matches(cells, r"\d+")]
    if len(digits) > len(cells) / 2:
        length = int(digits.mode()[0])
        numbers = pd.to_numeric(cells[digits.index], errors="coerce")
        years = numbers // 10 ** (length - 4)
        if length in COMPACT and years.between(*YEARS).mean() > 0.5:
            yield COMPACT[length]
            if 0.5 < (~np.isnat(parse(cells, COMPACT[length]).wall)).mean() < 1:
                return  # 2020010125 is a wrong hour, no number of seconds
        if length in (9, 10, 12, 13, 15, 16, 18, 19):
            yield EPOCH_UNITS[min(size for size in EPOCH_UNITS if size >= length)]
        return
    sample = cells.iloc[0]
    yield from ("quarter", "quarter %y", "ISO week") if re.search(r"[^\W\d]", sample) else ("counter",)
    for form in _guessed_by_pandas(cells):
        if "%Y-%d-%m" not in form and "%Y/%d/%m" not in form and ("%d" not in form or re.search("%[mbB]", form)):
            yield form
    zone = "%z" if re.search(r"\d(Z|[+-]\d\d:?\d\d)$", sample) and ":" in sample else ""
    marks = re.sub(r"[\w]", "", sample)
    for date in DATES:
        for time in TIMES if re.search(r" \d\d?\.\d\d|:", sample) else ("",):
            if set(re.sub(r"%.", "", date)) <= {*marks, " "} and ("%j" not in date or re.match(r"\d{4}-\d{3}", sample)):
                yield date + time + zone


def _guessed_by_pandas(cells: "pd.Series[str]") -> Iterator[str]:
    spread = {_shape(cell): cell for cell in cells.iloc[:: max(1, len(cells) // 20)]}
    for cell in spread.values():
        for day_first in (True, False):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # the guess contradicts day_first, as it should
                guess = guess_datetime_format(cell, dayfirst=day_first)
            if guess and "%Y" in guess:
                yield guess


def parse(cells: "pd.Series[str]", form: str) -> Parsed:
    """The stamps of the cells in a format; NaT where it does not fit."""
    if form in ("quarter", "quarter %y"):
        parts = cells.str.extract(f"^(?:{QUARTER})$", flags=re.IGNORECASE)
        year, quarter = (
            reduce(lambda some, others: some.fillna(others), (parts[f"{letter}{place}"] for place in (1, 2, 3, 4)))
            for letter in "yq"
        )
        year = year.str.lstrip("'")
        year = year.where(year.str.len() == 4) if form == "quarter" else "20" + year.where(year.str.len() == 2)
        return Parsed(_months(year, (pd.to_numeric(quarter.str[:1]) - 1) * 3))
    if form == "ISO week":
        parts = cells.str.extract(f"^{WEEK}$")
        days = parts[0] + "-" + parts[1] + "-" + parts[2].fillna("1")
        return Parsed(pd.to_datetime(days, format="%G-%V-%u", errors="coerce").to_numpy("datetime64[us]"))
    if form == DAYS:
        seconds = np.round(pd.to_numeric(cells, errors="coerce").to_numpy(np.float64) * 86_400)
        known = np.abs(seconds) < 1e12
        whole = np.where(known, seconds, 0).astype("timedelta64[s]")
        return Parsed(np.where(known, np.datetime64("1899-12-30", "us") + whole, np.datetime64("NaT")))
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
    if "%H" in form and (ends := cells.str.contains(MIDNIGHT).to_numpy(bool)).any():
        parsed = parse(cells.str.replace(MIDNIGHT, "00", regex=True), form)
        return Parsed(np.where(ends, parsed.wall + steps.DAY, parsed.wall), parsed.offsets)
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
        return Parsed(wall_times(pa.chunked_array([pa.array(cells)]), form))
    except ValueError:
        return Parsed(np.full(len(cells), np.datetime64("NaT"), "datetime64[us]"))


def wall_times(cells: "pa.ChunkedArray", form: str) -> np.ndarray:
    """(cells,) datetime64[us]: the stamps of text in a format of strptime without offsets, NaT where it does not fit.

    Most dates and times of day occur many times; in a long column, each is parsed once. Raises ValueError for a format
    that pandas does not know.
    """
    if len(cells) <= SAMPLE:
        return _parsed(cells.to_pandas(), form)
    if not cells.null_count:
        return _by_parts(cells, form)
    stamps = np.full(len(cells), np.datetime64("NaT"), "datetime64[us]")
    stamps[cells.is_valid().to_numpy()] = _by_parts(cells.drop_null(), form)
    return stamps


def _by_parts(cells: "pa.ChunkedArray", form: str) -> np.ndarray:
    both = re.fullmatch(DATE_AND_TIME, form)
    if both is None or (parts := _parts(cells, both[2], both[3].count(both[2]) + 1)) is None:
        return _parsed_once(cells, form)
    stamps = _parsed_once(parts[0], both[1]) + (_parsed_once(parts[1], both[3]) - MIDNIGHT_1900)
    rest = np.flatnonzero(np.isnat(stamps))  # as with two blanks before the time
    if len(rest):
        stamps[rest] = _parsed(cells.take(pa.array(rest)).to_pandas(), form)
    return stamps


def _parts(cells: "pa.ChunkedArray", mark: str, marks: int) -> "tuple[pa.ChunkedArray, pa.ChunkedArray] | None":
    """What is before and after the mark that so many marks, itself included, end with; None if a cell has fewer."""
    if not len(cells):
        return None
    first = cells[0].as_py()
    place = len(mark.join(first.split(mark)[:-marks]).encode())
    octets = cells.cast(pa.binary())
    if place and compute.all(compute.equal(compute.binary_slice(octets, place, place + 1), mark.encode())).as_py():
        end = compute.max(compute.binary_length(octets)).as_py()
        pieces = (compute.binary_slice(octets, 0, place), compute.binary_slice(octets, place + 1, end))
        return tuple(piece.cast(pa.string()) for piece in pieces)  # type: ignore[return-value]
    split = compute.split_pattern(cells, mark, max_splits=marks, reverse=True)
    if compute.min(compute.list_value_length(split)).as_py() != marks + 1:
        return None
    texts = [compute.list_element(split, place) for place in range(marks + 1)]
    return texts[0], compute.binary_join_element_wise(*texts[1:], mark) if marks > 1 else texts[1]


def _parsed_once(cells: "pa.ChunkedArray", form: str) -> np.ndarray:
    encoded = cells.combine_chunks().dictionary_encode()
    stamps: np.ndarray = _parsed(encoded.dictionary.to_pandas(), form)[encoded.indices.to_numpy()]
    return stamps


def _parsed(cells: "pd.Series[str]", form: str) -> np.ndarray:
    stamps: np.ndarray = pd.to_datetime(cells, format=form, errors="coerce").to_numpy("datetime64[us]")
    return stamps


def _months(year: "pd.Series[str]", month: "pd.Series[float]") -> np.ndarray:
    """The first day of each month. month: counted from 0."""
    count = (pd.to_numeric(year).to_numpy(np.float64) - 1970) * 12 + np.asarray(month, np.float64)
    whole = np.where(np.isnan(count), 0, count).astype(np.int64).astype("datetime64[M]").astype("datetime64[us]")
    return np.where(np.isnan(count), np.datetime64("NaT"), whole)
