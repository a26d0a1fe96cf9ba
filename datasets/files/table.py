"""The columns of a user's file, read by pyarrow: numbers and ISO dates as such where the head of the file proves them.

If a later cell does not fit, all columns are read again as text, so that the error can name the row.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from datasets.files import cells, formats, stamps
from datasets.files import dialect as dialects
from datasets.files.dialect import Dialect
from datasets.files.numbers import (
    COMMA,
    DOUBTFUL,
    MISSING,
    Style,
    clean,
    decimal_marks,
    markers,
    plain_type,
)
from datasets.files.source import Source
from datasets.series import as_names, check_columns
from datasets.spec import DAYS, EPOCHS, DataError, DataSpec, MissingColumnError, counted

Column = "pd.Series[str] | np.ndarray"  # text, or the values of a column with a type
TAIL = 1 << 16  # bytes at the end of a file in which rows of totals and notes are looked for
PIECES, PIECE = 64, 1 << 10  # pieces of a long file, and their bytes, that show what its columns hold
MOST_BELOW = 5  # such rows
TIME_NAME = re.compile(
    r"date|time|stamp|epoch|period|day|week|month|quarter|year|datum|zeit|tag|woche|monat|quartal|jahr|fecha", re.I
)
TOTAL = (  # a name of a row that is a sum of others
    r"(?i)(?:[\w.&/-]+ ){0,3}(?:\w+-)?(?:sub|grand)?"
    r"(?:totals?|totale[ns]?|sum|summe|gesamt|insgesamt|suma|soma|итого|合计|总计|合計)(?:[: ]+[\w.&/-]+){0,2}:?"
)
NUMBER = re.compile(r"[+-]?\d[\d., ']*([eE][+-]?\d+)?|[+-]?[.,]\d+|-?inf|true|True|TRUE|false|False|FALSE", re.A)
DATE = re.compile(rf"\d{{1,2}}\.\d{{1,2}}\.\d{{2,4}}|\d{{4}}\.\d\d?\.\d\d?|(?i:{formats.QUARTER})")
SOME = 500  # cells that show what a column holds


@dataclass(frozen=True, eq=False)
class Table:
    """The chosen columns of a file."""

    path: Path
    columns: "dict[str, pd.Series[str] | np.ndarray]"  # targets, features, time and group
    values: np.ndarray  # (rows, numbers), the memory of those columns of numbers that are arrays
    targets: tuple[str, ...]
    numbers: tuple[str, ...]  # targets and features, in the order of the file
    time: tuple[str, ...]
    group: tuple[str, ...]
    names: tuple[str, ...]  # of all columns
    kinds: dict[str, str]  # "number", "time", "text" or "empty", of all columns, by the first rows
    rows: int
    time_format: str  # of time stamps that are not text
    separator: str
    decimals: frozenset[str]  # marks that columns of the file prove
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    doubtful: dict[str, tuple[str, str]]  # what columns that may hold time stamps hold, and options for the format
    totals: dict[str, str] = field(default_factory=dict)  # columns with names of totals among others, with one of them
    head: tuple[tuple[str, ...], ...] = ()  # the first rows as text
    tail: tuple[tuple[str, ...], ...] = ()
    settings: dict[str, str] = field(default_factory=dict)  # that repeat what was understood
    styles: dict[str, Style] = field(default_factory=dict)  # of columns of numbers that are no text, if not plain


def read(source: Source, data: DataSpec) -> Table:
    """Read the columns that `data` names. Raises DataError if the file cannot be used as requested."""
    return _parquet(source, data) if source.form == "Parquet" else _csv(source, data)


def kinds(source: Source, data: DataSpec) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names of all columns, and what each holds: "number", "time", "time of day", "text" or "empty"."""
    if source.form == "Parquet":
        schema = cells.schema(source)
        return tuple(schema.names), {field.name: cells.parquet_kind(field.type) for field in schema}
    dialect = dialects.sniff(source.path, source.readable, data)
    return dialect.names, _kinds(dialect, data)


def _kinds(dialect: Dialect, data: DataSpec) -> dict[str, str]:
    """What each column holds, by the first rows."""
    return {name: _kind(cells[:: len(cells) // SOME + 1], data) for name, cells in _samples(dialect).items()}


def _samples(dialect: Dialect) -> dict[str, list[str]]:
    """The cells of each column in the first rows."""
    return {
        name: [row[place] if place < len(row) else "" for row in dialect.rows]
        for place, name in enumerate(dialect.names)
    }


def likely_time(names: Sequence[str], kinds: dict[str, str]) -> tuple[str, ...]:
    """The columns that hold the time stamps: parts of dates by their names, or the first column of dates."""
    parts = [name for name in names if name.casefold() in stamps.PARTS and kinds[name] == "number"]
    if [name.casefold() for name in parts[:2]] in (["year", "month"], ["year", "quarter"]):
        return tuple(parts)
    dates = [name for name in names if kinds[name] == "time"]
    times_of_day = [name for name in names if kinds[name] == "time of day"]
    return tuple(dates[:1] + times_of_day[:1]) if dates else ()


def _csv(source: Source, data: DataSpec) -> Table:
    dialect = dialects.sniff(source.path, source.readable, data)
    readable = source.readable
    if dialect.separator == " " or dialect.has_comments:
        readable, dialect = cells.rewritten(source, dialect)
    samples = _samples(dialect)
    kinds_of = _kinds(dialect, data)
    targets, numbers, time, group = _choose(data, dialect.names, kinds_of, source, dialect.other_names)
    wanted = tuple(dict.fromkeys((*numbers, *time, *group)))
    tail = _tail(source.path, readable, dialect)
    below = _rows_below(tail, dialect, kinds_of, time)
    proving = (samples[name] for name in dialect.names if kinds_of[name] == "number" and name not in time)
    decimals = decimal_marks(proving) or frozenset(DOUBTFUL if _has_dotted_dates(dialect) else "")
    types = dict.fromkeys(group, cells.LABELS) | dict.fromkeys((*numbers, *time), pa.string())
    request, notes = cells.Request(types, numbers), [*source.notes, *dialect.notes]
    if not below:
        spread = _spread(readable, dialect)
        more = {name: samples[name] + [row[dialect.names.index(name)] for row in spread] for name in wanted}
        request = _typed(request, more, dialect, data, decimals, time, notes)
    columns, values, short = cells.loaded(source, readable, dialect, request, data)
    if short:
        notes.append(f"{counted(short)} with fewer cells than the header; the missing cells are empty.")
    if below:
        columns = {name: column[: len(column) - len(below)] for name, column in columns.items()}
        shown = "; ".join(repr((dialect.separator or ",").join(row)[:60]) for row in below)
        notes.append(f"{counted(len(below), 'row')} at the end of the file without a time stamp, {shown}, left out.")
    rows = len(next(iter(columns.values())))
    return Table(
        path=source.path,
        columns=columns,
        values=values[:rows],
        targets=targets,
        numbers=numbers,
        time=time,
        group=group,
        names=dialect.names,
        kinds=kinds_of,
        rows=rows,
        time_format=request.time_format or "",
        separator=dialect.separator,
        decimals=decimals,
        facts=(("file", _described(source, dialect, rows)),),
        notes=tuple(notes),
        doubtful=_doubtful_times(samples, kinds_of),
        totals=_totals(samples, kinds_of),
        head=dialect.rows[:3],
        tail=tuple(tuple(row) for row in tail[: len(tail) - len(below)][-3:]),
        settings=_settings(source, dialect),
        styles={name: COMMA for name in numbers if request.decimal == "," and request.types[name] == pa.float64()},
    )


def _typed(
    request: cells.Request,
    samples: dict[str, list[str]],
    dialect: Dialect,
    data: DataSpec,
    decimals: frozenset[str],
    time: Sequence[str],
    notes: list[str],
) -> cells.Request:
    """The request with the types with which columns can be read at once. One decimal mark is that of all of them."""
    proven = next(iter(decimals)) if len(decimals) == 1 else None
    typed = {name: plain_type(samples[name], dialect.separator, data, proven) for name in request.numbers}
    notes += [f"Column {name!r}: {note}" for name, (_, note) in typed.items() if note]
    plain = {name: kind for name, (kind, _) in typed.items()}
    form = formats.certain_format(samples[time[0]], data) if len(time) == 1 else None
    decimal, read = (",", "comma") if "comma" in plain.values() else (".", "float")
    types = {name: {read: pa.float64(), "int": pa.int64()}.get(kind, pa.string()) for name, kind in plain.items()}
    if form:
        types[time[0]] = pa.int64() if form in EPOCHS else pa.timestamp("us")
    return cells.Request(request.types | types, request.numbers, form, decimal)


def _spread(readable: Path, dialect: Dialect) -> list[list[str]]:
    """Rows from all parts of a long file, which show more than its first rows."""
    size = readable.stat().st_size
    if size < 2 * TAIL or dialect.has_line_ends:
        return []
    lines = []
    with readable.open("rb") as file:
        for place in range(TAIL, size - PIECE, size // PIECES):
            file.seek(place)
            lines += file.read(PIECE).decode("utf-8", "replace").splitlines()[1:-1]  # without parts of lines
    rows = csv.reader(lines, delimiter=dialect.separator or "\x01", quotechar=dialect.quote, skipinitialspace=True)
    try:
        return [[cell.strip() for cell in row] for row in rows if len(row) == len(dialect.names)]
    except csv.Error:
        return []


def _doubtful_times(samples: dict[str, list[str]], kinds: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Columns with the name of a time whose cells may be time stamps: what they hold, and options for the format."""
    columns = {}
    for name, column in samples.items():
        if not (TIME_NAME.search(name) and column and column[0]):
            continue
        content = f"({column[0][:30]!r}) holds time stamps"
        if kinds[name] == "text" and len(set(column)) > len(column) / 2:
            columns[name] = (content, ", and the format with --set data.time_format=%d.%m.%Y or the like")
        elif kinds[name] == "number" and formats.are_spreadsheet_days(column):
            columns[name] = (f"holds the days of a spreadsheet ({column[0]})", f" --set 'data.time_format={DAYS}'")
        elif kinds[name] == "number" and formats.are_stamps(column):
            columns[name] = (content, "")
    return columns


def _totals(samples: dict[str, list[str]], kinds: dict[str, str]) -> dict[str, str]:
    """Columns of names or time stamps that name totals in less than half of the rows, each with the first total."""
    columns = {}
    for name, column in samples.items():
        totals = [cell for cell in column if re.fullmatch(TOTAL, cell)] if kinds[name] in ("text", "time") else []
        if 0 < len(totals) < len(column) / 2:
            columns[name] = totals[0]
    return columns


def _described(source: Source, dialect: Dialect, rows: int) -> str:
    """The file in one line: its size, separator, header and encoding."""
    header = "a header" if dialect.header else "no header"
    size = f"{counted(rows)}, {counted(len(dialect.names), 'column')}"
    if source.container == "Excel":
        return f"{source.path.name}: {size}, {header}, an Excel workbook"
    container = f", from {source.container}" if source.container else ""
    separated = f"separated by {dialect.described}" if dialect.separator else dialect.described
    return f"{source.path.name}: {size}, {separated}, {header}, {source.encoding}{container}"


def _has_dotted_dates(dialect: Dialect) -> bool:
    """Whether a date such as 31.12.2023 is in the first rows."""
    return any(re.match(r"\d{1,2}\.\d{1,2}\.\d{2,4}\b", cell) for row in dialect.rows[:3] for cell in row)


def _settings(source: Source, dialect: Dialect) -> dict[str, str]:
    settings = {}
    if source.sheet:
        settings["sheet"] = source.sheet
    if source.encoding != "UTF-8" and source.container != "Excel":
        settings["encoding"] = source.encoding.lower()
    if dialect.separator not in ("", ","):
        settings["separator"] = dialect.separator
    return settings


def _kind(cells: Sequence[str], data: DataSpec) -> str:
    """What most of the cells are: number, time, time of day, text; or empty."""
    listed = markers(data.missing)
    present = [cell for cell in cells if cell.strip().casefold() not in MISSING and cell.strip() not in listed]
    if not present:
        return "empty"
    if sum(bool(re.fullmatch(r"\d?\d:\d\d(:\d\d(\.\d+)?)?", cell)) for cell in present) > len(present) / 2:
        return "time of day"
    plain = clean(pd.Series(present, dtype="str")).tolist()
    bare = [re.sub(r"^[^\d+\-.,]{0,3} ?|(?<=[\d.,]) ?[^\d.,\s]{1,5}$", "", cell) for cell in plain]
    numbers = [
        cell for cell, rest in zip(plain, bare, strict=True) if NUMBER.fullmatch(rest) and not DATE.fullmatch(cell)
    ]
    if len(numbers) > len(present) / 2:
        if plain != bare and formats.recognised(present):
            return "time"  # "Jan-12" is no -12 with a unit
        whole = all(re.fullmatch(r"\d{8}|1[6-9]\d\d|20\d\d", cell) for cell in plain)
        return "time" if whole and len(set(plain)) == len(plain) and formats.recognised(present) else "number"
    return "time" if formats.recognised(present) else "text"


def resolve(names: str | tuple[str, ...] | None, header: Sequence[str]) -> tuple[str, ...]:
    """The columns of a setting: one name, or several with commas between them; quotation marks protect a comma."""
    if not isinstance(names, str) or names in header:
        return as_names(names)
    return tuple(name.strip() for name in next(csv.reader([names], skipinitialspace=True), []) if name.strip())


def _choose(
    data: DataSpec, header: Sequence[str], kinds: dict[str, str], source: Source, others: Sequence[Sequence[str]] = ()
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The targets, all columns of numbers in the order of the file, the columns of time stamps, and those of groups."""

    def named(setting: str) -> tuple[str, ...]:
        names = [_other_name(name, header, others) for name in resolve(getattr(data, setting), header)]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise DataError(f"data.{setting} (--{setting}) names {repeated!r} twice: name it once.")
        return tuple(names)

    targets, time, group = named("target"), named("time"), named("group")
    if data.features == "*":
        features = tuple(name for name in header if kinds[name] == "number" and name not in (*time, *group))
    else:
        features = named("features")
    try:
        check_columns((*targets, *features, *time, *group), header, str(source.path))
    except MissingColumnError as problem:
        split = len(header) == 1 and data.separator is not None
        hint = [f"With data.separator = {data.separator!r} each row is one cell; leave it out."] if split else []
        raise MissingColumnError(" ".join((str(problem), *hint, *source.notes))) from None
    for role, columns in (("time", time), ("group", group)):
        stray = next((name for name in columns if name in (*targets, *features)), None)
        if stray is not None:
            raise DataError(
                f"{source.path}, column {stray!r} cannot be both {role} and a target or feature: remove it from one."
            )
    return targets, tuple(name for name in header if name in {*targets, *features}), time, group


def _other_name(name: str, header: Sequence[str], others: Sequence[Sequence[str]]) -> str:
    """The name of a column in the first line of the header, for a name in a further line."""
    places = {place for cells in others for place, cell in enumerate(cells) if cell == name}
    return header[places.pop()] if name not in header and len(places) == 1 else name


def _tail(path: Path, readable: Path, dialect: Dialect) -> list[list[str]]:
    """The cells of the last rows."""
    with readable.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
    lines = lines[1:] if size > TAIL else lines[dialect.first :]
    lines = [line for line in lines if line.strip()]
    if not dialect.separator:
        return [[line.strip().strip(dialect.quote)] for line in lines]

    def split(lines: list[str], *, strict: bool) -> list[list[str]]:
        rows = csv.reader(
            lines, delimiter=dialect.separator, quotechar=dialect.quote, skipinitialspace=True, strict=strict
        )
        return [[cell.strip() for cell in row] for row in rows]

    try:
        rows = split(lines, strict=False)
    except csv.Error:
        return []
    try:
        split(lines[-1:], strict=True)
    except csv.Error as error:
        if "end of data" in str(error) and not dialect.has_line_ends:
            raise DataError(
                f"{path} has a quotation mark without its pair in its last line: the file is truncated, or a mark is "
                "missing."
            ) from None
    return rows


def _rows_below(
    tail: list[list[str]], dialect: Dialect, kinds: dict[str, str], time: tuple[str, ...]
) -> list[list[str]]:
    """Rows of totals and notes at the end of a file: a text without digits where all other rows have a time stamp."""
    columns = time or likely_time(dialect.names, kinds)
    if not columns or len(dialect.rows) < 2 or kinds[columns[0]] == "text":
        return []
    place = dialect.names.index(columns[0])
    below = 0
    for row in reversed(tail):
        cell = row[place] if place < len(row) else ""
        if re.search(r"\d", cell) or (not cell and len(row) == len(dialect.names) and any(row) and not below):
            break
        below += 1
    return tail[len(tail) - below :] if 0 < below <= MOST_BELOW else []


def _parquet(source: Source, data: DataSpec) -> Table:
    names, kinds_of = kinds(source, data)
    targets, numbers, time, group = _choose(data, names, kinds_of, source)
    wanted = tuple(dict.fromkeys((*numbers, *time, *group)))
    (columns, values), head, tail = cells.parquet_columns(source, wanted, numbers)
    rows = len(values)
    return Table(
        path=source.path,
        columns=columns,
        values=values,
        targets=targets,
        numbers=numbers,
        time=time,
        group=group,
        names=names,
        kinds=kinds_of,
        rows=rows,
        time_format="time stamps",
        separator=",",
        decimals=frozenset("."),
        facts=(("file", f"{source.path.name}: {counted(rows)}, {counted(len(names), 'column')}, Parquet"),),
        notes=(),
        doubtful={},
        head=head,
        tail=tail,
    )
