"""What may be said about a handful of runs: medians, intervals, noise, and how many runs would be needed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, exp, isfinite, log

import numpy as np
from scipy import stats

from reports.render.formats import listed, per_cent

CONFIDENCE = 0.95
# Fewer observations than this cannot bracket a median with 95 % confidence: all n fall on one side of it with
# probability 2 ** (1 - n), which is below 5 % only from n = 6 on.
MIN_FOR_INTERVAL = 6
MAX_VARIATION = 0.10  # relative standard deviation above which a time is called unstable
MAX_DEVIATION = 0.50  # relative distance from the median above which one value is an outlier
MAX_BACKGROUND_LOAD = 0.10  # share of the cores that others used, from which on a time is doubted
TARGET_PRECISION = 0.05  # half width, relative to the median, of the interval that `runs_needed` aims at
MAX_N = 100  # more than this is no advice
RESAMPLES = 4_999


@dataclass(frozen=True)
class Interval:
    """A middle over `count` observations and the limits around it, all in the observations' unit.

    Of `interval`: a median, and a 95 % bootstrap interval where there are `ENOUGH` observations, else the range seen.
    Of `mean_interval` and the ratios: a mean, and a 95 % t interval.
    """

    estimate: float
    low: float
    high: float
    count: int

    @property
    def is_confidence_interval(self) -> bool:
        return self.count >= MIN_FOR_INTERVAL

    @property
    def single(self) -> bool:
        return self.count == 1


def median_interval(values: Sequence[float]) -> Interval | None:
    """The median of `values` with its interval; None where there is nothing to summarise."""
    finite = [value for value in values if isfinite(value)]
    if not finite or len(finite) < len(values):
        return None
    median, low, high = float(np.median(finite)), min(finite), max(finite)
    if len(finite) >= MIN_FOR_INTERVAL and low < high:
        found = stats.bootstrap(
            (np.array(finite),),
            np.median,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),  # the same records must give the same report
        ).confidence_interval
        low, high = float(found.low), float(found.high)
    return Interval(median, low, high, len(finite))


def mean_interval(values: Sequence[float]) -> Interval | None:
    """The mean of paired differences with its 95 % t interval; of a single one just itself. None of none.

    Student's interval takes the differences to scatter evenly about their mean. In return two of them have one.
    """
    if not values or not all(map(isfinite, values)):
        return None
    mean, count = float(np.mean(values)), len(values)
    reach = 0.0
    if count > 1 and np.ptp(values) > 0:
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return Interval(mean, mean - reach, mean + reach, count)


def geometric_mean_interval(ratios: Sequence[float]) -> Interval | None:
    """The geometric mean of paired ratios with its 95 % interval: `mean_interval` of their logarithms."""
    if not all(ratio > 0 for ratio in ratios):
        return None
    found = mean_interval([log(ratio) for ratio in ratios])
    return None if found is None else Interval(exp(found.estimate), exp(found.low), exp(found.high), found.count)


def ratio_of_repeats(above: Sequence[float], below: Sequence[float]) -> Interval | None:
    """How many times as large `above` is as `below`, with Welch's 95 % interval of the logarithms; `count` is 1.

    Both are repeats inside one process each, so the interval knows nothing of how processes differ. None where a
    side has fewer than two values.
    """
    if min(len(above), len(below)) < 2 or not min(*above, *below) > 0:
        return None
    upper, lower = np.log(above), np.log(below)
    ratio = exp(float(np.mean(upper) - np.mean(lower)))
    if np.ptp(upper) == 0 and np.ptp(lower) == 0:
        return Interval(ratio, ratio, ratio, 1)
    found = stats.ttest_ind(upper, lower, equal_var=False).confidence_interval(CONFIDENCE)
    return Interval(ratio, exp(float(found.low)), exp(float(found.high)), 1)


def steady_epoch(epochs: Sequence[float]) -> float | None:
    """Seconds of a steady epoch: the median after the first, which lacks a step and warms caches."""
    return float(np.median(epochs[1:])) if len(epochs) > 1 else None


def coefficient_of_variation(values: Sequence[float]) -> float:
    """Standard deviation relative to the median; 0 where a single value says nothing about it."""
    if len(values) < 2:
        return 0.0
    return float(np.std(values, ddof=1) / np.median(values))


def largest_deviation(values: Sequence[float]) -> float:
    """The largest relative distance of one value from the median."""
    median = float(np.median(values))
    return max(abs(value / median - 1) for value in values)


def required_n(values: Sequence[float]) -> int:
    """How many runs would put a 95 % interval within 5 % of the median, at the spread seen in `values`."""
    quantile = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    return max(MIN_FOR_INTERVAL, ceil((quantile * coefficient_of_variation(values) / TARGET_PRECISION) ** 2))


def stability(epochs: dict[int, Sequence[float]]) -> tuple[str, ...]:
    """Warnings about the epochs of a group's trials, seconds by seed; empty where the machine was quiet."""
    steady = {seed: values[1:] for seed, values in epochs.items() if len(values) > 2}
    noisy = [
        seed
        for seed, values in steady.items()
        if coefficient_of_variation(values) > MAX_VARIATION or largest_deviation(values) > MAX_DEVIATION
    ]
    warnings = []
    if noisy:
        widest = per_cent(max(coefficient_of_variation(steady[seed]) for seed in noisy))
        farthest = per_cent(max(largest_deviation(steady[seed]) for seed in noisy))
        seeds = ("seed " if len(noisy) == 1 else "seeds ") + listed([str(seed) for seed in noisy])
        warnings.append(f"unstable: the epochs of {seeds} spread by {widest}, the farthest lies {farthest} off")
    if seeds_disagree(epochs.values()):
        medians = _medians(epochs.values())
        warnings.append(
            f"unstable: the seeds spread by {per_cent(coefficient_of_variation(medians))}; {_remedy(medians)}"
        )
    return tuple(warnings)


def seeds_disagree(epochs: Iterable[Sequence[float]]) -> bool:
    """Whether trials that differ only in their seed disagree on the steady epoch."""
    return coefficient_of_variation(_medians(epochs)) > MAX_VARIATION


def _medians(epochs: Iterable[Sequence[float]]) -> list[float]:
    return [value for value in map(steady_epoch, epochs) if value is not None]


def _remedy(medians: Sequence[float]) -> str:
    """More runs where a sane number of them helps; nobody makes hundreds, and noise that wide has a cause."""
    needed = required_n(medians)
    if needed > MAX_N:
        return "repeat it on a quiet machine"
    return f"about {needed} would bring the interval within {per_cent(TARGET_PRECISION)}"


def tost_p(differences: Sequence[float], margin: float) -> float | None:
    """The p-value of two one-sided t tests that the mean of paired `differences` lies within ± margin.

    Schuirmann (1987). None for fewer than two pairs, of which no test can be made.
    """
    if len(differences) < 2:
        return None
    if np.ptp(differences) == 0:
        return 0.0 if abs(differences[0]) < margin else 1.0
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(max(above, below))


def tost_required_n(differences: Sequence[float], margin: float) -> int | None:
    """How many pairs `equivalent` would take for p < 0.05, if they had the mean and the spread of those seen.

    Two are the fewest it can test. None where no sane number would do: the mean lies at the margin or beyond it.
    """
    if len(differences) < 2:
        return 2
    if not all(map(isfinite, differences)):
        return None
    room = margin - abs(float(np.mean(differences)))
    scatter = float(np.std(differences, ddof=1))
    for count in range(2, MAX_N + 1):
        if room > scatter / np.sqrt(count) * float(stats.t.ppf(CONFIDENCE, count - 1)):
            return count
    return None
