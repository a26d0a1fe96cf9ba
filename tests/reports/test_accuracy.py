"""Scores that are computed from recorded forecasts, compared with scikit-learn and with their definitions in loops."""

import numpy as np
import pytest
import synthetic_run
from sklearn.metrics import mean_absolute_error, mean_pinball_loss
from synthetic_run import change

from reports.analysis.context import Context
from reports.analysis.forecasts import accuracy
from reports.analysis.forecasts.accuracy import Sample, sample, series_of
from reports.analysis.forecasts.leakage import leaks, resolution
from reports.analysis.run import Run
from reports.records.base import Matrix
from reports.sections.summary import section

N, H, K, QUANTILES = 40, 3, 2, (0.1, 0.5, 0.9)


@pytest.fixture(params=[accuracy.BLOCK, 4 * H * K + 1])
def forecasts(request, monkeypatch):
    """In one block, and in ten of four windows."""
    monkeypatch.setattr(accuracy, "BLOCK", request.param)
    random = np.random.default_rng(0)
    truth = random.normal(5, 3, (N, H, K))
    bands = np.sort(truth[..., None] + random.normal(0, 2, (*truth.shape, 3)), axis=-1)
    divisor = random.uniform(0.5, 2, (N, 1, K))
    return Sample(truth, bands[..., 1], divisor, QUANTILES, bands)


def test_the_pinball_loss_is_that_of_scikit_learn(forecasts):
    for target in forecasts.targets:
        losses = [
            mean_pinball_loss(target.truth.ravel(), target.bands[..., place].ravel(), alpha=quantile)
            for place, quantile in enumerate(QUANTILES)
        ]
        assert accuracy.pinball(target) == pytest.approx(np.mean(losses))


def test_scaled_and_percentage_errors_follow_their_definitions(forecasts):
    """In plain loops over windows, steps and targets."""
    places = list(np.ndindex(N, H, K))
    truth, forecast = forecasts.truth, forecasts.forecast
    scaled = [abs(truth[p] - forecast[p]) / forecasts.divisor[p[0], 0, p[2]] for p in places]
    symmetric = [200 * abs(truth[p] - forecast[p]) / (abs(truth[p]) + abs(forecast[p])) for p in places]
    assert accuracy.mase(forecasts) == pytest.approx(np.mean(scaled))
    assert accuracy.smape(forecasts) == pytest.approx(np.mean(symmetric))
    shares = [
        mean_absolute_error(t.truth.ravel(), t.forecast.ravel()) / np.mean(np.abs(t.truth)) for t in forecasts.targets
    ]
    assert accuracy.wape(forecasts) == pytest.approx(100 * np.mean(shares))
    first = forecasts[:, :, :1]
    inside = [b[0] <= t <= b[2] for t, b in zip(first.truth.ravel(), first.bands.reshape(-1, 3), strict=True)]
    assert accuracy.coverage(first) == pytest.approx(100 * np.mean(inside))
    assert accuracy.width(first) == pytest.approx(np.mean(first.bands[..., 2] - first.bands[..., 0]))
    assert accuracy.bias(first) == pytest.approx(np.mean(first.forecast) - np.mean(first.truth))


def test_scores_of_steps_and_targets_average_to_the_whole(forecasts):
    whole = accuracy.mase(forecasts)
    assert np.mean([accuracy.mase(step) for step in forecasts.steps]) == pytest.approx(whole)
    assert np.mean([accuracy.mase(target) for target in forecasts.targets]) == pytest.approx(whole)


def test_units_are_not_pooled(forecasts):
    """A score in the unit of the series has no value over several targets; nor has a score without its divisor."""
    for score in (accuracy.bias, accuracy.pinball, accuracy.width):
        assert score(forecasts) is None
        assert score(forecasts[:, :, 1:]) is not None
    assert accuracy.mase(Sample(forecasts.truth, forecasts.forecast, np.zeros((1, 1, K)))) is None
    assert accuracy.smape(Sample(np.zeros((2, 1, 1)), np.zeros((2, 1, 1)))) == 0


def test_each_window_has_the_divisor_of_its_series():
    manifest, _, trials = synthetic_run.records(cells=("gru",), modes=("matched",), weeks=30, forecasts=True)
    data = manifest.data["co2"].model_copy(
        update={"groups": (("a", 20), ("b", 39)), "test_windows": 59, "test_stride": 2, "training_errors": ((1,), (4,))}
    )
    assert series_of(data).tolist() == [0] * 10 + [1] * 20
    assert sample(data, trials[0].outcome).divisor.ravel().tolist() == [1.0] * 10 + [4.0] * 20


def run_with(error, decimals=1, baselines=True, **fields):
    """A run on values of so many decimals whose models have errors of this size, with records changed by `fields`."""
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), modes=("matched",), weeks=60, forecasts=True)
    data = manifest.data["co2"]
    truth = np.round(np.array(data.test_truth), decimals)
    forecast = truth + np.random.default_rng(1).normal(0, error, truth.shape)
    kept = data.baselines if baselines else ()
    rows = Matrix(truth.tolist())
    data = data.model_copy(update={"test_truth": rows, "baselines": kept, "offset": (0.0,), "scale": (1.0,)} | fields)
    changes = {"predictions": Matrix(forecast.tolist()), "scores": synthetic_run.score(forecast, truth)}
    changed = tuple(change(trial, **changes) for trial in trials)
    return Run(manifest.model_copy(update={"data": {"co2": data}}), certificate, changed)


def test_errors_that_are_too_small_are_named():
    """Below the rounding of the data, or far below the training loss; a good forecast is neither."""
    assert leaks(run_with(0.4)) == ()
    (sentence,) = leaks(run_with(0.01))
    assert "below the rounding of the data (0.1)" in sentence
    (sentence,) = leaks(run_with(0.01, decimals=12))
    assert "times below its training loss" in sentence
    (sentence,) = leaks(run_with(0.4, leaks=("The scaler saw the test part.",)))
    assert sentence == "The scaler saw the test part."


@pytest.mark.parametrize(("error", "said"), [(0.4, False), (0.01, True)])
def test_a_possible_leak_opens_the_summary(error, said):
    """Before the baseline or the model that profits from it."""
    run = run_with(error)
    opening = section(Context.of(run)).blocks[0]
    text = getattr(opening, "text", "")
    assert text.startswith("Possible leak: ") == said
    assert not said or leaks(run)[0] in text


def test_an_easy_test_part_is_no_leak():
    """If the naive forecast of the season is as much better on the test part, the low error has a reason."""
    naive = synthetic_run.records(cells=("gru",), modes=("matched",), weeks=60, forecasts=True)[0].data["co2"].baselines
    mae = next(baseline.scores.mae for baseline in naive if baseline.name == "seasonal naive")
    assert leaks(run_with(0.01, decimals=12, training_errors=((100 * mae,),))) == ()


@pytest.mark.parametrize(("decimals", "step"), [(0, 1.0), (1, 0.1), (3, 1e-3), (12, None)])
def test_the_rounding_of_values_is_read_from_them(decimals, step):
    values = np.round(np.random.default_rng(2).normal(300, 20, (50, 2)), decimals)
    assert resolution(values) == (None if step is None else pytest.approx(step))
