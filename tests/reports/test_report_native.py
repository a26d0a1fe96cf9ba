"""Native beside matched: what differs, and why."""

import pytest
import synthetic_run
from synthetic_run import change, fail

from reports.analysis.context import Context
from reports.analysis.run import Run
from reports.sections import native_vs_matched as native


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=6, weeks=30)


def counts(manifest, certificate, trials):
    """A row's texts after the model, by backend, without its links."""
    rows = native.parameter_counts(Run(manifest, certificate, tuple(trials))).rows
    return {row.cells[1].text: [cell.text for cell in row.cells[2:-1]] for row in rows}


def counting(records, backend, biases, matched, native):
    """The run with other counts in one backend's trials, of a model with so many biases in its gates."""
    manifest, certificate, trials = records
    cases = tuple(case.model_copy(update={"gate_biases": biases}) for case in manifest.cases)
    count = {"matched": matched, "native": native}
    changed = [change(t, parameter_count=count[t.plan.mode]) if t.plan.backend == backend else t for t in trials]
    return manifest.model_copy(update={"cases": cases}), certificate, changed


def test_the_table_has_both_modes_beside_each_other(records):
    table = native.native_and_matched(Run(*records))
    assert [column.label for column in table.columns][2:4] == ["first loss, matched", "first loss, native"]
    assert len(table.rows) == 3


def test_records_without_the_biases_are_counted_by_their_cell(records):
    changed = counts(*records)
    assert changed["PyTorch, eager loop"] == [
        "7,851",
        "8,001",
        "+150",
        "a second bias for each gate of each recurrent unit",
    ]
    assert changed["Flax, compiled epoch"] == ["7,851", "7,851", "0", "the same parameters"]


@pytest.mark.parametrize(
    ("backend", "matched", "native", "words"),
    [
        ("pytorch", 900, 1000, "a second bias for each gate of each recurrent unit"),
        ("keras", 900, 1000, "a second bias for each gate of each recurrent unit"),
        ("keras", 900, 940, "a second bias for the gates of some units"),
        ("pytorch", 900, 1001, "not explained by biases of gates"),
        ("keras", 900, 860, "not explained by biases of gates"),
    ],
)
def test_the_difference_is_explained_by_the_biases_of_the_gates(records, backend, matched, native, words):
    """As a bidirectional or stacked model has them; its cell and units alone would not tell."""
    name = {"pytorch": "PyTorch, eager loop", "keras": "Keras, compiled epoch"}[backend]
    assert counts(*counting(records, backend, 100, matched, native))[name][3] == words


def test_a_mode_that_did_not_run_is_a_dash(records):
    manifest, certificate, trials = records
    changed = [fail(t) if (t.plan.backend, t.plan.mode) == ("flax", "native") else t for t in trials]
    assert counts(manifest, certificate, changed)["Flax, compiled epoch"] == ["7,851", "–", "–", "–"]


def test_one_mode_has_nothing_to_set_beside_it():
    run = Run(*synthetic_run.records(cells=("gru",), modes=("matched",), epochs=6, weeks=30))
    assert native.native_and_matched(run).rows == ()
    assert native.parameter_counts(run).rows == ()
    assert native.section(Context.of(run)) is None
