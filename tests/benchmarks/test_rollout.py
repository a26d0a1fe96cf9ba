"""Rollout: a model that forecasts one row forecasts several; each forecast becomes the next row of its input."""

import json

import numpy as np
import pytest

import datasets
from tests.benchmarks.command_line import REFERENCE, in_process

SPEC = datasets.WindowSpec(length=6, horizon=4, rollout=True)


def windows(**data):
    return datasets.prepare(datasets.DataSpec(series="airline", **data), SPEC, "float64")


def test_one_row_is_learned_and_all_rows_are_compared():
    cut = windows()
    assert cut.train.y.shape[1] == cut.validation.y.shape[1] == 1
    assert cut.truth(cut.test).shape == (len(cut.test), 4)
    whole = SPEC.model_copy(update={"rollout": False})
    longer = datasets.prepare(datasets.DataSpec(series="airline"), whole, "float64")
    np.testing.assert_array_equal(cut.train.x, longer.train.x)
    np.testing.assert_array_equal(cut.train.y, longer.train.y[:, :1])
    assert cut.digest != longer.digest


def test_each_forecast_becomes_the_next_row_of_input():
    """With a model that adds 1 to the last row."""
    cut, seen = windows(), []

    def model(x):
        seen.append(x.copy())
        return x[:, -1] + 1

    x = cut.test.x
    forecast = datasets.forecast(model, cut, x)
    np.testing.assert_allclose(forecast, x[:, -1] + np.arange(1, 5), rtol=1e-15)
    for row, given in enumerate(seen):
        np.testing.assert_array_equal(given[:, : 6 - row], x[:, row:])
        np.testing.assert_array_equal(given[:, 6 - row :, 0], forecast[:, :row])


def test_differences_are_summed_from_the_last_known_value():
    cut = windows(difference=True)
    flat = datasets.forecast(lambda x: np.zeros((len(x), 1)), cut, cut.test.x)
    mean_change = cut.scaler.undo(np.zeros((1, 1, 1)), cut.targets).item()
    expected = cut.last_observed(cut.test) + mean_change * np.arange(1, 5)
    np.testing.assert_allclose(cut.to_unit(cut.test, flat), expected)


def test_an_input_column_without_a_forecast_is_refused():
    values = np.random.default_rng(0).normal(size=(80, 2))
    series = datasets.Series("two", "Two columns", values, ("a", "b"), ("a",))
    with pytest.raises(datasets.DataError, match=r"a rollout needs a forecast of every input column, and 'b' has none"):
        datasets.cut(series, datasets.DataSpec(series="two"), SPEC)


def test_a_run_scores_every_row_of_the_horizon(written, tmp_path):
    path = written(REFERENCE.replace("length = 6", "length = 6\nhorizon = 3\nrollout = true"))
    done = in_process("run", path, "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = (tmp_path / "small" / "latest" / "trials").glob("*.json")
    outcome = json.loads(record.read_text())["outcome"]
    assert {len(row) for row in outcome["predictions"]} == {3}
