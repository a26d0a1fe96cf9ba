"""The place of a row in the season, as sines and cosines."""

import numpy as np

from datasets.windows import Windows

YEAR = 365.2425  # days
# Seasons that are whole numbers of steps only by rounding: after 30 years, weeks counted modulo 52 are 5 weeks late.
EXACT = {("week", 52): YEAR / 7, ("day", 365): YEAR, ("day", 366): YEAR, ("hour", 8760): 24 * YEAR}


def period(windows: Windows) -> float:
    """The length of the season in steps, with the fraction that a year has. The series must have a season."""
    season = windows.season or 1
    return EXACT.get((windows.series.step, season), float(season))


def places(windows: Windows, rows: np.ndarray) -> np.ndarray:
    """(N,): steps from the start to each row; of several series with time stamps, from the earliest start of all."""
    series = windows.series
    first = np.array(series.runs)[np.clip(series.run_of(rows), 0, None)]
    if not series.groups or series.times is None:
        return rows if not series.groups else rows - first
    offsets = np.searchsorted(np.unique(series.times), series.times[first])
    return np.asarray(rows - first + offsets)


def fourier(place: np.ndarray, length: float, pairs: int) -> np.ndarray:
    """(N, 2 * pairs): sines and cosines with the period `length` and its first fractions."""
    angles = 2 * np.pi * np.outer(place / length, np.arange(1, pairs + 1))
    return np.hstack([np.sin(angles), np.cos(angles)])
