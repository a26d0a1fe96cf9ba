"""A user's file to a series: rows in order of time, one row for each step, gaps filled.

Row numbers in messages count the rows of data from 1. Rows are sorted, rows with the same time stamp are averaged, and
missing values are filled, each with a note; `strict = true` makes each of them an error.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.files import stamps, table
from datasets.files.numbers import PLAIN, Numbers, numbers
from datasets.files.rows import (
    Context,
    Rows,
    as_list,
    groups,
    in_order,
    missing_parts,
    on_grid,
    other_parts,
    step_of_equal_distances,
    unique,
)
from datasets.files.source import Source, opened
from datasets.files.stamps import Stamps
from datasets.files.steps import Step, iso
from datasets.files.table import Table
from datasets.files.understood import understood
from datasets.series import Filled, Series, fill, fill_notes
from datasets.spec import DataError, DataSpec, counted, to_set

EXACT = 2.0**53  # larger integers are not distinguishable in double precision
SHOWN = 10  # names in a note


def read(data: DataSpec, *, continues: bool = False) -> Series:
    """The chosen columns, on a regular grid of time if there are time stamps, gaps filled as `gaps` says.

    continues: the rows follow known ones, so a single row or equal values are enough.
    """
    settings = (data.target, data.features, data.time, data.group)
    names = [name for setting in settings for name in table.resolve(setting, ()) if name != "*"]
    with opened(data, names) as source:
        return _series(table.read(source, data), data, source, 1 if continues else 2)


def suggested_columns(data: DataSpec) -> dict[str, str]:
    """The columns of time stamps, if any, and the last other column of numbers."""
    path = (data.csv or Path()).expanduser()
    with opened(data) as source:
        names, kinds = table.kinds(source, data)
        notes = source.notes  # as on the sheets of a workbook that were not read
    time = table.resolve(data.time, names) or table.likely_time(names, kinds)
    targets = [name for name in names if kinds[name] == "number" and name not in time]
    if all(kind == "empty" for kind in kinds.values()):
        raise DataError(f"{path} has no value below its header ({', '.join(names[:20])}): a forecast needs rows.")
    if not targets:
        raise DataError(
            f"{path} has no column of numbers alone ({', '.join(names[:20])}): name one with --target NAME, to "
            "forecast it if it holds true and false, or to see which of its cells are no numbers."
            + "".join(f" {note}" for note in notes)
        )
    return {"time": as_list(time), "target": as_list(targets[-1:])}


def _series(chosen: Table, data: DataSpec, source: Source, least: int) -> Series:
    """The series of a table with at least `least` rows: with 2 or more, a target needs different values."""
    path = chosen.path
    if chosen.rows < least:
        raise DataError(
            f"{path} has {counted(chosen.rows)} of data below its header: a forecast needs at least {least}."
        )
    notes = list(chosen.notes)
    parsed = _times(chosen, data, notes)
    hint = _unused_times(chosen, data) if parsed is None else ""
    notes += [f"No column of time stamps is set, so rows are steps; {hint}."] if hint else []
    notes += _notes_on_totals(chosen, data, stamped=parsed is not None)
    names, codes = groups(chosen, data)
    if hint:
        _refuse_rows_out_of_order(chosen, data, source, codes)
    values, columns = _numbers(chosen, data, notes, None if parsed is None else np.isnat(parsed.times))
    rows = Rows(values, None if parsed is None else parsed.times, codes)
    context = Context(chosen, data, source, names)
    rows, step = _in_steps(rows, context, notes)
    whole = _filled(rows, context, notes)
    target_places = [chosen.numbers.index(name) for name in chosen.targets]
    if least > 1:
        _refuse_constant_targets(path, chosen.targets, target_places, whole)
    unit = data.unit or columns[target_places[0]].unit
    series = Series(
        name=path.name,
        title=f"{', '.join(chosen.targets)} in {path.name}",
        values=whole.values,
        columns=chosen.numbers,
        targets=chosen.targets,
        times=whole.times,
        unit=unit,
        step="row" if step is None else step.name,
        season=None if step is None else step.season,
        licence="the user's own",
        source=str(path),
        notes=tuple(notes),
        filled=whole.filled,
        unscored=whole.filled[whole.holes[:, target_places].any(axis=1)] if len(whole.filled) else whole.filled,
        runs=whole.runs,
        groups=whole.names if data.group is not None else (),
        time_format="" if parsed is None else parsed.format,
        time_zone=parsed.zone if parsed is not None and parsed.converted else "",
    )
    return replace(series, understood=understood(series, context, parsed, columns, hint))


def _numbers(
    chosen: Table, data: DataSpec, notes: list[str], left_out: np.ndarray | None
) -> tuple[np.ndarray, list[Numbers]]:
    """The values (rows, columns), and each column without its values. Takes the cells out of the table as it goes.

    left_out: (rows,) True for rows without a time stamp, whose cells need be no numbers.
    """
    decimal = next(iter(chosen.decimals)) if len(chosen.decimals) == 1 else None
    columns = []
    values = chosen.values
    for place, name in enumerate(chosen.numbers):
        where = f"{chosen.path}, column {name!r}"
        cells = chosen.columns.pop(name)
        if isinstance(cells, pd.Series) and left_out is not None and left_out.any():
            cells = cells.mask(left_out)
        column = numbers(cells, where, data, chosen.separator, decimal, chosen.styles.get(name, PLAIN))
        values[:, place] = column.values
        notes += [f"Column {name!r}: {note}" for note in column.notes]
        columns.append(replace(column, values=np.empty(0)))
    return values, columns


def _times(chosen: Table, data: DataSpec, notes: list[str]) -> Stamps | None:
    if not chosen.time:
        return None
    where = f"{chosen.path}, column{'s' if len(chosen.time) > 1 else ''} {', '.join(map(repr, chosen.time))}"
    columns = {name: chosen.columns.pop(name) for name in chosen.time}
    parts = other_parts(chosen)
    if parts and len(columns) == 1 and data.duplicates is None and data.group is None:
        column = pd.Series(next(iter(columns.values())))
        repeated = np.flatnonzero(column.duplicated())
        if len(repeated):
            raise missing_parts(f"{where}, row {repeated[0] + 1} repeats {column[repeated[0]]}", chosen, parts)
    try:
        parsed = stamps.stamps(columns, where, data, chosen.time_format)
    except DataError as problem:
        if data.order == "rows" and data.time_format is None:
            notes.append("The time stamps cannot be read and were left out.")
            return None
        others = as_list(table.likely_time(chosen.names, chosen.kinds))
        if others and chosen.kinds[chosen.time[0]] == "text":
            raise DataError(f"{problem} Column {others!r} holds time stamps: --time {shlex.quote(others)}.") from None
        raise
    notes += parsed.notes
    return parsed


def _notes_on_totals(chosen: Table, data: DataSpec, *, stamped: bool) -> list[str]:
    """Sentences on unused columns that name totals. Raises DataError where such rows would be steps of the series."""
    totals = {name: cell for name, cell in chosen.totals.items() if name not in (*chosen.time, *chosen.group)}
    if stamped:
        return [
            f"Column {name!r} holds {cell!r}, whose row can be the sum of others: {to_set(group=as_list([name]))} "
            "tells such rows apart."
            for name, cell in totals.items()
        ]
    if totals and data.group is None and data.order == "time":
        raise _totals(chosen)
    return []


def _in_steps(rows: Rows, context: Context, notes: list[str]) -> tuple[Rows, Step | None]:
    """The rows of each series in order, with time stamps on a regular grid, and its step."""
    if step := step_of_equal_distances(rows, context.data):
        return rows, step
    rows = in_order(rows, context, notes)
    if rows.times is None or context.data.order != "time":
        return rows, None
    return on_grid(unique(rows, context, notes), context, notes)


def _totals(chosen: Table) -> DataError:
    """The error for a column that is not used and names rows of totals among the others."""
    name, cell = next(iter(chosen.totals.items()))
    stamps = chosen.kinds[name] == "time"
    use = to_set(time=as_list([name])) if stamps else to_set(group=as_list([name]))
    return DataError(
        f"{chosen.path}, column {name!r} holds {cell[:40]!r}, whose row can be the sum of others: {use}, and "
        f"such rows {'are left out' if stamps else 'become a series of their own'}; if all rows are steps of one "
        f"series, {to_set(order='rows')}."
    )


def _unused_times(chosen: Table, data: DataSpec) -> str:
    """Which column holds time stamps, or may hold them, and how to use it; empty if none does."""
    if data.order == "rows":
        return ""
    if names := as_list(_likely_times(chosen)):
        return f"{names} holds time stamps: --time {shlex.quote(names)}"
    used = {*chosen.numbers, *chosen.group}
    doubtful = next((name for name in chosen.doubtful if name not in used), None)
    if doubtful is None:
        return ""
    content, options = chosen.doubtful[doubtful]
    return f"if {doubtful} {content}: --time {shlex.quote(as_list([doubtful]))}{options}"


def _likely_times(chosen: Table) -> tuple[str, ...]:
    likely = table.likely_time(chosen.names, chosen.kinds)
    return () if set(likely) & set(chosen.numbers) else likely


def _refuse_rows_out_of_order(chosen: Table, data: DataSpec, source: Source, codes: np.ndarray | None) -> None:
    """Raise DataError if the time stamps that are not used show that the rows of a series do not follow in time."""
    names = as_list(_likely_times(chosen))
    if not names:
        return
    stamped = data.model_copy(update={"time": names})
    try:
        parsed = _times(table.read(source, stamped), stamped, [])
    except DataError:  # the stamps cannot be read, or their column is only a part of them
        return
    assert parsed is not None  # of a table with a column of time stamps
    of = np.zeros(chosen.rows, np.int64) if codes is None else codes
    rows = np.flatnonzero(~np.isnat(parsed.times) & (of >= 0))  # below 0: of no series
    rows = rows[np.argsort(of[rows], kind="stable")]
    backward = (np.diff(parsed.times[rows]) <= np.timedelta64(0)) & (np.diff(of[rows]) == 0)
    if backward.any():
        first, second = rows[np.flatnonzero(backward)[0] :][:2]
        raise DataError(
            f"{chosen.path}, column {names!r} holds time stamps, and row {second + 1} ({iso(parsed.times[second])}) is "
            f"not later than row {first + 1} ({iso(parsed.times[first])}), so the rows are not in order of time: "
            f"{to_set(time=names)}; if all rows are steps of one series, {to_set(order='rows')}."
        )


@dataclass(frozen=True, eq=False)
class _Whole:
    """All series without gaps, one after another."""

    values: np.ndarray
    times: np.ndarray | None
    filled: np.ndarray
    holes: np.ndarray
    runs: tuple[int, ...]
    names: tuple[str, ...]


def _filled(rows: Rows, context: Context, notes: list[str]) -> _Whole:
    data, path = context.data, context.chosen.path
    bounds = rows.bounds
    pieces: list[Filled] = []
    kept: list[slice] = []
    names, empty = [], []
    for start, stop in pairwise(bounds):
        code = rows.code(int(start))
        name = context.names[code]
        try:
            piece = fill(rows.values[start:stop], data.gaps, f"{path}{context.of(code)}")
        except DataError:
            if data.group is None or data.strict:
                raise
            empty.append(name)
            continue
        if data.strict and len(piece.rows):
            raise _gap(rows, start, start + piece.kept.start + int(piece.rows[0]), context)
        pieces.append(piece)
        names.append(name)
        kept.append(slice(start + piece.kept.start, start + piece.kept.stop))
    if empty:
        shown = ", ".join(empty[:SHOWN])
        notes.append(f"{len(empty)} series without a row that has a value in every column, left out: {shown}.")
    if not pieces:
        raise DataError(f"{path} has no series with a value in every column: choose other columns.")
    notes += fill_notes(pieces, data.gaps)
    offsets = np.cumsum([0, *(len(piece.values) for piece in pieces)])
    single, times = len(pieces) == 1, rows.times
    if times is not None:
        times = times[kept[0]] if single else np.concatenate([times[part] for part in kept])
    return _Whole(
        pieces[0].values if single else np.concatenate([piece.values for piece in pieces]),
        times,
        np.concatenate([piece.rows + offset for piece, offset in zip(pieces, offsets, strict=False)]),
        np.concatenate([piece.holes for piece in pieces]),
        tuple(offsets[:-1].tolist()),
        tuple(names),
    )


def _gap(rows: Rows, start: int, first: int, context: Context) -> DataError:
    """The error of `strict` for the first missing value inside a series."""
    chosen = context.chosen
    advice = "leave out strict, and the last value before it is repeated"
    if not rows.number(first) and rows.times is not None:
        previous = max(rows.number(row) for row in range(start, first))
        return DataError(
            f"{context.where}{context.of(rows.code(start))} lacks {iso(rows.times[first])} after row {previous}: "
            f"{advice}; to ignore the time between rows, {to_set(order='rows')}."
        )
    column = chosen.numbers[int(np.isnan(rows.values[first]).argmax())]
    place = f"{chosen.path}, column {column!r}, row {rows.number(first)}"
    return DataError(f"{place} has no value, or a mark of a missing one such as -999: {advice}.")


def _refuse_constant_targets(path: Path, targets: Sequence[str], places: Sequence[int], whole: _Whole) -> None:
    for target, place in zip(targets, places, strict=True):
        column = whole.values[:, place]
        changes = column[1:] != column[:-1]
        varied = bool(changes.any())
        changes[np.array(whole.runs[1:], int) - 1] = False  # from one series to the next
        if changes.any():
            continue
        if varied:
            raise DataError(
                f"{path}, column {target!r} holds the same value in all rows of each of the {len(whole.runs)} series: "
                "there is nothing to forecast; name another column."
            )
        value = float(column[0])
        problem = f"{path}, column {target!r} holds {value:g} in every row"
        if abs(value) < EXACT:
            raise DataError(f"{problem}: there is nothing to forecast; name another column.")
        raise DataError(
            f"{problem}, because its values do not differ in double precision: "
            "subtract a constant from the column, or name another column."
        )
