"""Whether a figure moved from one run to another or only wavered: the one place where "beyond noise" is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.analysis.intervals import (
    MAX_N,
    MIN_FOR_INTERVAL,
    Interval,
    geometric_mean_interval,
    mean_interval,
    ratio_of_repeats,
    required_n,
)

State = Literal["same", "up", "down", "within", "few"]


@dataclass(frozen=True)
class EffectSize:
    """A ratio (`neutral` 1) or a difference (`neutral` 0) of paired figures, the second run's to the first's."""

    interval: Interval
    neutral: float
    required_n: int  # pairs that would bring the interval within 5 %, at the spread seen

    @property
    def state(self) -> State:
        """Beyond noise (`up`, `down`) is what the interval leaves no doubt of, be the pairs few or many."""
        low, high, few = self.interval.low, self.interval.high, self.interval.count < 2
        if low == high == self.neutral:
            return "same"
        if not few and not low <= self.neutral <= high:
            return "up" if low > self.neutral else "down"
        return "few" if self.interval.count < self.required_n else "within"

    def too_few(self, what: str) -> str:
        """How many would do; nobody makes hundreds, and noise that wide has a cause."""
        return "too noisy to say" if self.required_n > MAX_N else f"{what} ({self.required_n} would do)"


def ratio_effect(ratios: Sequence[float]) -> EffectSize | None:
    """None where there is nothing to compare."""
    found = geometric_mean_interval(ratios)
    return EffectSize(found, 1.0, _needed(ratios)) if found else None


def difference_effect(first: Sequence[float], second: Sequence[float]) -> EffectSize | None:
    """Of figures in their own unit, above or equal to 0; None where there is nothing to compare."""
    found = mean_interval([after - before for before, after in zip(first, second, strict=True)])
    if found is None:
        return None
    scaled = np.subtract(second, first) / (np.mean(first) or 1.0)  # so that the spread is relative to the figure itself
    return EffectSize(found, 0.0, _needed((1 + scaled).tolist()))


def single_trial_effect(before: Sequence[float], after: Sequence[float]) -> EffectSize | None:
    """The ratio of repeats inside one process each: its interval is shown, and says nothing of other processes."""
    found = ratio_of_repeats(after, before)
    return EffectSize(found, 1.0, MIN_FOR_INTERVAL) if found else None


def _needed(ratios: Sequence[float]) -> int:
    return required_n(ratios) if len(ratios) > 1 else MIN_FOR_INTERVAL
