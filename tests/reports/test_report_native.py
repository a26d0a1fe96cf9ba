"""Native beside matched: what differs, and why."""

import pytest
import synthetic_run
from synthetic_run import change, fail

from reports.analysis.run import Run
from reports.sections import certificate as evidence
from reports.sections import native_vs_matched as native


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=6, weeks=30)


def counts(manifest, certificate, trials):
    """A row's texts after the model, by backend, without its links."""
    rows = native.parameters(Run(manifest, certificate, tuple(trials))).rows
    return {row.cells[1].text: [cell.text for cell in row.cells[2:-1]] for row in rows}


def counting(records, backend, biases, matched, native):
    """The run with other counts in one backend's trials, of a model with so many biases in its gates."""
    manifest, certificate, trials = records
    cases = tuple(case.model_copy(update={"gate_biases": biases}) for case in manifest.cases)
    count = {"matched": matched, "native": native}
    told = [change(t, parameter_count=count[t.plan.mode]) if t.plan.backend == backend else t for t in trials]
    return manifest.model_copy(update={"cases": cases}), certificate, told


def test_native_mode_is_explained_by_the_runs_own_figures(records):
    reasons = native.reasons(Run(*records))
    assert any(words.startswith("PyTorch draws every weight") for words in reasons)
    assert any(words.startswith("Flax, GRU: its first loss is ") for words in reasons)


def test_of_gates_is_spoken_only_where_a_model_has_some(records):
    manifest, certificate, trials = counting(records, "pytorch", 0, 100, 100)  # a stack called "gru"
    told = " ".join(native.reasons(Run(manifest, certificate, tuple(trials))))
    assert "PyTorch draws every weight from U(±1/√inputs)" in told
    assert "gate" not in told
    assert "recurrent" not in told


def test_records_without_the_biases_are_counted_by_their_cell(records):
    told = counts(*records)
    assert told["PyTorch"] == ["7,851", "8,001", "+150", "one more bias for each gate of each recurrent unit"]
    assert told["Flax"] == ["7,851", "7,851", "0", "the same parameters"]


@pytest.mark.parametrize(
    ("backend", "matched", "native", "words"),
    [
        ("pytorch", 900, 1000, "one more bias for each gate of each recurrent unit"),
        ("keras", 900, 1000, "one more bias for each gate of each recurrent unit"),
        ("keras", 900, 940, "one more bias for each gate of each GRU unit, none in an LSTM"),
        ("pytorch", 900, 940, "not explained by biases of gates"),
        ("keras", 900, 860, "not explained by biases of gates"),
    ],
)
def test_the_difference_is_explained_by_the_biases_of_the_gates(records, backend, matched, native, words):
    """As a bidirectional or stacked model has them; its cell and units alone would not tell."""
    name = {"pytorch": "PyTorch", "keras": "Keras"}[backend]
    assert counts(*counting(records, backend, 100, matched, native))[name][3] == words


def test_a_mode_that_did_not_run_is_a_dash(records):
    manifest, certificate, trials = records
    told = [fail(t) if (t.plan.backend, t.plan.mode) == ("flax", "native") else t for t in trials]
    assert counts(manifest, certificate, told)["Flax"] == ["7,851", "–", "–", "–"]


def test_one_mode_has_nothing_to_set_beside_it():
    run = Run(*synthetic_run.records(cells=("gru",), modes=("matched",), epochs=6, weeks=30))
    assert evidence.native(run).rows == ()
    assert native.parameters(run).rows == ()
    assert native.reasons(run) == ()
