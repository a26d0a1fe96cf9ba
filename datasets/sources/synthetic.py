"""Generated series. Sines differ in their last bits from machine to machine, so the numbers are rounded."""

import numpy as np

from datasets.sources.readers import Table

DIGITS = 12


def sine() -> Table:
    """sin(2πi / 50), i from 0 to 999."""
    steps = np.arange(1000)
    return Table(np.round(np.sin(2 * np.pi * steps / 50), DIGITS)[:, None])


def trend_season_noise() -> Table:
    """Four years of days: a rising baseline, a yearly pattern and noise."""
    days = np.arange(1461)
    year = (days % 365) / 365
    pattern = np.where(year < 0.4, np.cos(2 * np.pi * year), np.exp(-3 * year))
    noise = np.random.RandomState(42).randn(len(days))  # the legacy generator, as the series has always been made
    return Table(np.round(10 + 0.09 * days + 20 * pattern + 5 * noise, DIGITS)[:, None])


def counting() -> Table:
    """A hundred runs of ten consecutive numbers, each beginning somewhere from 0 to 90."""
    begins = np.random.default_rng(1).integers(0, 91, size=100)
    numbers = begins[:, None] + np.arange(10)
    return Table(numbers.reshape(-1, 1).astype(np.float64), runs=tuple(range(0, numbers.size, 10)))
