"""The tests behind the words "better", "worse" and "cannot be distinguished"."""

import numpy as np
import pytest
import synthetic_run
from scipy import stats
from synthetic_run import change

from reports.analysis.context import Context
from reports.analysis.forecasts.judgement import diebold_mariano, judged, loss_differences, superiority
from reports.analysis.run import Run
from reports.records.base import Matrix
from reports.sections.forecasts import quality, scores

RECORDS = synthetic_run.records(cells=("gru",), modes=("matched",), weeks=80, forecasts=True)


def run_with(error):
    """A run whose models have these errors (windows, 1), and whose persistence has errors of deviation 0.25."""
    manifest, certificate, trials = RECORDS
    data = manifest.data["co2"]
    truth = np.array(data.test_truth)
    noise = np.random.default_rng(5).normal(0, 0.25, size=truth.shape)
    rows = Matrix((truth + noise).tolist())
    baselines = tuple(
        b.model_copy(update={"predictions": rows, "scores": synthetic_run.score(truth + noise, truth)})
        if b.name == "persistence"
        else b
        for b in data.baselines
    )
    data = data.model_copy(update={"baselines": baselines})
    forecast = truth + error(noise)
    fields = {"predictions": Matrix(forecast.tolist()), "scores": synthetic_run.score(forecast, truth)}
    changed = tuple(change(trial, **fields) for trial in trials)
    return Run(manifest.model_copy(update={"data": {"co2": data}}), certificate, changed)


def test_one_step_ahead_it_is_the_paired_t_test():
    """Without overlapping errors, the corrected statistic is that of Student's test of the mean difference."""
    differences = np.random.default_rng(0).normal(0.2, 1, 60)
    assert diebold_mariano(differences, 1) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, rel=1e-12)


@pytest.mark.parametrize("horizon", [1, 4, 12])
def test_equal_forecasts_are_called_different_in_5_percent_of_cases(horizon):
    """Errors `horizon` steps ahead are moving averages; without their autocovariances half of the tests reject."""
    noise = np.random.default_rng(1).normal(size=(600, 400 + horizon - 1))
    differences = np.lib.stride_tricks.sliding_window_view(noise, horizon, axis=1).sum(axis=-1)
    rejected = np.mean([diebold_mariano(row, horizon) < 0.05 for row in differences])
    assert 0.03 < rejected < 0.09
    if horizon > 1:
        assert np.mean([diebold_mariano(row, 1) < 0.05 for row in differences]) > 0.2


def test_a_sum_of_covariances_below_0_still_gives_a_probability():
    alternating = np.tile([1.0, -0.9], 40)
    assert 0 <= diebold_mariano(alternating, 2) <= 1
    assert diebold_mariano(np.zeros(40), 3) == 1
    assert diebold_mariano(np.ones(40), 3) == 0


def test_too_few_windows_are_not_tested():
    assert diebold_mariano(np.random.default_rng(2).normal(size=9), 1) is None
    assert diebold_mariano(np.random.default_rng(2).normal(size=30), 16) is None


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (lambda noise: 0.5 * noise, "better", "beat persistence"),
        (lambda noise: 1.5 * noise, "worse", "no forecast beats persistence"),
        (lambda noise: np.roll(noise, 1, axis=0), "undecided", "no forecast can be distinguished from persistence"),
    ],
)
def test_the_words_follow_from_the_test(error, state, words):
    run = run_with(error)
    assert {judged(group, "persistence").state for group in run.groups} == {state}
    context = Context.of(run)
    (case,) = run.manifest.cases
    (sentence,) = quality.case_forecasts(run, run.finished(case), context.speedups[case.label])
    assert words in sentence
    assert "p = " in sentence or "p < " in sentence
    table = scores.section(context).blocks[0]
    shown = {"better": "better", "worse": "worse", "undecided": "not distinguishable"}[state]
    place = [column.label for column in table.columns].index("persistence")
    assert {row.cells[place].text for row in table.rows} == {shown}


def test_the_first_sentence_names_a_baseline_that_wins():
    (sentence,) = quality.winning_baselines(run_with(lambda noise: 3 * noise))
    assert sentence.startswith("The baseline persistence forecasts co2 with a lower test MSE than every model: ")
    assert sentence.endswith("(the difference is significant, p < 0.001)")
    assert quality.winning_baselines(run_with(lambda noise: 1e-3 * noise)) == ()


def test_one_seed_that_is_not_better_is_enough_to_doubt():
    manifest, certificate, trials = RECORDS
    data = manifest.data["co2"]
    truth = np.array(data.test_truth)
    poor = Matrix((truth + np.random.default_rng(3).normal(0, 1, truth.shape)).tolist())
    changed = tuple(change(trial, predictions=poor) if trial.plan.seed == 2 else trial for trial in trials)
    good, doubtful = Run(*RECORDS[:2], trials), Run(manifest, certificate, changed)
    assert judged(good.groups[0], "seasonal naive").state == "better"
    judgement = judged(doubtful.groups[0], "persistence")
    assert (judgement.state, judgement.lower) == ("undecided", 2)


def test_series_of_one_time_are_one_observation():
    """Errors of several series at one time depend on each other, so counting them all would overstate the evidence."""
    manifest, _, trials = RECORDS
    data = manifest.data["co2"]
    half = len(data.test_times) // 2
    data = data.model_copy(
        update={"groups": (("a", half), ("b", half)), "test_times": (*data.test_times[:half], *data.test_times[:half])}
    )
    outcome, baseline = trials[0].outcome, data.baselines[0]
    single = loss_differences(manifest.data["co2"], outcome, baseline)
    together = loss_differences(data, outcome, baseline)
    np.testing.assert_allclose(together, (single[:half] + single[half:]) / 2)


def test_the_probability_of_a_lower_error_counts_pairs_of_seeds():
    first, second = [1.0, 2.0, 5.0], [3.0, 4.0, 5.0, 6.0]
    pairs = [(a < b) + 0.5 * (a == b) for a in first for b in second]
    assert superiority(first, second).probability == pytest.approx(np.mean(pairs))
    assert superiority([1.0], second) is None
