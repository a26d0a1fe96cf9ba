"""Published values compared with a run, on the page of the run and on the page of all published values."""

import numpy as np
import pytest
import synthetic_run
from pydantic import ValidationError
from synthetic_run import change

import reports
from reports.analysis.metrics import find_quantity
from reports.analysis.run import Run
from reports.pages import published_page
from reports.records import Published, Quantity
from reports.sections.published_values import check_published, published_table

NASTY = "<script>alert(1)</script>"


def run(*published, quick=False):
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), epochs=4, weeks=30)
    data = manifest.data["co2"].model_copy(update={"offset": (310.0,), "scale": (50.0,)})
    manifest = manifest.model_copy(update={"published": published, "quick": quick, "data": {"co2": data}})
    return Run(manifest, certificate, trials)


def published(value, **fields):
    return Published(value=value, what="an error", source="001", why="Because.", case="gru", **fields)


def outcomes(record, backend="pytorch", mode="matched"):
    return [t.outcome for t in record.trials if (t.plan.backend, t.plan.mode) == (backend, mode)]


def test_a_value_is_reproduced_to_its_last_printed_digit_and_no_further():
    """The median over seeds counts."""
    scores = [outcome.scores.mae for outcome in outcomes(run())]
    near, some, far = f"{np.median(scores):.6f}", f"{max(scores) - 1e-9:.12f}", f"{max(scores) + 1e-3:.6f}"
    record = run(*(published(value, figure="mae") for value in (near, some, far)))
    held = check_published(record)
    assert [value.verdict for value in held] == ["reproduced", "in the seeds' range", "not reproduced"]
    assert held[0].value.values == tuple(outcome.scores.mae for outcome in outcomes(run()))
    table = published_table("published", "Published values", record)
    assert [row.cells[-1].text for row in table.rows] == ["the same", "the same", "–"]


@pytest.mark.parametrize(
    ("value", "tolerance"), [("5.33", 0.005), ("104.29889310930383", 5e-15), ("12", 0.5), ("1e-3", 5e-4)]
)
def test_printed_digits_say_how_near_is_the_same(value, tolerance):
    assert published(value).tolerance == pytest.approx(tolerance)
    assert published(value, within=1e-4).tolerance == 1e-4


def test_an_error_between_two_scales_is_computed_from_the_records():
    """Scaled truth minus forecasts in the unit, as a document printed it."""
    record = run()
    truth = (np.array(record.manifest.data["co2"].test_truth) - 310) / 50
    expected = [np.mean((truth - np.array(outcome.predictions)) ** 2) for outcome in outcomes(record)]
    assert find_quantity(record, Quantity(case="gru", figure="mixed mse")).values == pytest.approx(tuple(expected))


def test_losses_and_predictions_are_counted_from_one_and_from_the_end():
    record = run()
    (first, *_), (last, *_) = (
        find_quantity(record, Quantity(case="gru", figure="loss", at=place)).values for place in (1, -1)
    )
    outcome = outcomes(record)[0]
    assert (first, last) == (outcome.train_losses[0], outcome.train_losses[-1])
    assert find_quantity(record, Quantity(case="gru", figure="prediction", at=3)).values[0] == outcome.predictions[2][0]
    assert find_quantity(record, Quantity(case="gru", figure="loss", at=99)) is None
    with pytest.raises(ValidationError, match="counted from 1"):
        Quantity(case="gru", figure="loss", at=0)


def test_a_naive_forecast_may_be_the_figure():
    record = run()
    naive = record.manifest.data["co2"].baselines[0].scores
    assert set(find_quantity(record, Quantity(case="gru", backend="persistence", figure="mse")).values) == {naive.mse}


@pytest.mark.parametrize("fields", [{"case": "lstm"}, {"backend": "keras-jax"}, {"figure": "scaled mse"}])
def test_what_a_run_lacks_is_not_run(fields):
    value = published("1").model_copy(update=fields)
    assert [held.verdict for held in check_published(run(value))] == ["not run"]


def test_the_page_of_a_run_says_what_why_and_beside_what(tmp_path):
    right = Quantity(case="gru", figure="mse")
    value = published("5.33", right=right).model_copy(update={"what": NASTY})
    for quick in (False, True):
        record = run(value, quick=quick)
        folder = synthetic_run.store(tmp_path / "co2" / str(quick), record.manifest, record.certificate, record.trials)
        page, text = (path.read_text() for path in (lambda r: (r.html, r.markdown))(reports.write(folder)))
        assert NASTY not in page
        for shown in (page, text):
            assert ("quick form" in shown) == quick
            assert "Because." in shown
            if quick:  # it trains too little to correct anybody
                assert "naive forecasts:" not in shown
                assert "should be" not in shown
            else:
                assert "linear autoregression" in shown[shown.index("naive forecasts:") :]


def test_the_page_over_all_prefers_a_whole_run_to_a_newer_small_one(tmp_path):
    """And value that holds nothing, or repeats another, is no run of its benchmark."""
    whole, small = run(published("1", figure="mae")), run(published("1", figure="mae"), quick=True)
    for name, record, at in (("a", whole, "2026-01-01"), ("b", small, "2026-02-01"), ("c", whole, "2026-03-01")):
        manifest = record.manifest.model_copy(update={"started": f"{at}T00:00:00Z"})
        synthetic_run.store(tmp_path / "co2" / name, manifest, record.certificate, record.trials if name != "c" else ())
    shown = published_page.page(tmp_path)
    assert shown.table("benchmarks").rows[0].cells[0].detail == ""
    assert shown.table("benchmarks").rows[0].cells[0].links[0].target.startswith("co2/a/")
    assert shown.section("summary").blocks[0].text == "Of 1 published value, 1 not reproduced."
    page, text = reports.write_published(tmp_path)
    assert page.read_text().count("<table") == 2
    assert text == page.with_suffix(".md").read_text()


def test_a_disagreement_of_seeds_is_shown():
    record = run(published("5.33", figure="mae"))
    trials = tuple(
        change(trial, scores=trial.outcome.scores.model_copy(update={"mae": 5.33 + trial.plan.seed - 2}))
        for trial in record.trials
    )
    (held,) = check_published(Run(record.manifest, record.certificate, trials))
    assert held.verdict == "reproduced"  # by the median, with the range beside it
    assert held.value.values == (4.33, 5.33, 6.33)


def test_the_page_over_all_names_the_frameworks_whose_error_it_shows(tmp_path):
    """After early stopping in float32 equal models may end apart: one's error is not the others'."""
    record = run(published("1", figure="mae"))
    better = {"mse": 0.01}
    trials = tuple(
        change(trial, scores=trial.outcome.scores.model_copy(update=better)) if trial.plan.backend == "keras" else trial
        for trial in record.trials
    )
    synthetic_run.store(tmp_path / "co2" / "a", record.manifest, record.certificate, trials)
    (row,) = published_page.page(tmp_path).table("benchmarks").rows
    assert row.cells[1].detail == "Keras, compiled epoch"
    assert row.cells[2].text.startswith("0.01")
