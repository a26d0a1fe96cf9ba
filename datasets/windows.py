"""Windows: the inputs and targets of a model, and the conversion of its outputs to the unit of the series.

A window is identified by the row t of its first target. Its input is the T rows before t, its target the H rows from t.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from datasets.scaler import BLOCK, Scaler
from datasets.series import Series, Split
from datasets.spec import DataSpec, WindowSpec

Rows = range | np.ndarray  # a range if windows are evenly spaced, so that indexing creates a view instead of a copy


def shifted(rows: Rows, offset: int | np.ndarray = 0) -> slice | np.ndarray:
    """An index of the rows, each moved by `offset`."""
    if isinstance(rows, range):
        return slice(rows.start + int(offset), rows.stop + int(offset), rows.step)
    return rows + offset


def targets_from(values: np.ndarray, columns: list[int], index: slice | np.ndarray, horizon: int) -> np.ndarray:
    """(N, horizon * columns): `horizon` rows from each index on, the columns of a row side by side."""
    if columns == list(range(columns[0], columns[0] + len(columns))):
        chosen = values[:, columns[0] : columns[0] + len(columns)]  # a view; indexing with a list copies
    else:
        chosen = values[:, columns]
    steps = sliding_window_view(chosen, horizon, axis=0)[index].transpose(0, 2, 1)
    return steps.reshape(len(steps), horizon * len(columns))


@dataclass(frozen=True, eq=False)
class Chosen:
    """Some rows of an array, copied only when they are read: windows take up to T times the memory of a series."""

    array: np.ndarray
    index: np.ndarray | None = None  # (N,) the rows of `array`; None: all

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.array) if self.index is None else len(self.index), *self.array.shape[1:])

    def __getitem__(self, rows: slice | int) -> np.ndarray:
        """These of the chosen rows: a read-only view if all are chosen, else a copy."""
        values: np.ndarray = self.array[rows if self.index is None else self.index[rows]]
        return values


@dataclass(frozen=True, eq=False)
class Part:
    """The windows of one part of the split."""

    name: str
    inputs: Chosen  # of x
    y: np.ndarray  # (N, H * targets), scaled, the targets of one step side by side; with a rollout only the first row
    rows: Rows  # (N,) the row of each window's first target in the series
    stamps: np.ndarray | None  # the time stamps of the series
    mask: Chosen | None = None  # (N, T), False where an input row is padding

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def x(self) -> np.ndarray:
        """(N, T, F), scaled; with WindowSpec.masked a last column is the mask. A view if windows are evenly spaced."""
        return self.inputs[:]

    @property
    def times(self) -> np.ndarray:
        """(N,): the time stamp of each first target, or its row counted from 0 if the series has no time stamps."""
        if self.stamps is not None:
            return self.stamps[shifted(self.rows)]
        if isinstance(self.rows, range):
            return np.arange(self.rows.start, self.rows.stop, self.rows.step)
        return self.rows


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of all parts, with everything that a model, its metrics and its report need of the data."""

    series: Series
    data: DataSpec
    window: WindowSpec
    split: Split
    scaler: Scaler  # of the model's inputs: the values, or with `difference` their changes
    value_scaler: Scaler  # of the values, also with `difference`
    train: Part
    validation: Part
    test: Part
    notes: tuple[str, ...]  # sentences for the report: what was done to the data

    @property
    def season(self) -> int | None:
        """The season in steps; None if the series has none."""
        return self.data.season or self.series.season

    @property
    def targets(self) -> list[int]:
        """Positions of the target columns."""
        return self.series.index(self.series.targets)

    def runs(self, part: Part) -> np.ndarray:
        """(N,): the number of the run of each window."""
        return self.series.run_of(np.asarray(part.rows))

    def chains(self, part: Part) -> list[np.ndarray]:
        """The windows of a part as arrays of windows that continue one another; each window is in one array.

        The input of a window begins at the row after the last input row of the window before it. A chain ends where the
        next window lies in another run or part, or is left out. Chains are in the order of runs and first rows.
        """
        rows, runs = np.asarray(part.rows), self.runs(part)
        order = np.lexsort((rows, rows % self.window.length, runs))
        follows = (np.diff(rows[order]) == self.window.length) & (np.diff(runs[order]) == 0)
        return np.split(order, np.flatnonzero(~follows) + 1)

    def scale(self, part: Part) -> np.ndarray:
        """(targets,), or (N, targets) with a scaler for each series: the divisors of scaled errors."""
        scale = self.value_scaler.scale[..., self.targets]
        return scale if scale.ndim == 1 else scale[self.runs(part)]

    def truth(self, part: Part) -> np.ndarray:
        """(N, H * targets): the true targets in the unit of the series."""
        return targets_from(self.series.values, self.targets, shifted(part.rows), self.window.horizon)

    def last_observed(self, part: Part) -> np.ndarray:
        """(N, targets): the last value before each window's first target, in the unit of the series."""
        return self.series.values[shifted(part.rows, -1)][:, self.targets]

    def to_unit(self, part: Part, y: np.ndarray) -> np.ndarray:
        """Convert scaled outputs (N, H * targets) for the windows of `part` to the unit of the series, in float64."""
        steps = np.reshape(y, (len(part), self.window.horizon, len(self.targets)))
        values = self.scaler.undo(steps, self.targets, self.runs(part) if self.scaler.scale.ndim == 2 else None)
        if self.data.difference:
            values = self.last_observed(part)[:, None] + values.cumsum(axis=1)
        return values.reshape(np.shape(y))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every window of every part; the same on every machine."""
        total = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            steps = Chosen(part.y.reshape(len(part), self.window.target_rows, len(self.targets)))
            for array in (part.inputs, steps, part.mask):
                if array is not None:
                    _hash(total, array, part.rows.step if isinstance(part.rows, range) else None)
        return total.hexdigest()


def _hash(total: "hashlib._Hash", array: Chosen, stride: int | None) -> None:
    """Feed (N, rows, ...) to the hash: of each window the rows that the next window does not share, then the rest.

    Together with shape and stride this is as much information as all windows, at the size of the series.
    """
    count, length = array.shape[:2]
    fresh = length if stride is None or count < 2 else min(stride, length)
    dtype = array.array.dtype
    total.update(f"{dtype.name} {array.shape} {fresh};".encode())
    little_endian = dtype.newbyteorder("<")
    for first in range(0, count, BLOCK):
        total.update(np.ascontiguousarray(array[first : first + BLOCK][:, :fresh], little_endian).data)
    if count:
        total.update(np.ascontiguousarray(array[count - 1 :][0, fresh:], little_endian).data)


def forecast(predict: Callable[[np.ndarray], np.ndarray], windows: Windows, x: np.ndarray) -> np.ndarray:
    """Forecast the horizon of each window: inputs (N, T, F) to outputs (N, H * targets), both scaled.

    Without a rollout, this is predict(x). With a rollout, `predict` gives one row, which becomes the last row of the
    input of the next step.
    """
    if not windows.window.rollout:
        return predict(x)
    following = np.zeros((len(x), windows.window.horizon, x.shape[2]), x.dtype)
    if windows.window.masked:
        following[:, :, -1] = 1
    return rolled(predict, x, following, windows.targets).reshape(len(x), -1)


def rolled(
    predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, following: np.ndarray, targets: list[int]
) -> np.ndarray:
    """Forecast any number of rows after each window: (N, steps, targets), scaled.

    Each forecast of `predict`, (N, rows * targets), becomes the last input rows of the next one. following: (N, steps,
    F), the input rows after each window; all of their columns but the targets must be known.
    """
    blocks: list[np.ndarray] = []
    steps, done = following.shape[1], 0
    while True:
        blocks.append(predict(x).reshape(len(x), -1, len(targets)))
        rows = np.array(following[:, done : done + blocks[-1].shape[1]])
        done += rows.shape[1]
        if done == steps:
            return np.concatenate(blocks, axis=1)[:, :steps]
        rows[:, :, targets] = blocks[-1]
        x = np.concatenate([x, rows], axis=1)[:, -x.shape[1] :]
