"""Forecasts that need no network: a model that does not beat them has learned nothing worth having."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from datasets.rollout import forecast
from datasets.scaling import blocks
from datasets.windows import Part, Windows

if TYPE_CHECKING:  # scikit-learn takes longer to import than all the rest
    from sklearn.linear_model import LinearRegression

NAMES = ("persistence", "seasonal naive", "training mean", "linear autoregression")
MOST_FITTED = 200_000  # training windows; more change nothing but the time it takes


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a baseline says for each window of a part."""

    name: str
    explanation: str
    values: np.ndarray  # (N, H * targets), the series' own unit


def baselines(windows: Windows, part: Part) -> tuple[Forecast, ...]:
    """Every baseline that the series allows; none uses a value from the first target row on."""
    forecasts = (
        _persistence(windows, part),
        _seasonal_naive(windows, part),
        _training_mean(windows, part),
        _linear_autoregression(windows, part),
    )
    return tuple(forecast for forecast in forecasts if forecast is not None)


def _persistence(windows: Windows, part: Part) -> Forecast:
    values = np.tile(windows.level(part), windows.window.horizon)
    return Forecast("persistence", "The last value before the forecast, repeated.", values)


def _seasonal_naive(windows: Windows, part: Part) -> Forecast | None:
    """None without a season, or where a window of the part has less than a season of its run before it."""
    season, series = windows.season, windows.series
    if season is None or not len(part):
        return None
    rows = np.asarray(part.rows)
    begins = np.array(series.runs)
    if (rows - season < begins[np.searchsorted(begins, rows, side="right") - 1]).any():
        return None
    ahead = np.arange(windows.window.horizon)
    same_phase = ahead - season * (ahead // season + 1)
    values = series.values[:, windows.targets][rows[:, None] + same_phase].reshape(len(part), -1)
    return Forecast("seasonal naive", f"The value one season, {season} {series.step}s, before.", values)


def _training_mean(windows: Windows, part: Part) -> Forecast:
    train = [(0, windows.split.train)]
    total = sum(block[:, windows.targets].sum(axis=0) for _, block in blocks(windows.series.values, train, False))
    values = np.tile(total / windows.split.train, (len(part), windows.window.horizon))
    return Forecast("training mean", "The mean of the training rows.", values)


def _linear_autoregression(windows: Windows, part: Part) -> Forecast:
    from sklearn.linear_model import LinearRegression

    thin = -(-len(windows.train) // MOST_FITTED)
    model = LinearRegression().fit(_flat(windows.train.x[::thin]), windows.train.y[::thin].astype(np.float64))
    pieces = [part.x[first : first + MOST_FITTED] for first in range(0, max(1, len(part)), MOST_FITTED)]
    scaled = np.concatenate([forecast(lambda x: _predicted(model, x), windows, piece) for piece in pieces])
    fitted = "the training windows" if thin == 1 else f"every {thin}th training window"
    explanation = f"Least squares on the same window of {windows.window.length} rows, fitted on {fitted}."
    return Forecast("linear autoregression", explanation, windows.to_unit(part, scaled))


def _predicted(model: "LinearRegression", x: np.ndarray) -> np.ndarray:
    values: np.ndarray = model.predict(_flat(x)) if len(x) else np.empty((0, model.coef_.shape[0]))
    return values


def _flat(x: np.ndarray) -> np.ndarray:
    """(N, T, F) to (N, T * F) in float64: least squares in float32 loses half its digits."""
    return np.ascontiguousarray(x, np.float64).reshape(len(x), -1)
