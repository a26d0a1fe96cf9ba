"""The certificate: its summary and all its checks."""

import pytest
import synthetic_run

import reports
from reports.analysis.run import Run
from reports.pages.run_page import page
from reports.records import Certificate
from reports.render import markdown
from reports.sections.certificate import certificate_summary, unequal_backends

BACKENDS = ("pytorch", "keras", "keras-jax", "flax")


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(backends=BACKENDS, cells=("lstm", "gru"), modes=("matched",), epochs=4, weeks=30)


def changed(certificate, backend, case, dtype, **fields):
    """The certificate with other fields in one of its checks."""
    return Certificate(
        checks=tuple(
            check.model_copy(update=fields)
            if (check.backend, check.case, check.dtype) == (backend, case, dtype)
            else check
            for check in certificate.checks
        )
    )


def glance(run):
    cases = {case.label: {"lstm": "LSTM", "gru": "GRU"}[case.label] for case in run.manifest.cases}
    return certificate_summary(run.certificate or Certificate(checks=()), cases, run.backend_names)


def cell(run, case, backend):
    table = glance(run)
    place = [column.label for column in table.columns].index(backend)
    return next(row.cells[place] for row in table.rows if row.cells[0].text == case)


def test_it_has_a_row_a_model_and_a_column_a_backend(records):
    table = glance(Run(*records))
    assert [column.label for column in table.columns] == [
        "model",
        "PyTorch, eager loop",
        "Keras, compiled epoch",
        "Keras on JAX, compiled epoch",
        "Flax, compiled epoch",
    ]
    assert [row.cells[0].text for row in table.rows] == ["LSTM", "GRU"]
    assert table.caption.startswith("All 8 pairs of a model and a backend equal the reference implementation.")


def test_few_models_and_backends_need_none():
    run = Run(*synthetic_run.records(epochs=4, weeks=30))
    assert glance(run).rows == ()
    assert page(run).table("certificate-summary") is None
    assert "Certificate, summary" not in reports.certificate_text(run.certificate, run.backend_names)


def test_a_cell_has_the_figure_nearest_to_its_bound(records):
    manifest, certificate, trials = records
    near = changed(certificate, "flax", "gru", "float64", outputs=9e-13, gradients=2e-12, losses=0.0, weights=5e-11)
    shown = cell(Run(manifest, near, trials), "GRU", "Flax, compiled epoch")
    assert (shown.text, shown.detail, shown.tone) == ("✓ outputs 9.0e-13", "≤ 1e-12", "good")
    assert shown.value == pytest.approx(0.9)


def test_a_failure_in_the_precision_that_is_timed_counts_too(records):
    manifest, certificate, trials = records
    failed = changed(certificate, "keras", "lstm", "float32", weights=float("nan"), failure="weights are not finite")
    run = Run(manifest, failed, trials)
    shown = cell(run, "LSTM", "Keras, compiled epoch")
    assert (shown.text, shown.detail, shown.tone) == ("✗ weights not finite", "> 1e-3, float32", "bad")
    assert shown.notes == ("Keras, compiled epoch, LSTM, float32: weights are not finite.",)
    assert glance(run).caption.startswith(
        "1 of 8 pairs of a model and a backend is not shown to equal the reference implementation."
    )


@pytest.mark.parametrize(
    ("dtype", "weights", "said"),
    [("float32", 0.05, True), ("float64", 0.05, False), ("float32", float("nan"), False)],
)
def test_a_model_that_differs_in_float32_alone_comes_with_a_remedy(records, dtype, weights, said):
    manifest, certificate, trials = records
    failed = changed(certificate, "keras", "lstm", dtype, weights=weights, failure="weights differ by 0.05")
    (text,) = unequal_backends(Run(manifest, failed, trials))
    assert ("--set training.dtype=float64" in text) == said


UNMADE = {
    **dict.fromkeys(("outputs", "gradients", "losses", "weights"), float("inf")),
    "parameter_count": 0,
    "kernel": "",
    "failure": "the check could not be made: out of memory",
}


def test_a_check_that_could_not_be_made_shows_no_differences_and_its_reason_once(records):
    """Its recorded infinities and its zero are no measurements."""
    manifest, certificate, trials = records
    failed = changed(changed(certificate, "keras", "lstm", "float64", **UNMADE), "keras", "lstm", "float32", **UNMADE)
    run = Run(manifest, failed, trials)
    shown = page(run)
    table = shown.table("certificate")
    rows = [row for row in table.rows if [cell.text for cell in row.cells[:2]] == ["LSTM", "Keras, compiled epoch"]]
    note = "Keras, compiled epoch, LSTM, float64 and float32: the check could not be made: out of memory."
    for row in rows:
        assert [cell.text for cell in row.cells[3:]] == ["failed", *"––––––"]
    assert len(rows) == 2
    assert table.notes == (note,)
    at_a_glance = cell(run, "LSTM", "Keras, compiled epoch")
    assert (at_a_glance.text, at_a_glance.detail, at_a_glance.notes) == ("✗ failed", "float64", (note,))
    assert "not finite" not in markdown.render(shown)
    assert unequal_backends(run) == (
        "The compiled epoch in Keras could not be compared with the reference implementation in 'lstm', float64, and "
        "in 1 more check: the check could not be made: out of memory.",
    )


def test_checks_that_differ_for_different_reasons_have_a_footnote_each(records):
    manifest, certificate, trials = records
    failed = changed(certificate, "keras", "lstm", "float64", failure="weights differ by 2e-3")
    failed = changed(failed, "keras", "lstm", "float32", failure="weights differ by 3e-3")
    assert page(Run(manifest, failed, trials)).table("certificate").notes == (
        "Keras, compiled epoch, LSTM, float64: weights differ by 2e-3.",
        "Keras, compiled epoch, LSTM, float32: weights differ by 3e-3.",
    )


def test_what_was_not_checked_is_a_dash(records):
    manifest, certificate, trials = records
    left = Certificate(checks=tuple(c for c in certificate.checks if (c.backend, c.case) != ("flax", "gru")))
    assert cell(Run(manifest, left, trials), "GRU", "Flax, compiled epoch").text == "–"


def test_without_a_certificate_there_is_none(records):
    assert glance(Run(records[0], None, records[2])).rows == ()


def test_every_form_of_the_report_has_it(records):
    text = markdown.render(page(Run(*records)))
    assert text.index("## Certificate, summary") < text.index("### Certificate\n")
    assert "lstm   ✓ " in reports.certificate_text(records[1], {})
