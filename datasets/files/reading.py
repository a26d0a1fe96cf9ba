"""A user's own CSV or Parquet file to a series. Rows in messages are counted from 1 below the header."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.files import cells, frames, timeline
from datasets.files.frames import Frame
from datasets.series import Filled, Series, fill
from datasets.spec import DataError, DataSpec, counted, to_set

WHOLE = 2.0**53  # beyond, neighbouring whole numbers are one and the same in double precision


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows in the order of time, those that the file lacks among them."""

    values: np.ndarray  # (rows, columns), NaN where missing
    origin: np.ndarray  # (rows,) the row of the file, NaN where it has none
    times: np.ndarray | None = None
    step: str = "row"
    season: int | None = None
    notes: tuple[str, ...] = ()


def read(data: DataSpec) -> Series:
    """The columns asked for, on a regular grid of time where there is one, gaps filled as `gaps` says."""
    path = (data.csv or Path()).expanduser()
    frame = frames.read(path, data)
    count = len(frame.cells)
    if count < 2:
        raise DataError(f"{path} has {counted(count)} of data below its header: a forecast needs at least 2.")
    values, notes = _numbers(frame, data)
    rows = _in_time(frame, data, values)
    whole = fill(rows.values, "carry" if data.gaps == "refuse" else data.gaps, str(path))
    if data.gaps == "refuse" and len(whole.rows):
        raise _gap(frame, data, rows, whole.kept.start + int(whole.rows[0]))
    _refuse_constant_targets(frame, whole)
    return Series(
        name=path.name,
        title=f"{', '.join(frame.targets)} in {path.name}",
        values=whole.values,
        columns=frame.columns,
        targets=frame.targets,
        times=None if rows.times is None else rows.times[whole.kept],
        unit=data.unit,
        step=rows.step,
        season=rows.season,
        licence="the user's own",
        source=str(path),
        notes=(*notes, *rows.notes, *whole.notes),
        filled=whole.rows,
    )


def _numbers(frame: Frame, data: DataSpec) -> tuple[np.ndarray, tuple[str, ...]]:
    """(rows, columns) with NaN where missing, and what was taken for missing."""
    found = [cells.numbers(frame.cells[name], f"{frame.path}, column {name!r}", data.missing) for name in frame.columns]
    return np.column_stack([values for values, _ in found]), tuple(note for _, note in found if note)


def _in_time(frame: Frame, data: DataSpec, values: np.ndarray) -> _Rows:
    origin = np.arange(len(values), dtype=np.float64)
    if data.time is None:
        return _Rows(values, origin)
    where = f"{frame.path}, column {data.time!r}"
    times = timeline.parse(frame.cells[data.time], where, data.time_format)
    if data.order == "rows":
        ascending = bool((times[1:] > times[:-1]).all())
        return _Rows(values, origin, times if ascending else None)
    notes: tuple[str, ...] = ()
    if timeline.is_reversed(times):
        times, values, origin = times[::-1], values[::-1], origin[::-1]
        notes = ("The file has its newest row first and was turned round.",)
    line = timeline.lay(times, where)
    size = len(line.times)
    return _Rows(
        _spread(values, line.place, size), _spread(origin, line.place, size), line.times, line.step, line.season, notes
    )


def _spread(values: np.ndarray, place: np.ndarray, size: int) -> np.ndarray:
    """Values at their places on the grid, NaN between."""
    if size == len(values):
        return values
    grid = np.full((size, *values.shape[1:]), np.nan)
    grid[place] = values
    return grid


def _gap(frame: Frame, data: DataSpec, rows: _Rows, first: int) -> DataError:
    """The error for the first missing value inside the series."""
    advice = f"to repeat the last value before it, {to_set(gaps='carry')}"
    if np.isnan(rows.origin[first]) and rows.times is not None:
        behind = int(rows.origin[first - 1]) + 1
        return DataError(
            f"{frame.path}, column {data.time!r} lacks {timeline.iso(rows.times[first])} after row {behind} (1 "
            f"{rows.step} a row): {advice}; to take rows as they follow one another, {to_set(order='rows')}."
        )
    column = frame.columns[int(np.isnan(rows.values[first]).argmax())]
    return DataError(f"{frame.path}, column {column!r}, row {int(rows.origin[first]) + 1} has no value: {advice}.")


def _refuse_constant_targets(frame: Frame, whole: Filled) -> None:
    for target in frame.targets:
        column = whole.values[:, frame.columns.index(target)]
        if (column == column[0]).all():
            raise DataError(f"{frame.path}, column {target!r} {_constant(float(column[0]))}.")


def _constant(value: float) -> str:
    if abs(value) < WHOLE:
        return f"holds {value:g} in every row: there is nothing to forecast"
    return (
        f"holds {value:g} in every row, for its values do not differ in double precision: "
        "subtract what they have in common, or name another column"
    )
