"""Scores of a forecast, in the series' own unit."""

import numpy as np

from backends.contract import Loss
from reports.records import Scores

Array = np.ndarray

MOST_KEPT = 100_000  # numbers of a forecast that a record holds


def stored_stride(windows: int, outputs: int) -> int:
    """Every how many-th of the test windows a record keeps the forecast of: all, unless that would be too much."""
    return max(1, -(-windows * outputs // MOST_KEPT))


def mse(forecast: Array, truth: Array) -> float:
    """Mean squared error over all windows and outputs, (N, H) both, in unit²."""
    return float(np.mean((forecast - truth) ** 2))


def loss(kind: Loss, forecast: Array, truth: Array) -> float:
    """The mean of a training's loss over all windows and outputs, (N, H) both, scaled; see contract.Objective."""
    error = np.abs(np.subtract(forecast, truth, dtype=np.float64))
    if kind == "mse":
        return float(np.mean(error**2))
    if kind == "mae":
        return float(np.mean(error))
    return float(np.mean(np.where(error <= 1, error**2 / 2, error - 0.5)))


def scores(forecast: Array, truth: Array, *, persistence: float, seasonal: float | None, scale: Array) -> Scores:
    """All scores of a forecast (N, H * targets), the targets of one step side by side.

    persistence, seasonal: the mean squared errors of the naive forecasts on the same windows; seasonal is None for
    a series without a season. Skill is 1 - MSE / MSE of the naive forecast (Murphy 1988): 0 equals it, above beats it.
    scale: (targets,), what a scaler of the values divides by.
    """
    error = mse(forecast, truth)
    apart = (forecast - truth) / np.tile(scale, truth.shape[1] // len(scale))
    return Scores(
        mse=error,
        rmse=float(np.sqrt(error)),
        mae=float(np.mean(np.abs(forecast - truth))),
        skill_persistence=skill(error, persistence),
        skill_seasonal=None if seasonal is None else skill(error, seasonal),
        scaled_mse=float(np.mean(apart**2)),
        scaled_mae=float(np.mean(np.abs(apart))),
    )


def skill(error: float, naive: float) -> float:
    """1 - error / naive; a naive forecast without any error cannot be beaten, only equalled."""
    if naive == 0:
        return 0.0 if error == 0 else -np.inf
    return 1 - error / naive
