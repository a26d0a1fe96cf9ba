"""Whether a figure moved from one run to another or only wavered: the one place where "beyond noise" is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.analysis.intervals import (
    ENOUGH,
    MOST_RUNS,
    Interval,
    mean_interval,
    ratio_interval,
    ratio_of_samples,
    runs_needed,
)

State = Literal["same", "up", "down", "within", "few"]


@dataclass(frozen=True)
class Shift:
    """A ratio (`neutral` 1) or a difference (`neutral` 0) of paired figures, the second run's to the first's."""

    found: Interval
    neutral: float
    needed: int  # pairs that would bring the interval within 5 %, at the spread seen

    @property
    def state(self) -> State:
        """Beyond noise (`up`, `down`) is what the interval leaves no doubt of, be the pairs few or many."""
        low, high, few = self.found.low, self.found.high, self.found.count < 2
        if low == high == self.neutral:
            return "same"
        if not few and not low <= self.neutral <= high:
            return "up" if low > self.neutral else "down"
        return "few" if self.found.count < self.needed else "within"

    def too_few(self, what: str) -> str:
        """How many would do; nobody makes hundreds, and noise that wide has a cause."""
        return "too noisy to say" if self.needed > MOST_RUNS else f"{what} ({self.needed} would do)"


def of_ratios(ratios: Sequence[float]) -> Shift | None:
    """None where there is nothing to compare."""
    found = ratio_interval(ratios)
    return Shift(found, 1.0, _needed(ratios)) if found else None


def of_differences(first: Sequence[float], second: Sequence[float]) -> Shift | None:
    """Of figures in their own unit, above or equal to 0; None where there is nothing to compare."""
    found = mean_interval([after - before for before, after in zip(first, second, strict=True)])
    if found is None:
        return None
    scaled = np.subtract(second, first) / (np.mean(first) or 1.0)  # so that the spread is relative to the figure itself
    return Shift(found, 0.0, _needed((1 + scaled).tolist()))


def of_one_trial(before: Sequence[float], after: Sequence[float]) -> Shift | None:
    """The ratio of repeats inside one process each: its interval is shown, and says nothing of other processes."""
    found = ratio_of_samples(after, before)
    return Shift(found, 1.0, ENOUGH) if found else None


def _needed(ratios: Sequence[float]) -> int:
    return runs_needed(ratios) if len(ratios) > 1 else ENOUGH
