"""Tests of several targets in a forecast, and of naive forecasts without error."""

import numpy as np
import pytest
import synthetic_run
from synthetic_run import change

from reports.analysis.context import Context
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.figures.forecast import error_by_horizon, step_errors
from reports.sections import results
from reports.sections.summary import case_sentences, limits


def run_of(manifest, certificate, trials):
    return Run(manifest, certificate, tuple(trials))


@pytest.fixture(scope="module")
def two_targets():
    """A run that forecasts three steps of two targets: rows of truth have six values."""
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), epochs=4, weeks=30, horizon=6)
    case = manifest.cases[0].model_copy(update={"horizon": 3})
    data = {name: windows.model_copy(update={"horizon": 3}) for name, windows in manifest.data.items()}
    return run_of(manifest.model_copy(update={"cases": (case,), "data": data}), certificate, trials)


@pytest.fixture(scope="module")
def exact():
    """A run whose persistence forecast has no error, as on a constant test part."""
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), epochs=4, weeks=30)
    data = manifest.data["co2"]
    persistence, *others = data.baselines
    scores = persistence.scores.model_copy(update={"mse": 0.0})
    data = data.model_copy(update={"baselines": (persistence.model_copy(update={"scores": scores}), *others)})
    return run_of(manifest.model_copy(update={"data": {"co2": data}}), certificate, trials)


def test_error_by_horizon_has_a_panel_per_target_and_a_point_per_step(drawn, two_targets):
    group = two_targets.groups[0]
    errors = step_errors(two_targets, group)
    assert errors.shape == (3, 3, 2)
    error = np.array(group.outcomes[1].predictions) - np.array(two_targets.manifest.data["co2"].test_truth)
    assert errors[0, 1, 1] == pytest.approx(np.sqrt(np.mean(error[:, 3] ** 2)))
    drawing = error_by_horizon(two_targets).svg
    assert "target 1" in drawing
    assert "target 2" in drawing


def test_scores_pooled_over_targets_say_so(two_targets):
    items = limits(Context.of(two_targets, show_unreliable=True))
    assert any("pooled over 2 targets with different units" in words for words in items)


def test_pooling_is_reported_once_for_all_cases(two_targets):
    """The sentence is not repeated for each case."""
    manifest = two_targets.manifest
    labels = ["gru, units 4", "gru, units 8", "gru, units 16"]
    cases = [manifest.cases[0].model_copy(update={"label": label}) for label in labels]
    cases[2] = cases[2].model_copy(update={"horizon": 6})
    run = Run(manifest.model_copy(update={"cases": tuple(cases)}), None, ())
    (sentence,) = (words for words in limits(Context.of(run, show_unreliable=True)) if "pooled" in words)
    assert sentence.startswith("MSE, RMSE and MAE are pooled over 2 targets with different units")


def test_a_naive_forecast_without_error_is_called_exact(exact):
    lead, _ = case_sentences(exact, exact.manifest.cases[0], speedups_of(exact))
    assert "; persistence has no error on this test part, so no forecast can beat it." in lead
    assert "not finite" not in lead
    assert "so none is good" not in lead


def test_skill_against_an_exact_forecast_is_undefined_with_a_note(exact):
    rows = {row.cells[1].text: row.cells[3] for row in results.main_table(exact, speedups_of(exact)).rows}
    assert rows["Flax, compiled epoch"].text == rows["training mean"].text == "undefined"
    assert rows["Flax, compiled epoch"].notes[0].startswith("Persistence has no error on this test part")


def test_forecasts_worse_than_every_naive_forecast_are_reported_once():
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), epochs=4, weeks=30)
    lost = {"mse": 1.02 * max(b.scores.mse for b in manifest.data["co2"].baselines[:2])}
    run = run_of(
        manifest,
        certificate,
        [change(t, scores=t.outcome.scores.model_copy(update=lost)) for t in trials],
    )
    lead, _ = case_sentences(run, run.manifest.cases[0], speedups_of(run))
    assert lead.count("so none is good") == 1
    assert "no forecast beats persistence or the seasonal naive forecast with every seed (skill" in lead
