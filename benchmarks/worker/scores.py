"""Losses and scores of a forecast."""

import numpy as np

from backends.contract import Objective
from datasets import Windows
from reports.records import Scores

Array = np.ndarray

MOST_KEPT = 100_000  # numbers of a forecast that a record stores at most


def stored_stride(windows: int, outputs: int) -> int:
    """Return the stride k such that a record stores the forecast of every k-th test window: 1 unless too large."""
    return max(1, -(-windows * outputs // MOST_KEPT))


def loss(objective: Objective, forecast: Array, truth: Array) -> float:
    """Return the mean training loss over all windows and outputs, scaled; see contract.Objective."""
    if objective.loss == "quantile":
        q = np.tile(objective.quantiles, truth.shape[1])
        below = np.subtract(np.repeat(truth, len(objective.quantiles), axis=1), forecast, dtype=np.float64)
        above = (q - 1) * below
        below *= q
        return float(np.mean(np.maximum(below, above, out=above)))
    error = np.abs(np.subtract(forecast, truth, dtype=np.float64))
    if objective.loss == "mse":
        return float(np.mean(error**2))
    if objective.loss == "mae":
        return float(np.mean(error))
    return float(np.mean(np.where(error <= 1, error**2 / 2, error - 0.5)))


def group_scores(forecast: Array, truth: Array, windows: Windows) -> tuple[Scores, ...]:
    """Return the scores of each series that has test windows, in the order of `groups`; empty for a single series."""
    if not windows.series.groups:
        return ()
    runs, scale = windows.runs(windows.test), windows.scale(windows.test)
    rows_of = [np.flatnonzero(runs == run) for run in np.unique(runs)]
    return tuple(
        scores(forecast[rows], truth[rows], scale=scale if scale.ndim == 1 else scale[rows]) for rows in rows_of
    )


def groups(windows: Windows) -> tuple[tuple[str, int], ...]:
    """Return the name and the number of test windows of each series that has test windows."""
    if not windows.series.groups:
        return ()
    runs, counts = np.unique(windows.runs(windows.test), return_counts=True)
    return tuple((windows.series.groups[run], int(count)) for run, count in zip(runs, counts, strict=True))


def scores(forecast: Array, truth: Array, *, scale: Array) -> Scores:
    """Return all scores of a forecast (N, H * targets), whose columns hold the targets of one step side by side.

    Errors are in the series' own unit. scale: (targets,) or (N, targets), the divisor of each target's scaler, for the
    scaled errors.
    """
    mse = float(np.mean((forecast - truth) ** 2))
    scaled = (forecast - truth) / np.tile(scale, truth.shape[1] // scale.shape[-1])
    return Scores(
        mse=mse,
        rmse=float(np.sqrt(mse)),
        mae=float(np.mean(np.abs(forecast - truth))),
        scaled_mse=float(np.mean(scaled**2)),
        scaled_mae=float(np.mean(np.abs(scaled))),
    )
