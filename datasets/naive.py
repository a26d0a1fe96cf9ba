"""Naive forecasts, with which every model is compared: a useful model has smaller errors than all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from datasets.scaler import blocks
from datasets.windows import Part, Windows, forecast

NAMES = ("persistence", "seasonal naive", "training mean", "linear autoregression")
ROUNDING = float(np.finfo(np.float32).eps)  # the columns of a calendar in float64 are rounded too, to 12 decimals
MOST_FITTED = 200_000  # training windows for the regression; more windows add time and do not change the result


@dataclass(frozen=True, eq=False)
class Forecast:
    """The forecasts of a baseline for the windows of a part."""

    name: str
    explanation: str
    values: np.ndarray  # (N, H * targets), in the unit of the series
    seconds: float | None = None  # of fitting and forecasting; None: not measured


def baselines(windows: Windows, part: Part) -> tuple[Forecast, ...]:
    """All baselines that the series allows, in the order of NAMES.

    A forecast uses no value from the first target row of its window on.
    """
    return tuple(_forecasts(windows, part))


def _forecasts(windows: Windows, part: Part) -> Iterator[Forecast]:
    horizon = windows.window.horizon
    last = np.tile(windows.last_observed(part), horizon)
    yield Forecast("persistence", "The last value before the forecast, repeated.", last)
    seasonal = _seasonal_naive(windows, part)
    if seasonal is not None:
        yield Forecast("seasonal naive", f"The value one season ({_season(windows)}) earlier.", seasonal)
    yield _training_mean(windows, part)
    yield _linear_autoregression(windows, part)


def _season(windows: Windows) -> str:
    """The season in words: "52 weeks", "96 steps of 15 minutes"."""
    step = windows.series.step
    return f"{windows.season} steps of {step}" if step[0].isdigit() else f"{windows.season} {step}s"


def _training_mean(windows: Windows, part: Part) -> Forecast:
    """The mean of the training rows; of several series, each has its own, or that of all without training rows."""
    spans = windows.split.spans["train"]
    unscored = windows.series.unscored
    filled = [unscored[(unscored >= start) & (unscored < stop)] for start, stop in spans]
    totals = np.array([_total(windows, *pair) for pair in zip(spans, filled, strict=True)])  # (spans, targets)
    rows = np.array([stop - start - len(rows) for (start, stop), rows in zip(spans, filled, strict=True)])[:, None]
    mean = totals.sum(axis=0) / rows.sum()
    means = np.where(rows > 0, totals / np.maximum(rows, 1), mean)
    values = means[windows.runs(part) if len(spans) > 1 else np.zeros(len(part), np.int64)]
    of_which = (" of each series" if len(spans) > 1 else "") + (" without filled ones" if any(map(len, filled)) else "")
    return Forecast(
        "training mean", f"The mean of the training rows{of_which}.", np.tile(values, windows.window.horizon)
    )


def _total(windows: Windows, span: tuple[int, int], filled: np.ndarray) -> np.ndarray:
    """(targets,): the sum of the rows that are not filled."""
    values, start = windows.series.values, np.zeros(len(windows.targets))
    whole = sum((block[:, windows.targets].sum(axis=0) for _, block in blocks(values, [span], False)), start)
    return np.asarray(whole - values[filled][:, windows.targets].sum(axis=0))


def _seasonal_naive(windows: Windows, part: Part) -> np.ndarray | None:
    """(N, H * targets); None without a season, or if a window has less than one season of its run before it."""
    season, series = windows.season, windows.series
    if season is None or not len(part):
        return None
    rows = np.asarray(part.rows)
    if (rows - season < np.array(series.runs)[series.run_of(rows)]).any():
        return None
    ahead = np.arange(windows.window.horizon)
    same_phase = ahead - season * (ahead // season + 1)
    values: np.ndarray = series.values[:, windows.targets][rows[:, None] + same_phase].reshape(len(part), -1)
    return values


def _linear_autoregression(windows: Windows, part: Part) -> Forecast:
    """With NumPy: importing scikit-learn for one regression takes longer than preparing a run."""
    every = -(-len(windows.train) // MOST_FITTED)
    x, y = _flat(windows.train.inputs[::every]), windows.train.y[::every].astype(np.float64)
    fitted = least_squares(x, y)
    pieces = [part.inputs[first : first + MOST_FITTED] for first in range(0, max(1, len(part)), MOST_FITTED)]
    scaled = np.concatenate([forecast(lambda x: fitted(_flat(x)), windows, piece) for piece in pieces])
    which = "the training windows" if every == 1 else f"one of every {every} training windows"
    explanation = f"Least squares on the same window of {windows.window.length} rows, fitted on {which}."
    return Forecast("linear autoregression", explanation, windows.to_unit(part, scaled))


def least_squares(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The affine function from (N, columns) to (N, outputs) with the least squared error at x and y, in float64.

    Columns may depend on each other, as those of the calendar in rows one after another. Then a part of them is
    rounding errors, at most `ROUNDING` of the whole, and is left out: a weight on it forecasts nothing.
    """
    means = x.mean(axis=0), y.mean(axis=0)  # the intercept has no part in the solution of least norm
    scale = np.maximum(x.std(axis=0), ROUNDING * np.abs(x).max(axis=0))
    scale[scale == 0] = 1
    coefficients = np.linalg.lstsq((x - means[0]) / scale, y - means[1], rcond=ROUNDING)[0]

    def predicted(x: np.ndarray) -> np.ndarray:
        values: np.ndarray = (x - means[0]) / scale @ coefficients + means[1]
        return values

    return predicted


def _flat(x: np.ndarray) -> np.ndarray:
    """(N, T, F) to (N, T * F), in float64: least squares in float32 loses half of its digits."""
    return np.ascontiguousarray(x, np.float64).reshape(len(x), x.shape[1] * x.shape[2])
