"""Regressions on the rows of a window and the place in the season, fitted on the training windows."""

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from datasets.fitted import UnsuitableError
from datasets.fitted.seasons import fourier, period, places
from datasets.naive import MOST_FITTED, Forecast, least_squares
from datasets.windows import Part, Windows, forecast

PAIRS = 3  # sines and cosines that describe a season; more do not pay with a few hundred rows
MOST_TREES = 24  # models of gradient boosting; a forecast of more numbers shares them over the steps


def seasonal_autoregression(windows: Windows, part: Part) -> Forecast:
    """Least squares on the rows of the window and on sines and cosines of the season at the first target."""
    if windows.season is None:
        raise UnsuitableError("the series has no season")
    pairs = min(PAIRS, windows.season // 2)
    every, x, rows, y = _training(windows)
    fitted = least_squares(np.hstack([_flat(x), _season(windows, rows, pairs)]), y)

    def predict(inputs: np.ndarray, first_rows: np.ndarray) -> np.ndarray:
        return fitted(np.hstack([_flat(inputs), _season(windows, first_rows, pairs)]))

    terms = "a sine and a cosine" if pairs == 1 else f"{pairs} sines and {pairs} cosines"
    explanation = (
        f"Least squares on the same window of {windows.window.length} rows and {terms} of the season, fitted on "
        f"{_words(every)}."
    )
    return Forecast("seasonal autoregression", explanation, windows.to_unit(part, _forecasts(windows, part, predict)))


def gradient_boosting(windows: Windows, part: Part) -> Forecast:
    """Boosted trees on the rows of the window, relative to its last row, and on the place in the season.

    Trees cannot continue a trend, so they learn the difference from the last row. The outputs share one model per
    target where they are many; the step ahead is then an input.
    """
    every, x, rows, y = _training(windows)
    targets, steps = len(windows.targets), windows.window.target_rows
    shared = y.shape[1] > MOST_TREES
    y = y.reshape(len(y), steps, targets) - _last(windows, x)[:, None]
    if shared:  # a row for each window and step
        thin = max(1, -(-len(y) * steps // MOST_FITTED))
        inputs = _with_steps(_inputs(windows, x[::thin], rows[::thin]), steps)
        columns = y[::thin].reshape(-1, targets).T
    else:
        inputs, columns = _inputs(windows, x, rows), y.reshape(len(y), -1).T
    models = [_trees(inputs, column) for column in columns]

    def predict(window: np.ndarray, first_rows: np.ndarray) -> np.ndarray:
        inputs = _inputs(windows, window, first_rows)
        inputs = _with_steps(inputs, steps) if shared else inputs
        changes = np.stack([model.predict(inputs) for model in models], axis=-1).reshape(len(window), steps, targets)
        return np.asarray((changes + _last(windows, window)[:, None]).reshape(len(window), -1))

    explanation = (
        f"Gradient boosting (100 trees) on the same window of {windows.window.length} rows"
        f"{'' if windows.season is None else ' and the place in the season'}, fitted on {_words(every)}."
    )
    return Forecast("gradient boosting", explanation, windows.to_unit(part, _forecasts(windows, part, predict)))


def _trees(inputs: np.ndarray, column: np.ndarray) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(early_stopping=False, random_state=0).fit(inputs, column)


def _training(windows: Windows) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """How many training windows there are for each used one; their inputs, first target rows, targets in float64."""
    every = -(-len(windows.train) // MOST_FITTED)
    rows = np.asarray(windows.train.rows)[::every]
    return every, windows.train.inputs[::every], rows, windows.train.y[::every].astype(np.float64)


def _words(every: int) -> str:
    return "the training windows" if every == 1 else f"one of every {every} training windows"


def _forecasts(windows: Windows, part: Part, predict: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """(N, H * targets), scaled. predict: takes windows and their first target rows; with a rollout it is repeated."""
    rows, pieces = np.asarray(part.rows), [np.empty((0, windows.window.horizon * len(windows.targets)))]
    for first in range(0, len(part), MOST_FITTED):
        piece, ahead = slice(first, first + MOST_FITTED), count()

        def one_call(x: np.ndarray, first_rows: np.ndarray = rows[piece], ahead: Iterator[int] = ahead) -> np.ndarray:
            return predict(x, first_rows + next(ahead))

        pieces.append(forecast(one_call, windows, part.inputs[piece]))
    return np.concatenate(pieces)


def _last(windows: Windows, x: np.ndarray) -> np.ndarray:
    """(N, targets): the last row of each window; zeros where the series is differenced, whose rows are changes."""
    if windows.data.difference:
        return np.zeros((len(x), len(windows.targets)))
    if windows.window.padding == "right" and windows.window.shortest < windows.window.length:
        raise UnsuitableError("it does not read windows that are padded on the right")
    return x[:, -1][:, windows.targets].astype(np.float64)


def _inputs(windows: Windows, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N, T * F), for an undifferenced series the targets relative to their last row; then the place in the season."""
    values = np.array(x, np.float64)
    values[:, :, windows.targets] -= _last(windows, x)[:, None]
    return _flat(values) if windows.season is None else np.hstack([_flat(values), _season(windows, rows, 1)])


def _with_steps(inputs: np.ndarray, steps: int) -> np.ndarray:
    """(N * steps, columns + 1): each row once for each step ahead, which is the last column."""
    return np.hstack([np.repeat(inputs, steps, axis=0), np.tile(np.arange(steps), len(inputs))[:, None]])


def _season(windows: Windows, rows: np.ndarray, pairs: int) -> np.ndarray:
    """(N, 2 * pairs): the place of these rows in the season; rows after the end of the series are counted on."""
    return fourier(places(windows, rows), period(windows), pairs)


def _flat(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x, np.float64).reshape(len(x), -1)
