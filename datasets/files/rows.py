"""The rows of one or several series: in order of time, one for each time stamp, and one for each step."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, pairwise

import numpy as np
import pandas as pd

from datasets.files import stamps, steps, table
from datasets.files.numbers import is_marked
from datasets.files.source import Source
from datasets.files.steps import Step, iso
from datasets.files.table import Table
from datasets.spec import DataError, DataSpec, counted, to_set

GROUPED = {"text": 0.05, "number": 0.3}  # least share of repeated stamps for a column of a kind to be a group
MANY = 0.5  # share of rows that repeat a time stamp, above which they are not averaged without a setting
LEFT = 0.1  # share of the repeated time stamps that a group may leave
PAIRS = 10  # of columns that are tried as groups
SOME = 1000  # stamps
SHOWN = 10  # names in an error
BLOCK = 1 << 16  # stamps


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one or several series, each series in order of time."""

    values: np.ndarray  # (rows, columns), NaN where missing
    times: np.ndarray | None = None  # (rows,) datetime64[us]
    codes: np.ndarray | None = None  # (rows,) the number of the series; None: there is one
    origin: np.ndarray | None = None  # (rows,) the row of the file, -1 for a row that the file lacks; None: all rows

    def take(self, index: np.ndarray) -> "Rows":
        """Some of the rows."""
        times, codes = (None if array is None else array[index] for array in (self.times, self.codes))
        return Rows(self.values[index], times, codes, index if self.origin is None else self.origin[index])

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


@dataclass(frozen=True, eq=False)
class Context:
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


def step_of_equal_distances(rows: Rows, data: DataSpec) -> Step | None:
    """The step of a single series whose stamps all have the same distance, which spares long files further passes."""
    times = rows.times
    if times is None or len(times) < 3 or rows.codes is not None or data.order == "rows" or data.resample is not None:
        return None
    distance = times[1] - times[0]
    if not distance > 0:
        return None
    for start in range(0, len(times), BLOCK):  # without new memory for all distances
        if (np.diff(times[start : start + BLOCK + 1]) != distance).any():
            return None
    return steps.inferred(times[:SOME])


def other_parts(chosen: Table) -> list[str]:
    """Columns with parts of the time stamps that the setting `time` does not name."""
    parts = [name for name in chosen.names if chosen.kinds[name] == "time of day" and name not in chosen.time]
    named = [name for name in chosen.names if name.casefold() in stamps.PARTS]
    if not parts and not set(chosen.time) & set(named):
        parts = [name for name in named if name.casefold().rstrip("s") in ("hour", "minute")]
    if not parts and len(named) > len(chosen.time) and set(chosen.time) <= set(named):
        parts = [name for name in named if name not in chosen.time]
    return parts


def missing_parts(problem: str, chosen: Table, parts: Sequence[str]) -> DataError:
    whole = to_set(time=as_list((*chosen.time, *parts)))
    averaged = f"if the rows are repetitions, {to_set(duplicates='mean')}"
    return DataError(f"{problem}, and {', '.join(map(repr, parts))} holds the rest of it: {whole}; {averaged}.")


def as_list(names: Sequence[str]) -> str:
    """Names with commas between them; a name with a comma in quotation marks."""
    if len(names) == 1:
        return names[0]
    return ",".join(f'"{name}"' if "," in name else name for name in names)


def groups(chosen: Table, data: DataSpec) -> tuple[tuple[str, ...], np.ndarray | None]:
    """The names of the series, in order, and the number of the series of each row, -1 for a marker of `missing`.

    Raises DataError if the name of a series reads like a sum of others.
    """
    if not chosen.group:
        return ("",), None
    codes, labels = _labelled(chosen, chosen.group[0], data)
    for name in chosen.group[1:]:
        others, more = _labelled(chosen, name, data)
        codes, pairs = pd.factorize(codes * len(more) + others)
        before, after = labels[pairs // len(more)], more[pairs % len(more)]
        labels = np.array([_joined(*pair) for pair in zip(before, after, strict=True)], object)
    order, names = pd.factorize(labels, sort=True)  # -1 for None
    return tuple(map(str, names)), order[codes].astype(np.int32)


def _labelled(chosen: Table, name: str, data: DataSpec) -> tuple[np.ndarray, np.ndarray]:
    """(rows,) the number of each label, and the labels, None for a marker of `missing`; each distinct cell once."""
    codes, cells = pd.factorize(pd.Series(chosen.columns.pop(name)), use_na_sentinel=False)
    texts = pd.Series(cells).astype("str").fillna("").str.strip()
    labels: np.ndarray = texts.astype(object).mask(is_marked(texts, data.missing), None).to_numpy()
    _refuse_totals(chosen, data, name, labels)
    return codes, labels


def _joined(before: str | None, after: str | None) -> str | None:
    return None if before is None or after is None else f"{before}, {after}" if before else after


def _refuse_totals(chosen: Table, data: DataSpec, column: str, labels: np.ndarray) -> None:
    """Raise DataError for series that may be sums of the others."""
    totals = [label for label in labels if label is not None and re.fullmatch(table.TOTAL, label) and "," not in label]
    if data.missing is not None or not 0 < len(totals) < len(labels):
        return
    left_out = to_set(missing=", ".join(totals[:SHOWN]))
    raise DataError(
        f"{chosen.path}, column {column!r} holds {totals[0]!r}, which can be the sum of other series: if it is, to "
        f"leave its rows out, {left_out}; if it is a series of its own, {to_set(missing='')}."
    )


def in_order(rows: Rows, context: Context, notes: list[str]) -> Rows:
    """Rows sorted by series and time, without those that have no time stamp."""
    if rows.codes is not None and (rows.codes < 0).any():
        kept = np.flatnonzero(rows.codes >= 0)
        if not len(kept):
            none = to_set(missing="")
            raise DataError(f"{context.where}: `missing` names every series, so no row is left: to read them, {none}.")
        notes.append(f"{counted(len(rows.codes) - len(kept))} with a marker of `missing` as the series left out.")
        rows = rows.take(kept)
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


def unique(rows: Rows, context: Context, notes: list[str]) -> Rows:
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
    be, place = ("was", "") if len(repeated) == 1 else ("were", "the first is ")
    done = {"mean": f"{be} averaged with it", "first": f"{be} left out", "last": "replaced it"}[rule]
    notes.append(f"{counted(len(repeated))} with the time stamp of an earlier row ({place}row {second}) {done}.")
    return kept


def _refuse_explained(rows: Rows, repeated: int, problem: str, context: Context) -> None:
    """Raise DataError if something else than a repetition explains equal time stamps."""
    chosen, data, times = context.chosen, context.data, rows.times
    assert times is not None
    averaged = f"if they are repetitions, {to_set(duplicates='mean')}"
    if parts := other_parts(chosen):
        raise missing_parts(problem, chosen, parts)
    if data.group is None and (zone := _zone(rows, context)):
        raise DataError(
            f"{problem}, as at the end of summer time: {to_set(time_zone=zone)}, or the zone of the file; {averaged}."
        )
    if total := next((name for name in chosen.totals if name not in (*chosen.time, *chosen.group)), None):
        raise DataError(
            f"{problem}, and column {total!r} holds {chosen.totals[total]!r}, whose row can be the sum of others: "
            f"{to_set(group=as_list([total]))}, which tells such rows apart; {averaged}."
        )
    if group := _likely_group(rows, repeated, context):
        columns = f"column {group[0]!r} tells" if len(group) == 1 else f"columns {' and '.join(map(repr, group))} tell"
        raise DataError(
            f"{problem}, and {columns} them apart: {to_set(group=as_list((*chosen.group, *group)))}; {averaged}."
        )
    if repeated > MANY * len(times):
        raise DataError(f"{problem}, and {counted(repeated - 1)} more do: {averaged}.")


def _zone(rows: Rows, context: Context) -> str | None:
    assert rows.times is not None
    if context.data.time_zone is not None or len(rows.times) < 3:
        return None
    in_file = rows.times if rows.origin is None else rows.times[np.argsort(rows.origin, kind="stable")]
    return stamps.fitting_zone(in_file) if steps.common_distance(in_file) < steps.MICROSECONDS["day"] else None


def _likely_group(rows: Rows, repeated: int, context: Context) -> tuple[str, ...]:
    """One or two columns with few values for the number of rows that tell at least 90 % of the repeated stamps apart.

    Not all of them, because a line may stand twice in the file of several series too.
    """
    chosen, data, times = context.chosen, context.data, rows.times
    assert times is not None
    used = {*chosen.numbers, *chosen.time, *chosen.group}
    likely = [kind for kind, least in GROUPED.items() if repeated >= least * len(times)]
    names = [name for kind in likely for name in chosen.names if chosen.kinds[name] == kind and name not in used]
    if not names:
        return ()
    again = table.read(context.source, data.model_copy(update={"group": (*chosen.group, *names)}))
    codes = {name: pd.factorize(pd.Series(again.columns[name]))[0] for name in again.group}
    if rows.origin is not None:
        codes = {name: of_rows[rows.origin] for name, of_rows in codes.items()}
    pairs = combinations((name for name in names if chosen.kinds[name] == "text"), 2)
    for group in (*((name,) for name in names), *islice(pairs, PAIRS)):
        arrays = [codes[name] for name in (*chosen.group, *group)]
        few = pd.MultiIndex.from_arrays(arrays).nunique() <= len(times) / 2
        if few and pd.MultiIndex.from_arrays([times, *arrays]).duplicated().sum() <= LEFT * repeated:
            return group
    return ()


def on_grid(rows: Rows, context: Context, notes: list[str]) -> tuple[Rows, Step | None]:
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


def _piece(rows: Rows, start: int, stop: int, step: Step, context: Context) -> steps.Grid:
    """The grid of one series."""
    assert rows.times is not None
    times = rows.times[start:stop]
    grid = steps.grid(times, step)
    if grid is None:
        raise _irregular(rows.take(np.arange(start, stop)), context, step)
    if grid.place is not None:
        steps.refuse_jump(times, grid.place, step, context.where, [rows.number(row) - 1 for row in range(start, stop)])
    return grid


def _irregular(rows: Rows, context: Context, step: Step | None = None) -> DataError:
    times = rows.times
    assert times is not None
    where = f"{context.where}{context.of(rows.code(0))}"
    usual = steps.common_distance(times)
    rest = np.flatnonzero((times - times[0]).astype(np.int64) % usual)
    row = int(rest[0]) if len(rest) else 1
    name = f"1 {step.name}" if step else _duration(usual)
    best = to_set(resample=steps.best_step(times), time=as_list(context.chosen.time))
    return DataError(
        f"{where}, row {rows.number(row)}, {iso(times[row])}, is not a whole number of steps ({name}) after "
        f"{iso(times[0])}: for the mean of each step, {best}, which fits best, or another step; "
        f"to ignore the time between rows, {to_set(order='rows')}."
    )


def _duration(microseconds: int) -> str:
    unit = next((unit for unit, size in reversed(steps.MICROSECONDS.items()) if microseconds % size == 0), None)
    return f"{microseconds / 1e6:g} s" if unit is None else f"{counted(microseconds // steps.MICROSECONDS[unit], unit)}"


def _resampled(rows: Rows, step: Step) -> Rows:
    assert rows.times is not None
    bounds = rows.bounds
    pieces = []
    for start, stop in pairwise(bounds):
        times, values, first = steps.resampled(rows.times[start:stop], rows.values[start:stop], step)
        pieces.append((values, times, start + first))
    values, times, first = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    return replace(rows.take(first), values=values, times=times)


def _spread(rows: Rows, bounds: np.ndarray, pieces: Sequence[steps.Grid]) -> Rows:
    """The rows at their places on the grids, NaN at all other places."""
    offsets = np.cumsum([0, *(len(piece.times) for piece in pieces)])
    values = np.full((offsets[-1], rows.values.shape[1]), np.nan)
    origin = np.full(offsets[-1], -1)
    codes = None if rows.codes is None else np.repeat(rows.codes[bounds[:-1]], np.diff(offsets))
    place = np.concatenate([piece.places + offset for piece, offset in zip(pieces, offsets, strict=False)])
    values[place], origin[place] = rows.values, np.arange(len(rows.values)) if rows.origin is None else rows.origin
    return Rows(values, np.concatenate([piece.times for piece in pieces]), codes, origin)
