"""Differencing and scaling, column by column, and the way back to the series' own unit.

    scaled = (value - offset) / scale        standard: mean and standard deviation; minmax: minimum and range

A column that is constant on the rows that the scaler is fitted on has scale 1, so it becomes 0 there. One whose
changes are too small to be squared has scale 0, which `cutting` refuses. Work is done in
blocks of rows: ten million points must not need a second array of their size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

BLOCK = 1 << 16
Span = tuple[int, int]  # rows from, to


@dataclass(frozen=True, eq=False)
class Scaler:
    """What was fitted: one offset and one scale a column."""

    offset: np.ndarray  # (columns,) float64
    scale: np.ndarray
    constant: tuple[int, ...]  # columns that never change on the rows fitted on

    def apply(self, values: np.ndarray) -> np.ndarray:
        """(rows, columns) in the series' unit to scaled float64."""
        scaled: np.ndarray = (values - self.offset) / self.scale
        return scaled

    def undo(self, scaled: np.ndarray, columns: Sequence[int]) -> np.ndarray:
        """(..., len(columns)) scaled to float64 in the series' unit."""
        index = list(columns)
        values: np.ndarray = np.asarray(scaled, np.float64) * self.scale[index] + self.offset[index]
        return values


def blocks(values: np.ndarray, spans: Sequence[Span], difference: bool) -> Iterator[tuple[int, np.ndarray]]:
    """First row and values of block after block of the spans; with `difference`, of the change from the row before.

    A difference needs its row before: a span's first row must not be 0 then.
    """
    for start, stop in spans:
        for begin in range(start, stop, BLOCK):
            end = min(begin + BLOCK, stop)
            block = values[begin:end]
            yield begin, block - values[begin - 1 : end - 1] if difference else block


def _twelve_digits(values: np.ndarray) -> np.ndarray:
    """A sum's last bits differ from machine to machine, with its order; the scaler, and so the digest, must not."""
    return np.array([float(f"{value:.12g}") for value in values])


def fit(values: np.ndarray, spans: Sequence[Span], kind: str, difference: bool = False) -> Scaler:
    """Fit a scaler on the rows of the spans, which hold at least one row."""
    columns = values.shape[1]
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    total, count = np.zeros(columns), 0
    for _, block in blocks(values, spans, difference):
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
        total += block.sum(axis=0)
        count += len(block)
    constant = high == low
    if kind == "minmax":
        offset, scale = low, high - low
    elif kind == "standard":
        offset = np.where(constant, low, total / count)
        squares = sum(((block - offset) ** 2).sum(axis=0) for _, block in blocks(values, spans, difference))
        scale = np.sqrt(squares / count)
    else:
        offset, scale = np.zeros(columns), np.ones(columns)
    scale = np.where(constant, 1.0, scale)
    return Scaler(_twelve_digits(offset), _twelve_digits(scale), tuple(np.flatnonzero(constant).tolist()))
