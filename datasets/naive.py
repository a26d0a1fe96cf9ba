"""Naive forecasts, with which every model is compared: a useful model has smaller errors than all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from datasets.scaler import blocks
from datasets.windows import Part, Windows, forecast

if TYPE_CHECKING:  # importing scikit-learn takes longer than all the rest
    from sklearn.linear_model import LinearRegression

NAMES = ("persistence", "seasonal naive", "training mean", "linear autoregression")
MOST_FITTED = 200_000  # training windows for the regression; more windows add time and do not change the result


@dataclass(frozen=True, eq=False)
class Forecast:
    """The forecasts of a baseline for the windows of a part."""

    name: str
    explanation: str
    values: np.ndarray  # (N, H * targets), in the unit of the series


def baselines(windows: Windows, part: Part) -> tuple[Forecast, ...]:
    """All baselines that the series allows, in the order of NAMES.

    A forecast uses no value from the first target row of its window on.
    """
    return tuple(_forecasts(windows, part))


def _forecasts(windows: Windows, part: Part) -> Iterator[Forecast]:
    horizon, season, step = windows.window.horizon, windows.season, windows.series.step
    last = np.tile(windows.last_observed(part), horizon)
    yield Forecast("persistence", "The last value before the forecast, repeated.", last)
    seasonal = _seasonal_naive(windows, part)
    if seasonal is not None:
        yield Forecast("seasonal naive", f"The value one season ({season} {step}s) earlier.", seasonal)
    train = windows.split.train
    total = sum(
        block[:, windows.targets].sum(axis=0) for _, block in blocks(windows.series.values, [(0, train)], False)
    )
    yield Forecast("training mean", "The mean of the training rows.", np.tile(total / train, (len(part), horizon)))
    yield _linear_autoregression(windows, part)


def _seasonal_naive(windows: Windows, part: Part) -> np.ndarray | None:
    """(N, H * targets); None without a season, or if a window has less than one season of its run before it."""
    season, series = windows.season, windows.series
    if season is None or not len(part):
        return None
    rows = np.asarray(part.rows)
    first = np.array(series.runs)
    if (rows - season < first[np.searchsorted(first, rows, side="right") - 1]).any():
        return None
    ahead = np.arange(windows.window.horizon)
    same_phase = ahead - season * (ahead // season + 1)
    values: np.ndarray = series.values[:, windows.targets][rows[:, None] + same_phase].reshape(len(part), -1)
    return values


def _linear_autoregression(windows: Windows, part: Part) -> Forecast:
    from sklearn.linear_model import LinearRegression

    every = -(-len(windows.train) // MOST_FITTED)
    model = LinearRegression().fit(_flat(windows.train.x[::every]), windows.train.y[::every].astype(np.float64))
    pieces = [part.x[first : first + MOST_FITTED] for first in range(0, max(1, len(part)), MOST_FITTED)]
    scaled = np.concatenate([forecast(lambda x: _predicted(model, x), windows, piece) for piece in pieces])
    fitted = "the training windows" if every == 1 else f"one of every {every} training windows"
    explanation = f"Least squares on the same window of {windows.window.length} rows, fitted on {fitted}."
    return Forecast("linear autoregression", explanation, windows.to_unit(part, scaled))


def _predicted(model: "LinearRegression", x: np.ndarray) -> np.ndarray:
    values: np.ndarray = model.predict(_flat(x)) if len(x) else np.empty((0, model.coef_.shape[0]))
    return values


def _flat(x: np.ndarray) -> np.ndarray:
    """(N, T, F) to (N, T * F), in float64: least squares in float32 loses half of its digits."""
    return np.ascontiguousarray(x, np.float64).reshape(len(x), -1)
