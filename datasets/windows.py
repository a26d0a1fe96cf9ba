"""Windows: what a model is given, and the way from its outputs back to the series' own unit.

A window is known by the row of its first target, t: its input is the T rows before t, its target the H rows from t.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from datasets.scaling import BLOCK, Scaler
from datasets.series import Series
from datasets.spec import DataSpec, WindowSpec
from datasets.split import Split

Rows = range | np.ndarray  # a range where windows are evenly spaced, so that indexing by it makes a view


def at(rows: Rows, offset: int | np.ndarray = 0) -> slice | np.ndarray:
    """The index of each row moved by `offset`."""
    if isinstance(rows, range):
        return slice(rows.start + int(offset), rows.stop + int(offset), rows.step)
    return rows + offset


def targets_from(values: np.ndarray, columns: list[int], index: slice | np.ndarray, horizon: int) -> np.ndarray:
    """(N, horizon * columns): the rows from each index on, the columns of a row side by side."""
    if columns == list(range(columns[0], columns[0] + len(columns))):
        picked = values[:, columns[0] : columns[0] + len(columns)]  # a view, where a list would copy
    else:
        picked = values[:, columns]
    steps = sliding_window_view(picked, horizon, axis=0)[index].transpose(0, 2, 1)
    return steps.reshape(len(steps), horizon * len(columns))


@dataclass(frozen=True, eq=False)
class Part:
    """The windows of one part. Arrays are read-only views where the windows are evenly spaced."""

    name: str
    x: np.ndarray  # (N, T, F), scaled
    y: np.ndarray  # (N, H * targets), scaled; the targets of one step side by side; with a rollout the first row alone
    rows: Rows  # (N,) row of each window's first target in the series
    stamps: np.ndarray | None  # the series' time stamps
    mask: np.ndarray | None = None  # (N, T), False where an input row is padding

    def __len__(self) -> int:
        return len(self.x)

    @property
    def times(self) -> np.ndarray:
        """(N,): the time stamp of each first target, or its row, counted from 0, where the series has none."""
        if self.stamps is not None:
            return self.stamps[at(self.rows)]
        if isinstance(self.rows, range):
            return np.arange(self.rows.start, self.rows.stop, self.rows.step)
        return self.rows


@dataclass(frozen=True, eq=False)
class Windows:
    """Everything that a model, its score and its report need to know about the data."""

    series: Series
    data: DataSpec
    window: WindowSpec
    split: Split
    scaler: Scaler  # of what the model sees: the values, or their changes
    scale: np.ndarray  # (targets,): what a target's errors are divided by to be in scaled units, those of its values
    train: Part
    validation: Part
    test: Part
    notes: tuple[str, ...]  # sentences: what was done to the data

    @property
    def season(self) -> int | None:
        """In steps."""
        return self.data.season or self.series.season

    @property
    def targets(self) -> list[int]:
        """Positions of the target columns."""
        return self.series.index(self.series.targets)

    def truth(self, part: Part) -> np.ndarray:
        """(N, H * targets) in the series' own unit."""
        return targets_from(self.series.values, self.targets, at(part.rows), self.window.horizon)

    def level(self, part: Part) -> np.ndarray:
        """(N, targets): the last value before each window's first target, in the series' own unit."""
        return self.series.values[at(part.rows, -1)][:, self.targets]

    def to_unit(self, part: Part, y: np.ndarray) -> np.ndarray:
        """Scaled outputs (N, H * targets) for the windows of `part`, in the series' own unit and float64."""
        steps = np.reshape(y, (len(part), self.window.horizon, len(self.targets)))
        values = self.scaler.undo(steps, self.targets)
        if self.data.difference:
            values = self.level(part)[:, None] + values.cumsum(axis=1)
        return values.reshape(np.shape(y))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every window of every part, in bytes that are the same on every machine."""
        total = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            steps = part.y.reshape(len(part), self.window.learnt, len(self.targets))
            for array in (part.x, steps, part.mask):
                if array is not None:
                    _hash(total, array, part.rows.step if isinstance(part.rows, range) else None)
        return total.hexdigest()


def _hash(total: "hashlib._Hash", array: np.ndarray, stride: int | None) -> None:
    """Feed (N, rows, ...) to the hash: of each window the rows that it does not share with the next, then the rest.

    With shape and stride that is the same information as all windows written out, at the size of the series.
    """
    count, length = array.shape[:2]
    fresh = length if stride is None or count < 2 else min(stride, length)
    total.update(f"{array.dtype.name} {array.shape} {fresh};".encode())
    little_endian = array.dtype.newbyteorder("<")
    for first in range(0, count, BLOCK):
        total.update(np.ascontiguousarray(array[first : first + BLOCK, :fresh], little_endian).data)
    if count:
        total.update(np.ascontiguousarray(array[-1, fresh:], little_endian).data)
