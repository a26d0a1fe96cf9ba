"""From a model of one row to a forecast of many: each forecast is the next row of its input."""

from collections.abc import Callable

import numpy as np

from datasets.windows import Windows


def forecast(predict: Callable[[np.ndarray], np.ndarray], windows: Windows, x: np.ndarray) -> np.ndarray:
    """(N, T, F) to (N, H * targets), scaled; without a rollout it is what the model says."""
    if not windows.window.rollout:
        return predict(x)
    rows: list[np.ndarray] = []
    for _ in range(windows.window.horizon):
        rows.append(predict(x))
        following = np.empty_like(x[:, :1])
        following[:, 0, windows.targets] = rows[-1]
        x = np.concatenate([x[:, 1:], following], axis=1)
    return np.concatenate(rows, axis=1)
