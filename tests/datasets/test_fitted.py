"""Fitted baselines: no value from the future, and the forecasts of the libraries at every origin."""

import numpy as np
import pytest
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.statespace.sarimax import SARIMAX

from datasets import FITTED, DataSpec, Series, WindowSpec, baselines, cut, leaks, prepare, training_errors
from datasets.calendars import with_calendar
from datasets.fitted import Absent, fitted_baselines, statistical

MANY = 150


def seasonal(rows=MANY, season=6, noise=0.5):
    row = np.arange(rows)
    return 20 + 0.05 * row + 4 * np.sin(2 * np.pi * row / season) + np.random.default_rng(0).normal(0, noise, rows)


def windows_of(values, season=6, columns=("y",), targets=("y",), **settings):
    window = {"length": 8, "horizon": 3} | settings.pop("window", {})
    values = values if values.ndim == 2 else values[:, None]
    series = Series("s", "", values, columns, targets, season=season, step="week")
    return cut(series, DataSpec(series="s", **settings), WindowSpec(**window), "float64")


def forecasts(windows, names=tuple(FITTED)):
    return {f.name: f if isinstance(f, Absent) else f.values for f in fitted_baselines(windows, windows.test, names)}


REGRESSIONS = ("seasonal autoregression", "gradient boosting")


@pytest.mark.parametrize(
    ("names", "settings"),
    [
        (tuple(FITTED), {}),
        (REGRESSIONS, {"difference": True}),
        (REGRESSIONS, {"window": {"horizon": 2, "rollout": True}}),
    ],
    ids=str,
)
def test_no_fitted_baseline_uses_a_target_or_a_later_value(names, settings):
    """Changing every row from the first target of a test window on does not change its forecasts.

    Statistical models see the values alone, so the settings of the windows concern the regressions.
    """
    values = seasonal()
    windows = windows_of(values, **settings)
    number = len(windows.test) // 2
    changed = values.copy()
    changed[int(windows.test.rows[number]) :] -= 1e3
    before, after = forecasts(windows, names), forecasts(windows_of(changed, **settings), names)
    assert tuple(before) == names
    for name, values_before in before.items():
        assert values_before.shape == windows.truth(windows.test).shape
        np.testing.assert_allclose(values_before[: number + 1], after[name][: number + 1], rtol=1e-7, err_msg=name)


def test_every_fitted_baseline_beats_persistence_on_a_seasonal_series():
    """Wrong units, order of steps or phase of the season would break this."""
    windows = windows_of(seasonal(rows=300))
    truth = windows.truth(windows.test)
    persistence = next(f.values for f in baselines(windows, windows.test) if f.name == "persistence")
    for name, values in forecasts(windows).items():
        assert np.mean((values - truth) ** 2) < 0.2 * np.mean((persistence - truth) ** 2), name


@pytest.mark.parametrize("noise", [0.5, 6.0])
def test_exponential_smoothing_forecasts_as_statsmodels(noise, monkeypatch):
    """From the states of the filter by a formula, at the end of the series by the library."""
    windows = windows_of(seasonal(noise=noise), test=0.15)
    models = []
    build = statistical._ets
    monkeypatch.setattr(statistical, "_ets", lambda known, *more: models.append((known, more)) or build(known, *more))
    values = forecasts(windows, ("exponential smoothing",))["exponential smoothing"]
    known, (_, form, initial) = models[-1]
    for place in (0, len(values) // 2, len(values) - 1):
        origin = known.origins[place]
        part = build(known, known.values[:origin], form, initial)
        fits = [build(known, known.values[: known.train], f).fit(disp=False, maxiter=200) for f in (form,)]
        np.testing.assert_allclose(values[place], part.smooth(fits[0].params).forecast(3), rtol=1e-8)


def test_theta_forecasts_as_statsmodels():
    """The first test window follows the training part, without a validation part in between."""
    values = seasonal()
    windows = windows_of(values, validation=0)
    train = windows.split.train
    expected = ThetaModel(values[:train], period=6).fit(disp=False).forecast(3)
    np.testing.assert_allclose(forecasts(windows, ("theta",))["theta"][0], expected, rtol=1e-4)


@pytest.mark.parametrize("season", [6, 30, None])
def test_arima_forecasts_as_statsmodels(season, monkeypatch):
    """One pass of the filter gives what a filter up to each origin would forecast."""
    models = []

    class Recorded(SARIMAX):
        def __init__(self, endog, **settings):
            super().__init__(endog, **settings)
            models.append((endog, settings))

        def filter(self, parameters):
            models[-1] += (parameters,)
            return super().filter(parameters)

    monkeypatch.setattr(statistical, "SARIMAX", Recorded)
    values = seasonal(season=season or 6)
    windows = windows_of(values, season=season)
    shown = forecasts(windows, ("ARIMA",))["ARIMA"]
    ((noise, settings, parameters),) = models
    trend = values - noise
    for place in (0, len(shown) // 2):
        origin = int(windows.test.rows[place])
        expected = SARIMAX(noise[:origin], **settings).filter(parameters).forecast(3)
        np.testing.assert_allclose(shown[place], expected + trend[origin : origin + 3], rtol=1e-6)


def test_several_targets_keep_their_order():
    values = np.column_stack([seasonal(), 1000 - 3 * seasonal()])
    windows = windows_of(values, columns=("a", "b"), targets=("a", "b"))
    for name, both in forecasts(windows, ("exponential smoothing", "theta", *REGRESSIONS)).items():
        shaped = both.reshape(len(both), 3, 2)
        assert abs(shaped[..., 0].mean() - 26) < 5, name
        assert abs(shaped[..., 1].mean() - 922) < 15, name


def test_data_that_do_not_suit_a_baseline_give_a_reason():
    """Each reason is a clause; the other baselines are made."""
    housing = forecasts(windows_of(seasonal(), season=None), ("seasonal autoregression",))
    assert housing["seasonal autoregression"].reason == "the series has no season"
    runs = prepare(DataSpec(series="counting", order="rows"), WindowSpec(length=4))
    shown = forecasts(runs, ("theta", "gradient boosting"))
    assert shown["theta"].reason.startswith("a series with test windows has fewer than 20 training rows")
    assert shown["gradient boosting"].shape == runs.truth(runs.test).shape


def test_a_column_of_future_targets_is_found():
    """In any unit; a copy of the target, its past and noise are no leak."""
    target, random = seasonal(), np.random.default_rng(1)

    def found(column, **settings):
        return leaks(windows_of(np.column_stack([column, target]), columns=("x", "y"), **settings))

    (sentence,) = found(7 + 3 * np.roll(target, -2))
    assert "'x' holds the values that the target 'y' has 2 steps later" in sentence
    for harmless in (target, np.roll(target, 2), np.roll(target, -4), random.normal(size=MANY)):
        assert found(harmless) == ()
    (sentence,) = found(target, scale_on="all")
    assert sentence.startswith("The scaler was fitted on all rows")


def test_the_divisor_of_scaled_errors_is_the_naive_error_of_the_training_part():
    values = seasonal()
    windows = windows_of(values)
    train = values[: windows.split.train]
    assert training_errors(windows) == pytest.approx(np.mean(np.abs(train[6:] - train[:-6])))
    assert training_errors(windows_of(values, season=None)) == pytest.approx(np.mean(np.abs(np.diff(train))))


def test_filled_rows_are_neither_in_the_divisor_of_scaled_errors_nor_in_the_training_mean():
    """They repeat a value that was counted already, so the error of a naive forecast would be too low."""
    values, filled = seasonal(), np.array([3, 40, 41, 60])
    series = Series("s", "", values[:, None], ("y",), ("y",), season=6, step="week", filled=filled, unscored=filled)
    windows = cut(series, DataSpec(series="s"), WindowSpec(length=8), "float64")
    train = values[: windows.split.train].copy()
    train[filled] = np.nan
    assert training_errors(windows) == pytest.approx(np.nanmean(np.abs(train[6:] - train[:-6])))
    mean = next(f for f in baselines(windows, windows.test) if f.name == "training mean")
    assert mean.values[0] == pytest.approx(np.nanmean(train))
    assert mean.explanation == "The mean of the training rows without filled ones."


def test_columns_that_depend_on_each_other_get_no_weight_on_their_rounding_errors():
    """The weekday of 14 rows one after another has two dimensions, and in float32 a third that is rounding."""
    values = np.random.default_rng(5).normal(size=400).cumsum()
    times = np.datetime64("2024-01-01", "us") + np.arange(400) * np.timedelta64(1, "D")
    data = DataSpec(csv="walk.csv", target="y", time="day", calendar=("weekday",))
    series = Series("walk", "", values[:, None], ("y",), ("y",), season=7, step="day", times=times)
    extended = with_calendar(series, data.calendar)
    exact, rounded = (cut(extended, data, WindowSpec(length=14), dtype) for dtype in ("float64", "float32"))
    expected, values = (
        {f.name: f.values for f in baselines(of, of.test)} | forecasts(of, REGRESSIONS[:1]) for of in (exact, rounded)
    )
    for name in ("linear autoregression", "seasonal autoregression"):
        np.testing.assert_allclose(values[name], expected[name], atol=1e-4, err_msg=name)
