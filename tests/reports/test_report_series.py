"""Ranking over several series: mean ranks, Friedman's test, pairwise tests, the table and the diagram."""

from math import factorial

import numpy as np
import pytest
import synthetic_run
from scipy.stats import wilcoxon
from synthetic_run import fail
from synthetic_several import over_origins, over_series

import reports
from reports.analysis.context import Context
from reports.analysis.ranking import friedman, least_series, rankings, wilcoxon_holm
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.figures.error_by_origin import error_by_origin
from reports.figures.ranking import mean_ranks
from reports.figures.style import Palette
from reports.sections import series_and_origins
from reports.sections.summary import limits, section

DRAWS = True


def compared(manifest, certificate, trials):
    run = Run(manifest, certificate, tuple(trials))
    return run, speedups_of(run)


def ranking(records, name="forecasts"):
    return next((ranked for ranked in rankings(*compared(*records)) if ranked.name == name), None)


@pytest.mark.parametrize(("methods", "series"), [(2, 6), (3, 3), (4, 2), (7, 2)])
def test_least_series_is_the_fewest_with_which_the_test_can_be_significant(methods, series):
    assert least_series(methods) == series
    alike = np.tile(np.arange(methods), (series, 1))
    assert friedman(alike) < 0.05
    if series > 2:
        assert friedman(alike[:-1]) == pytest.approx(factorial(methods) ** (2.0 - series))
        assert friedman(alike[:-1]) >= 0.05


def test_the_p_value_agrees_with_scipy_for_many_series():
    scores = np.random.default_rng(3).normal(size=(40, 5)) + 0.25 * np.arange(5)
    stats = pytest.importorskip("scipy.stats")
    assert friedman(scores) == pytest.approx(stats.friedmanchisquare(*scores.T).pvalue, abs=0.01)


def test_equal_methods_do_not_differ():
    assert friedman(np.ones((5, 3))) == 1


def test_pairs_are_tested_with_holms_correction():
    """The smallest of three p-values is multiplied by 3, the next by 2, and none may be below the one before it."""
    scores = np.random.default_rng(4).uniform(1, 2, (12, 3)) * (1.0, 1.4, 1.6)
    pairs = [(0, 1), (0, 2), (1, 2)]
    raw = {pair: wilcoxon(np.log(scores[:, pair[0]] / scores[:, pair[1]])).pvalue for pair in pairs}
    smallest, middle, largest = sorted(pairs, key=raw.get)
    adjusted = wilcoxon_holm(scores)
    assert adjusted[smallest] == pytest.approx(3 * raw[smallest])
    assert adjusted[middle] == pytest.approx(max(3 * raw[smallest], 2 * raw[middle]))
    assert adjusted[largest] == pytest.approx(max(adjusted[middle], raw[largest]))
    np.testing.assert_array_equal(adjusted, adjusted.T)
    assert (np.diag(adjusted) == 1).all()


def test_whether_two_methods_differ_does_not_depend_on_a_third():
    """The fault of comparing mean ranks (Benavoli et al. 2016): with Wilcoxon tests only the correction changes."""
    scores = np.random.default_rng(5).uniform(1, 2, (12, 3)) * (1.0, 1.4, 1.6)
    pair, three = wilcoxon_holm(scores[:, :2])[0, 1], wilcoxon_holm(scores)[0, 1]
    assert pair <= three <= 3 * pair


def test_pairs_are_tested_in_units_that_cancel():
    """A series in another unit must not change the result."""
    scores = np.random.default_rng(6).uniform(1, 2, (9, 3))
    scaled = scores * np.logspace(-6, 6, 9)[:, None]
    np.testing.assert_allclose(wilcoxon_holm(scaled), wilcoxon_holm(scores))


def test_equal_scores_and_scores_of_zero_can_be_tested():
    assert (wilcoxon_holm(np.ones((6, 3))) == 1).all()
    zero = np.column_stack([np.zeros(6), np.ones(6)])
    assert wilcoxon_holm(zero)[0, 1] == pytest.approx(2 / 2**6)


def test_forecasts_are_ranked_within_each_series():
    ranked = ranking(over_series(6))
    assert ranked.methods == ("LSTM", "persistence", "GRU")
    assert ranked.series == ("co2", "cet", "sunspots", "airline", "etth1", "housing")
    assert dict(zip(ranked.methods, ranked.mean_ranks, strict=True)) == {"GRU": 1, "LSTM": 2, "persistence": 3}
    table = series_and_origins.ranking_table(Run(*over_series(6)), ranked)
    assert [column.label for column in table.columns] == ["series", "GRU", "LSTM", "persistence"]
    assert [cell.text for cell in table.rows[-1].cells] == ["mean rank", "1.00", "2.00", "3.00"]
    assert table.rows[0].cells[1].detail == "rank 1"


def test_the_summary_names_the_methods_that_differ():
    blocks = section(Context.of(Run(*over_series(8)))).blocks
    words = [block.text for block in blocks if block.kind == "paragraph"]
    assert (
        "Over 8 series the forecasts differ by test MSE (Friedman's test, p < 0.001): GRU is better than LSTM and "
        "persistence (pairwise Wilcoxon tests with Holm's correction)."
    ) in words
    assert any(
        "backends differ by the time of a steady epoch" in line and "the compiled epoch in Flax is better" in line
        for line in words
    )


def test_without_a_difference_no_method_is_called_better():
    words = series_and_origins.finding(ranking(over_series(3, better=(1.0, 1.0), cells=("lstm", "gru"))))
    assert words.startswith(
        "Over 3 series no difference between 3 forecasts by test MSE is shown (Friedman's test, p = "
    )


def test_with_too_few_series_the_number_needed_is_given_and_nothing_is_drawn():
    run, comparisons = compared(*over_series(2))
    assert (
        "2 series are too few to show a difference between 3 forecasts by test MSE: Friedman's test needs at least 3 "
        "for p < 0.05."
    ) in limits(Context.of(run, show_unreliable=True))
    assert [mean_ranks(run, ranked) for ranked in rankings(run, comparisons)] == [None, None]


def test_one_series_has_no_ranking():
    assert rankings(*compared(*synthetic_run.records(epochs=4, weeks=30))) == ()


def test_a_series_without_a_score_is_left_out_and_named():
    manifest, certificate, trials = over_series(4)
    gone = [trial for trial in trials if trial.plan.case != "gru, series cet"]
    ranked = ranking((manifest, certificate, gone))
    assert ranked.series == ("co2", "sunspots", "airline")
    caption = series_and_origins.ranking_table(Run(manifest, certificate, tuple(gone)), ranked).caption
    assert caption.endswith("Left out, because a value is missing: cet.")


def test_without_a_certificate_backends_are_not_ranked():
    manifest, _, trials = over_series(4)
    assert ranking((manifest, None, trials), "backends") is None
    assert ranking((manifest, None, trials)) is not None


def test_native_models_are_ranked_separately():
    ranked = ranking(over_series(3, modes=("native",)))
    assert "GRU, Flax, compiled epoch" in ranked.methods
    assert len(ranked.methods) == 7


def test_models_of_different_horizons_are_ranked_separately():
    manifest, certificate, trials = over_series(3)
    cases = [case.model_copy(update={"horizon": 4}) if case.cell == "gru" else case for case in manifest.cases]
    other = manifest.model_copy(update={"cases": cases})
    names = [ranked.name for ranked in rankings(*compared(other, certificate, trials))]
    assert names == ["forecasts-1", "forecasts-4", "backends"]


def test_without_finished_trials_there_is_no_ranking():
    manifest, certificate, trials = over_series(3)
    assert rankings(*compared(manifest, certificate, map(fail, trials))) == ()


def test_the_diagram_has_the_mean_ranks_and_the_colours_of_the_backends():
    records = over_series(8)
    run = Run(*records)
    figure = mean_ranks(run, ranking(records, "backends"))
    assert (
        figure.alt
        == "Mean ranks, best first: Flax, compiled epoch 1.00; PyTorch, eager loop 2.00; Keras, compiled epoch 3.00."
    )
    assert all(Palette.of(run).colour(backend).lower() in figure.svg.lower() for backend in run.backends)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return reports.write(
        synthetic_run.store(tmp_path_factory.mktemp("series") / "run", *over_series(6, seeds=(1, 2), weeks=12))
    ).html


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_shows_the_diagrams_and_the_ranks(visit, page, width):
    seen = visit(page, viewport={"width": width, "height": 800})
    assert seen.errors == []
    assert seen.overflowing() == []
    assert seen.page.locator("#figure-ranks-forecasts svg").is_visible()
    assert seen.page.locator("#figure-ranks-backends svg").is_visible()
    assert seen.page.locator("#ranks-forecasts tbody tr").count() == 7


def test_the_errors_by_origin_have_a_row_for_each_origin_and_one_for_all():
    """The GRU loses to persistence at the second origin only; a row of all origins has the median over them."""
    run = Run(*over_origins((0.8, 90.0, 0.9)))
    table = series_and_origins.error_by_origin(run)
    rows = [[cell.text for cell in row.cells[:2]] for row in table.rows]
    per_model = ["1 of 3", "2 of 3", "3 of 3", "all 3"]
    assert rows == [[model, origin] for model in ("LSTM", "GRU") for origin in per_model]
    for group in run.groups:
        if group.case.label == "gru, origin 3" and group.backend == "flax":
            errors = [outcome.scores.mse for outcome in group.outcomes.values()]
    flax = [column.label for column in table.columns].index("Flax, compiled epoch")
    cell = table.rows[6].cells[flax]
    assert cell.value == pytest.approx(np.median(errors))
    of_origins = [table.rows[row].cells[flax].value for row in (4, 5, 6)]
    assert table.rows[7].cells[flax].value == np.median(of_origins)
    assert "than persistence: LSTM at 3 of 3; GRU at 2 of 3." in table.caption
    assert series_and_origins.error_by_origin(Run(*over_series(2))) is None
    assert error_by_origin(run).svg.count("origin, in order of time") == 1
    assert error_by_origin(Run(*over_series(2))) is None
    assert not rankings(run, speedups_of(run))  # origins are no series
