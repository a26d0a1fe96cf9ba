"""A user's file to a pandas frame: found, its header read, its columns chosen, its cells read as they are."""

import csv
import difflib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from datasets.files.cells import TEXTS, listed
from datasets.series import as_names, check_columns
from datasets.spec import DataError, DataSpec, to_set

HEAD = 1 << 16  # bytes read to learn the header: a file of gigabytes must not be read to find it wrong
SEPARATORS = ",;\t|"


@dataclass(frozen=True, eq=False)
class Frame:
    """The columns asked for."""

    path: Path
    cells: pd.DataFrame
    columns: tuple[str, ...]  # of numbers, in the order of the file
    targets: tuple[str, ...]


def read(path: Path, data: DataSpec) -> Frame:
    """The file's columns that `data` asks for."""
    _check_there(path)
    parquet = path.suffix.lower() in (".parquet", ".pq")
    header = _parquet_header(path) if parquet else _csv_header(path, data)
    targets, columns = _choose(data, header, path)
    wanted = [*columns, *([data.time] if data.time else [])]
    frame = _parquet(path, wanted) if parquet else _csv(path, data, header, wanted)
    return Frame(path, frame, columns, targets)


def _check_there(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a CSV or Parquet file in it.")
    if path.is_file():
        return
    if path.exists():
        raise DataError(f"{path} is no file that can be read twice: save what it gives as a CSV file first.")
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1)
    raise DataError(f"there is no file {path}" + (f"; did you mean {path.parent / near[0]}?" if near else "."))


def _choose(data: DataSpec, header: list[str], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Targets, and all columns of numbers in the order of the file."""
    targets = as_names(data.target)
    features = tuple(name for name in header if name != data.time) if data.features == "*" else as_names(data.features)
    check_columns((*targets, *features, *as_names(data.time)), header, str(path))
    if data.time in (*targets, *features):
        raise DataError(f"{path}, column {data.time!r} cannot be both time and a target or feature.")
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
        raise DataError(f"{path} is no text file: write it as CSV, or as Parquet with the ending .parquet.")
    line, end, _ = head.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n").partition(b"\n")
    if not end and len(head) == HEAD:
        raise DataError(f"{path} has no end of line in its first {HEAD} bytes: it is no CSV file.")
    names = _split(path, line, data.separator)
    others = [other for other in SEPARATORS if other != data.separator and other in line.decode("utf-8", "replace")]
    if len(names) == 1 and others:
        settings = {"separator": others[0]}
        if data.decimal == "." and others[0] != "," and _has_decimal_commas(head, others[0]):
            settings["decimal"] = ","
        raise DataError(f"{path} is one column when split at {data.separator!r}: {to_set(**settings)}.")
    return names


def _has_decimal_commas(head: bytes, separator: str) -> bool:
    cells = re.split(rf'[\r\n"{re.escape(separator)}]+', head.decode("utf-8", "replace"))
    return any(re.fullmatch(r"\s*[-+]?\d+,\d+\s*", cell) for cell in cells)


def _split(path: Path, line: bytes, separator: str) -> list[str]:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}, line 1 is not UTF-8 text: save the file as UTF-8.") from None
    found = next(csv.reader([text], delimiter=separator, skipinitialspace=True))
    names = [name.strip() or f"column {number}" for number, name in enumerate(found, start=1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}, line 1 has two columns {twice!r}: rename one.")
    if all(re.fullmatch(r"[-+\d.,:/ eETZ]+", name) for name in names):
        raise DataError(f"{path}, line 1 holds {names[0]!r} where column names belong: add a header line.")
    return names


def _csv(path: Path, data: DataSpec, header: list[str], wanted: list[str]) -> pd.DataFrame:
    """All columns are read, for pandas does not notice a line with too many cells where it reads only some."""
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
                na_values=[*TEXTS, *listed(data.missing)],
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
    found = re.search(r"in line (\d+), saw (\d+)", message)
    if found:
        return f"has {found[2]} cells in line {found[1]} where its header has {columns}: correct the line"
    if "EOF inside string" in message:
        return "ends inside a quoted cell: it is cut short, or a quotation mark is never closed"
    return f"cannot be read as CSV with {columns} columns: rows and header differ in length"


def _parquet_header(path: Path) -> list[str]:
    import pyarrow.parquet  # type: ignore[import-untyped]
    from pyarrow.lib import ArrowException  # type: ignore[import-untyped]

    try:
        return list(pyarrow.parquet.read_schema(path).names)
    except (ArrowException, OSError, ValueError):
        raise DataError(f"{path} is no whole Parquet file: it is damaged, cut short or of another kind.") from None


def _parquet(path: Path, wanted: list[str]) -> pd.DataFrame:
    from pyarrow.lib import ArrowException  # type: ignore[import-untyped]

    try:
        return pd.read_parquet(path, columns=wanted).reset_index()[wanted]
    except (ArrowException, OSError, ValueError, KeyError):
        raise DataError(f"{path} is damaged: its columns {', '.join(wanted)} cannot be read.") from None
