"""Baselines: their values, and that none uses a value from the future."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets import DataSpec, Series, WindowSpec, baselines, cut, load

QUICK = settings(max_examples=40, deadline=None)


def windows_of(values: np.ndarray, season: int | None = 4, difference: bool = False, **window):
    """Windows over a series whose only target is the last column."""
    names = tuple(f"c{number}" for number in range(values.shape[1]))
    series = Series("s", "", values, names, names[-1:], season=season, step="week")
    return cut(series, DataSpec(series="s", difference=difference), WindowSpec(**{"length": 6} | window), "float64")


def by_name(windows, part: str = "test") -> dict[str, np.ndarray]:
    """The forecasts for one part, by the name of the baseline."""
    return {forecast.name: forecast.values for forecast in baselines(windows, getattr(windows, part))}


@QUICK
@given(st.integers(0, 99), st.integers(1, 5), st.integers(2, 9), st.booleans(), st.integers(1, 3))
def test_no_baseline_uses_a_target_or_a_later_value(seed, horizon, season, difference, columns):
    """Changing every row from the first target of a test window on does not change its forecasts."""
    values = np.random.default_rng(seed).normal(size=(120, columns)).cumsum(axis=0)
    windows = windows_of(values, season, difference, horizon=horizon)
    number = len(windows.test) // 2
    changed = values.copy()
    changed[windows.test.rows[number] :] += 1e3
    before, after = by_name(windows), by_name(windows_of(changed, season, difference, horizon=horizon))
    assert list(before) == ["persistence", "seasonal naive", "training mean", "linear autoregression"]
    for name, values_before in before.items():
        assert values_before.shape == windows.truth(windows.test).shape
        np.testing.assert_allclose(values_before[number], after[name][number], rtol=1e-9)


def test_persistence_and_season_repeat_the_right_rows():
    """In the series 0, 1, 2, ... each value is its row number, so a forecast shows its source row."""
    windows = windows_of(np.arange(100.0)[:, None], season=3, horizon=5)
    forecasts, first = by_name(windows), int(windows.test.rows[0])
    assert forecasts["persistence"][0].tolist() == [first - 1] * 5
    assert forecasts["seasonal naive"][0].tolist() == [first - 3, first - 2, first - 1, first - 3, first - 2]
    assert forecasts["training mean"][0].tolist() == [34.5] * 5  # rows 0 to 69


def test_linear_autoregression_reproduces_a_linear_recurrence():
    """A damped oscillation is an exact linear function of its last two values, so the error must be rounding."""
    values = np.zeros((200, 1))
    values[:2, 0] = 1, 2
    for row in range(2, 200):
        values[row] = 1.9 * values[row - 1] - 0.99 * values[row - 2]
    for difference in (False, True):
        windows = windows_of(values, difference=difference, horizon=3)
        np.testing.assert_allclose(by_name(windows)["linear autoregression"], windows.truth(windows.test), atol=1e-8)


def test_seasonal_naive_needs_a_season_of_earlier_rows():
    """There is no seasonal naive forecast without a season, or if a window has less than one season before it."""
    line = np.arange(100.0)[:, None]
    assert "seasonal naive" not in by_name(windows_of(line, season=None))
    windows = windows_of(line, season=30)
    assert "seasonal naive" in by_name(windows)
    assert "seasonal naive" not in by_name(windows, "train")


def test_several_targets_keep_their_order():
    """The targets of one step are adjacent, as in y."""
    values = np.column_stack([np.arange(100.0), 1000 + np.arange(100.0)])
    series = Series("two", "", values, ("a", "b"), ("a", "b"), season=4)
    windows = cut(series, DataSpec(series="two"), WindowSpec(length=6, horizon=2), "float64")
    first = int(windows.test.rows[0])
    assert windows.truth(windows.test)[0].tolist() == [first, 1000 + first, first + 1, 1001 + first]
    forecasts = by_name(windows)
    assert forecasts["persistence"][0].tolist() == [first - 1, 999 + first] * 2
    assert forecasts["seasonal naive"][0].tolist() == [first - 4, 996 + first, first - 3, 997 + first]
    np.testing.assert_allclose(forecasts["linear autoregression"], windows.truth(windows.test), atol=1e-6)


@pytest.mark.parametrize("name", ["co2", "airline", "sunspots", "sine", "trend-season-noise", "counting"])
def test_linear_autoregression_beats_the_training_mean(name):
    """On every series; wrong scaling, order or units of the windows would break this."""
    windows = cut(load(name), DataSpec(series=name, difference=name == "co2"), WindowSpec(length=4))
    truth = windows.truth(windows.test)
    errors = {name: float(np.mean((values - truth) ** 2)) for name, values in by_name(windows).items()}
    assert errors["linear autoregression"] < errors["training mean"]


def test_an_empty_part_has_empty_forecasts():
    """A run without a validation part computes its baselines too."""
    windows = cut(load("sine"), DataSpec(series="sine", validation=0), WindowSpec(length=4))
    assert {len(values) for values in by_name(windows, "validation").values()} == {0}
