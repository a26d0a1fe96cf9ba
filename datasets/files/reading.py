"""A user's file to a series: rows in order of time, one row for each step, gaps filled.

Row numbers in messages count the rows of data from 1. Rows are sorted, rows with the same time stamp are averaged, and
missing values are filled, each with a note; `strict = true` makes each of them an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.files import stamps, steps, table
from datasets.files.numbers import Numbers, numbers
from datasets.files.source import Source, opened
from datasets.files.stamps import Stamps
from datasets.files.steps import Step, iso
from datasets.files.table import Table
from datasets.series import Filled, Series, fill, fill_notes
from datasets.spec import DataError, DataSpec, counted, to_set

EXACT = 2.0**53  # larger integers are not distinguishable in double precision
GROUPED = {"text": 0.05, "number": 0.3}  # least share of repeated stamps for a column of a kind to be a group
MANY = 0.5  # share of rows that repeat a time stamp, above which they are not averaged without a setting
SHOWN = 10  # names in a note
SOME = 1000  # stamps


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of one or several series, each series in order of time."""

    values: np.ndarray  # (rows, columns), NaN where missing
    times: np.ndarray | None = None  # (rows,) datetime64[us]
    codes: np.ndarray | None = None  # (rows,) the number of the series; None: there is one
    origin: np.ndarray | None = None  # (rows,) the row of the file, -1 for a row that the file lacks; None: all rows

    def take(self, index: np.ndarray) -> "_Rows":
        """Some of the rows."""
        times, codes = (None if array is None else array[index] for array in (self.times, self.codes))
        return _Rows(self.values[index], times, codes, index if self.origin is None else self.origin[index])

    def number(self, row: int) -> int:
        """The number of a row in the file, counted from 1; 0 for a row that the file lacks."""
        return (row if self.origin is None else int(self.origin[row])) + 1

    def code(self, row: int) -> int:
        """The number of the series of a row."""
        return 0 if self.codes is None else int(self.codes[row])

    @property
    def same(self) -> np.ndarray | bool:
        """(rows - 1,): whether each row and the next belong to one series."""
        return True if self.codes is None else self.codes[1:] == self.codes[:-1]

    @property
    def bounds(self) -> np.ndarray:
        """The first row of each series, and the number of rows."""
        if self.codes is None:
            return np.array([0, len(self.values)])
        return np.flatnonzero(np.concatenate(([True], self.codes[1:] != self.codes[:-1], [True])))


def read(data: DataSpec) -> Series:
    """The chosen columns, on a regular grid of time if there are time stamps, gaps filled as `gaps` says."""
    path = (data.csv or Path()).expanduser()
    with opened(path, data.encoding) as source:
        return _series(table.read(source, data), data, source)


def suggested_columns(data: DataSpec) -> dict[str, str]:
    """The columns of time stamps, if any, and the last other column of numbers."""
    path = (data.csv or Path()).expanduser()
    with opened(path, data.encoding) as source:
        names, kinds = table.kinds(source, data)
    time = table.resolve(data.time, names) or table.likely_time(names, kinds)
    targets = [name for name in names if kinds[name] == "number" and name not in time]
    if not targets:
        raise DataError(f"{path} has no column of numbers ({', '.join(names[:20])}): name the target with --target.")
    return {"time": _as_list(time), "target": _as_list(targets[-1:])}


def _as_list(names: Sequence[str]) -> str:
    """Names with commas between them; a name with a comma in quotation marks."""
    if len(names) == 1:
        return names[0]
    return ",".join(f'"{name}"' if "," in name else name for name in names)


def _series(chosen: Table, data: DataSpec, source: Source) -> Series:
    path = chosen.path
    if chosen.rows < 2:
        raise DataError(f"{path} has {counted(chosen.rows)} of data below its header: a forecast needs at least 2.")
    notes = list(chosen.notes)
    parsed = _times(chosen, data, notes)
    names, codes = _groups(chosen)
    columns = []
    values = np.empty((chosen.rows, len(chosen.numbers))) if len(chosen.numbers) > 1 else None
    for place, name in enumerate(chosen.numbers):
        where = f"{path}, column {name!r}"
        column = numbers(chosen.columns.pop(name), where, data, chosen.separator, chosen.decimal)
        if values is None:
            values = column.values[:, None]
        else:
            values[:, place] = column.values
        notes += [f"Column {name!r}: {note}" for note in column.notes]
        columns.append(replace(column, values=np.empty(0)))
    left_out = [name for name in chosen.names if name not in (*chosen.numbers, *chosen.time, *chosen.group)]
    if data.features == "*" and left_out:
        notes.append("Columns left out: " + ", ".join(f"{name} ({chosen.kinds[name]})" for name in left_out) + ".")
    assert values is not None  # there is a target
    rows = _Rows(values, None if parsed is None else parsed.times, codes)
    context = _Context(chosen, data, source, names)
    step = _step_of_equal_distances(rows, data)
    if step is None:
        rows = _in_order(rows, context, notes)
    if step is None and rows.times is not None and data.order == "time":
        rows = _unique(rows, context, notes)
        rows, step = _on_grid(rows, context, notes)
    whole = _filled(rows, context, notes)
    target_places = [chosen.numbers.index(name) for name in chosen.targets]
    _refuse_constant_targets(path, chosen.targets, target_places, whole.values)
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
    )
    return replace(series, understood=_understood(series, context, parsed, columns))


def _step_of_equal_distances(rows: _Rows, data: DataSpec) -> Step | None:
    """The step of a single series whose stamps all have the same distance, which spares long files further passes."""
    times = rows.times
    if times is None or len(times) < 3 or rows.codes is not None or data.order == "rows" or data.resample is not None:
        return None
    distance = times[1] - times[0]
    if not (distance > 0 and (np.diff(times) == distance).all()):
        return None
    return steps.inferred(times[:SOME])


@dataclass(frozen=True, eq=False)
class _Context:
    """What errors and notes name."""

    chosen: Table
    data: DataSpec
    source: Source
    names: tuple[str, ...]  # of the series, by code

    @property
    def where(self) -> str:
        """The columns of time stamps."""
        columns = self.chosen.time
        return f"{self.chosen.path}, column{'s' if len(columns) > 1 else ''} {', '.join(map(repr, columns))}"

    def of(self, code: int) -> str:
        """Which series, if the file has several."""
        return f" of {self.names[code]}" if self.data.group is not None else ""


def _times(chosen: Table, data: DataSpec, notes: list[str]) -> Stamps | None:
    if not chosen.time:
        likely = table.likely_time(chosen.names, chosen.kinds)
        if likely and data.order == "time" and not set(likely) & set(chosen.numbers):
            names = ",".join(likely)
            notes.append(
                f"No column of time stamps is set, so rows are steps; {names} holds time stamps: --time {names}."
            )
        return None
    where = f"{chosen.path}, column{'s' if len(chosen.time) > 1 else ''} {', '.join(map(repr, chosen.time))}"
    columns = {name: chosen.columns.pop(name) for name in chosen.time}
    parts = _other_parts(chosen)
    if parts and len(columns) == 1 and data.duplicates is None and data.group is None:
        column = pd.Series(next(iter(columns.values())))
        repeated = np.flatnonzero(column.duplicated())
        if len(repeated):
            raise _missing_parts(f"{where}, row {repeated[0] + 1} repeats {column[repeated[0]]}", chosen, parts)
    try:
        parsed = stamps.stamps(columns, where, data, chosen.time_format)
    except DataError:
        if data.order == "rows" and data.time_format is None:
            notes.append("The time stamps cannot be read and were left out.")
            return None
        raise
    notes += parsed.notes
    return parsed


def _other_parts(chosen: Table) -> list[str]:
    """Columns with parts of the time stamps that the setting `time` does not name."""
    parts = [name for name in chosen.names if chosen.kinds[name] == "time of day" and name not in chosen.time]
    named = [name for name in chosen.names if name.casefold() in stamps.PARTS]
    if not parts and len(named) > len(chosen.time) and set(chosen.time) <= set(named):
        parts = [name for name in named if name not in chosen.time]
    return parts


def _missing_parts(problem: str, chosen: Table, parts: Sequence[str]) -> DataError:
    whole = to_set(time=_as_list((*chosen.time, *parts)))
    averaged = f"if the rows are repetitions, {to_set(duplicates='mean')}"
    return DataError(f"{problem}, and {', '.join(map(repr, parts))} holds the rest of it: {whole}; {averaged}.")


def _groups(chosen: Table) -> tuple[tuple[str, ...], np.ndarray | None]:
    """The names of the series, in order, and the number of the series of each row."""
    if not chosen.group:
        return ("",), None
    columns = [pd.Series(chosen.columns.pop(name)).astype("str").fillna("").str.strip() for name in chosen.group]
    labels = columns[0]
    for column in columns[1:]:
        labels = labels + ", " + column
    codes, names = pd.factorize(labels, sort=True)
    return tuple(str(name) for name in names), codes.astype(np.int32)


def _in_order(rows: _Rows, context: _Context, notes: list[str]) -> _Rows:
    """Rows sorted by series and time, without those that have no time stamp."""
    if rows.times is None:
        return rows if rows.codes is None else rows.take(np.argsort(rows.codes, kind="stable"))
    absent = np.flatnonzero(np.isnat(rows.times))
    if len(absent):
        if context.data.strict:
            raise DataError(
                f"{context.where}, row {absent[0] + 1} holds no time stamp: correct it, or leave out strict."
            )
        notes.append(f"{counted(len(absent))} without a time stamp, first row {absent[0] + 1}, left out.")
        rows = rows.take(np.flatnonzero(~np.isnat(rows.times)))
    times, codes = rows.times, rows.codes
    assert times is not None
    if context.data.order == "rows":
        ascending = bool((times[1:] > times[:-1]).all())
        return rows if ascending else replace(rows, times=None)
    back = (times[1:] < times[:-1]) & rows.same
    if not back.any() and (codes is None or (codes[1:] >= codes[:-1]).all()):
        return rows
    if back.any() and not context.data.group and (times[1:] <= times[:-1]).all():
        notes.append("The file has its newest row first; its rows were reversed.")
    elif back.any():
        row = int(np.flatnonzero(back)[0])
        if context.data.strict:
            raise DataError(
                f"{context.where}, row {rows.number(row + 1)}, {iso(times[row + 1])}, comes after "
                f"{iso(times[row])}: sort the file by time, or leave out strict."
            )
        notes.append(
            f"The rows are not in order of time (row {rows.number(row + 1)}, {iso(times[row + 1])}, comes after "
            f"{iso(times[row])}); they were sorted."
        )
    return rows.take(np.argsort(times, kind="stable") if codes is None else np.lexsort((times, codes)))


def _unique(rows: _Rows, context: _Context, notes: list[str]) -> _Rows:
    """One row for each time stamp of a series."""
    times, data = rows.times, context.data
    assert times is not None
    same = (times[1:] == times[:-1]) & rows.same
    repeated = np.flatnonzero(same)
    if not len(repeated):
        return rows
    first, second = (rows.number(int(row)) for row in (repeated[0], repeated[0] + 1))
    problem = f"{context.where}, row {second} repeats the time stamp {iso(times[repeated[0]])} of row {first}"
    if data.duplicates is None:
        _refuse_explained(rows, len(repeated), problem, context)
    if data.strict:
        raise DataError(f"{problem}: keep one, or leave out strict and {to_set(duplicates='mean')}.")
    starts = np.flatnonzero(np.concatenate(([True], ~same)))
    rule = data.duplicates or "mean"
    kept = rows.take(np.append(starts[1:], len(times)) - 1 if rule == "last" else starts)
    if rule == "mean":
        kept = replace(kept, values=steps.means(rows.values, starts))
    taken = {"mean": "their mean was", "first": "the first was", "last": "the last was"}[rule]
    notes.append(f"{counted(len(repeated))} with the time stamp of another row (first: row {second}); {taken} taken.")
    return kept


def _refuse_explained(rows: _Rows, repeated: int, problem: str, context: _Context) -> None:
    """Raise DataError if something else than a repetition explains equal time stamps."""
    chosen, data, times = context.chosen, context.data, rows.times
    assert times is not None
    averaged = f"if they are repetitions, {to_set(duplicates='mean')}"
    if parts := _other_parts(chosen):
        raise _missing_parts(problem, chosen, parts)
    if data.group is None and (zone := _zone(rows, context)):
        raise DataError(
            f"{problem}, as at the end of summer time: {to_set(time_zone=zone)}, or the zone of the file; {averaged}."
        )
    if group := _likely_group(rows, repeated, context):
        raise DataError(f"{problem}, and column {group!r} tells them apart: {to_set(group=group)}; {averaged}.")
    if repeated > MANY * len(times):
        raise DataError(f"{problem}, and {counted(repeated - 1)} more do: {averaged}.")


def _zone(rows: _Rows, context: _Context) -> str | None:
    assert rows.times is not None
    if context.data.time_zone is not None or len(rows.times) < 3:
        return None
    in_file = rows.times if rows.origin is None else rows.times[np.argsort(rows.origin, kind="stable")]
    return stamps.fitting_zone(in_file) if steps.common_distance(in_file) < steps.MICROSECONDS["day"] else None


def _likely_group(rows: _Rows, repeated: int, context: _Context) -> str | None:
    """A column whose values and the time stamps together are unique, with few values for the number of rows."""
    chosen, data, times = context.chosen, context.data, rows.times
    assert times is not None
    used = {*chosen.numbers, *chosen.time, *chosen.group}
    likely = [kind for kind, least in GROUPED.items() if repeated >= least * len(times)]
    for name in (name for kind in likely for name in chosen.names if chosen.kinds[name] == kind and name not in used):
        group = (*chosen.group, name)
        again = table.read(context.source, data.model_copy(update={"group": group}))
        codes = _groups(again)[1]
        assert codes is not None
        codes = codes if rows.origin is None else codes[rows.origin]
        if codes.max() < len(codes) / 2 and not pd.DataFrame({"code": codes, "time": times}).duplicated().any():
            return ",".join(group)
    return None


def _on_grid(rows: _Rows, context: _Context, notes: list[str]) -> tuple[_Rows, Step | None]:
    """The rows on the regular grid of their series, with rows of NaN where the file lacks a step."""
    data = context.data
    step = None
    if data.resample is not None:
        step = steps.of_words(data.resample)
        count = len(rows.values)
        rows = _resampled(rows, step)
        notes.append(
            f"The {counted(count)} were averaged over steps of {step.name}, which gave {counted(len(rows.values))}."
        )
    assert rows.times is not None
    bounds = rows.bounds
    sizes = np.diff(bounds)
    if step is None:
        longest = int(sizes.argmax())
        step = steps.inferred(rows.times[bounds[longest] : bounds[longest + 1]])
        if step is None and sizes.max() > 1:
            raise _irregular(rows.take(np.arange(bounds[longest], bounds[longest + 1])), context)
    if step is None:
        return rows, None
    pieces = [_piece(rows, start, stop, step, context) for start, stop in pairwise(bounds)]
    if sum(len(piece.times) for piece in pieces) == len(rows.values):
        return rows, step
    return _spread(rows, bounds, pieces), step


def _piece(rows: _Rows, start: int, stop: int, step: Step, context: _Context) -> steps.Grid:
    """The grid of one series."""
    assert rows.times is not None
    times = rows.times[start:stop]
    grid = steps.grid(times, step)
    if grid is None:
        raise _irregular(rows.take(np.arange(start, stop)), context, step)
    if grid.place is not None:
        steps.refuse_jump(times, grid.place, step, context.where, [rows.number(row) - 1 for row in range(start, stop)])
    return grid


def _irregular(rows: _Rows, context: _Context, step: Step | None = None) -> DataError:
    times = rows.times
    assert times is not None
    where = f"{context.where}{context.of(rows.code(0))}"
    usual = steps.common_distance(times)
    rest = np.flatnonzero((times - times[0]).astype(np.int64) % usual)
    row = int(rest[0]) if len(rest) else 1
    name = f"1 {step.name}" if step else _duration(usual)
    best = steps.best_step(times)
    return DataError(
        f"{where}, row {rows.number(row)}, {iso(times[row])}, is not a whole number of steps ({name}) after "
        f"{iso(times[0])}: for the mean of each step, {to_set(resample=best)}, which fits best, or another step; "
        f"to ignore the time between rows, {to_set(order='rows')}."
    )


def _duration(microseconds: int) -> str:
    unit = next((unit for unit, size in reversed(steps.MICROSECONDS.items()) if microseconds % size == 0), None)
    return f"{microseconds / 1e6:g} s" if unit is None else f"{counted(microseconds // steps.MICROSECONDS[unit], unit)}"


def _resampled(rows: _Rows, step: Step) -> _Rows:
    assert rows.times is not None
    bounds = rows.bounds
    pieces = []
    for start, stop in pairwise(bounds):
        times, values, first = steps.resampled(rows.times[start:stop], rows.values[start:stop], step)
        pieces.append((values, times, start + first))
    values, times, first = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    return replace(rows.take(first), values=values, times=times)


def _spread(rows: _Rows, bounds: np.ndarray, pieces: Sequence[steps.Grid]) -> _Rows:
    """The rows at their places on the grids, NaN at all other places."""
    offsets = np.cumsum([0, *(len(piece.times) for piece in pieces)])
    values = np.full((offsets[-1], rows.values.shape[1]), np.nan)
    origin = np.full(offsets[-1], -1)
    codes = None if rows.codes is None else np.repeat(rows.codes[bounds[:-1]], np.diff(offsets))
    place = np.concatenate([piece.places + offset for piece, offset in zip(pieces, offsets, strict=False)])
    values[place], origin[place] = rows.values, np.arange(len(rows.values)) if rows.origin is None else rows.origin
    return _Rows(values, np.concatenate([piece.times for piece in pieces]), codes, origin)


@dataclass(frozen=True, eq=False)
class _Whole:
    """All series without gaps, one after another."""

    values: np.ndarray
    times: np.ndarray | None
    filled: np.ndarray
    holes: np.ndarray
    runs: tuple[int, ...]
    names: tuple[str, ...]


def _filled(rows: _Rows, context: _Context, notes: list[str]) -> _Whole:
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


def _gap(rows: _Rows, start: int, first: int, context: _Context) -> DataError:
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
    return DataError(f"{chosen.path}, column {column!r}, row {rows.number(first)} has no value: {advice}.")


def _refuse_constant_targets(path: Path, targets: Sequence[str], places: Sequence[int], values: np.ndarray) -> None:
    for target, place in zip(targets, places, strict=True):
        column = values[:, place]
        if (column != column[0]).any():
            continue
        value = float(column[0])
        problem = f"{path}, column {target!r} holds {value:g} in every row"
        if abs(value) < EXACT:
            raise DataError(f"{problem}: there is nothing to forecast; name another column.")
        raise DataError(
            f"{problem}, because its values do not differ in double precision: "
            "subtract a constant from the column, or name another column."
        )


def _understood(
    series: Series, context: _Context, parsed: Stamps | None, columns: Sequence[Numbers]
) -> tuple[tuple[str, str], ...]:
    """What was understood of the file, as labelled lines: the file and the time first."""
    chosen, data = context.chosen, context.data
    lines = [*chosen.facts]
    season = f", season {series.season} steps" if series.season else ""
    if series.times is not None and parsed is not None:
        names = ",".join(chosen.time)
        zone = f", {parsed.zone}" if parsed.zone else ""
        span = f"{series.label(0)} to {series.label(series.rows - 1)}"
        if series.groups:
            span = f"{iso(series.times.min())} to {iso(series.times.max())}"
        lines.append(("time", f"{names} as {parsed.format}{zone}: {span}, 1 row per {series.step}{season}"))
    else:
        lines.append(("time", "no time stamps: each row is a step"))
    if series.groups:
        lines.append(("series", f"{len(series.groups):,} by {','.join(chosen.group)}"))
    lines.append(
        (
            "columns",
            "; ".join(
                _column(series, name, column, place)
                for place, (name, column) in enumerate(zip(chosen.numbers, columns, strict=True))
            ),
        )
    )
    lines.append(
        (
            "filled",
            f"{counted(len(series.filled))}, of which {len(series.unscored)} in a target"
            if len(series.filled)
            else "no row",
        )
    )
    for label, excerpt in (("first rows", chosen.head), ("last rows", chosen.tail)):
        if excerpt:
            lines.append((label, "; ".join(" | ".join(row) for row in excerpt)))
    lines.append(("settings", _settings(chosen, data, parsed, columns)))
    return tuple(lines)


def _column(series: Series, name: str, column: Numbers, place: int) -> str:
    style = {",": "decimal comma"}.get(column.style.decimal, "")
    if column.style.thousands:
        style += f"{', ' if style else ''}{column.style.thousands!r} between thousands"
    unit = f"in {column.unit}" if column.unit else ""
    details = ", ".join(filter(None, ("target" if name in series.targets else "input", unit, style)))
    return f"{name} ({details})"


def _settings(chosen: Table, data: DataSpec, parsed: Stamps | None, columns: Sequence[Numbers]) -> str:
    """The settings of [data] that repeat the reading without deriving anything."""
    settings: dict[str, object] = {**chosen.settings}
    styles = {column.style for column in columns}
    if len(styles) == 1 and (style := styles.pop()) and chosen.separator:
        settings |= {"decimal": style.decimal} | ({"thousands": style.thousands} if style.thousands else {})
    if parsed is not None and (parsed.format.startswith(("%", "epoch"))):
        settings["time_format"] = parsed.format
    names = [
        name
        for name in DataSpec.model_fields
        if name in data.model_fields_set and name not in ("csv", "target", "features", "time", "group")
    ]
    settings |= {name: getattr(data, name) for name in names if getattr(data, name) is not None}
    return ", ".join(f"{name} = {_toml(value)}" for name, value in settings.items()) or "none needed"


def _toml(value: object) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower()
    import json

    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)  # type: ignore[call-overload]
