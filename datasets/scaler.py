"""Differencing and scaling per column, and the inverse, which returns values in the unit of the series.

    scaled = (value - offset) / scale        standard: mean and standard deviation; minmax: minimum and range

A column that is constant on the rows that the scaler is fitted on gets scale 1 and becomes 0 on these rows. A column
whose squared deviations underflow gets scale 0, which `cutting` refuses. The computation runs in blocks of rows, so
that a series of ten million rows needs no second array of its size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

BLOCK = 1 << 16  # rows
Span = tuple[int, int]  # first row, end row (exclusive)


@dataclass(frozen=True, eq=False)
class Scaler:
    """One fitted offset and scale per column, or per column of each series."""

    offset: np.ndarray  # (columns,) or (series, columns) float64
    scale: np.ndarray  # (columns,) or (series, columns) float64
    constant: tuple[int, ...]  # columns that are constant on the rows of the fit

    def of(self, run: int) -> "Scaler":
        """The scaler of one series."""
        return self if self.offset.ndim == 1 else Scaler(self.offset[run], self.scale[run], self.constant)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scale (rows, columns) in the unit of the series; returns float64. Not for the scalers of several series."""
        scaled: np.ndarray = (values - self.offset) / self.scale
        return scaled

    def undo(self, scaled: np.ndarray, columns: Sequence[int], runs: np.ndarray | None = None) -> np.ndarray:
        """Return (N, steps, len(columns)) scaled values to the unit of the series, in float64.

        runs: (N,) the series of each window, which the scalers of several series need.
        """
        index = list(columns)
        scale, offset = self.scale[..., index], self.offset[..., index]
        if scale.ndim == 2:
            scale, offset = scale[runs][:, None], offset[runs][:, None]
        values: np.ndarray = np.asarray(scaled, np.float64) * scale + offset
        return values


def blocks(values: np.ndarray, spans: Sequence[Span], difference: bool) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first row and the values of each block of the spans.

    difference: yield the change from the row before instead of the values; then no span may begin at row 0.
    """
    for start, stop in spans:
        for begin in range(start, stop, BLOCK):
            end = min(begin + BLOCK, stop)
            block = values[begin:end]
            yield begin, block - values[begin - 1 : end - 1] if difference else block


def joined(scalers: Sequence[Scaler]) -> Scaler:
    """The scalers of several series in one. A column is constant if it is so in all series."""
    constant = set.intersection(*(set(scaler.constant) for scaler in scalers))
    return Scaler(
        np.stack([scaler.offset for scaler in scalers]),
        np.stack([scaler.scale for scaler in scalers]),
        tuple(sorted(constant)),
    )


def _twelve_digits(values: np.ndarray) -> np.ndarray:
    """Round to 12 significant digits: the last bits of a sum differ between machines, the digest must not."""
    return np.array([float(f"{value:.12g}") for value in values])


def fit(values: np.ndarray, spans: Sequence[Span], kind: str, difference: bool = False) -> Scaler:
    """Fit a scaler on the rows of the spans, which contain at least one row. kind: "standard", "minmax" or "none"."""
    columns = values.shape[1]
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    total, count = np.zeros(columns), 0
    for _, block in blocks(values, spans, difference):
        lines = np.ascontiguousarray(block.T)  # NumPy reduces long rows ten times as fast as short ones
        low, high = np.minimum(low, lines.min(axis=1)), np.maximum(high, lines.max(axis=1))
        total += lines.sum(axis=1)
        count += len(block)
    constant = high == low
    if kind == "minmax":
        offset, scale = low, high - low
    elif kind == "standard":
        offset = np.where(constant, low, total / count)
        squares = np.zeros(columns)
        for _, block in blocks(values, spans, difference):
            deviations = np.ascontiguousarray(block.T) - offset[:, None]
            squares += np.einsum("ij,ij->i", deviations, deviations)
        scale = np.sqrt(squares / count)
    else:
        offset, scale = np.zeros(columns), np.ones(columns)
    scale = np.where(constant, 1.0, scale)
    return Scaler(_twelve_digits(offset), _twelve_digits(scale), tuple(np.flatnonzero(constant).tolist()))
