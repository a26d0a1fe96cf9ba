"""From a model of one row to a forecast of many: each forecast is the next row of its input."""

from collections.abc import Callable

import numpy as np

import datasets

Array = np.ndarray


def forecast(predict: Callable[[Array], Array], windows: datasets.Windows, x: Array) -> Array:
    """(N, T, F) to (N, H * targets), scaled; without a rollout it is what the model says."""
    if not windows.window.rollout:
        return predict(x)
    columns, rows = windows.targets, []
    for _ in range(windows.window.horizon):
        rows.append(predict(x))
        following = np.empty_like(x[:, :1])
        following[:, 0, columns] = rows[-1]
        x = np.concatenate([x[:, 1:], following], axis=1)
    return np.concatenate(rows, axis=1)
