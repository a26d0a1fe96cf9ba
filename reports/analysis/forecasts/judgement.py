"""Whether one forecast is better than another: a test over the windows, and a probability over the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan, sqrt
from typing import Literal

import numpy as np
from scipy import stats

from reports.analysis.forecasts.accuracy import Forecast, sample, series_of
from reports.analysis.intervals import CONFIDENCE
from reports.analysis.run import Group
from reports.records import Data

LEVEL = 1 - CONFIDENCE
FEWEST = 10  # windows; a test of fewer would rest on the normality of their losses

State = Literal["better", "worse", "undecided", "untested"]


def diebold_mariano(differences: np.ndarray, horizon: int) -> float | None:
    """Return the two-sided p-value of the hypothesis that the mean loss difference is 0 (Diebold & Mariano 1995).

    differences: (N,) the losses of one forecast minus those of another, in order of time. Forecasts `horizon` steps
    ahead have errors that overlap, so the variance has autocovariances up to `horizon` - 1; if their sum is not above
    0, they are weighted as by Newey & West (1987). The statistic has the correction of Harvey, Leybourne & Newbold
    (1997) and a t distribution with N - 1 degrees of freedom. None for fewer than `FEWEST` or twice `horizon` windows.
    """
    count = len(differences)
    if count < max(FEWEST, 2 * horizon):
        return None
    mean = float(np.mean(differences))
    deviations = differences - mean
    covariances = np.array([deviations[lag:] @ deviations[: count - lag] for lag in range(horizon)]) / count
    variance = covariances[0] + 2 * covariances[1:].sum()
    if variance <= 0:
        variance = covariances[0] + 2 * ((1 - np.arange(1, horizon) / horizon) * covariances[1:]).sum()
    if variance <= 0:
        return 1.0 if mean == 0 else 0.0
    correction = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = mean / sqrt(variance / count) * sqrt(correction)
    return float(2 * stats.t.sf(abs(statistic), count - 1))


@dataclass(frozen=True)
class Judgement:
    """A model against a baseline, over all seeds of a group.

    "better" and "worse": the difference has this sign and p < 0.05 with every seed. p: the largest of the seeds.
    """

    state: State
    p: float  # NaN: untested
    lower: int  # seeds with a lower error than the baseline
    seeds: int


@lru_cache(maxsize=4096)  # the summary, a table and the page of all runs ask for the same ones
def judged(group: Group, name: str) -> Judgement:
    """Compare the forecasts of a group with those of a baseline. "untested" if their records lack forecasts."""
    baseline = next((baseline for baseline in group.data.baselines if baseline.name == name), None)
    differences = [
        loss_differences(group.data, outcome, baseline) if baseline else None for outcome in group.outcomes.values()
    ]
    tested = [(values, p) for values in differences if values is not None and (p := _p(group.data, values)) is not None]
    if not tested or len(tested) < len(differences):
        return Judgement("untested", nan, 0, len(differences))
    means = [float(np.mean(values)) for values, _ in tested]
    lower, largest = sum(mean < 0 for mean in means), max(p for _, p in tested)
    state: State = "undecided"
    if largest < LEVEL and lower in (0, len(means)):
        state = "better" if lower else "worse"
    return Judgement(state, largest, lower, len(means))


def _p(data: Data, differences: np.ndarray) -> float | None:
    return diebold_mariano(differences, -(-data.horizon // data.test_stride))


def loss_differences(data: Data, first: Forecast, second: Forecast) -> np.ndarray | None:
    """(N,): the squared error of each window of the first forecast minus that of the second; None if not recorded.

    The mean over the steps and targets of a window; errors of several targets are divided by the naive training error
    of their target, because units differ. Of several series at one time the mean is one value, because their errors
    depend on each other.
    """
    left, right = sample(data, first), sample(data, second)
    if left is None or right is None or (data.targets > 1 and left.divisor is None):
        return None
    scale = left.divisor if data.targets > 1 and left.divisor is not None else np.ones(1)
    scale = np.where(scale > 0, scale, 1.0)
    losses = [np.mean(((of.forecast - of.truth) / scale) ** 2, axis=(1, 2)) for of in (left, right)]
    difference: np.ndarray = losses[0] - losses[1]
    return difference if len(data.groups) < 2 else _by_time(data, difference)


def _by_time(data: Data, values: np.ndarray) -> np.ndarray:
    """The mean of the series at each time; series without time stamps are aligned at their first windows."""
    if all(text.isdigit() for text in data.test_times):
        groups = series_of(data)
        keys = np.arange(len(groups)) - np.searchsorted(groups, groups)
    else:
        keys = np.unique(np.array(data.test_times), return_inverse=True)[1]
    return np.asarray(np.bincount(keys, values) / np.bincount(keys))


@dataclass(frozen=True)
class Superiority:
    """How probably a run of one model has a lower error than a run of another."""

    probability: float
    p: float  # of the hypothesis that both are equally probable to be lower (Mann & Whitney 1947)


def superiority(first: Sequence[float], second: Sequence[float]) -> Superiority | None:
    """Return the share of pairs of seeds in which the first error is lower, ties counted half; None below two seeds."""
    if min(len(first), len(second)) < 2:
        return None
    test = stats.mannwhitneyu(first, second, alternative="two-sided", method="auto")
    return Superiority(1 - float(test.statistic) / (len(first) * len(second)), float(test.pvalue))
