"""Which of several methods is better over many series: ranks, Friedman's test, the critical difference after it."""

from math import factorial, inf, sqrt

import numpy as np
from scipy import stats

from reports.analysis.intervals import CONFIDENCE

RESAMPLES = 9_999
LEVEL = 1 - CONFIDENCE


def ranks(scores: np.ndarray) -> np.ndarray:
    """(series, methods) of what is better when smaller: 1 for the best of a series; equal ones share their ranks."""
    found: np.ndarray = stats.rankdata(scores, axis=1)
    return found


def friedman(scores: np.ndarray) -> float:
    """The p-value of Friedman's test of (series, methods): ranks that differ more than if no method were better.

    Exact where a series' ranks can be reordered in few ways, else from `RESAMPLES` random orders: the usual chi-squared
    distribution is far off for a handful of series. Two methods make it the sign test.
    """

    def parted(*rows: np.ndarray, axis: int = -1) -> np.ndarray:
        found: np.ndarray = np.sum(np.sum(rows, axis=0) ** 2, axis=axis)
        return found

    test = stats.permutation_test(
        tuple(ranks(scores)),
        parted,
        permutation_type="pairings",
        alternative="greater",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),  # the same records must give the same report
    )
    return float(test.pvalue)


def least_series(methods: int) -> int:
    """The fewest series of which Friedman's test of so many methods can ever give p < 0.05.

    Even where all series rank the methods alike: that happens by chance with probability 1 / methods! ** (series - 1).
    """
    series = 2
    while factorial(methods) ** (1 - series) >= LEVEL:
        series += 1
    return series


def critical_difference(series: int, methods: int) -> float:
    """How far apart the mean ranks of two methods must lie to differ at 5 %: Nemenyi's test, after Demšar (2006)."""
    quantile = float(stats.studentized_range.ppf(CONFIDENCE, methods, inf)) / sqrt(2)
    return quantile * sqrt(methods * (methods + 1) / (6 * series))
