"""Signs that a model has seen what it forecasts, from the records of a run."""

from collections.abc import Iterator
from math import log10, sqrt
from statistics import median

import numpy as np

from reports.analysis.forecasts.accuracy import sample
from reports.analysis.run import Group, Run
from reports.records import Case, Data

FAR_BELOW = 10.0  # a test error so many times below the training error has another reason than luck
MOST_DIGITS = 9  # decimals of a series that is not rounded


def resolution(truth: np.ndarray) -> float | None:
    """Return the power of ten that all values are multiples of: 0.1 for 3.2 and 4.5; None for values of many digits."""
    size = float(np.max(np.abs(truth))) if truth.size else 0.0
    for digits in range(MOST_DIGITS + 1):
        if np.allclose(truth, np.round(truth, digits), rtol=0, atol=1e-12 * max(1.0, size)):
            return 10.0**-digits if size == 0 or log10(size) + digits < MOST_DIGITS else None
    return None


def leaks(run: Run) -> tuple[str, ...]:
    """Sentences: recorded causes of a leak of each data set, then suspiciously small test errors."""
    causes = (sentence for data in run.manifest.data.values() for sentence in data.leaks)
    return tuple(dict.fromkeys((*causes, *_small_errors(run))))


def _small_errors(run: Run) -> Iterator[str]:
    for case in run.manifest.cases:
        groups = list(run.finished(case))
        if not groups:
            continue
        rounded = _below_rounding(run.data(case), groups)
        factor = min(filter(None, (_training_over_test(run.data(case), case, group) for group in groups)), default=None)
        if rounded is not None:
            yield (
                f"'{case.label}': its test RMSE is below the rounding of the data ({rounded:g}), and no baseline comes "
                "near: check whether an input column holds the target."
            )
        elif factor is not None and factor > FAR_BELOW:
            yield (
                f"'{case.label}': its test loss is {factor:.0f} times below its training loss, and the test part is "
                "not that much easier for a naive forecast: check whether an input column holds the target."
            )


def _below_rounding(data: Data, groups: list[Group]) -> float | None:
    """The resolution of the data, if all errors lie below that of rounding alone, and no baseline's error does.

    A rounded value differs from the unrounded one by a uniform error with the standard deviation resolution / √12.
    """
    step = resolution(np.asarray(data.test_truth, float))
    if step is None:
        return None
    bound = step / sqrt(12)
    rmse = [outcome.scores.rmse for group in groups for outcome in group.outcomes.values()]
    naive = [baseline.scores.rmse for baseline in data.baselines]
    return step if max(rmse) < bound <= min(naive, default=0.0) else None


def _training_over_test(data: Data, case: Case, group: Group) -> float | None:
    """The last training loss relative to the test loss, less what the test part is easier for a naive forecast.

    None unless both are mean squared errors of the same scaled values.
    """
    other_loss = any(note.startswith(("loss ", "L2 ")) for note in case.training_notes)
    if other_loss or not data.scale or (data.differenced and data.horizon > 1):
        return None
    ratios = []
    for outcome in group.outcomes.values():
        forecasts = sample(data, outcome)
        if forecasts is None or not outcome.train_losses:
            return None
        loss = float(np.mean(((forecasts.forecast - forecasts.truth) / np.array(data.scale)) ** 2))
        ratios.append(outcome.train_losses[-1] / loss if loss > 0 else float("inf"))
    return median(ratios) / max(1.0, _easier(data)) if ratios else None


def _easier(data: Data) -> float:
    """How many times lower the squared error of the naive forecast is on the test part than on the training part."""
    errors = np.array(data.training_errors, float)
    name = "persistence" if data.season is None else "seasonal naive"
    naive = data.baseline(name)
    if not errors.size or naive is None or not naive.scores.mae:
        return 1.0
    return float(np.mean(errors) / naive.scores.mae) ** 2
