"""Scores that are computed from recorded forecasts: scaled, percentage and quantile errors, by target, step and series.

With N windows, H steps and K targets, all arrays are (N, H, K). A large test part is recorded as every so many windows,
and the scores are those of the recorded windows. scikit-learn has the pinball loss and the percentage error alone, for
one slice of the forecasts at a time, so NumPy computes all of them here; a test compares the pinball loss with it.
Means are computed in blocks of windows, whose intermediate arrays stay in the cache of the processor.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import chain, pairwise, repeat
from math import prod
from statistics import fmean

import numpy as np

from reports.records import Baseline, Data, Outcome

BLOCK = 1 << 14  # values of a block
Forecast = Outcome | Baseline  # what has `scores` and `predictions`


@dataclass(frozen=True, eq=False)
class Sample:
    """Forecasts with their true values, in the unit of the series."""

    truth: np.ndarray  # (N, H, K)
    forecast: np.ndarray  # (N, H, K); of several quantiles the median
    divisor: np.ndarray | None = None  # (N or 1, 1, K): the naive error on the training part; None: not recorded
    quantiles: tuple[float, ...] = ()
    bands: np.ndarray | None = None  # (N, H, K, quantiles); None: not recorded

    def __getitem__(self, place: tuple[slice | np.ndarray, slice, slice]) -> "Sample":
        """The part with these windows, steps and targets, each a slice, or an array of windows."""
        windows, _, targets = place
        divisor = self.divisor
        if divisor is not None:
            divisor = (divisor[windows] if len(divisor) > 1 else divisor)[:, :, targets]
        bands = None if self.bands is None else self.bands[place]
        return replace(self, truth=self.truth[place], forecast=self.forecast[place], divisor=divisor, bands=bands)

    @property
    def blocks(self) -> Iterator["Sample"]:
        """Samples of consecutive windows, of about `BLOCK` values."""
        count, *rest = self.truth.shape
        size = max(1, BLOCK // prod(rest))
        return (self[first : first + size, :, :] for first in range(0, count, size))

    @property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest quantile, (N, H, K) each: those of a network may cross. Requires bands."""
        assert self.bands is not None
        planes = [self.bands[..., place] for place in range(len(self.quantiles))]  # faster than along a short axis
        return reduce(np.minimum, planes), reduce(np.maximum, planes)

    @property
    def steps(self) -> Iterator["Sample"]:
        """The sample of each step ahead."""
        return (self[:, h : h + 1, :] for h in range(self.truth.shape[1]))

    @property
    def targets(self) -> Iterator["Sample"]:
        """The sample of each target."""
        return (self[:, :, k : k + 1] for k in range(self.truth.shape[2]))


def sample(data: Data, forecast: Forecast) -> Sample | None:
    """Return the recorded forecasts; None if a record has none, as those of baselines in older versions."""
    if not len(forecast.predictions):
        return None
    shape = (-1, data.horizon, data.targets)
    truth = np.asarray(data.test_truth, float).reshape(shape)
    bands = quantiles = None
    if isinstance(forecast, Outcome) and len(forecast.bands):
        quantiles = forecast.quantiles
        bands = np.asarray(forecast.bands, float).reshape(*truth.shape, len(quantiles))
    return Sample(truth, np.asarray(forecast.predictions, float).reshape(shape), _divisor(data), quantiles or (), bands)


def _divisor(data: Data) -> np.ndarray | None:
    """(N or 1, 1, K): the naive training error of each window's series."""
    errors = np.array(data.training_errors, float)
    if not errors.size:
        return None
    return (errors[series_of(data)] if len(errors) > 1 else errors)[:, None, :]


def series_of(data: Data) -> np.ndarray:
    """(N,): the place in `Data.groups` of each stored window; zeros for a single series."""
    counts = [count for _, count in data.groups] or [data.test_windows]
    places = np.fromiter(chain.from_iterable(repeat(place, count) for place, count in enumerate(counts)), np.int64)
    return places[:: data.test_stride]


def _mean(of: Sample, values: Callable[[Sample], np.ndarray]) -> float:
    """The mean of values that are computed from each block, as many as there are true values."""
    return sum(float(np.sum(values(block))) for block in of.blocks) / of.truth.size


def mase(of: Sample) -> float | None:
    """Return the mean absolute scaled error (Hyndman & Koehler 2006), the mean over windows, steps and targets.

    An error is divided by the mean absolute error of the naive forecast of its target on the training rows; see
    `training_errors` of the records. None if that is not recorded, or 0.
    """
    if of.divisor is None or not np.all(of.divisor > 0):
        return None
    return _mean(of, lambda block: np.abs(block.truth - block.forecast) / block.divisor)


def mase_by_series(data: Data, forecast: Forecast) -> tuple[float | None, ...]:
    """Return the MASE of each of `Data.groups`; None for a series without stored windows, or as `mase`."""
    of, places = sample(data, forecast), series_of(data)
    if of is None:
        return (None,) * len(data.groups)
    bounds = np.searchsorted(places, np.arange(len(data.groups) + 1))
    return tuple(mase(of[start:stop, :, :]) if start < stop else None for start, stop in pairwise(bounds))


def smape(of: Sample) -> float | None:
    """Return the symmetric mean absolute percentage error, in %, between 0 and 200; both values 0 count as no error."""

    def relative(block: Sample) -> np.ndarray:
        error, size = np.abs(block.truth - block.forecast), np.abs(block.truth) + np.abs(block.forecast)
        shares: np.ndarray = error / np.where(size > 0, size, 1)
        return shares

    return 200 * _mean(of, relative)


def wape(of: Sample) -> float | None:
    """Return the sum of absolute errors relative to the sum of absolute values, in %; of several targets the mean."""
    errors = np.sum(np.abs(of.truth - of.forecast), axis=(0, 1))
    sizes = np.sum(np.abs(of.truth), axis=(0, 1))
    return None if np.any(sizes == 0) else 100 * float(np.mean(errors / sizes))


def bias(of: Sample) -> float | None:
    """Return the mean of forecast - truth; None for several targets, whose units differ."""
    return None if of.truth.shape[2] > 1 else float(np.mean(of.forecast - of.truth))


def pinball(of: Sample) -> float | None:
    """Return the pinball loss (Koenker & Bassett 1978), the mean over the quantiles; None for several targets."""
    if of.bands is None or of.truth.shape[2] > 1:
        return None

    def losses(block: Sample, place: int) -> np.ndarray:
        assert block.bands is not None
        below = block.truth - block.bands[..., place]
        loss: np.ndarray = of.quantiles[place] * below - np.minimum(below, 0)
        return loss

    return fmean(_mean(of, partial(losses, place=place)) for place in range(len(of.quantiles)))


def coverage(of: Sample) -> float | None:
    """Return the share of true values between the lowest and the highest quantile, in %."""
    if of.bands is None or len(of.quantiles) < 2:
        return None

    def inside(block: Sample) -> np.ndarray:
        low, high = block.limits
        return (low <= block.truth) & (block.truth <= high)

    return 100 * _mean(of, inside)


def width(of: Sample) -> float | None:
    """Return the mean distance between the lowest and the highest quantile; None for several targets."""
    if of.bands is None or len(of.quantiles) < 2 or of.truth.shape[2] > 1:
        return None
    return _mean(of, lambda block: np.subtract(*reversed(block.limits)))


def scored(score: Callable[[Sample], float | None]) -> Callable[[Data, Forecast], float | None]:
    """Return the score as a function of data and a recorded forecast; it gives None without recorded forecasts."""

    def of(data: Data, forecast: Forecast) -> float | None:
        forecasts = sample(data, forecast)
        return None if forecasts is None else score(forecasts)

    return of
