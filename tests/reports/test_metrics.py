"""Tests of the metrics: one entry per metric, and the skill against naive forecasts."""

import json
from math import inf
from pathlib import Path

import pytest
import synthetic_run
from synthetic_run import change

from benchmarks.definition import loading
from reports import export
from reports.analysis import metrics
from reports.analysis.intervals import PairedEffect
from reports.analysis.metrics import METRICS, Metric, headline_error, median_over_seeds, quantity_names, skill, values
from reports.analysis.ranking import rankings
from reports.analysis.reproduction import check_reproduction
from reports.analysis.run import Run
from reports.analysis.run_comparison import compare_runs
from reports.analysis.run_store import StoredRun
from reports.analysis.speedup import speedups_of
from reports.analysis.trend import changes_beyond_noise, trend_series
from reports.pages import comparison_page
from reports.records import Contender, Question, Scores
from reports.sections import questions, results

GOLDEN = Path(__file__).parent / "golden" / "run"
RECORDS = synthetic_run.records(cells=("gru", "lstm"), modes=("matched",), epochs=4, weeks=30)


@pytest.fixture(scope="module")
def run():
    return Run(*RECORDS[:2], tuple(RECORDS[2]))


def relative_mae(data, forecast):
    """The MAE relative to that of persistence."""
    (naive,) = (baseline.scores.mae for baseline in data.baselines if baseline.name == "persistence")
    return forecast.scores.mae / naive


@pytest.fixture
def registered(monkeypatch):
    """A metric that nothing but one entry of the registry knows."""
    metric = Metric(
        "relative_mae",
        "relative MAE",
        "error",
        "",
        value=lambda o: relative_mae(o.data, o.outcome),
        score=relative_mae,
        compared=True,
    )
    monkeypatch.setitem(metrics.METRICS, "relative_mae", metric)
    return metric


def test_a_new_metric_is_in_the_table_of_scores(run, registered):
    named = [(table, [column.label for column in table.columns]) for table in results.scores(run)]
    ((table, place),) = [(table, labels.index("relative MAE")) for table, labels in named if "relative MAE" in labels]
    shown = {row.cells[1].text: row.cells[place].value for row in table.rows}
    assert shown["persistence"] == 1.0
    assert shown["PyTorch, eager loop"] == pytest.approx(median_over_seeds(run.groups[-3], "relative_mae").estimate)


def test_a_new_metric_is_in_the_export(run, registered, tmp_path):
    frame = export.table(run, tmp_path, "trials")
    outcome = run.trials[0].outcome
    assert frame.relative_mae[0] == pytest.approx(relative_mae(run.manifest.data["co2"], outcome))
    assert export.table(run, tmp_path, "baselines").query("baseline == 'persistence'").relative_mae.tolist() == [
        1.0,
        1.0,
    ]


def test_a_new_metric_can_be_asked_about(run, registered, tmp_path):
    question = Question(
        asks="Is the GRU better than persistence?",
        better=Contender(case="gru", figure="relative mae"),
        than=Contender(case="gru", figure="relative mae", backend="persistence"),
    )
    asking = Run(run.manifest.model_copy(update={"questions": (question,)}), run.certificate, run.trials)
    (row,) = questions.questions_table(asking).rows
    assert row.cells[1].text == "yes"
    assert row.cells[3].value == 1.0
    text = """title = "T"
description = "D"
backends = ["reference"]
seeds = [1]
[data]
series = "co2"
[window]
length = 6
[model]
cell = "gru"
units = 4
[training]
epochs = 1
batch = 16
[[question]]
asks = "Is it better?"
better = { case = "gru", figure = "relative mae" }
than = { case = "gru", figure = "relative mae", backend = "persistence" }
"""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert loading.read(str(path)).header.questions[0].better.figure == "relative mae"


def test_a_new_metric_is_in_comparisons_of_runs_and_in_the_history(run, registered, tmp_path):
    comparison = compare_runs(run, run)
    assert {pair.metrics["relative_mae"].effect.state for pair in comparison.pairs} == {"same"}
    page = comparison_page.page(comparison, "a", "b")
    assert page.table("relative_mae").rows
    assert comparison_page.facts(comparison)[0]["relative_mae"]["effect"]["state"] == "same"
    series = trend_series([StoredRun(tmp_path / str(number), run) for number in (1, 2)])
    assert len(next(line for line in series if line.metric.name == "relative_mae").points) == 2


def test_every_metric_of_a_complete_record_is_a_number(run):
    """And its name is the key of its entry, so that it is also the name of a column of the export."""
    for name, metric in METRICS.items():
        assert metric.name == name
        numbers = values(run.groups[0], metric)
        assert all(isinstance(number, float) for number in numbers.values())
        if metric.kind in ("time", "rate") and name not in ("validation_seconds", "harness_seconds", "loop_seconds"):
            assert numbers, name
            assert metric.timed


def scored(mse, scaled=None):
    return Scores(mse=mse, rmse=mse**0.5, mae=mse, scaled_mse=scaled, scaled_mae=scaled)


def data_with(naive, targets=1):
    """Data whose persistence forecast has these scores."""
    data = RECORDS[0].data["co2"]
    persistence = data.baselines[0].model_copy(update={"scores": naive})
    truth = tuple(row * targets for row in data.test_truth)
    return data.model_copy(update={"baselines": (persistence,), "test_truth": truth})


@pytest.mark.parametrize(
    ("mse", "naive", "expected"),
    [(1.0, 4.0, 0.75), (4.0, 4.0, 0.0), (5.0, 4.0, -0.25), (0.0, 0.0, 0.0), (0.1, 0.0, -inf)],
)
def test_skill_is_the_share_of_the_naive_error_that_is_removed(mse, naive, expected):
    """An exact naive forecast, as seasonal naive on a noiseless sine, can be equalled but not beaten."""
    assert skill(data_with(scored(naive)), scored(mse), "persistence") == expected


def test_skill_is_none_without_the_naive_forecast():
    assert skill(data_with(scored(1.0)), scored(1.0), "seasonal naive") is None


def test_the_skill_of_an_old_run_is_computed_as_it_was_recorded():
    """Records of versions 1 and 2 have a skill, which is dropped when they are read."""
    run = Run.read(GOLDEN)
    for group in run.groups:
        for seed, observation in group.observations.items():
            record = json.loads((GOLDEN / "trials" / f"{observation.trial.plan.key}.json").read_text())
            for name in ("skill_persistence", "skill_seasonal"):
                assert values(group, name)[seed] == pytest.approx(record["outcome"]["scores"][name])


def test_several_targets_have_no_pooled_headline():
    """Targets have units of their own, so a run of several is summarized by the error of scaled values."""
    data = data_with(scored(100.0, scaled=2.0), targets=2)
    assert data.targets == 2
    assert skill(data, scored(99.0, scaled=1.0), "persistence") == 0.5
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), epochs=4, weeks=30, horizon=2)
    windows = {name: value.model_copy(update={"horizon": 1}) for name, value in manifest.data.items()}
    cases = tuple(case.model_copy(update={"horizon": 1}) for case in manifest.cases)
    manifest = manifest.model_copy(update={"data": windows, "cases": cases})
    scaled = [change(t, scores=t.outcome.scores.model_copy(update={"scaled_mse": 0.5})) for t in trials]
    assert headline_error(Run(manifest, certificate, tuple(scaled))).name == "scaled_mse"
    assert headline_error(Run(manifest, certificate, tuple(trials))).name == "mse"  # the records lack scaled errors


def test_one_target_is_summarized_in_its_unit(run):
    assert headline_error(run).name == "mse"
    assert rankings(run, speedups_of(run)) == ()


def test_names_of_quantities_are_those_of_definitions():
    assert {"mse", "mae", "scaled mse", "scaled mae", "mixed mse", "loss", "prediction", "test windows"} <= {
        *quantity_names()
    }
    assert quantity_names(errors=True) == (
        *("mse", "rmse", "mae", "scaled mse", "scaled mae", "mase", "smape", "wape", "pinball"),
    )


def test_the_median_of_an_even_number_of_repeats_is_the_mean_of_the_middle_two(run):
    manifest, certificate, trials = RECORDS
    times = trials[0].outcome.times.model_copy(update={"predict_test": (1.0, 2.0, 3.0, 10.0)})
    group = Run(manifest, certificate, tuple(change(t, times=times) for t in trials)).groups[0]
    assert set(values(group, "test_seconds").values()) == {2.5}
    assert median_over_seeds(group, "test_seconds").estimate == 2.5


def test_every_decision_on_noise_is_that_of_the_effect(run, monkeypatch, tmp_path):
    """Comparisons of runs, histories and reproducibility checks decide by `PairedEffect.beyond_noise` alone."""
    manifest, certificate, trials = RECORDS

    def slowed(trial):
        times = trial.outcome.times
        return change(trial, times=times.model_copy(update={"epochs": tuple(3 * s for s in times.epochs)}))

    slow = Run(manifest, certificate, tuple(map(slowed, trials)))

    def decisions():
        comparison = compare_runs(run, slow)
        series = trend_series([StoredRun(tmp_path / name, stored) for name, stored in (("a", run), ("b", slow))])
        return (
            any(pair.metrics["steady_epoch_seconds"].effect.state == "up" for pair in comparison.pairs),
            bool(changes_beyond_noise(series)),
            any(ratio.effect.state == "up" for ratio in check_reproduction(run, slow).times),
        )

    assert decisions() == (True, True, True)
    monkeypatch.setattr(PairedEffect, "beyond_noise", property(lambda effect: False))
    assert decisions() == (False, False, False)
