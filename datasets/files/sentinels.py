"""Numbers that mean a missing value, such as -999.9, in a column of numbers."""

import re

import numpy as np

from datasets.spec import DataError, counted, to_set

RARE = 0.25  # share of the values that a marker of missing values has at most
SOME = 10_000  # values of a sample
KNOWN_MARKERS = re.compile(r"-?(9{2,}(\.9+)?|200|1e\+?\d\d+)")  # 999.9, -200, 1e+20


def ends_of(values: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest value; NaN if there is none."""
    low, high = float(values.min()), float(values.max())  # faster than the functions that skip NaN
    return (low, high) if low == low else (float(np.fmin.reduce(values)), float(np.fmax.reduce(values)))


def replace_markers(values: np.ndarray, ends: tuple[float, float], where: str) -> list[str]:
    """Set numbers that mean a missing value to NaN, in place; returns a note on each.

    A number is such a marker if its distance from the range of all other values exceeds that range, and it is a usual
    marker such as -999.9. Any other rare number that repeats and lies three times the range away is an error: it may be
    a marker or a value. Zero is a value.
    """
    notes = []
    while (far := _far_value(values, ends)) is not None:
        value, distance, count = far
        if distance > 1 and KNOWN_MARKERS.fullmatch(f"{value:.12g}"):
            notes.append(f"{value:g}, far from all other values, was read as missing in {counted(count)}.")
            values[values == value] = np.nan
            ends = ends_of(values)
        elif distance > 3 and value and 1 < count <= RARE * len(values):
            row = int(np.flatnonzero(values == value)[0]) + 1
            raise DataError(
                f"{where}, row {row} and {count - 1} more hold {value:.12g}, far from all other values: if it means a "
                f"missing value, {to_set(missing=f'{value:.12g}')}; if it is a value, {to_set(missing='')}."
            )
        else:
            break
    return notes


def _far_value(values: np.ndarray, ends: tuple[float, float]) -> tuple[float, float, int] | None:
    """The smallest or largest value, its distance from the others in units of their range, and how often it occurs.

    None if both distances are at most 1, which a sample of the values already shows for most columns.
    """
    best, some = None, values[:: max(1, len(values) // SOME)]
    for extreme in ends:
        if _distance(extreme, some) <= 1:
            continue
        distance = _distance(extreme, values)
        if distance > (1 if best is None else best[1]):
            best = (extreme, distance, int((values == extreme).sum()))
    return best


def _distance(extreme: float, values: np.ndarray) -> float:
    """The distance of a value from all others, in units of their range."""
    rest = values[(values != extreme) & ~np.isnan(values)]
    low, high = (rest.min(), rest.max()) if len(rest) else (0, 0)
    if low == high:
        return 0.0
    with np.errstate(over="ignore"):
        return float(max(extreme - high, low - extreme) / (high - low))
