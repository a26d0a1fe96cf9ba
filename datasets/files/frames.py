"""A user's file to a table of numbers: the header, the chosen columns, the cells and the missing values.

Empty cells, `?`, `NA` and similar texts are missing values. A number like 999.9 or -9999 is a missing value if its
distance from the range of the other values of the column exceeds that range. The setting `missing` replaces this rule:
only the listed markers are missing.
"""

import csv
import difflib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.series import as_names, check_columns
from datasets.spec import LARGEST, DataError, DataSpec, counted, to_set

HEAD = 1 << 16  # bytes read to find the header, so that a wrong file of gigabytes is refused without reading it
SEPARATORS = ",;\t|"
MISSING_TEXTS = ("?", "-", "--", "na", "Na", "none", "missing", "***", "NaN ")  # in addition to those of pandas
MISSING_NUMBERS = tuple(sign * size for size in (999.0, 999.9, 999.99, 9999.0, 9999.9, 99999.0) for sign in (1, -1))


@dataclass(frozen=True, eq=False)
class Frame:
    """The chosen columns of a file."""

    path: Path
    cells: pd.DataFrame
    columns: tuple[str, ...]  # the columns of numbers, in the order of the file
    targets: tuple[str, ...]


def read(path: Path, data: DataSpec) -> Frame:
    """Read the columns that `data` names. Raises DataError if the file or a column cannot be used."""
    _check_file(path)
    parquet = path.suffix.lower() in (".parquet", ".pq")
    header = _parquet_header(path) if parquet else _csv_header(path, data)
    targets, columns = _choose(data, header, path)
    wanted = [*columns, *([data.time] if data.time else [])]
    frame = _parquet(path, wanted) if parquet else _csv(path, data, header, wanted)
    return Frame(path, frame, columns, targets)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a CSV or Parquet file in it.")
    if path.is_file():
        return
    if path.exists():
        raise DataError(f"{path} is not a regular file, and it must be read twice: save its content as a CSV file.")
    siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    raise DataError(f"there is no file {path}" + (f"; did you mean {path.parent / near[0]}?" if near else "."))


def _choose(data: DataSpec, header: list[str], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The targets, and all columns of numbers in the order of the file."""
    targets = as_names(data.target)
    features = tuple(name for name in header if name != data.time) if data.features == "*" else as_names(data.features)
    check_columns((*targets, *features, *as_names(data.time)), header, str(path))
    if data.time in (*targets, *features):
        raise DataError(
            f"{path}, column {data.time!r} cannot be both time and a target or feature: remove it from one."
        )
    return targets, tuple(name for name in header if name in {*targets, *features})


def _csv_header(path: Path, data: DataSpec) -> list[str]:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None
    if not head.strip():
        raise DataError(f"{path} is empty: it needs a header line and rows of numbers.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path} is UTF-16 text: save the file as UTF-8.")
    if b"\0" in head:
        raise DataError(f"{path} is not a text file: save it as CSV, or as Parquet with a name that ends in .parquet.")
    line, end, _ = head.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n").partition(b"\n")
    if not end and len(head) == HEAD:
        raise DataError(f"{path} has no end of line in its first {HEAD} bytes: it is not a CSV file.")
    names = _column_names(path, line, data.separator)
    others = [other for other in SEPARATORS if other != data.separator and other in line.decode("utf-8", "replace")]
    if len(names) == 1 and others:
        settings = {"separator": others[0]}
        if data.decimal == "." and others[0] != "," and _has_decimal_commas(head, others[0]):
            settings["decimal"] = ","
        raise DataError(f"{path} has a single column when split at {data.separator!r}: {to_set(**settings)}.")
    return names


def _has_decimal_commas(head: bytes, separator: str) -> bool:
    cells = re.split(rf'[\r\n"{re.escape(separator)}]+', head.decode("utf-8", "replace"))
    return any(re.fullmatch(r"\s*[-+]?\d+,\d+\s*", cell) for cell in cells)


def _column_names(path: Path, line: bytes, separator: str) -> list[str]:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}, line 1 is not UTF-8 text: save the file as UTF-8.") from None
    cells = next(csv.reader([text], delimiter=separator, skipinitialspace=True))
    names = [name.strip() or f"column {number}" for number, name in enumerate(cells, start=1)]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path}, line 1 has two columns {repeated!r}: rename one.")
    if all(re.fullmatch(r"[-+\d.,:/ eETZ]+", name) for name in names):
        raise DataError(f"{path}, line 1 holds {names[0]!r} instead of column names: add a header line.")
    return names


def _csv(path: Path, data: DataSpec, header: list[str], wanted: list[str]) -> pd.DataFrame:
    """The wanted columns. All columns are read: pandas reports a line with too many cells only then."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=data.separator,
                decimal=data.decimal,
                header=0,
                names=header,
                index_col=False,
                dtype={data.time: str} if data.time else None,
                na_values=[*MISSING_TEXTS, *_markers(data.missing)],
                skipinitialspace=True,
                skip_blank_lines=False,
                low_memory=False,
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text: save the file as UTF-8.") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(f"{path} {_explain(str(error), len(header))}.") from None
    last = frame.last_valid_index()
    return frame.loc[:last, wanted] if last is not None else frame[wanted]


def _explain(message: str, columns: int) -> str:
    """A clause for a parser error of pandas."""
    position = re.search(r"in line (\d+), saw (\d+)", message)
    if position:
        return f"has {position[2]} cells in line {position[1]} and {columns} in its header: correct the line"
    if "EOF inside string" in message:
        return "ends inside a quoted cell: the file is truncated, or a quotation mark is missing"
    return f"cannot be read as CSV with {columns} columns: give every row as many cells as the header"


def _parquet_header(path: Path) -> list[str]:
    import pyarrow.parquet  # type: ignore[import-untyped]
    from pyarrow.lib import ArrowException  # type: ignore[import-untyped]

    try:
        return list(pyarrow.parquet.read_schema(path).names)
    except (ArrowException, OSError, ValueError):
        raise DataError(
            f"{path} is not a complete Parquet file: it is damaged, truncated or of another type."
        ) from None


def _parquet(path: Path, wanted: list[str]) -> pd.DataFrame:
    from pyarrow.lib import ArrowException  # type: ignore[import-untyped]

    try:
        return pd.read_parquet(path, columns=wanted).reset_index()[wanted]
    except (ArrowException, OSError, ValueError, KeyError):
        raise DataError(f"{path} is damaged: its columns {', '.join(wanted)} cannot be read.") from None


def _markers(missing: str | None) -> tuple[str, ...]:
    """The markers listed in the setting `missing`."""
    return tuple(part.strip() for part in (missing or "").split(",") if part.strip())


def numbers(raw: "pd.Series[float]", where: str, missing: str | None) -> tuple[np.ndarray, str | None]:
    """The numbers of a column, (rows,) float64 with NaN where missing, and a note if cells were reinterpreted.

    Raises DataError for the first cell that is neither a number nor missing.
    """
    if pd.api.types.is_object_dtype(raw):  # truth values with missing cells are objects in pandas
        truth = any(isinstance(cell, bool) for cell in raw)
    else:
        truth = pd.api.types.is_bool_dtype(raw)
    values = pd.to_numeric(raw, errors="coerce").to_numpy(np.float64, na_value=np.nan).copy()
    if not (pd.api.types.is_numeric_dtype(raw) or pd.api.types.is_bool_dtype(raw)):
        _refuse_text(raw, values, where)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(f"{where}, row {infinite[0] + 1} holds {values[infinite[0]]}: leave the cell empty instead.")
    note = _replace_markers(values, where, missing)
    if np.isnan(values).all():
        raise DataError(f"{where} has no value in any of its {counted(len(values))}: name another column.")
    _refuse_extreme_values(values, where)
    return values, f"{where}: false and true were read as 0 and 1." if truth else note


def _refuse_text(raw: "pd.Series[float]", values: np.ndarray, where: str) -> None:
    wrong = np.flatnonzero(np.isnan(values) & raw.notna().to_numpy())
    if not len(wrong):
        return
    cell = str(raw.iloc[wrong[0]])
    listable = len(cell) <= 40 and "," not in cell  # a comma separates two markers
    hint = f"correct it, or if it means a missing value, {to_set(missing=cell)}" if listable else "correct it"
    if re.fullmatch(r"\s*-?\d+,\d+\s*", cell):
        hint = f"if this is a decimal comma, {to_set(decimal=',')}"
    raise DataError(f"{where}, row {wrong[0] + 1} holds {cell[:40]!r}, which is not a number: {hint}.")


def _refuse_extreme_values(values: np.ndarray, where: str) -> None:
    """Metrics and scalers square values and differences; squares must neither overflow nor underflow."""
    huge = np.flatnonzero(np.abs(values) > LARGEST)
    if len(huge):
        raise DataError(
            f"{where}, row {huge[0] + 1} holds {values[huge[0]]:g}, whose square is beyond double precision: "
            "rescale the column, or correct the cell."
        )
    span = np.nanmax(values) - np.nanmin(values)
    if 0 < span < 1 / LARGEST:
        row = int(np.flatnonzero(values != values[~np.isnan(values)][0])[-1])
        raise DataError(
            f"{where}, row {row + 1} holds {values[row]:g}, and all values of the column lie within {span:g}, "
            "whose square is 0 in double precision: rescale the column."
        )


def _replace_markers(values: np.ndarray, where: str, missing: str | None) -> str | None:
    """Set numbers that mean a missing value to NaN, in place; returns a note if the rule for 999.9 applied."""
    if missing is not None:
        for marker in _markers(missing):
            try:
                values[values == float(marker)] = np.nan
            except ValueError:
                continue  # a text, which already is NaN
        return None
    suspects = np.isin(values, MISSING_NUMBERS)
    others = values[~suspects & ~np.isnan(values)]
    if not suspects.any() or not len(others):
        return None
    low, high = others.min(), others.max()
    far = suspects & ((values > high + (high - low)) | (values < low - (high - low)))
    if not far.any():
        return None
    markers = ", ".join(f"{marker:g}" for marker in np.unique(values[far]))
    values[far] = np.nan
    return f"{where}: {markers}, far from all other values, was read as missing in {counted(int(far.sum()))}."
