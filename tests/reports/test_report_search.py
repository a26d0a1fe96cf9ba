"""The report of a search: one configuration selected by validation, its test scores alone, and never a ratio."""

import re

import numpy as np
import pytest
import synthetic_run
from synthetic_several import over_origins

import reports
from reports.analysis.run import Run, configuration
from reports.analysis.search_results import search_ranking, selected_only
from reports.pages import index_entries
from reports.pages.run_page import page
from reports.records import Configuration, PublishedBest, Search, SearchResult
from reports.records.base import Matrix
from reports.records.store import RecordError, write_json
from reports.render.page import Bullets, Paragraph, Table
from reports.sections import search
from reports.sections.setup import progress

UNITS = (4, 8, 16, 32)
SEARCH = Search(
    sampler="tpe",
    sampler_seed=1,
    trials=4,
    configurations=4,
    at_once=2,
    optuna="5.0.0",
    least_mae=0.2,
    published=PublishedBest(case="gru, units 8", mae=0.31),
)


def loss(trial, value):
    """A trial whose best of 30 epochs has this validation loss."""
    losses = [value + 0.01 * abs(epoch - 20) for epoch in range(1, 31)]
    return synthetic_run.change(trial, validation_losses=tuple(losses), best_epoch=20)


def records(seeds=(1,), scores=(0.4, 0.3, 0.2, 0.5)):
    manifest, certificate, trials = synthetic_run.records(
        backends=("pytorch",), cells=("gru",), modes=("matched",), seeds=seeds, units=UNITS
    )
    order = {case.label: value for case, value in zip(manifest.cases, scores, strict=True)}
    trials = tuple(loss(trial, order[trial.plan.case] + 0.001 * trial.plan.seed) for trial in trials)
    mean = sum(0.001 * seed for seed in seeds) / len(seeds)
    result = SearchResult(
        tried=tuple(Configuration(case=case, score=_score(trials, case)) for case in order),
        selected=min(order, key=order.get),
    )
    assert mean > 0
    return manifest.model_copy(update={"search": SEARCH}), certificate, trials, result


def _score(trials, case):
    kept = [trial.outcome.kept_loss for trial in trials if trial.plan.case == case]
    return sum(kept) / len(kept)


def leads(story):
    blocks = story.section("summary").blocks
    return [block.text for block in blocks if isinstance(block, Paragraph) and block.style == "lead"]


def limits(story):
    return [item for block in story.section("summary").blocks if isinstance(block, Bullets) for item in block.items]


@pytest.fixture
def folder(run_of):
    def make(manifest, certificate, trials, result):
        path = run_of(manifest, certificate, trials)
        if result is not None:
            write_json(path / "search.json", result)
        return path

    return make


def test_validation_selects_and_the_test_part_tells_of_that_one_alone(folder):
    run = Run.read(folder(*records()))
    story = page(run)
    assert leads(story)[0].startswith(
        "The lowest validation loss of 4 configurations, 0.2010, is that of GRU, units 16; its test MSE is"
    )
    ranks = [[cell.text for cell in row.cells] for row in story.table("result").rows if row.kind == "model"]
    assert [row[1] for row in ranks] == ["GRU, units 16", "GRU, units 8", "GRU, units 4", "GRU, units 32"]
    assert [row[4] == "–" for row in ranks] == [False, False, True, True]  # the selected and the published one
    assert [row.cells[0].text for row in story.table("scores").rows if row.kind == "model"] == ["GRU, units 16"]
    assert [case.label for case in selected_only(run).manifest.cases] == ["gru, units 16"]
    assert [row.cells[0].text for row in story.table("configurations").rows] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("factor", [0.1, 9.0], ids=["good", "bad"])
@pytest.mark.parametrize("origins", [1, 3])
def test_the_selected_configuration_is_judged_by_tests_over_all_origins(factor, origins):
    """The GRU is selected: its errors at every origin are those of the judgement, the LSTM's are not looked at."""
    manifest, certificate, trials = over_origins(
        (factor,) * origins, backends=("flax",), modes=("matched",), forecasts=True
    )
    trials = tuple(loss(_spread(trial, factor), 0.2 if trial.plan.case.startswith("gru") else 0.4) for trial in trials)
    manifest = manifest.model_copy(update={"search": SEARCH})
    names = list(dict.fromkeys(configuration(manifest, case) for case in manifest.cases))
    gru = next(name for name in names if name.startswith("gru"))
    result = SearchResult(tried=tuple(Configuration(case=name, score=None) for name in names), selected=gru)
    run = Run(manifest, certificate, trials, search_result=result)
    story = page(run)
    texts, of = leads(story), f" over {origins} origins" if origins > 1 else ""
    if factor > 1:
        assert texts[0].startswith("The baseline linear autoregression forecasts co2 with a lower test MSE than GRU")
        assert f"than GRU{of}: " in texts[0]
        assert re.search(r"\(the difference is significant, p [<=] 0\.00\d\)", texts[0])
    judged = next(text for text in texts if "persistence" in text)
    assert re.search(rf"p [<=] 0\.00\d{of}\)", judged)
    assert ("beats persistence" if factor < 1 else "a lower error than the forecast") in judged
    selected, other = [row.cells for row in story.table("result").rows if row.kind == "model"]
    errors: dict[str, list[float]] = {}
    for trial in trials:
        if trial.plan.case.startswith("gru"):
            errors.setdefault(trial.plan.case, []).append(trial.outcome.scores.mse)
    assert selected[4].value == pytest.approx(np.mean([np.median(of_seeds) for of_seeds in errors.values()]))
    assert other[4].text == "–"


def _spread(trial, factor):
    """The trial with forecasts whose errors have the factor of its scores."""
    outcome = trial.outcome
    truth = np.array(synthetic_run.truth(len(outcome.predictions), 1)[0])
    forecasts = truth + (np.array(outcome.predictions) - truth) * np.sqrt(factor)
    return synthetic_run.change(trial, predictions=Matrix(forecasts.tolist()))


def test_no_ratio_and_the_reason(folder):
    story = page(Run.read(folder(*records())))
    tables = [block for block in story.blocks if isinstance(block, Table)]
    shown = [cell.text for table in tables for row in table.rows for cell in row.cells]
    assert "not comparable" in shown
    assert not [row for row in story.table("times").rows for cell in row.cells if cell.detail == "reference"]
    assert any("trials ran at the same time" in note for note in story.table("times").notes)
    assert any("their times are not compared" in words for words in limits(story))


def test_the_published_best_and_the_noise_are_reported(folder):
    sentences = " ".join(leads(page(Run.read(folder(*records())))))
    assert (
        "The published best configuration, gru, units 8 (MAE 0.31), ranks 2 of 4, its validation loss 50 % above"
        in sentences
    )
    assert "A perfect forecast has a test MAE of 0.2, because of noise; the selected configuration has " in sentences


def test_pages_and_overviews_are_written(folder):
    path = folder(*records())
    written = reports.write(path)
    html = written.html.read_text()
    assert "Lowest validation loss during the search" in html
    assert index_entries.headline(Run.read(path)) == "selected: GRU, units 16, validation loss 0.2010"


def test_several_seeds_tell_how_much_a_rank_is_luck(folder):
    result = search_ranking(Run.read(folder(*records(seeds=(1, 2, 3)))))
    assert result.seed_range == pytest.approx(0.5 * (0.002 / 0.402 + 0.002 / 0.302), rel=0.01)
    story = page(result.run)
    assert any("closer ranks are chance" in words for words in limits(story))


def test_a_search_under_way_selects_nothing(folder):
    manifest, _, trials, _ = records()
    run = Run.read(folder(manifest, None, trials[:2], None))
    story = page(run)
    assert len(run.missing) == 2
    assert "2 of 4 trials have finished" in story.notices[0]
    assert leads(story) == ["No configuration has been selected: 2 configurations finished so far."]
    assert [row.cells[4].text for row in story.table("result").rows if row.kind == "model"] == ["–", "–"]
    assert story.figures == ()
    reports.write(folder(manifest, None, trials[:2], None))


def test_a_search_of_some_of_its_configurations_is_complete(folder):
    manifest, certificate, trials, result = records()
    manifest = manifest.model_copy(update={"search": SEARCH.model_copy(update={"trials": 3})})
    some = result.model_copy(update={"tried": result.tried[:3]})
    run = Run.read(folder(manifest, certificate, trials[:3], some))
    assert run.missing == ()
    assert progress(run) == "All 3 trials finished, 1 seed."


def test_a_configuration_that_failed_has_no_rank(folder):
    manifest, certificate, trials, result = records()
    trials = (synthetic_run.fail(trials[0]), *trials[1:])
    tried = (result.tried[0].model_copy(update={"score": None}), *result.tried[1:])
    run = Run.read(folder(manifest, certificate, trials, result.model_copy(update={"tried": tried})))
    story = page(run)
    failed = story.table("configurations").rows[-1]
    assert [cell.text for cell in failed.cells[:4]] == ["–", "GRU, units 4", "1", "–"]
    assert len(search.best_configurations(search_ranking(run)).rows) == 3 + 4


def test_scores_that_the_trials_do_not_have_are_refused(folder):
    manifest, certificate, trials, result = records()
    tried = (result.tried[0].model_copy(update={"score": 0.1}), *result.tried[1:])
    with pytest.raises(RecordError, match=r"search.json is damaged: the trials of 'gru, units 4' have another score"):
        Run.read(folder(manifest, certificate, trials, result.model_copy(update={"tried": tried})))
