"""Whether one forecast is better than another: a test over all windows, and a probability over the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan, sqrt
from typing import Literal

import numpy as np
import scipy  # its part `stats`, whose import takes a second, is imported on first use
from scipy import special

from reports.analysis.forecasts.accuracy import Forecast, sample, series_of
from reports.analysis.intervals import CONFIDENCE
from reports.analysis.run import Group
from reports.records import Data

LEVEL = 1 - CONFIDENCE
MOST_EXACT = 60  # trials of two models
FEWEST = 10  # windows; a test of fewer would rest on the normality of their losses

State = Literal["better", "worse", "undecided", "untested", "few"]  # few: too few windows for a test


def diebold_mariano(parts: Sequence[np.ndarray], horizon: int) -> float | None:
    """Return the two-sided p-value of the hypothesis that the mean loss difference is 0 (Diebold & Mariano 1995).

    parts: for each origin the losses (N_k,) of one forecast minus those of another, in order of time; N is their sum.
    Forecasts `horizon` steps ahead have errors that overlap, so the variance has autocovariances up to `horizon` - 1;
    if their sum is not above 0, they are weighted as by Newey & West (1987). The statistic has a t distribution with
    N - 1 degrees of freedom. None for fewer than `FEWEST` or twice `horizon` windows.

    Autocovariances are sums over pairs of windows of one part: windows of two origins have no target row in common, so
    their errors do not overlap. This is one test of all windows, with the models of each origin as they were trained
    (Giacomini & White 2006, for models that are estimated again at each origin); p-values of the origins are not
    combined, because each alone rests on few windows. The result holds for these origins: how much the mean differs
    from origin to origin, which few origins cannot show, is not part of the hypothesis, so reports state at how many
    the error is lower. With P_l pairs at lag l, and independent losses, the sum of autocovariances
    has the expected value (N - 1 - 2 (P_1 + ... + P_(horizon-1)) / N) / N times the variance; the statistic is
    corrected by it. For one part this is the correction of Harvey, Leybourne & Newbold (1997).
    """
    count = sum(map(len, parts))
    if count < max(FEWEST, 2 * horizon):
        return None
    mean = float(np.mean(np.concatenate(parts)))
    pairs = [[(part[lag:] - mean, part[: len(part) - lag] - mean) for part in parts if lag < len(part)]
             for lag in range(horizon)]  # fmt: skip
    covariances = np.array([sum(float(late @ early) for late, early in of_lag) for of_lag in pairs]) / count
    variance = covariances[0] + 2 * covariances[1:].sum()
    if variance <= 0:
        variance = covariances[0] + 2 * ((1 - np.arange(1, horizon) / horizon) * covariances[1:]).sum()
    if variance <= 0:
        return 1.0 if mean == 0 else 0.0
    correction = (count - 1 - 2 * sum(len(late) for of_lag in pairs[1:] for late, _ in of_lag) / count) / count
    statistic = mean / sqrt(variance / count) * sqrt(correction)
    return float(2 * special.stdtr(count - 1, -abs(statistic)))


@dataclass(frozen=True)
class Judgement:
    """A model against a baseline, over all seeds and origins.

    "better" and "worse": the difference has this sign and p < 0.05 with every seed. p: the largest of the seeds.
    """

    state: State
    p: float  # NaN: untested
    lower: int  # seeds with a lower error than the baseline
    seeds: int
    lower_origins: int  # origins with a lower error than the baseline, the mean over the seeds
    origins: int


@lru_cache(maxsize=4096)  # the summary, a table and the page of all runs ask for the same ones
def judged(groups: tuple[Group, ...], name: str) -> Judgement:
    """Compare a model with a baseline. "untested" if records lack forecasts, "few" if there are too few windows.

    groups: the model at each origin, see `Run.over_origins`; each seed that all of them have is tested once.
    """
    seeds = [seed for seed in groups[0].outcomes if all(seed in group.outcomes for group in groups)]
    differences = [_over_origins(groups, seed, name) for seed in seeds]
    horizon = max(-(-group.data.horizon // group.data.test_stride) for group in groups)
    tested = [(parts, p) for parts in differences if parts and (p := diebold_mariano(parts, horizon)) is not None]
    if not tested or len(tested) < len(differences):
        return Judgement("few" if differences and all(differences) else "untested", nan, 0, len(seeds), 0, len(groups))
    lower = sum(float(np.mean(np.concatenate(parts))) < 0 for parts, _ in tested)
    means = np.mean([[np.mean(part) for part in parts] for parts, _ in tested], axis=0)
    largest = max(p for _, p in tested)
    state: State = "undecided"
    if largest < LEVEL and lower in (0, len(tested)):
        state = "better" if lower else "worse"
    return Judgement(state, largest, lower, len(tested), int(np.sum(means < 0)), len(groups))


def _over_origins(groups: Sequence[Group], seed: int, name: str) -> list[np.ndarray]:
    """The loss differences of a seed from a baseline at each origin; empty if an origin does not record them."""
    parts = []
    for group in groups:
        baseline = group.data.baseline(name)
        part = loss_differences(group.data, group.outcomes[seed], baseline) if baseline else None
        if part is None:
            return []
        parts.append(part)
    return parts


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
    """How probably a trial of one model has a lower error than a trial of another."""

    probability: float
    p: float  # of the hypothesis that both are equally probable to be lower


def superiority(origins: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Superiority | None:
    """Return the share of pairs of trials of one origin in which the first error is lower, ties counted half.

    origins: the errors of both models by seed, at each origin. Errors of two origins are not compared, because their
    test parts differ. p: of the rank-sum test of Mann & Whitney (1947), summed over the origins as by van Elteren
    (1960). The distribution of the sum, over all exchanges of models within an origin, is exact for up to `MOST_EXACT`
    trials, so that few seeds and ties are judged rightly, and normal for more. None for fewer than two pairs.
    """
    if sum(len(first) * len(second) for first, second in origins) < 2:
        return None
    doubled = [(_doubled_ranks(first, second), len(first), len(second)) for first, second in origins]
    above = sum(int(ranks[:size].sum()) - size * (size + 1) for ranks, size, _ in doubled)  # twice the pairs not lower
    pairs = sum(size * other for _, size, other in doubled)
    small = sum(len(ranks) for ranks, _, _ in doubled) <= MOST_EXACT
    return Superiority(1 - above / 2 / pairs, _exact_p(doubled) if small else _normal_p(doubled))


def _doubled_ranks(first: Sequence[float], second: Sequence[float]) -> np.ndarray:
    """Twice the ranks of all errors, those of `first` in front: ranks that ties share become whole numbers."""
    return np.asarray(np.rint(2 * scipy.stats.rankdata((*first, *second))), dtype=int)


def _exact_p(origins: Sequence[tuple[np.ndarray, int, int]]) -> float:
    """The probability of a sum of ranks at least as far from its mean; see `superiority`."""
    chances, ranks = np.ones(1), 0
    for doubled, size, _ in origins:
        chances = np.convolve(chances, _sums(doubled, size))
        ranks += int(doubled[:size].sum())
    distances = np.abs(np.arange(len(chances)) - np.arange(len(chances)) @ chances)
    return min(1.0, float(chances[distances >= distances[ranks] - 1e-6].sum()))


def _normal_p(origins: Sequence[tuple[np.ndarray, int, int]]) -> float:
    """The same with the mean and the variance of a sum of ranks that are drawn without replacement."""
    distance = sum(float(doubled[:size].sum() - size * doubled.mean()) for doubled, size, _ in origins)
    variance = sum(size * other / len(doubled) * float(doubled.var(ddof=1)) for doubled, size, other in origins)
    return float(2 * special.ndtr(-abs(distance) / sqrt(variance))) if variance > 0 else 1.0


def _sums(values: np.ndarray, count: int) -> np.ndarray:
    """The probability of each sum, from 0 on, of `count` of the whole values drawn without replacement."""
    ways = np.zeros((count + 1, int(values.sum()) + 1))
    ways[0, 0] = 1
    for value in values:
        ways[1:, value:] += ways[:-1, : ways.shape[1] - value].copy()
    chances: np.ndarray = ways[count] / ways[count].sum()
    return chances
