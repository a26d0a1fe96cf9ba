"""What a model may have seen of the part that it is tested on, and the error that scaled errors are relative to."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from datasets.windows import Windows

MOST_ROWS = 100_000  # compared at most
MOST_SHIFTS = 400  # steps of the horizon, compared at most
EQUAL = 1 - 1e-6  # correlation of changes from which two columns are taken for the same numbers, in any unit


def leaks(windows: Windows) -> tuple[str, ...]:
    """Sentences: a column that holds future targets, a scaler or a filled gap that used later rows."""
    return tuple(_leaks(windows))


def _leaks(windows: Windows) -> Iterator[str]:
    yield from _future_columns(windows)
    if windows.data.scale_on == "all" and windows.data.scaling != "none":
        yield (
            'The scaler was fitted on all rows, with those of the test part (scale_on = "all"), so the model has seen '
            "their range."
        )
    if windows.data.gaps == "interpolate" and len(windows.series.unscored):
        yield (
            "Gaps were filled with straight lines to the value after the gap, so an input can hold a value from after "
            'its window (gaps = "interpolate").'
        )


def _future_columns(windows: Windows) -> Iterator[str]:
    """Input columns whose changes are those of a target some steps later, and not those of the target at the time."""
    series = windows.series
    changes = np.diff(series.values[:MOST_ROWS], axis=0)
    run = series.run_of(np.arange(min(series.rows, MOST_ROWS)))
    changes[run[1:] != run[:-1]] = 0  # from one run to the next
    calendar = {f"{part} {wave}" for part in windows.data.calendar for wave in ("sine", "cosine")}  # known ahead
    inputs = [name for name in series.columns if name not in (*series.targets, *calendar)]
    for column in series.index(tuple(inputs)):
        for target in windows.targets:
            x, y = changes[:, column], changes[:, target]
            now = _correlation(x, y)
            for shift in range(1, min(windows.window.horizon, MOST_SHIFTS, len(changes) - 2) + 1):
                if max(EQUAL, now) < _correlation(x[:-shift], y[shift:]):
                    later = "one step" if shift == 1 else f"{shift} steps"
                    yield (
                        f"The input column '{series.columns[column]}' holds the values that the target "
                        f"'{series.columns[target]}' has {later} later, so the forecast can be read from it: remove "
                        "the column from data.features."
                    )
                    break


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """The absolute correlation; 0 if one of them is constant."""
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return abs(float(x @ y)) / size if size > 0 else 0.0


def training_errors(windows: Windows) -> np.ndarray:
    """(series or 1, targets): the divisors of scaled errors (MASE, Hyndman & Koehler 2006), in the unit of the series.

    Each is the mean absolute error of the naive forecast one step ahead on the training rows: the value one season
    earlier, or of a series without a season the last value; filled rows are left out. A series without such rows gets
    the mean of the others; a divisor is 0 where the naive forecast has no error, and then no error can be scaled.
    """
    lag, values = windows.season or 1, windows.series.values[:, windows.targets]
    observed = np.ones(len(values), bool)
    observed[windows.series.unscored] = False
    spans = windows.split.spans["train"]
    runs = [*windows.series.runs, windows.series.rows]
    sums, counts = [], []
    for start, stop in spans:
        inner = [start, *(run for run in runs if start < run < stop), stop]
        pairs = [(slice(a + lag, b), slice(a, max(a, b - lag))) for a, b in pairwise(inner)]
        pieces = [np.abs(values[now] - values[then])[observed[now] & observed[then]] for now, then in pairs]
        sums.append(sum((piece.sum(axis=0) for piece in pieces), np.zeros(len(windows.targets))))
        counts.append(sum(len(piece) for piece in pieces))
    total, number = np.array(sums), np.array(counts)[:, None]
    whole = total.sum(axis=0) / max(1, number.sum())
    return np.asarray(np.where(number > 0, total / np.maximum(number, 1), whole))
