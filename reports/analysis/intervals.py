"""Statistics of a few runs: medians and means with intervals, noise, effects between paired runs, and sample sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import ceil, comb, exp, inf, isfinite, log, sqrt
from statistics import fmean, median
from typing import Literal

import numpy as np
import scipy  # its part `stats`, whose import takes a second, is imported on first use
from scipy import special

CONFIDENCE = 0.95
# With n values, all of them lie on one side of the true median with probability 2 ** (1 - n). That is below 5 % from
# n = 6 on, so fewer values have no 95 % interval of the median.
MIN_FOR_INTERVAL = 6
TARGET_PRECISION = 0.05  # half width of the interval, relative to its middle, that `required_n` aims at
NORMAL_QUANTILE = 1.959964  # of a two-sided test at 5 %
MAX_N = 100  # no larger sample size is recommended

Statistic = Literal["median", "mean", "geometric mean"]
State = Literal["same", "up", "down", "within", "few"]


@dataclass(frozen=True)
class Interval:
    """An estimate from `count` values with limits around it, in the unit of the values.

    The limits of a median are a 95 % interval from the order statistics if there are `MIN_FOR_INTERVAL` values, else
    the range of the values. The limits of a mean or a geometric mean are a 95 % t interval.
    """

    estimate: float
    low: float
    high: float
    count: int
    statistic: Statistic = "median"

    @property
    def is_confidence_interval(self) -> bool:
        return self.count >= (MIN_FOR_INTERVAL if self.statistic == "median" else 2)

    @property
    def precision(self) -> float:
        """Half of the 95 % interval's width, relative to the estimate, on its wider side; infinite without one."""
        return max(self.high / self.estimate - 1, 1 - self.low / self.estimate) if self.is_confidence_interval else inf

    @property
    def single(self) -> bool:
        return self.count == 1

    @property
    def inverse(self) -> "Interval":
        """The interval of 1 / value, for values above 0."""
        return Interval(1 / self.estimate, 1 / self.high, 1 / self.low, self.count, self.statistic)


def median_interval(values: Sequence[float]) -> Interval | None:
    """Return the median with its limits; None without values, or if one of them is not finite.

    The limits interpolate between the two pairs of order statistics whose exact confidences enclose 95 %
    (Hettmansperger and Sheather 1986). They make no assumption about the distribution.
    """
    if not values or not all(map(isfinite, values)):
        return None
    ordered, count = sorted(values), len(values)
    low, high = ordered[0], ordered[-1]
    if count >= MIN_FOR_INTERVAL:
        depth, share = _depth(count)
        low = (1 - share) * ordered[depth - 1] + share * ordered[depth]
        high = (1 - share) * ordered[-depth] + share * ordered[-depth - 1]
    return Interval(float(np.median(ordered)), low, high, count)


@cache
def _depth(count: int) -> tuple[int, float]:
    """Return the place k of the lower order statistic, from 1, and the share of the next one in the lower limit.

    The interval from the k-th lowest to the k-th highest of `count` values contains the median with the probability
    1 - 2 P(B < k), where B is binomial with `count` trials and probability 1/2.
    """
    depth = max(k for k in range(1, count // 2 + 1) if 1 - 2 * special.bdtr(k - 1, count, 0.5) >= CONFIDENCE)
    outer, inner = (1 - 2 * float(special.bdtr(k - 1, count, 0.5)) for k in (depth, depth + 1))
    gap = (outer - CONFIDENCE) / (outer - inner)
    return depth, (count - depth) * gap / (depth + (count - 2 * depth) * gap)


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Return the mean with its 95 % t interval; without width for a single value. None as in `median_interval`.

    The t interval assumes normally distributed values.
    """
    if not values or not all(map(isfinite, values)):
        return None
    mean, low, high = float(np.mean(values)), float(np.mean(values)), float(np.mean(values))
    if len(values) > 1 and np.ptp(values) > 0:
        error = scipy.stats.sem(values)
        low, high = map(float, scipy.stats.t.interval(CONFIDENCE, len(values) - 1, loc=mean, scale=error))
    return Interval(mean, low, high, len(values), "mean")


def geometric_mean_interval(ratios: Sequence[float]) -> Interval | None:
    """Return the geometric mean with the 95 % interval from `mean_interval` of the logarithms.

    None without ratios, or if one of them is not a finite number above 0.
    """
    if not all(ratio > 0 for ratio in ratios):
        return None
    logs = mean_interval([log(ratio) for ratio in ratios])
    return logs and Interval(exp(logs.estimate), exp(logs.low), exp(logs.high), logs.count, "geometric mean")


def ratio_of_repeats(numerators: Sequence[float], denominators: Sequence[float]) -> Interval | None:
    """Return the ratio of the geometric means of unpaired values, with Welch's 95 % interval of the logarithms.

    The values are repetitions inside one process each, so `count` is 1: the interval does not cover differences
    between processes. None if a side has fewer than two values, or one that is not above 0.
    """
    if min(len(numerators), len(denominators)) < 2 or not min(*numerators, *denominators) > 0:
        return None
    above, below = np.log(numerators), np.log(denominators)
    ratio = exp(float(np.mean(above) - np.mean(below)))
    if np.ptp(above) == 0 and np.ptp(below) == 0:
        return Interval(ratio, ratio, ratio, 1, "geometric mean")
    limits = scipy.stats.ttest_ind(above, below, equal_var=False).confidence_interval(CONFIDENCE)
    return Interval(ratio, exp(float(limits.low)), exp(float(limits.high)), 1, "geometric mean")


@dataclass(frozen=True)
class PairedEffect:
    """The interval of a ratio (`neutral` is 1) or a difference (`neutral` is 0) between two runs, first to second."""

    interval: Interval
    neutral: float
    required_n: int  # pairs for an interval of `TARGET_PRECISION`, at the variation of these pairs

    @property
    def beyond_noise(self) -> bool:
        """Whether the 95 % interval of at least two pairs excludes the neutral value. The only such decision."""
        return self.interval.count > 1 and not self.interval.low <= self.neutral <= self.interval.high

    @property
    def state(self) -> State:
        """Return "up" or "down" if beyond noise, "same" if identical, else "within", or "few" with too few pairs."""
        if self.interval.low == self.interval.high == self.neutral:
            return "same"
        if self.beyond_noise:
            return "up" if self.interval.low > self.neutral else "down"
        return "few" if self.interval.count < self.required_n else "within"


def ratio_effect(before: Sequence[float], after: Sequence[float]) -> PairedEffect | None:
    """Return the effect of paired values as the ratio second to first; None without pairs or with a 0."""
    if not all(before):
        return None
    ratios = [second / first for first, second in zip(before, after, strict=True)]
    interval = geometric_mean_interval(ratios)
    return PairedEffect(interval, 1.0, required_n(ratios)) if interval else None


def difference_effect(before: Sequence[float], after: Sequence[float]) -> PairedEffect | None:
    """Return the effect of paired values as the difference second - first; None without pairs."""
    interval = mean_interval([second - first for first, second in zip(before, after, strict=True)])
    if interval is None:
        return None
    relative = 1 + np.subtract(after, before) / (np.mean(before) or 1.0)  # precision relative to the value itself
    return PairedEffect(interval, 0.0, required_n(relative.tolist()))


def repeats_effect(before: Sequence[float], after: Sequence[float]) -> PairedEffect | None:
    """Return the ratio of repetitions inside one process each; it is never beyond noise, see `ratio_of_repeats`."""
    interval = ratio_of_repeats(after, before)
    return PairedEffect(interval, 1.0, MIN_FOR_INTERVAL) if interval else None


@dataclass(frozen=True)
class SteadyState:
    """The epochs of a process after its warm-up.

    start: place of the first steady epoch, from 1. seconds: of each epoch from there on. reached: whether these epochs
    have no trend; if not, `seconds` are those of the last half.
    """

    start: int
    seconds: tuple[float, ...]
    reached: bool

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def mean(self) -> float:
        return fmean(self.seconds)


def steady_state(epochs: Sequence[float]) -> SteadyState | None:
    """Return the steady state of a process with these epochs, in seconds; None for a single epoch.

    The first epoch is left out, because it lacks the first step. Then epochs are left out from the front while a test
    at 5 % shows that they differ from the later ones: a change point with all k epochs before it slower than all after
    it (the extreme case of the rank-sum test), or a trend (Mann 1945). At most half of the epochs are left out.
    """
    return _steady_state(tuple(epochs))


@lru_cache(maxsize=65_536)  # the times of a trial are part of many tables and figures
def _steady_state(epochs: tuple[float, ...]) -> SteadyState | None:
    later = epochs[1:]
    if not later:
        return None
    start, half = 0, len(later) // 2
    while start <= half:
        rest = later[start:]
        if leading := _slower_in_front(rest):
            start += leading
        elif has_trend(rest):
            start += 1
        else:
            return SteadyState(start + 2, rest, reached=True)
    return SteadyState(half + 2, later[half:], reached=False)


def _slower_in_front(values: Sequence[float]) -> int:
    """Return the largest k, up to half, for which the first k values exceed all others beyond chance; 0 for none.

    If all orders are equally probable, the k largest values are in front with the probability 1 / (n over k).
    """
    lowest, highest = np.minimum.accumulate(values), np.maximum.accumulate(values[::-1])[::-1]
    places = range(len(values) // 2, 0, -1)
    return next((k for k in places if lowest[k - 1] > highest[k] and comb(len(values), k) * (1 - CONFIDENCE) >= 1), 0)


def has_trend(values: Sequence[float]) -> bool:
    """Return whether values rise or fall with their place, by the two-sided test of Mann and Kendall at 5 %.

    Fewer than five values cannot show a trend at this level.
    """
    array, count = np.asarray(values), len(values)
    pairs = float(np.sum(np.triu(np.sign(array[None, :] - array[:, None]))))  # rising pairs minus falling pairs
    deviation = sqrt(count * (count - 1) * (2 * count + 5) / 18)  # if all orders are equally probable
    return abs(pairs) - 1 > NORMAL_QUANTILE * deviation


def steady_epoch(epochs: Sequence[float]) -> float | None:
    """Return the seconds of a steady epoch: the median of the steady state; None for a single epoch."""
    state = steady_state(epochs)
    return state.median if state else None


def coefficient_of_variation(values: Sequence[float]) -> float:
    """Return the standard deviation relative to the median; 0 for fewer than two values."""
    return float(np.std(values, ddof=1) / np.median(values)) if len(values) > 1 else 0.0


def largest_deviation(values: Sequence[float]) -> float:
    """Return the largest distance of a value from the median, relative to the median."""
    middle = float(np.median(values))
    return max(abs(value / middle - 1) for value in values)


def required_n(values: Sequence[float]) -> int:
    """Return the sample size for a 95 % interval within 5 % of its middle, at the variation of `values`."""
    quantile = float(special.ndtri((1 + CONFIDENCE) / 2))
    return max(MIN_FOR_INTERVAL, ceil((quantile * coefficient_of_variation(values) / TARGET_PRECISION) ** 2))


def tost_p(differences: Sequence[float], margin: float) -> float | None:
    """Return the p-value of two one-sided t tests (Schuirmann 1987) that the mean of pairs lies within ± margin.

    `differences` are those of the pairs. None for fewer than two pairs.
    """
    if len(differences) < 2:
        return None
    if np.ptp(differences) == 0:
        return 0.0 if abs(differences[0]) < margin else 1.0
    above = scipy.stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = scipy.stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(max(above, below))


def tost_required_n(differences: Sequence[float], margin: float) -> int | None:
    """Return the number of pairs with which `tost_p` is below 0.05, at the mean and variation of `differences`.

    At least 2, the fewest that can be tested. None if the mean is not within the margin, or more than `MAX_N` pairs
    are needed.
    """
    if len(differences) < 2:
        return 2
    if not all(map(isfinite, differences)):
        return None
    slack = margin - abs(float(np.mean(differences)))
    deviation = float(np.std(differences, ddof=1))
    for count in range(2, MAX_N + 1):
        if slack > deviation / np.sqrt(count) * float(special.stdtrit(count - 1, CONFIDENCE)):
            return count
    return None
