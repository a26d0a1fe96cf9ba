"""The cells of chosen columns, read by pyarrow: of a CSV text, with types or as text, and of a Parquet file."""

import codecs
import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as compute  # type: ignore[import-untyped]
import pyarrow.csv as reader  # type: ignore[import-untyped]
import pyarrow.parquet as parquet  # type: ignore[import-untyped]

from datasets.files.dialect import Dialect
from datasets.files.numbers import NULLS, markers
from datasets.files.source import Source
from datasets.spec import EPOCHS, DataError, DataSpec

Columns = dict[str, "pd.Series[str] | np.ndarray"]  # text, or the values of a column with a type
Loaded = tuple[Columns, np.ndarray]  # (rows, numbers) float64, the memory of columns of numbers that have a type
Excerpt = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Request:
    """The columns to read of a CSV text."""

    types: "dict[str, pa.DataType]"  # of all columns to read; int64 for seconds or the like since 1970
    numbers: tuple[str, ...]  # those of numbers
    time_format: str | None = None  # of columns of time stamps

    @property
    def as_text(self) -> "Request":
        """The same columns without types."""
        return Request(dict.fromkeys(self.types, pa.string()), self.numbers)


def loaded(
    source: Source, readable: Path, dialect: Dialect, request: Request, data: DataSpec
) -> tuple[Columns, np.ndarray, int]:
    """The columns with their types, or all as text if a cell does not fit; the memory of the numbers; short rows.

    A row with fewer cells than the header gets empty cells at its end; such rows are counted.
    """
    text = request.as_text
    for attempt in (request, text) if request != text else (text,):
        try:
            parts, short = _parsed(source, readable, dialect, attempt, data)
            if short:
                parts, _ = _parsed(source, *rewritten(source, dialect, padded=True), attempt, data)
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):
                return {name: pd.Series([], dtype="str") for name in request.types}, np.empty((0, 0)), 0
            if "Expected" in str(error) and "columns" in str(error):
                raise _too_long(source, readable, dialect) from None
            if "UTF8" in str(error):
                raise UnicodeDecodeError("utf-8", b"", 0, 0, str(error)) from None  # as `opened` expects it
            if "straddling" in str(error):
                raise DataError(
                    f"{source.path} has a line of more than a million characters: it is not a table, or a quotation "
                    "mark is missing."
                ) from None
            if attempt == text:
                raise DataError(f"{source.path} cannot be read as a table ({str(error)[:100]!r}).") from None
            continue
        return *_columns(parts, request.numbers), short
    raise AssertionError  # text fits every cell


def _parsed(
    source: Source, readable: Path, dialect: Dialect, request: Request, data: DataSpec
) -> "tuple[list[pa.RecordBatch], int]":
    """The columns in parts, and the number of rows with too few cells, which were skipped.

    Raises ArrowInvalid for a cell of another type.
    """
    short = []

    def unequal(row: "reader.InvalidRow") -> str:
        short.append(row)
        return "skip" if row.actual_columns < row.expected_columns else "error"

    form = request.time_format or ""
    with pa.OSFile(str(readable)) as file:
        file.seek(_offset(readable, dialect.first))
        table = reader.read_csv(
            file,
            reader.ReadOptions(column_names=list(dialect.names)),
            reader.ParseOptions(
                delimiter=dialect.separator or "\x01",
                quote_char=dialect.quote,
                newlines_in_values=dialect.has_line_ends,
                invalid_row_handler=unequal,
            ),
            reader.ConvertOptions(
                column_types=request.types,
                include_columns=list(request.types),
                null_values=[*NULLS, *markers(data.missing)],
                strings_can_be_null=True,
                timestamp_parsers=[form] if form.startswith("%") and not form.startswith("%Y-%m-%d") else [],
            ),
        )
    for place, (name, kind) in enumerate(request.types.items()):
        if kind == pa.int64() and name not in request.numbers:
            stamps = compute.cast(table.column(name), pa.timestamp(EPOCHS[form]))
            table = table.set_column(place, name, compute.cast(stamps, pa.timestamp("us"), safe=form != "epoch ns"))
    return table.to_batches(), len(short)


def _offset(path: Path, lines: int) -> int:
    """The first byte after so many lines, and after a byte order mark."""
    with path.open("rb") as file:
        head = file.read(3)
        position = 3 if head == codecs.BOM_UTF8 else 0
    if not lines:
        return position
    with path.open(encoding="utf-8", newline="") as text:
        return sum(len(line.encode()) for line in islice(text, lines))


def _too_long(source: Source, readable: Path, dialect: Dialect) -> DataError:
    """The error for the first row with more cells than the header."""
    width = len(dialect.names)
    with readable.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        rows = csv.reader(text, delimiter=dialect.separator or "\x01", quotechar=dialect.quote)
        for row in islice(rows, dialect.first, None):
            if len(row) > width:
                where = f"line {rows.line_num}"
                return DataError(
                    f"{source.path} has {len(row)} cells in {where} and {width} in its other rows: correct the line."
                )
    return DataError(f"{source.path} has a row with more cells than its header: correct the line.")


def rewritten(source: Source, dialect: Dialect, *, padded: bool = False) -> tuple[Path, Dialect]:
    """A copy of the rows without comments, and with single blanks between cells that are separated by blanks.

    padded: with empty cells at the end of rows that are too short.
    """
    copy = source.folder / ("padded.csv" if padded else "rows.csv")
    with source.readable.open(encoding="utf-8-sig", newline="") as text, copy.open("w", encoding="utf-8") as file:
        lines = (
            line
            for number, line in enumerate(text)
            if number >= dialect.first and not (dialect.comment and line.startswith(dialect.comment))
        )
        if dialect.separator == " ":
            lines = (f"{' '.join(line.split())}\n" for line in lines)
        if padded:
            writer = csv.writer(file, delimiter=dialect.separator, quotechar=dialect.quote, lineterminator="\n")
            for row in csv.reader(lines, delimiter=dialect.separator, quotechar=dialect.quote):
                writer.writerow([*row, *[""] * (len(dialect.names) - len(row))] if row else row)
        else:
            file.writelines(lines)
    return copy, replace(dialect, first=0)


def _columns(parts: "list[pa.RecordBatch]", numbers: Sequence[str]) -> Loaded:
    """The columns of a table, given in parts; the list is emptied, so that memory is released part by part."""
    columns: Columns = {}
    rows = sum(map(len, parts))
    values = np.empty((rows, len(numbers)))
    arrays: dict[str, np.ndarray] = {}
    for name, kind in zip(parts[0].schema.names, parts[0].schema.types, strict=True):
        if name in numbers and kind in (pa.float64(), pa.int64()):
            columns[name] = arrays[name] = values[:, numbers.index(name)]
        elif pa.types.is_timestamp(kind):
            columns[name] = arrays[name] = np.empty(rows, "datetime64[us]")
        else:
            columns[name] = _column(pa.chunked_array([part.column(name) for part in parts]))
    start = rows
    while parts:
        part = parts.pop()
        for name, array in arrays.items():
            array[start - len(part) : start] = part.column(name).to_numpy(zero_copy_only=False)
        start -= len(part)
    pa.default_memory_pool().release_unused()
    return columns, values


def _column(column: "pa.ChunkedArray") -> "pd.Series[str] | np.ndarray":
    """Text, or the values of a column with a type, NaN where missing."""
    if pa.types.is_boolean(column.type) and column.null_count:
        column = compute.cast(column, pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pd.Series(pd.array(column.to_pandas(), dtype="str"))
    values: np.ndarray = column.to_numpy()
    return values


def schema(source: Source) -> "pa.Schema":
    try:
        return parquet.read_schema(source.path)
    except (pa.ArrowException, OSError, ValueError):
        raise _damaged_parquet(source) from None


def _plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Numbers as float64, time stamps in microseconds, all else as text."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return compute.cast(column, pa.timestamp("us"), safe=False)
    if pa.types.is_boolean(column.type):
        return column
    return compute.cast(column, pa.float64() if parquet_kind(column.type) == "number" else pa.string(), safe=False)


def _damaged_parquet(source: Source) -> DataError:
    return DataError(f"{source.path} is not a complete Parquet file: it is damaged, truncated or of another type.")


def parquet_columns(source: Source, wanted: Sequence[str], numbers: Sequence[str]) -> tuple[Loaded, Excerpt, Excerpt]:
    """The columns of a Parquet file, and its first and last rows as text."""
    try:
        table = parquet.read_table(source.path, columns=list(wanted))
        ends = (table.slice(0, 3), table.slice(max(0, len(table) - 3)))
        head, tail = (tuple(tuple(map(str, row.values())) for row in end.to_pylist()) for end in ends)
        for place, name in enumerate(wanted):
            table = table.set_column(place, name, _plain(table.column(name)))
        parts = table.to_batches() or [pa.RecordBatch.from_pylist([], table.schema)]
        del table
        return _columns(parts, numbers), head, tail
    except (pa.ArrowException, OSError, ValueError, NotImplementedError):
        raise _damaged_parquet(source) from None


def parquet_kind(kind: "pa.DataType") -> str:
    is_ = pa.types
    if is_.is_timestamp(kind) or is_.is_date(kind):
        return "time"
    if is_.is_time(kind):
        return "time of day"
    return (
        "number"
        if is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind) or is_.is_boolean(kind)
        else "text"
    )
