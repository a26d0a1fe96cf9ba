"""The columns of a user's file, read by DuckDB: numbers and ISO dates as such where the head of the file proves them.

If a later cell does not fit, all columns are read again as text, so that the error can name the row.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from datasets.files import dialect as dialects
from datasets.files import stamps
from datasets.files.dialect import Dialect
from datasets.files.numbers import MISSING, NULLS, clean, decimal_mark, is_plain, markers
from datasets.files.source import Source
from datasets.series import as_names, check_columns
from datasets.spec import DataError, DataSpec, counted

Column = "pd.Series[str] | np.ndarray"  # text, or the values of a column with a type
TAIL = 1 << 16  # bytes at the end of a file in which rows of totals and notes are looked for
MOST_BELOW = 5  # such rows
PARQUET_TYPES = {"time": "TIMESTAMP", "text": "VARCHAR", "time of day": "VARCHAR", "truth": "BOOLEAN"}  # by kind
ISO = re.compile(r"\d{4}-\d\d-\d\d(([ T])\d\d:\d\d(:\d\d)?)?")


@dataclass(frozen=True, eq=False)
class Table:
    """The chosen columns of a file."""

    path: Path
    columns: "dict[str, pd.Series[str] | np.ndarray]"  # targets, features, time and group
    targets: tuple[str, ...]
    numbers: tuple[str, ...]  # targets and features, in the order of the file
    time: tuple[str, ...]
    group: tuple[str, ...]
    names: tuple[str, ...]  # of all columns
    kinds: dict[str, str]  # "number", "time", "text" or "empty", of all columns, by the first rows
    rows: int
    time_format: str  # of time stamps that are not text
    separator: str
    decimal: str | None  # that the columns of the file prove
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    head: tuple[tuple[str, ...], ...] = ()  # the first rows as text
    tail: tuple[tuple[str, ...], ...] = ()
    settings: dict[str, str] = field(default_factory=dict)  # that repeat what was understood


def read(source: Source, data: DataSpec) -> Table:
    """Read the columns that `data` names. Raises DataError if the file cannot be used as requested."""
    return _parquet(source, data) if source.form == "Parquet" else _csv(source, data)


def kinds(source: Source, data: DataSpec) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names of all columns, and what each holds: "number", "time", "time of day", "text" or "empty"."""
    if source.form == "Parquet":
        try:
            with duckdb.connect() as connection:
                described = connection.execute(f"describe select * from {_parquet_table(source)}").fetchall()
        except duckdb.Error:
            raise _damaged_parquet(source) from None
        return tuple(row[0] for row in described), {row[0]: _parquet_kind(str(row[1])) for row in described}
    dialect = dialects.sniff(source.path, source.readable, data)
    return dialect.names, {name: _kind(cells, data) for name, cells in _samples(dialect).items()}


def _samples(dialect: Dialect) -> dict[str, list[str]]:
    """The cells of each column in the first rows."""
    return {
        name: [row[place] if place < len(row) else "" for row in dialect.rows]
        for place, name in enumerate(dialect.names)
    }


def likely_time(names: Sequence[str], kinds: dict[str, str]) -> tuple[str, ...]:
    """The columns that hold the time stamps: parts of dates by their names, or the first column of dates."""
    parts = [name for name in names if name.casefold() in stamps.PARTS and kinds[name] == "number"]
    if [name.casefold() for name in parts[:2]] == ["year", "month"]:
        return tuple(parts)
    dates = [name for name in names if kinds[name] == "time"]
    times_of_day = [name for name in names if kinds[name] == "time of day"]
    return tuple(dates[:1] + times_of_day[:1]) if dates else ()


def _csv(source: Source, data: DataSpec) -> Table:
    dialect = dialects.sniff(source.path, source.readable, data)
    readable = source.readable
    if dialect.separator == " " or dialect.has_comments:
        readable, dialect = _rewritten(source, dialect)
    samples = _samples(dialect)
    kinds_of = {name: _kind(cells, data) for name, cells in samples.items()}
    targets, numbers, time, group = _choose(data, dialect.names, kinds_of, source.path, dialect.other_names)
    wanted = tuple(dict.fromkeys((*numbers, *time, *group)))
    tail = _tail(readable, dialect)
    below = _rows_below(tail, dialect, kinds_of, time)
    types = dict.fromkeys(dialect.names, "VARCHAR")
    notes = [*source.notes, *dialect.notes]
    if not below:
        for name in numbers:
            plain, note = is_plain(samples[name], dialect.separator, data)
            types[name] = "DOUBLE" if plain else "VARCHAR"
            notes += [f"Column {name!r}: {note}"] if note else []
        if len(time) == 1 and data.time_format is None and (form := _iso_format(samples[time[0]])):
            types[time[0]] = "TIMESTAMP"
    form = _iso_format(samples[time[0]]) if "TIMESTAMP" in types.values() else None
    columns = _loaded(source.path, readable, dialect, types, wanted, data, form)
    if below:
        columns = {name: column[: len(column) - len(below)] for name, column in columns.items()}
        shown = "; ".join(repr(",".join(row)[:60]) for row in below)
        notes.append(f"{counted(len(below), 'row')} at the end of the file without a time stamp, {shown}, left out.")
    rows = len(next(iter(columns.values())))
    container = f", from {source.container}" if source.container else ""
    line = "no header" if not dialect.header else "a header"
    separated = dialect.described if not dialect.separator else f"separated by {dialect.described}"
    file = (
        f"{counted(rows)}, {counted(len(dialect.names), 'column')}, {separated}, {line}, {source.encoding}{container}"
    )
    proving = (samples[name] for name in dialect.names if kinds_of[name] == "number" and name not in time)
    return Table(
        path=source.path,
        columns=columns,
        targets=targets,
        numbers=numbers,
        time=time,
        group=group,
        names=dialect.names,
        kinds=kinds_of,
        rows=rows,
        time_format=form or "",
        separator=dialect.separator,
        decimal=decimal_mark(proving),
        facts=(("file", f"{source.path.name}: {file}"),),
        notes=tuple(notes),
        head=dialect.rows[:3],
        tail=tuple(tuple(row) for row in tail[: len(tail) - len(below)][-3:]),
        settings=_settings(source, dialect),
    )


def _settings(source: Source, dialect: Dialect) -> dict[str, str]:
    settings = {}
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
    plain = clean(pd.Series(present, dtype="str"))
    bare = plain.str.replace(r"^[^\d+\-.,]{0,3} ?|(?<=[\d.,]) ?[^\d.,\s]{1,5}$", "", regex=True)
    fits = bare.str.fullmatch(
        r"[+-]?[\d][\d., ']*([eE][+-]?\d+)?|[+-]?[.,]\d+|inf|-inf|true|false|True|False|TRUE|FALSE"
    )
    dotted_dates = plain.str.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{2,4}|\d{4}[Qq]\d|\d{4}\.\d\d?\.\d\d?")
    if (fits & ~dotted_dates).sum() > len(present) / 2:
        whole = plain.str.fullmatch(r"\d{8}|1[6-9]\d\d|20\d\d").all()
        return "time" if whole and stamps.recognised(present) and plain.is_unique else "number"
    return "time" if stamps.recognised(present) else "text"


def resolve(names: str | tuple[str, ...] | None, header: Sequence[str]) -> tuple[str, ...]:
    """The columns of a setting: one name, or several with commas between them; quotation marks protect a comma."""
    if not isinstance(names, str) or names in header:
        return as_names(names)
    return tuple(name.strip() for name in next(csv.reader([names], skipinitialspace=True), []) if name.strip())


def _choose(
    data: DataSpec, header: Sequence[str], kinds: dict[str, str], path: Path, others: Sequence[Sequence[str]] = ()
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The targets, all columns of numbers in the order of the file, the columns of time stamps, and those of groups."""

    def named(setting: str | tuple[str, ...] | None) -> tuple[str, ...]:
        return tuple(_other_name(name, header, others) for name in resolve(setting, header))

    targets, time, group = named(data.target), named(data.time), named(data.group)
    if data.features == "*":
        features = tuple(name for name in header if kinds[name] == "number" and name not in (*time, *group))
    else:
        features = named(data.features)
    check_columns((*targets, *features, *time, *group), header, str(path))
    for role, columns in (("time", time), ("group", group)):
        stray = next((name for name in columns if name in (*targets, *features)), None)
        if stray is not None:
            raise DataError(
                f"{path}, column {stray!r} cannot be both {role} and a target or feature: remove it from one."
            )
    return targets, tuple(name for name in header if name in {*targets, *features}), time, group


def _other_name(name: str, header: Sequence[str], others: Sequence[Sequence[str]]) -> str:
    """The name of a column in the first line of the header, for a name in a further line."""
    places = {place for cells in others for place, cell in enumerate(cells) if cell == name}
    return header[places.pop()] if name not in header and len(places) == 1 else name


def _iso_format(cells: Sequence[str]) -> str | None:
    """The format of a column whose cells are all dates, or all dates and times, in ISO 8601."""
    matches = [ISO.fullmatch(cell) for cell in cells if cell.strip().casefold() not in MISSING]
    kinds = {(match[2] or "", bool(match[3])) if match else None for match in matches}
    if len(kinds) != 1 or (kind := kinds.pop()) is None:
        return None
    mark, seconds = kind
    return "%Y-%m-%d" + (f"{mark}%H:%M" + (":%S" if seconds else "") if mark else "")


def _rewritten(source: Source, dialect: Dialect) -> tuple[Path, Dialect]:
    """A copy of the rows without comments, and with single blanks between cells that are separated by blanks."""
    copy = source.folder / "rows.csv"
    with source.readable.open(encoding="utf-8-sig") as text, copy.open("w", encoding="utf-8") as file:
        for number, line in enumerate(text):
            if number >= dialect.first and not (dialect.comment and line.startswith(dialect.comment)):
                file.write(f"{' '.join(line.split())}\n" if dialect.separator == " " else line)
    return copy, replace(dialect, first=0)


def _tail(path: Path, dialect: Dialect) -> list[list[str]]:
    """The cells of the last rows."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
    lines = lines[1:] if size > TAIL else lines[dialect.first :]
    lines = [line for line in lines if line.strip()]
    if not dialect.separator:
        return [[line.strip().strip(dialect.quote)] for line in lines]
    try:
        rows = csv.reader(lines, delimiter=dialect.separator, quotechar=dialect.quote, skipinitialspace=True)
        return [[cell.strip() for cell in row] for row in rows]
    except csv.Error:
        return []


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


def _loaded(
    path: Path,
    readable: Path,
    dialect: Dialect,
    types: dict[str, str],
    wanted: Sequence[str],
    data: DataSpec,
    form: str | None,
) -> "dict[str, pd.Series[str] | np.ndarray]":
    """The wanted columns with these types of DuckDB; as text if a cell does not fit its type."""
    try:
        return _queried(path, readable, dialect, types, wanted, data, form)
    except duckdb.ConversionException:
        return _queried(path, readable, dialect, dict.fromkeys(types, "VARCHAR"), wanted, data, None)


def _queried(
    path: Path,
    readable: Path,
    dialect: Dialect,
    types: dict[str, str],
    wanted: Sequence[str],
    data: DataSpec,
    form: str | None,
) -> "dict[str, pd.Series[str] | np.ndarray]":
    single = len(dialect.names) == 1
    places = {name: f"c{place}" for place, name in enumerate(dialect.names)}  # names of any text need no quoting
    options = {
        "auto_detect": False,
        "delim": dialect.separator or "\x01",
        "quote": dialect.quote,
        "escape": dialect.quote,
        "header": False,
        "skip": dialect.first,
        "null_padding": True,
        "allow_quoted_nulls": False,
        "nullstr": [""] if single else [*NULLS, *(marker for marker in markers(data.missing) if marker not in NULLS)],
        "columns": {places[name]: types[name] for name in dialect.names},
        **({"timestampformat": form} if form else {}),
    }
    arguments = ", ".join(f"{name} = {_literal(value)}" for name, value in options.items())
    chosen = ", ".join(places[name] for name in wanted)
    query = f"select {chosen} from read_csv({_literal(str(readable))}, {arguments})"
    try:
        with duckdb.connect() as connection:
            result = connection.execute(query)
            if "VARCHAR" in (types[name] for name in wanted):
                frame = result.df()
                frame = frame.dropna(ignore_index=True) if single else frame
                return {name: _column(frame.pop(places[name]), types[name]) for name in wanted}
            arrays = result.fetchnumpy()
    except duckdb.ConversionException:
        raise
    except duckdb.Error as error:
        raise DataError(f"{path} {_explained(str(error), len(dialect.names))}.") from None
    columns: dict[str, pd.Series[str] | np.ndarray] = {}
    for name in wanted:
        column = _unmasked(np.ma.asarray(arrays.pop(places[name])))
        columns[name] = column[~pd.isna(column)] if single else column
    return columns


def _column(column: "pd.Series[str]", kind: str) -> "pd.Series[str] | np.ndarray":
    """Text, or the values of a column with a type."""
    if kind in ("VARCHAR", "text", "time of day"):
        return column.astype("str")
    if kind == "truth" and column.isna().any():
        return column.astype("str")
    return column.to_numpy()


def _unmasked(array: "np.ma.MaskedArray[tuple[int], np.dtype[Any]]") -> np.ndarray:
    """DuckDB masks missing values: NaN or NaT instead."""
    if not np.ma.is_masked(array):
        return np.asarray(array)
    values: np.ndarray = array.filled(np.datetime64("NaT") if array.dtype.kind == "M" else np.nan)
    return values


def _literal(value: object) -> str:
    """A value in SQL."""
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    return "'" + str(value).replace("'", "''") + "'"


def _explained(message: str, columns: int) -> str:
    """A clause for an error of DuckDB's reader."""
    line = match[1] if (match := re.search(r"on Line: (\d+)", message)) else "?"
    if cells := re.search(r"Expected Number of Columns: \d+ Found: (\d+)", message):
        return f"has {cells[1]} cells in line {line} and {columns} in its other rows: correct the line"
    if "unterminated quote" in message.lower() or "quote" in message.lower().split("possible")[0]:
        return f"has a quotation mark without its pair in line {line}: the file is truncated, or a mark is missing"
    if "maximum line size" in message.lower():
        return f"has a line of more than two million characters, line {line}: it is not a table"
    return f"cannot be read as a table with {columns} columns (line {line}): give every row as many cells as the header"


def _parquet_table(source: Source) -> str:
    return f"read_parquet({_literal(str(source.path))})"


def _parquet(source: Source, data: DataSpec) -> Table:
    try:
        names, kinds_of = kinds(source, data)
        targets, numbers, time, group = _choose(data, names, kinds_of, source.path)
        wanted = tuple(dict.fromkeys((*numbers, *time, *group)))
        chosen = ", ".join(_cast(name, kinds_of[name], number) for number, name in enumerate(wanted))
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            frame = connection.execute(f"select {chosen} from {_parquet_table(source)}").df()
            rows = f"select columns(*)::varchar from {_parquet_table(source)}"
            head = connection.execute(f"{rows} limit 3").fetchall()
            tail = connection.execute(f"{rows} limit 3 offset {max(0, len(frame) - 3)}").fetchall()
    except duckdb.Error:
        raise _damaged_parquet(source) from None
    file = f"{source.path.name}: {counted(len(frame))}, {counted(len(names), 'column')}, Parquet"
    return Table(
        path=source.path,
        columns={name: _column(frame.pop(f"c{number}"), kinds_of[name]) for number, name in enumerate(wanted)},
        targets=targets,
        numbers=numbers,
        time=time,
        group=group,
        names=names,
        kinds=kinds_of,
        rows=len(frame),
        time_format="time stamps",
        separator=",",
        decimal=".",
        facts=(("file", file),),
        notes=(),
        head=tuple(tuple(map(str, row)) for row in head),
        tail=tuple(tuple(map(str, row)) for row in tail),
    )


def _damaged_parquet(source: Source) -> DataError:
    return DataError(f"{source.path} is not a complete Parquet file: it is damaged, truncated or of another type.")


def _parquet_kind(kind: str) -> str:
    if kind in ("BOOLEAN", "TIME"):
        return {"BOOLEAN": "truth", "TIME": "time of day"}[kind]
    if kind.startswith(("TIMESTAMP", "DATE")):
        return "time"
    return "text" if kind.startswith(("VARCHAR", "BLOB", "STRUCT", "MAP", "UUID")) or kind.endswith("]") else "number"


def _cast(name: str, kind: str, number: int) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    return f"{quoted}::{PARQUET_TYPES.get(kind, 'DOUBLE')} as c{number}"
