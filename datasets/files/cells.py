"""The cells of chosen columns, read by pyarrow: of a CSV text, with types or as text, and of a Parquet file."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as compute  # type: ignore[import-untyped]
import pyarrow.csv as reader  # type: ignore[import-untyped]
import pyarrow.parquet as parquet  # type: ignore[import-untyped]

from datasets.files import formats
from datasets.files.dialect import Dialect
from datasets.files.numbers import NULLS, markers
from datasets.files.source import Source
from datasets.spec import EPOCHS, DataError, DataSpec

Columns = dict[str, "pd.Series[str] | np.ndarray"]  # text, or the values of a column with a type
Loaded = tuple[Columns, np.ndarray]  # (rows, numbers) float64, the memory of columns of numbers that have a type
LABELS = pa.dictionary(pa.int32(), pa.string())  # of columns of text in which few cells differ: each is kept once
TEXTS = (pa.string(), LABELS)
PART = 1 << 24  # bytes of a text that are read at a time
TEXT = re.compile(rb"[^\r\n]")
SPARE = 1.05  # memory for the rows of later parts, in terms of those that the first part suggests
T = TypeVar("T")
Excerpt = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Request:
    """The columns to read of a CSV text."""

    types: "dict[str, pa.DataType]"  # of all columns to read; int64 for seconds or the like since 1970
    numbers: tuple[str, ...]  # those of numbers
    time_format: str | None = None  # of columns of time stamps
    decimal: str = "."  # of columns of numbers with a type

    @property
    def converted(self) -> str | None:
        """The column of time stamps, if pyarrow does not read their format by itself, as it reads ISO 8601."""
        if self.time_format is None or self.time_format.startswith("%Y-%m-%d"):
            return None
        return next(name for name, kind in self.types.items() if kind not in TEXTS and name not in self.numbers)

    @property
    def as_text(self) -> "Request":
        """The same columns without types."""
        texts = {name: kind if kind in TEXTS else pa.string() for name, kind in self.types.items()}
        return Request(texts, self.numbers)


def loaded(
    source: Source, readable: Path, dialect: Dialect, request: Request, data: DataSpec
) -> tuple[Columns, np.ndarray, int]:
    """The columns with their types, or all as text if a cell does not fit; the memory of the numbers; short rows.

    A row with fewer cells than the header gets empty cells at its end; such rows are counted.
    """
    text = request.as_text
    for attempt in (request, text) if request != text else (text,):
        try:
            short: list[reader.InvalidRow] = []
            columns = _columns(_parts(readable, dialect, attempt, data, short), attempt)
            if short:
                padded = rewritten(source, dialect, padded=True)
                columns = _columns(_parts(*padded, attempt, data, []), attempt)
        except pa.ArrowInvalid as error:
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
        return *columns, len(short)
    raise AssertionError  # text fits every cell


def _parts(
    readable: Path, dialect: Dialect, request: Request, data: DataSpec, short: "list[reader.InvalidRow]"
) -> "Iterator[tuple[pa.Table, float]]":
    """The columns in parts, each with the share of the file that has been read. Rows with too few cells go to `short`.

    A large file is read part by part, because memory that is used again costs less time than new memory. Raises
    ArrowInvalid for a cell of another type.
    """

    def unequal(row: "reader.InvalidRow") -> str:
        short.append(row)
        return "skip" if row.actual_columns < row.expected_columns else "error"

    types, form, converted = request.types, request.time_format or "", request.converted
    if converted and form not in EPOCHS:
        types = types | {converted: pa.string()}
    parsing = reader.ParseOptions(
        delimiter=dialect.separator or "\x01", newlines_in_values=dialect.has_line_ends, invalid_row_handler=unequal
    )
    nulls = [*NULLS, *markers(data.missing)]
    named = LABELS in types.values()  # a series may have the name "NA", as Namibia in a list of countries
    conversion = reader.ConvertOptions(
        column_types=types,
        include_columns=list(types),
        null_values=nulls,
        strings_can_be_null=not named,
        decimal_point=request.decimal,
    )
    reading = reader.ReadOptions(column_names=list(dialect.names))
    quote = dialect.quote.encode()

    def tables() -> "Iterator[tuple[pa.Table, float]]":
        for text, end, share in _lines(readable, dialect):
            quoted = text.find(quote, 0, end) >= 0
            parsing.quote_char = dialect.quote if quoted else False  # which is faster
            yield reader.read_csv(pa.py_buffer(memoryview(text)[:end]), reading, parsing, conversion), share

    for table, share in prefetched(tables()):
        if converted:
            place = table.column_names.index(converted)
            column = table.column(place)
            if named and form not in EPOCHS:
                column = compute.if_else(compute.is_in(column, pa.array(nulls)), None, column)
            table = table.set_column(place, converted, _stamps(column, form))
        yield table, share


def _stamps(column: "pa.ChunkedArray", form: str) -> "pa.ChunkedArray":
    """Time stamps of text or of numbers since 1970. Raises ArrowInvalid for a text that does not fit the format."""
    if form in EPOCHS:
        stamps = compute.cast(column, pa.timestamp(EPOCHS[form]))
        return compute.cast(stamps, pa.timestamp("us"), safe=form != "epoch ns")
    wall = formats.wall_times(column, form)
    if np.isnat(wall).sum() > column.null_count:
        raise pa.ArrowInvalid("a time stamp in another format")
    return pa.chunked_array([pa.array(wall)])


def prefetched(items: Iterator[T]) -> Iterator[T]:
    """The same items; a thread prepares the next one while the last one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def _lines(path: Path, dialect: Dialect) -> Iterator[tuple[bytearray, int, float]]:
    """The rows of a text in parts of whole lines: bytes, their number, and the share of the text that has been read.

    All parts are in the same memory, so a part is to be used before the next.
    """
    begin = _offset(path, dialect.first)
    with path.open("rb") as file:
        size = file.seek(0, 2) - begin
        file.seek(begin)
        buffer = bytearray(size if dialect.has_line_ends else min(size, PART))
        filled = read = 0
        while count := file.readinto(memoryview(buffer)[filled:]):
            filled, read = filled + count, read + count
            end = filled if read >= size else max(buffer.rfind(mark, 0, filled) for mark in (b"\n", b"\r")) + 1
            end = end or filled  # a line that is too long, which the reader refuses
            if TEXT.search(buffer, 0, end):
                yield buffer, end, read / size
            buffer[: filled - end] = buffer[end:filled]
            filled -= end


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


def _columns(parts: "Iterable[tuple[pa.Table, float]]", request: Request) -> Loaded:
    """The columns of a table, given in parts. A first part says how much memory all rows need."""
    numbers = request.numbers
    arrays = {name: np.empty(0, "datetime64[us]") for name, kind in request.types.items() if kind not in TEXTS}
    texts: dict[str, list[pa.Array]] = {name: [] for name in request.types}
    values = np.empty((0, len(numbers)))
    rows = 0
    for table, share in parts:
        start, rows = rows, rows + len(table)
        if rows > len(values):
            values = _longer(values, start, int(rows / share * SPARE) if share < 1 else rows)
        for name in table.column_names:
            column = table.column(name)
            if name in numbers and column.type in (pa.float64(), pa.int64()):
                _copy(column, values[start:rows, numbers.index(name)])
            elif pa.types.is_timestamp(column.type):
                if rows > len(arrays[name]):
                    arrays[name] = _longer(arrays[name], start, len(values))
                _copy(column, arrays[name][start:rows])
            else:
                texts[name] += column.chunks
    values = values[:rows]
    columns: Columns = {}
    for name, kind in request.types.items():
        if texts[name] or kind in TEXTS:
            columns[name] = _column(pa.chunked_array(texts.pop(name), kind))
        elif name in numbers:
            columns[name] = values[:, numbers.index(name)]
        else:
            columns[name] = arrays[name][:rows]
    pa.default_memory_pool().release_unused()
    return columns, values


def _longer(array: np.ndarray, used: int, rows: int) -> np.ndarray:
    """An array of more rows with the used rows of a shorter array. Unused memory is not taken from the system."""
    longer = np.empty((rows, *array.shape[1:]), array.dtype)
    longer[:used] = array[:used]
    return longer


def _copy(column: "pa.ChunkedArray", into: np.ndarray) -> None:
    """Copy the values of a column, NaN or NaT where missing."""
    start = 0
    for chunk in column.chunks:
        into[start : start + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
        start += len(chunk)


def _column(column: "pa.ChunkedArray") -> "pd.Series[str] | np.ndarray":
    """Text, or the values of a column with a type, NaN where missing."""
    if pa.types.is_boolean(column.type) and column.null_count:
        column = compute.cast(column, pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pd.Series(pd.array(column.to_pandas(), dtype="str"))
    if column.type == LABELS:
        return pd.Series(column.unify_dictionaries().to_pandas())
    values: np.ndarray = column.to_numpy()
    return values


def schema(source: Source) -> "pa.Schema":
    try:
        return parquet.read_schema(source.path)
    except (pa.ArrowException, OSError, ValueError):
        raise _damaged_parquet(source) from None


def _plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Numbers as float64, time stamps in microseconds, all else as text; stamps of a time zone with their offsets."""
    if pa.types.is_timestamp(column.type) and column.type.tz not in (None, "UTC"):
        seconds = compute.cast(column, pa.timestamp("s", column.type.tz), safe=False)
        whole = compute.all(compute.equal(compute.cast(seconds, column.type), column)).as_py() is not False
        return compute.strftime(seconds if whole else column, "%Y-%m-%dT%H:%M:%S%z")
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
        types = dict(zip(table.column_names, table.schema.types, strict=True))
        return _columns([(table, 1.0)], Request(types, tuple(numbers))), head, tail
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
