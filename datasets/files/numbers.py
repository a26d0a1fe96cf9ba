"""Text to numbers: decimal and thousands marks, units in cells, missing values and numbers that mean one.

A cell that can mean two numbers is an error that names the settings for both. The other columns of a file decide its
decimal mark where a column does not.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as compute  # type: ignore[import-untyped]

from datasets.files.sentinels import ends_of, replace_markers
from datasets.spec import LARGEST, DataError, DataSpec, counted, to_set

MISSING = frozenset(
    ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "missing", "?", "-", "--", "---", ".", "***")
)  # of cells without blanks around them, in lower case
TRUTH = {"true": 1.0, "false": 0.0}
UNIT = (
    r"(?P<before>[^\d+\-.,\s]*)\s*(?P<number>[+-]?[.,]?\d(?:[\d., ']*\d)?[.,]?(?:[eE][+-]?\d+)?)"
    r"\s*(?P<after>[^\d+\-.,\s]\D*)?"
)
CLEAN = r"^[!-'*-~](?:[ -'*-~]*[!-'*-,.-~])?$"  # most cells: no blank around, no bracket, no minus at the end


@dataclass(frozen=True)
class Style:
    """How numbers are written."""

    decimal: str
    thousands: str = ""

    @property
    def pattern(self) -> str:
        mark, group = re.escape(self.decimal), re.escape(self.thousands)
        # A number with marks of thousands does not begin with 0, so that 0.125 proves a decimal point.
        whole = rf"(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|\d+)" if group else r"\d+"
        # An exponent stands behind a number without such marks: 1,017E+03 has a decimal comma.
        return rf"[+-]?(?:{whole}(?:{mark}\d*)?|{mark}\d+|(?:\d+(?:{mark}\d*)?|{mark}\d+)[eE][+-]?\d+)"

    def fits(self, cells: "pd.Series[str]") -> np.ndarray:
        return matches(cells, self.pattern)

    def values(self, cells: "pd.Series[str]") -> np.ndarray:
        """(rows,) float64; NaN where the style does not fit."""
        if self.thousands:
            cells = cells.str.replace(self.thousands, "", regex=False)
        if self.decimal != ".":
            cells = cells.str.replace(self.decimal, ".", regex=False)
        return np.asarray(pd.to_numeric(cells, errors="coerce"), np.float64)


PLAIN = Style(".")
DOUBTFUL = "?"  # in place of the decimal mark that other columns prove: the dates are written as where it is a comma
COMMA = Style(",")
STYLES = (PLAIN, COMMA, *(Style(*marks) for marks in (".,", ",.", ". ", ", ", ".'", ",'")))


@dataclass(frozen=True)
class Numbers:
    """The numbers of a column."""

    values: np.ndarray  # (rows,) float64, NaN where missing
    style: Style = PLAIN
    unit: str = ""
    notes: tuple[str, ...] = ()


def matches(cells: "pd.Series[str]", pattern: str) -> np.ndarray:
    """Which cells, none of them missing, a pattern fits from begin to end. It must not look ahead or behind."""
    fits = compute.match_substring_regex(pa.array(cells), f"^(?:{pattern})$")  # pandas parses the pattern each time
    return np.asarray(fits.to_numpy(zero_copy_only=False), bool)


def clean(cells: "pd.Series[str]") -> "pd.Series[str]":
    """Cells without blanks around them, with plain blanks and minus signs inside.

    (84) and 84- of bookkeeping become -84.
    """
    if compute.all(compute.match_substring_regex(pa.array(cells, pa.large_string()), CLEAN)).as_py() is not False:
        return cells
    plain = cells.str.replace("[\u00a0\u202f\u2009]", " ", regex=True).str.strip().str.replace("−", "-", regex=False)
    return plain.str.replace(r"^(?:\((\d[\d., ']*)\)|(\d[\d., ']*)-)$", r"-\1\2", regex=True)


def markers(missing: str | None) -> tuple[str, ...]:
    """The markers listed in the setting `missing`."""
    return tuple(part.strip() for part in (missing or "").split(",") if part.strip())


def is_missing(cells: "pd.Series[str]", missing: str | None) -> "pd.Series[bool]":
    """Which cleaned cells are missing values."""
    return cells.isna() | cells.str.lower().isin(MISSING) | is_marked(cells, missing)


def is_marked(cells: "pd.Series[str]", missing: str | None) -> "pd.Series[bool]":
    """Which cleaned cells are listed markers. In one with letters or digits, * and ? stand for any characters."""
    listed = markers(missing)
    fits = cells.isin(listed)
    for marker in listed:
        if re.search(r"[*?]", marker) and re.search(r"\w", marker):
            fits |= cells.str.fullmatch(fnmatch.translate(marker), na=False).astype(bool)
    return fits


def marker_of(bad: list[str], good: "pd.Series[str]") -> str | None:
    """Short markers for the setting `missing` that fit all bad cells and no good one; None if there are none."""
    lengths = sorted({len(cell) for cell in bad})
    alike = [[cell for cell in bad if len(cell) == length] for length in lengths]
    places = [[set(letters) for letters in zip(*cells, strict=True)] for cells in alike]
    begin = takewhile(lambda letters: len(set(letters)) == 1, zip(*bad, strict=False))
    for choice in (
        ["".join(min(letters) if len(letters) == 1 else "?" for letters in place) for place in places],
        ["".join(letters[0] for letters in begin) + "*"],
        bad,
    ):
        marker = ", ".join(choice)
        plain = all(part == part.strip() and "," not in part for part in choice)
        fits = plain and len(marker) <= 80 and bool(is_missing(pd.Series(bad, dtype="str"), marker).all())
        if fits and not is_missing(good, marker).any():
            return marker
    return None


def others_named(rows: "pd.Index[int]", noun: str) -> str:
    """The end of a sentence that names the rows of an error after the first one; empty if there are none."""
    if len(rows) < 2:
        return ""
    shown = ", ".join(map(str, rows[1:4])) + (", ..." if len(rows) > 4 else "")
    places = "row" if len(rows) == 2 else "rows"
    return f", and the same is true of {counted(len(rows) - 1, noun)} ({places} {shown})"


def styles(data: DataSpec) -> tuple[Style, ...]:
    """The styles that the settings allow."""
    return tuple(
        style for style in STYLES if data.decimal in (None, style.decimal) and data.thousands in (None, style.thousands)
    )


def decimal_marks(columns: Iterable[Sequence[str]]) -> frozenset[str]:
    """The decimal marks that columns of a file prove, each column at most one."""
    proven = set()
    for column in columns:
        cells = clean(pd.Series([cell for cell in column if cell.strip().casefold() not in MISSING], dtype="str"))
        if not len(cells) or not cells.str.contains(r"[.,]").any():
            continue
        cells = _without_unit(cells)[0]
        marks = {style.decimal for style in STYLES if style.fits(cells).all()}
        proven |= marks if len(marks) == 1 else set()
    return frozenset(proven)


def plain_type(column: Sequence[str], separator: str, data: DataSpec, proven: str | None) -> tuple[str, str | None]:
    """The type of cells that are numbers with one decimal mark, "float" or "comma", and nothing else; else "text".

    Integers between semicolons are "int", so that a later 2.000 is asked about. The note says what a comma between the
    cells, or the decimal mark `proven` of other columns, decides.
    """
    cells = pd.Series([cell for cell in column if cell not in NULLS], dtype="str")
    if data.thousands or not len(cells):
        return "text", None
    if not PLAIN.fits(cells).all():
        if data.decimal == "." or not COMMA.fits(cells).all():
            return "text", None
        if data.decimal == "," or not any(style.fits(cells).all() for style in STYLES if style.decimal == "."):
            return "comma", None
        cell = next(cell for cell in cells if "," in cell)
        return ("comma", _reading(cell, float(cell.replace(",", ".")), COMMA)) if proven == "," else ("text", None)
    if data.decimal == ",":
        return "text", None
    pointed = cells[cells.str.contains(".", regex=False)]
    if data.decimal == "." or not Style(",", ".").fits(cells).all():
        return "float", None
    if separator != ",":
        return ("text" if len(pointed) or not matches(cells, r"-?\d+").all() else "int"), None
    return "float", None if not len(pointed) else _reading(pointed.iloc[0], float(pointed.iloc[0]), PLAIN)


def _reading(cell: str, value: float, style: Style) -> str:
    """A note on a cell with two readings, and the setting for the other."""
    other = to_set(thousands=".") if style == PLAIN else to_set(decimal="," if style.thousands == "," else ".")
    return f"{cell!r} was read as {value:g}; if this is wrong, {other}."


NULLS = tuple(sorted({form for text in MISSING for form in (text, text.upper(), text.capitalize(), "NaN", "n/a")}))


def numbers(
    raw: "pd.Series[str] | np.ndarray", where: str, data: DataSpec, separator: str, proven: str | None, style: Style
) -> Numbers:
    """The numbers of a column. Raises DataError for the first cell that is neither a number nor missing.

    raw: text, or numbers that were written in `style`. proven: the decimal mark of other columns.
    """
    if isinstance(raw, np.ndarray):
        column = Numbers(np.require(raw, np.float64, "W"), style)
        if raw.dtype == bool:
            column = Numbers(column.values, notes=("false and true were read as 0 and 1.",))
    else:
        column = _from_text(raw, where, data, separator, proven)
    values = column.values
    if not len(values):
        raise DataError(f"{where} has no rows.")
    for marker in markers(data.missing):
        if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-?inf", marker, re.IGNORECASE):
            values[values == float(marker)] = np.nan
    ends = ends_of(values)
    if np.isinf(ends).any():
        infinite = np.flatnonzero(np.isinf(values))
        marker = f"{values[infinite[0]]:g}"
        raise DataError(
            f"{where}, row {infinite[0] + 1} holds {marker}: leave the cell empty, or {to_set(missing=marker)}."
        )
    marked = replace_markers(values, ends, where) if data.missing is None else []
    ends = ends_of(values) if marked else ends
    if np.isnan(ends).all():
        raise DataError(f"{where} has no value in any of its {counted(len(values))}: name another column.")
    _refuse_extreme_values(values, ends, where)
    return Numbers(values, column.style, column.unit, (*column.notes, *marked))


def _from_text(raw: "pd.Series[str]", where: str, data: DataSpec, separator: str, proven: str | None) -> Numbers:
    """The numbers of text, of which each distinct cell is converted once."""
    codes, distinct = pd.factorize(raw, use_na_sentinel=False)
    first = np.full(len(distinct), len(raw))
    np.minimum.at(first, codes, np.arange(len(raw)))
    column = _of_distinct(pd.Series(distinct, first, "str"), where, data, separator, proven)
    return replace(column, values=column.values[codes])


def _of_distinct(cells: "pd.Series[str]", where: str, data: DataSpec, separator: str, proven: str | None) -> Numbers:
    """The numbers of cells in order, labelled by the first row of each, counted from 0."""
    written, cells = cells, clean(cells)
    present = cells[~is_missing(cells, data.missing).to_numpy(bool)]
    values = pd.Series(np.nan, cells.index)
    lower = present.str.casefold()
    if len(present) and lower.isin(list(TRUTH)).all():
        values[present.index] = lower.map(TRUTH)
        return Numbers(values.to_numpy(), notes=("false and true were read as 0 and 1.",))
    unit, allowed, notes = "", styles(data), []
    fitting = [style for style in allowed if style.fits(present).all()]
    if not fitting:
        present, unit = _without_unit(present)
        fitting = [style for style in allowed if style.fits(present).all()]
    if not fitting:
        raise _not_a_number(cells, present, where, data, allowed)
    if unit:
        notes.append(f"the cells hold the unit {unit!r}, which was removed.")
    readings = _readings(present, fitting)
    style = _chosen(readings, present, where, separator, proven)
    if len(readings) > 1:
        cell, value = next(
            (cell, value)
            for cell, value, *others in zip(present, readings[style], *readings.values(), strict=True)
            if len(set(others)) > 1
        )
        notes.append(_reading(cell, value, style))
    values[present.index] = readings[style]
    turned = present.index[written[present.index].str.contains(r"^\s*\(|[-−]\s*$")]
    if len(turned):
        notes.append(f"{written[turned[0]].strip()!r} was read as {values[turned[0]]:g}, as in bookkeeping.")
    return Numbers(values.to_numpy(), style, unit, tuple(notes))


def _readings(cells: "pd.Series[str]", fitting: Sequence[Style]) -> dict[Style, np.ndarray]:
    """The styles that give different numbers, the plainest of those that give the same."""
    readings: dict[Style, np.ndarray] = {}
    marks = {mark for mark in ".,' " if cells.str.contains(mark, regex=False).any()}
    for style in fitting:
        if not readings or {style.decimal, style.thousands} & marks:
            values = style.values(cells)
            if not any(np.array_equal(values, others) for others in readings.values()):
                readings[style] = values
    return readings


def _chosen(
    readings: dict[Style, np.ndarray], cells: "pd.Series[str]", where: str, separator: str, proven: str | None
) -> Style:
    """The style of a column. Of two readings, the decimal mark of the file decides.

    A comma before three digits is a mark of thousands, unless the dates of the file have points. In a file with commas
    between its cells, a point is a decimal point.
    """
    if len(readings) == 1:
        return next(iter(readings))
    by_mark = {style.decimal: style for style in readings}
    if proven in by_mark:
        return by_mark[proven]
    pointed = cells.str.contains(".", regex=False)
    if separator == ",":
        return PLAIN if pointed.any() else by_mark["."]
    mark, other = (".", ",") if pointed.any() else (",", ".")
    marked = cells.str.contains(mark, regex=False)
    if not marked.any() or not {mark, other} <= by_mark.keys():
        return by_mark.get(".", next(iter(readings)))
    if mark == "," and proven != DOUBTFUL:
        return by_mark["."]
    row = int(marked.index[marked.to_numpy(bool)][0])
    large, small = (readings[by_mark[decimal]][cells.index.get_loc(row)] for decimal in (other, mark))
    raise DataError(
        f"{where}, row {row + 1} holds {cells[row]!r}, which can mean {large:g} or {small:g}: for {large:g}, "
        f"{to_set(thousands=mark)}; for {small:g}, {to_set(decimal=mark)}."
    )


def _without_unit(cells: "pd.Series[str]") -> tuple["pd.Series[str]", str]:
    """The cells without the unit that all of them hold before or after the number; unchanged if there is none."""
    first = re.fullmatch(UNIT, cells.iloc[0]) if len(cells) else None
    if first is None or not (first["before"] or first["after"]):
        return cells, ""
    before, after = first["before"] or "", (first["after"] or "").strip()
    bare = cells
    if before:
        bare = bare.where(~bare.str.startswith(before), bare.str.slice(len(before)).str.strip())
    if after:
        bare = bare.where(~bare.str.endswith(after), bare.str.slice(0, -len(after)).str.strip())
    same = bool((bare.str.len() < cells.str.len()).all())
    return (bare, f"{before} {after}".strip()) if same else (cells, "")


def _not_a_number(
    cells: "pd.Series[str]", present: "pd.Series[str]", where: str, data: DataSpec, allowed: Sequence[Style]
) -> DataError:
    """The error for the first cell that the best style does not fit."""
    bare = _bare(present)
    style = max(allowed or STYLES, key=lambda style: int(style.fits(bare).sum()))
    wrong = ~style.fits(bare)
    wrong = wrong if wrong.any() else _with_odd_unit(present)
    rows, others = present.index[wrong], present[~wrong]
    bad = cells[rows].tolist()
    problem = f"{where}, row {rows[0] + 1} holds {bad[0][:40]!r}, which is not a number like the others"
    for name, setting in (("decimal", data.decimal), ("thousands", data.thousands)):
        fitting = [other for other in STYLES if setting is not None and other.fits(present).all()]
        if fitting:
            settings = {"decimal": fitting[0].decimal, "thousands": fitting[0].thousands}
            return DataError(f"{problem}: {to_set(**settings)}; {name} = {setting!r} does not fit.")
    if not len(others) and len(bad) > 1:
        return DataError(f"{where} holds no numbers (row {rows[0] + 1}: {bad[0][:40]!r}): name another column.")
    problem += others_named(rows + 1, "other value")
    marker = marker_of(bad, others)
    correct, means = ("correct it", "it means a missing value")
    if len(bad) > 1:
        correct, means = ("correct them", "they mean missing values")
    if marker is None:
        return DataError(f"{problem}: {correct}, or leave {counted(len(bad), 'cell')} empty.")
    listed = to_set(missing=", ".join((*markers(data.missing), marker)))
    return DataError(f"{problem}: {correct}, or if {means}, {listed}.")


def _bare(cells: "pd.Series[str]") -> "pd.Series[str]":
    """The cells without the units that some of them hold."""
    return cells.str.replace(r"^[^\d+\-.,]*\s*(?=[+-]?[.,]?\d)|(?<=[\d.,])\s*[^\d.,\s]{1,4}$", "", regex=True)


def _with_odd_unit(cells: "pd.Series[str]") -> np.ndarray:
    """Which cells lack the most common unit; if none does, which ones fit no style; at least one."""
    units = cells.str.replace(r"[\d+\-., ']", "", regex=True)
    odd = (units != units.mode()[0]).to_numpy(bool)
    if not odd.any():
        odd = ~np.any([style.fits(cells) for style in STYLES], axis=0)
    return odd if odd.any() else np.arange(len(cells)) == 0


def _refuse_extreme_values(values: np.ndarray, ends: tuple[float, float], where: str) -> None:
    """Metrics and scalers square values and differences; squares must neither overflow nor underflow."""
    low, high = ends
    if max(-low, high) > LARGEST:
        row = int(np.flatnonzero(np.abs(values) > LARGEST)[0])
        raise DataError(
            f"{where}, row {row + 1} holds {values[row]:g}, whose square is beyond double precision: "
            "rescale the column, or correct the cell."
        )
    if 0 < high - low < 1 / LARGEST:
        row = int(np.flatnonzero(values != values[~np.isnan(values)][0])[-1])
        raise DataError(
            f"{where}, row {row + 1} holds {values[row]:g}, and all values of the column lie within {high - low:g}, "
            "whose square is 0 in double precision: rescale the column."
        )
