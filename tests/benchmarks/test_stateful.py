"""A state that passes from window to window: the order of training, and forecasts along chains of windows."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datasets
from backends.contract import Objective
from backends.layers import Dense
from backends.model import ModelSpec
from backends.optimizers import Adam
from backends.recurrent import Recurrent
from backends.reference import training as reference
from backends.seeded import initial_weights
from benchmarks.worker import next_rows
from benchmarks.worker.streams import predict_chains, training_streams
from benchmarks.worker.training import Schedule, TrainingPlan
from datasets import future
from tests.benchmarks.command_line import REFERENCE, in_process

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def numbered(lengths):
    """Chains of these lengths; their windows have random numbers."""
    windows = np.random.default_rng(len(lengths)).permutation(sum(lengths))
    return np.split(windows, np.cumsum(lengths)[:-1])


@given(lengths=lengths, batch=st.integers(1, 6))
def test_a_row_continues_the_row_above_unless_it_is_reset(lengths, batch):
    """No window is taken twice, and a state is reset only in the first step and at the start of a chain."""
    chains = numbered(lengths)
    order, resets = training_streams(chains, batch)
    assert order.shape == resets.shape == (sum(lengths) // batch, batch)
    assert len(np.unique(order)) == order.size
    assert resets[:1].all()
    following = {before: after for chain in chains for before, after in pairwise(chain)}
    for before, after, reset in zip(order[:-1].ravel(), order[1:].ravel(), resets[1:].ravel(), strict=True):
        assert reset == (following.get(before) != after)


def test_every_epoch_of_a_stateful_model_takes_the_windows_in_order():
    """Whatever the seed; learning rates and dropout masks still change."""
    model = ModelSpec((Recurrent("gru", 4, recurrent_dropout=0.5), Dense(1)), stateful=True)
    chains, schedule = numbered([9, 4, 7]), Schedule("cosine", 1e-3, epochs=2)
    plans = [TrainingPlan(model, (20, 6, 2), 3, schedule, seed, chains=chains) for seed in (1, 2)]
    (first,), (second,), (other,) = plans[0].epoch(0), plans[0].epoch(1), plans[1].epoch(0)
    order, resets = training_streams(chains, 3)
    for steps in (first, second, other):
        np.testing.assert_array_equal(steps.order, order)
        np.testing.assert_array_equal(steps.resets, resets)
        np.testing.assert_array_equal(steps[2:4].resets, resets[2:4])
    assert not np.array_equal(first.masks["0.recurrent_mask"], second.masks["0.recurrent_mask"])
    assert first.rates[0] > second.rates[0]


@pytest.mark.parametrize("most", [3, 8, 1000])
def test_a_forecast_along_a_chain_is_that_of_the_whole_history(most):
    """Window and carried state together are the rows from the chain's start on, read from a state of zero."""
    series = datasets.Series(
        "walk", "", np.random.default_rng(0).normal(size=(90, 2)), ("a", "b"), ("b",), runs=(0, 52)
    )
    windows = datasets.cut(series, datasets.DataSpec(series="walk"), datasets.WindowSpec(length=5), "float64")
    part = windows.train
    chains = windows.chains(part)
    model = ModelSpec((Recurrent("lstm", 4, sequences=True), Recurrent("gru", 3), Dense(1)), stateful=True)
    weights = initial_weights(model, 2, 5, 3)

    def built(x):
        rest = (Objective(), Adam(), weights, x, np.zeros((len(x), 1)))
        return reference.create("reference", dtype="float64").build(model, *rest, dtype="float64", seed=0)

    forecasts = predict_chains(built(part.x), part.x, chains, most)
    assert max(map(len, chains)) > 3
    for chain in chains:
        for number in range(len(chain)):
            history = part.x[chain[: number + 1]].reshape(1, -1, 2)
            expected = built(history).predict(history)
            np.testing.assert_allclose(forecasts[chain[number]], expected[0], rtol=1e-12)


@pytest.mark.parametrize("difference", [True, False])
def test_the_next_rows_are_those_that_the_test_part_forecasts_from_its_state(difference):
    """After a series without its last row: the last test window, with all of its chain. The row after it: from a series
    that ends with the first forecast."""
    data, length = datasets.DataSpec(series="airline", difference=difference), 5
    windows = datasets.prepare(data, datasets.WindowSpec(length=length), "float64")
    spec = ModelSpec((Recurrent("gru", 4), Dense(1)), stateful=True)
    rest = (Objective(), Adam(), initial_weights(spec, 1, length, 3), windows.train.x, windows.train.y)
    model = reference.create("reference", dtype="float64").build(spec, *rest, dtype="float64", seed=0)
    chains = windows.chains(windows.test)
    expected = windows.to_unit(windows.test, predict_chains(model, windows.test.x, chains, 1000))[-1]
    alone = windows.to_unit(windows.test, model.predict(windows.test.x, np.ones((1, len(windows.test)), bool)))[-1]
    assert abs(expected - alone) > 1e-3

    def forecast(series, steps):
        read = next_rows.history(windows, series)
        assert read == max(map(len, chains))
        longer = replace(windows, window=windows.window.model_copy(update={"length": read * length}))
        forecaster = next_rows.Forecaster(model, Objective(), longer, carried=length)
        ahead = future.after_the_end(longer, series, steps)
        points = forecaster.points(ahead)
        band, _ = next_rows.band_of(forecaster, ahead, points)
        assert band.windows[0] == windows.split.spans["validation"][0][1] - windows.split.spans["validation"][0][0]
        return points[0, :, 0]

    whole = windows.series
    shorter = replace(whole, values=whole.values[:-1], times=whole.times[:-1])
    first, second = forecast(shorter, 2)
    assert first == pytest.approx(expected.item(), rel=1e-12)
    continued = replace(whole, values=np.append(shorter.values, [[first]], axis=0))
    assert forecast(continued, 1)[0] == pytest.approx(second, rel=1e-9)


@pytest.mark.slow
def test_a_run_of_a_stateful_model(written, tmp_path):
    """It is certified and learns, its report says how the state passes, and it forecasts the next rows."""
    path = written(REFERENCE.replace("units = 4", "units = 4\nstateful = true"))
    done = in_process("run", path, "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "small" / "latest" / "report.md").read_text()
    assert "state passes from each window to the one that continues it" in report
    assert "forecast from the state after those before them in their part" in report
    done = in_process("forecast", tmp_path / "small" / "latest", "--steps", "3", "--to", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The state of the model is that after" in done.stdout
    assert "1961-03" in done.stdout
