"""The tests behind the words "better", "worse" and "cannot be distinguished"."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import synthetic_run
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic_run import change
from synthetic_several import over_origins

from reports.analysis.context import Context
from reports.analysis.forecasts import judgement
from reports.analysis.forecasts.judgement import diebold_mariano, judged, loss_differences, superiority
from reports.analysis.metrics import beats
from reports.analysis.run import Run
from reports.records.base import Matrix
from reports.render.formats import probability
from reports.sections.forecasts import quality, scores
from reports.sections.series_and_origins import error_by_origin
from reports.sections.summary import section

RECORDS = synthetic_run.records(cells=("gru",), modes=("matched",), weeks=80, forecasts=True)


FEW = synthetic_run.records(cells=("gru",), modes=("matched",), weeks=9, forecasts=True)


def run_with(error, records=RECORDS):
    """A run whose models have these errors (windows, 1), and whose persistence has errors of deviation 0.25."""
    manifest, certificate, trials = records
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
    assert diebold_mariano([differences], 1) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, rel=1e-12)


@pytest.mark.parametrize("horizon", [1, 4, 12])
def test_equal_forecasts_are_called_different_in_5_percent_of_cases(horizon):
    """Errors `horizon` steps ahead are moving averages; without their autocovariances half of the tests reject."""
    noise = np.random.default_rng(1).normal(size=(600, 400 + horizon - 1))
    differences = np.lib.stride_tricks.sliding_window_view(noise, horizon, axis=1).sum(axis=-1)
    rejected = np.mean([diebold_mariano([row], horizon) < 0.05 for row in differences])
    assert 0.03 < rejected < 0.09
    if horizon > 1:
        assert np.mean([diebold_mariano([row], 1) < 0.05 for row in differences]) > 0.2


def test_a_sum_of_covariances_below_0_still_gives_a_probability():
    alternating = np.tile([1.0, -0.9], 40)
    assert 0 <= diebold_mariano([alternating], 2) <= 1
    assert diebold_mariano([np.zeros(40)], 3) == 1
    assert diebold_mariano([np.ones(40)], 3) == 0


def test_too_few_windows_are_not_tested():
    assert diebold_mariano([np.random.default_rng(2).normal(size=9)], 1) is None
    assert diebold_mariano([np.random.default_rng(2).normal(size=30)], 16) is None


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (lambda noise: 0.5 * noise, "better", "beat persistence"),
        (lambda noise: 1.5 * noise, "worse", "persistence has a lower error than every forecast"),
        (lambda noise: np.roll(noise, 1, axis=0), "undecided", "no forecast can be distinguished from persistence"),
    ],
)
def test_the_words_follow_from_the_test(error, state, words):
    run = run_with(error)
    assert {judged((group,), "persistence").state for group in run.groups} == {state}
    context = Context.of(run)
    (case,) = run.manifest.cases
    (sentence,) = quality.case_forecasts(run, run.finished(case), context.speedups[case.label])
    assert words in sentence
    assert "p = " in sentence or "p < " in sentence
    table = scores.section(context).blocks[0]
    shown = {"better": "better", "worse": "worse", "undecided": "not distinguishable"}[state]
    place = [column.label for column in table.columns].index("persistence")
    assert {row.cells[place].text for row in table.rows} == {shown}


@pytest.mark.parametrize(
    ("factor", "words"), [(0.5, "have a lower error than"), (1.5, "not every forecast has a lower")]
)
def test_with_too_few_windows_no_forecast_is_said_to_beat_a_baseline(factor, words):
    """The error may be lower by chance, so it is stated without a judgement on the forecast."""
    run = run_with(lambda noise: factor * noise, FEW)
    assert {judged((group,), "persistence").state for group in run.groups} == {"few"}
    context = Context.of(run)
    (case,) = run.manifest.cases
    (sentence,) = quality.case_forecasts(run, run.finished(case), context.speedups[case.label])
    assert words in sentence
    assert "the test part has too few windows for a test, so no forecast is called good" in sentence
    assert not re.search(r"\bbeats?\b|not good|none is good", sentence)
    assert (
        quality.beating(run)
        == "0 of 3 forecasts beat persistence with every seed; 3 of them have too few windows for a test."
    )
    table = scores.section(context).blocks[0]
    place = [column.label for column in table.columns].index("persistence")
    assert {row.cells[place].text for row in table.rows} == {"too few windows"}


def test_the_first_sentence_names_a_baseline_that_wins():
    (sentence,) = quality.winning_baselines(run_with(lambda noise: 3 * noise))
    assert sentence.startswith("The baseline persistence forecasts co2 with a lower test MSE than every model: ")
    assert sentence.endswith("(the difference is significant, p < 0.001)")
    assert quality.winning_baselines(run_with(lambda noise: 1e-3 * noise)) == ()


def test_windows_that_are_cut_in_several_ways_are_one_data_set():
    """Models with other padding forecast the same values, so a baseline must be better than all of them."""
    run = run_with(lambda noise: 3 * noise)
    (case,), (key,) = run.manifest.cases, run.manifest.data
    padded = case.model_copy(update={"label": "padded", "data": "padded"})
    data = {key: run.manifest.data[key], "padded": run.manifest.data[key].model_copy(update={"digest": "another"})}
    plans = [plan.model_copy(update={"case": "padded", "key": f"p{plan.key}"}) for plan in run.manifest.trials]
    trials = [trial.model_copy(update={"plan": plan}) for trial, plan in zip(run.trials, plans, strict=True)]
    fields = {"data": data, "cases": (case, padded), "trials": (*run.manifest.trials, *plans)}
    both = replace(run, manifest=run.manifest.model_copy(update=fields), trials=(*run.trials, *trials))
    assert len(both.models) == 2 * len(run.models)
    assert quality.winning_baselines(both) == quality.winning_baselines(run)
    assert "data sets" not in quality.winning_baselines(both)[0]


@pytest.mark.parametrize(
    ("note", "recorded", "said"),
    [
        ("loss quantile 0.1 0.5 0.9", False, True),
        ("loss quantile 0.1 0.5 0.9", True, False),
        ("loss quantile 0.5", False, False),
        ("loss mae", False, False),
    ],
)
def test_a_missing_band_is_explained_with_the_command_that_gives_one(note, recorded, said):
    run = run_with(lambda noise: noise)
    (case,) = run.manifest.cases
    manifest = run.manifest.model_copy(update={"cases": (case.model_copy(update={"training_notes": (note,)}),)})
    rows = [(row[0] - 1, row[0], row[0] + 1) for row in run.trials[0].outcome.predictions]
    fields = {"quantiles": (0.1, 0.5, 0.9), "bands": Matrix(rows)} if recorded else {}
    changed = replace(run, manifest=manifest, trials=tuple(change(trial, **fields) for trial in run.trials))
    texts = [item for block in scores.section(Context.of(changed)).blocks for item in getattr(block, "items", ())]
    assert (
        any("GRU has no band" in text and "benchmarks forecast co2/2026-03-01T09-30-00Z`" in text for text in texts)
        == said
    )


def test_one_seed_that_is_not_better_is_enough_to_doubt():
    manifest, certificate, trials = RECORDS
    data = manifest.data["co2"]
    truth = np.array(data.test_truth)
    poor = Matrix((truth + np.random.default_rng(3).normal(0, 1, truth.shape)).tolist())
    changed = tuple(change(trial, predictions=poor) if trial.plan.seed == 2 else trial for trial in trials)
    good, doubtful = Run(*RECORDS[:2], trials), Run(manifest, certificate, changed)
    assert judged(good.groups[:1], "seasonal naive").state == "better"
    judgement = judged(doubtful.groups[:1], "persistence")
    assert (judgement.state, judgement.lower) == ("undecided", 2)


def test_seeds_that_differ_from_a_baseline_in_both_directions_are_said_to_disagree():
    """Their p-values are all small, so "not distinguishable" beside the largest of them would contradict it."""
    good, poor = run_with(lambda noise: 0.3 * noise), run_with(lambda noise: 3 * noise)
    pairs = zip(good.trials, poor.trials, strict=True)
    run = replace(good, trials=tuple(bad if bad.plan.seed == 2 else well for well, bad in pairs))
    table = scores.section(Context.of(run)).blocks[0]
    place = [column.label for column in table.columns].index("persistence")
    assert {row.cells[place].text for row in table.rows} == {"seeds disagree"}
    assert all("p < 0.001; 2 of 3 seeds" in row.cells[place].detail for row in table.rows)


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
    assert superiority([(first, second)]).probability == pytest.approx(np.mean(pairs))
    assert superiority([([1.0], [2.0])]) is None


def overlapping(random, horizon, lengths):
    """Loss differences of forecasts `horizon` steps ahead at several origins: moving averages with the mean 0."""
    noise = (random.normal(size=length + horizon - 1) for length in lengths)
    return [np.lib.stride_tricks.sliding_window_view(part, horizon).sum(axis=-1) for part in noise]


@pytest.mark.parametrize("horizon", [1, 4, 12])
def test_over_origins_equal_forecasts_are_called_different_in_5_percent_of_cases(horizon):
    """One test of all windows keeps its level; a difference that each origin alone misses is mostly found."""
    random, lengths = np.random.default_rng(3), (70, 90, 60, 110, 80)
    draws = [overlapping(random, horizon, lengths) for _ in range(400)]
    assert 0.03 < np.mean([diebold_mariano(parts, horizon) < 0.05 for parts in draws]) < 0.09
    step = 0.22 * horizon
    together = np.mean([diebold_mariano([part + step for part in parts], horizon) < 0.05 for parts in draws])
    alone = np.mean([diebold_mariano([parts[0] + step], horizon) < 0.05 for parts in draws])
    assert together > 0.9 > 0.6 > alone


@given(
    seed=st.integers(0, 2**32 - 1),
    horizon=st.integers(1, 5),
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=5).filter(lambda lengths: sum(lengths) >= 10),
)
def test_windows_of_two_origins_are_no_pairs(seed, horizon, lengths):
    """The order of the origins does not matter; pairs are counted in loops, in the variance and in the correction."""
    parts = overlapping(np.random.default_rng(seed), horizon, lengths)
    count, p = sum(lengths), diebold_mariano(parts, horizon)
    assert p == pytest.approx(diebold_mariano(parts[::-1], horizon), rel=1e-9)
    if horizon == 1:
        assert p == pytest.approx(stats.ttest_1samp(np.concatenate(parts), 0).pvalue, rel=1e-9)
    mean = np.mean(np.concatenate(parts))
    pairs = [(part[i], part[j]) for part in parts for i in range(len(part)) for j in range(len(part))
             if abs(i - j) < horizon]  # fmt: skip
    variance = sum((a - mean) * (b - mean) for a, b in pairs) / count
    if variance > 1e-9:
        correction = (count - len(pairs) / count) / count
        statistic = mean / np.sqrt(variance / count) * np.sqrt(correction)
        assert p == pytest.approx(2 * stats.t.sf(abs(statistic), count - 1), rel=1e-6)


def origins_with(errors):
    """A run of the GRU whose errors at each origin are those of persistence times a factor, or in another order."""
    records = over_origins((1.0,) * len(errors), cells=("gru",), forecasts=True, weeks=60)
    manifest, certificate, trials = records
    keys = list(manifest.data)
    data, changed = {}, []
    for key, error in zip(keys, errors, strict=True):
        of_origin, random = manifest.data[key], np.random.default_rng(keys.index(key))
        truth = np.array(of_origin.test_truth)
        noise = random.normal(0, 0.25, truth.shape)
        naive, *others = of_origin.baselines
        rows = Matrix((truth + noise).tolist())
        scored = {"predictions": rows, "scores": synthetic_run.score(truth + noise, truth)}
        data[key] = of_origin.model_copy(update={"baselines": (naive.model_copy(update=scored), *others)})
        forecast = truth + error(noise)
        fields = {"predictions": Matrix(forecast.tolist()), "scores": synthetic_run.score(forecast, truth)}
        number = of_origin.origin.number
        changed += [change(t, **fields) for t in trials if t.plan.case.endswith(f", origin {number}")]
    return Run(manifest.model_copy(update={"data": data}), certificate, tuple(changed))


@pytest.mark.parametrize(
    ("factors", "state", "words"),
    [
        ((0.85, 0.85, 0.85), "better", "beat persistence"),
        ((0.85, 0.8, 1.1), "better", "beat persistence"),
        ((1.1, 1.2, 1.3), "worse", "persistence has a lower error than every forecast"),
        ((0.8, 1.0, 1.2), "undecided", "no forecast can be distinguished from persistence"),
    ],
)
def test_the_words_follow_from_one_test_over_all_origins(factors, state, words):
    """In the summary, the table of tests and the caption of the errors by origin; also for more origins than models."""
    for repeats in (1, 2):
        run = origins_with([partial(np.multiply, factor) for factor in factors * repeats])
        origins = len(factors) * repeats
        (groups, *_) = run.models
        judgement = judged(groups, "persistence")
        lower = repeats * sum(factor < 1 for factor in factors)
        assert (judgement.state, judgement.lower_origins, judgement.origins) == (state, lower, origins)
        assert all(beats(run, group, "persistence") == (state == "better") for group in run.groups)
        (sentence,) = quality.over_origins(run)
        assert sentence.startswith("GRU: ")
        assert words in sentence
        assert f"{probability(judgement.p)} over {origins} origins" in sentence
        context = Context.of(run)
        shown = [block.text for block in section(context).blocks if block.kind == "paragraph"]
        assert sentence in shown
        cases = [quality.case_forecasts(run, run.finished(c), context.speedups[c.label]) for c in run.manifest.cases]
        assert not any("persistence" in text for texts in cases for text in texts)
        table = scores.section(context).blocks[0]
        place = [column.label for column in table.columns].index("persistence")
        assert len(table.rows) == len(run.backends)
        for row in table.rows:
            cell = row.cells[place]
            assert cell.text == {"better": "better", "worse": "worse", "undecided": "not distinguishable"}[state]
            assert f"{lower} of {origins} origins" in cell.detail
        caption = error_by_origin(run).caption
        assert f"GRU at {lower} of {origins} (" in caption
        assert f"over all, {probability(judgement.p)})" in caption


def test_a_baseline_that_wins_over_all_origins_is_named_once():
    factors = (1.4, 1.6, 0.9)
    run = origins_with([partial(np.multiply, factor) for factor in factors])
    (sentence,) = quality.winning_baselines(run)
    assert "with a lower test MSE than every model over 3 origins: " in sentence
    assert quality.winning_baselines(origins_with([partial(np.multiply, 0.1)] * 3)) == ()


@pytest.mark.parametrize("sizes", [(3, 4), (5, 5), (2, 7)])
def test_at_one_origin_the_test_of_two_models_is_that_of_mann_and_whitney(sizes):
    random = np.random.default_rng(sizes[1])
    first, second = (random.normal(place, 1, size) for place, size in enumerate(sizes))
    expected = stats.mannwhitneyu(first, second, method="exact")
    result = superiority([(first, second)])
    assert result.p == pytest.approx(expected.pvalue)
    assert result.probability == pytest.approx(1 - expected.statistic / (len(first) * len(second)))


def test_the_normal_distribution_of_many_trials_is_near_the_exact_one(monkeypatch):
    """A sweep has hundreds of trials, for which the exact distribution would take hours."""
    random = np.random.default_rng(8)
    cases = [
        [(random.normal(size=size).round(1), random.normal(shift, 1, size + 2).round(1)) for size in (11, 14)]
        for shift in np.linspace(-1, 1, 9)
    ]
    exact = [superiority(origins).p for origins in cases]
    monkeypatch.setattr(judgement, "MOST_EXACT", 0)
    np.testing.assert_allclose([superiority(origins).p for origins in cases], exact, atol=0.01)
    many = [(random.normal(size=500), random.normal(0.5, 1, 500))]
    assert superiority(many).p < 1e-6


def test_over_origins_equal_models_differ_in_at_most_5_percent_of_cases():
    """Errors that differ much from origin to origin are compared within each; ties and single seeds are allowed."""
    random, levels = np.random.default_rng(4), 10.0 ** np.arange(5)
    draws = [[tuple(random.normal(level, level / 9, (2, 3))) for level in levels] for _ in range(400)]
    assert 0.02 < np.mean([superiority(origins).p < 0.05 for origins in draws]) <= 0.07
    lower = [[(first - level / 6, second) for (first, second), level in zip(o, levels, strict=True)] for o in draws]
    assert np.mean([superiority(origins).p < 0.05 for origins in lower]) > 0.8
    single = [([1.0], [2.0])] * 6
    assert superiority(single).probability == 1
    assert superiority(single).p == pytest.approx(2 / 2**6)
    assert superiority([([1.0, 1.0], [1.0, 1.0])] * 3) == superiority([([2.0], [2.0])] * 3)


def test_two_models_are_compared_within_each_origin():
    """One table for all origins; the GRU is better at two of three with every seed."""
    run = Run(*over_origins((0.2, 5.0, 0.2), forecasts=True))
    (table,) = (block for block in scores.section(Context.of(run)).blocks if block.title.startswith("Models, "))
    assert [column.label for column in table.columns] == ["model", "LSTM", "GRU"]
    assert [row.cells[0].text for row in table.rows] == ["LSTM", "GRU"]
    assert table.rows[1].cells[1].value == pytest.approx(2 / 3)
    assert table.rows[0].cells[2].value == pytest.approx(1 / 3)
    assert "at the same origin" in table.caption
