"""A repeated run held against the stored one: every verdict, and that a changed last bit is caught."""

import numpy as np
import pytest
import synthetic_run
from synthetic_run import change, fail

import reports
from reports.analysis.reproduction import check_reproduction
from reports.analysis.run import Run
from reports.pages.reproduction_page import conclusion, page
from reports.records import Session
from reports.records.store import RecordError
from reports.sections.setup import notices

ELSEWHERE = {"processor": "AMD EPYC 7R13"}


def closing(found):
    """The sentences at the end of the page."""
    return [block.text for block in page(found, "co2/stored").section("conclusion").blocks]


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(backends=("pytorch", "flax"), cells=("gru",), seeds=(1, 2, 3), epochs=6, weeks=30)


def repeated(records, alter=lambda trial: trial, **environment):
    """The reproduction of a run by one that is its copy, but for what `alter` does to a trial."""
    manifest, certificate, trials = records
    place = synthetic_run.environment().model_copy(update=environment)
    again = manifest.model_copy(update={"environment": place, "reproduces": "/results/co2/stored"})
    return check_reproduction(Run(manifest, certificate, trials), Run(again, None, tuple(map(alter, trials))))


def only_first(records, alter):
    """Apply to the first trial alone."""
    key = records[2][0].plan.key
    return lambda trial: alter(trial) if trial.plan.key == key else trial


def first_row(records, alter, **environment):
    found = repeated(records, only_first(records, alter), **environment)
    assert all(row.reproduced for row in found.rows[1:])
    assert found.good == found.rows[0].reproduced
    return found.rows[0]


def scaled(field, by):
    """A trial whose losses or predictions are all `by` times as large."""
    return lambda trial: change(trial, **{field: _times(getattr(trial.outcome, field), by)})


def _times(value, by):
    return tuple(_times(part, by) for part in value) if isinstance(value, tuple) else value * by


def test_a_copy_is_bit_for_bit(records):
    found = repeated(records)
    assert {row.verdict for row in found.rows} == {"bit for bit"}
    assert found.good
    assert found.differences == ()
    assert conclusion(found) == "Reproduced: all 12 trials, bit for bit."


@pytest.mark.parametrize("field", ["first_loss", "train_losses", "validation_losses", "predictions"])
def test_a_changed_last_bit_is_caught(records, field):
    def nudge(value):
        if isinstance(value, tuple):
            return (*value[:-1], nudge(value[-1]))
        return float(np.nextafter(value, np.inf))

    row = first_row(records, lambda trial: change(trial, **{field: nudge(getattr(trial.outcome, field))}))
    assert not row.reproduced
    assert row.exact
    assert row.verdict.startswith("differs by ")
    assert "equal bit for bit" in row.reason


def test_changed_weights_are_caught_where_no_loss_shows_them(records):
    row = first_row(records, lambda trial: change(trial, final_digest="other"))
    assert row.verdict == "other last bits"
    assert "the trained weights" in row.reason


@pytest.mark.parametrize(
    ("field", "verdict"),
    [
        ("windows_digest", "other windows"),
        ("order_digest", "other batches"),
        ("initial_digest", "other initial weights"),
        ("masks_digest", "other dropout masks"),
    ],
)
@pytest.mark.parametrize("place", [{}, ELSEWHERE], ids=["here", "elsewhere"])
def test_other_inputs_are_an_error_on_every_machine(records, field, verdict, place):
    row = first_row(records, lambda trial: change(trial, **{field: "other"}), **place)
    assert row.verdict == verdict
    assert not row.reproduced


def test_elsewhere_a_bound_holds(records):
    near = first_row(records, scaled("train_losses", 1 + 2e-4), **ELSEWHERE)
    assert (near.verdict, near.reproduced, near.exact) == ("within 1e-3", True, False)
    assert near.losses == pytest.approx(2e-4)
    far = first_row(records, scaled("train_losses", 1 + 2e-3), **ELSEWHERE)
    assert far.verdict == "differs by 2.0e-3"
    assert "more than 1e-3" in far.reason
    offset = first_row(records, scaled("predictions", 1 + 1e-3), **ELSEWHERE)
    assert not offset.reproduced, "0.4 ppm of 360 is not a small difference of a forecast"


def test_the_bound_is_the_certificates(records):
    manifest, certificate, trials = records
    strict = certificate.model_copy(
        update={"checks": tuple(c.model_copy(update={"bounds": {"losses": 1e-6}}) for c in certificate.checks)}
    )
    row = first_row((manifest, strict, trials), scaled("train_losses", 1 + 2e-4), **ELSEWHERE)
    assert row.verdict == "differs by 2.0e-4"


@pytest.mark.parametrize("same", [{"machine": "bench-2"}, {"commit": None}, {"cores": (2, 3)}, {"memory_bytes": 1}])
def test_what_cannot_change_a_bit_does_not_loosen_the_demand(records, same):
    found = repeated(records, scaled("train_losses", 1 + 1e-9), **same)
    assert not found.good
    assert found.decisive == ()
    assert len(found.differences) == 1


@pytest.mark.parametrize(
    "other", [ELSEWHERE, {"gpu": "H100"}, {"python": "3.13.1"}, {"variables": {"OMP_NUM_THREADS": "1"}}]
)
def test_another_machine_or_version_loosens_it(records, other):
    found = repeated(records, scaled("train_losses", 1 + 1e-9), **other)
    assert found.good
    assert found.decisive == found.differences
    assert conclusion(found) == "Reproduced: all 12 trials, within 1e-3."


def test_a_framework_that_is_not_deterministic_is_measured_and_told(records):
    found = repeated(records, only_first(records, scaled("train_losses", 1 + 3e-7)))
    (told,) = [words for words in closing(found) if "not deterministic" in words]
    assert told.startswith("PyTorch was not deterministic in 1 trial")
    assert "3.0e-7" in told


def test_a_failed_and_a_missing_repetition_are_not_reproduced(records):
    row = first_row(records, fail)
    assert (row.verdict, row.reason) == ("failed", "the loss was not finite in epoch 3")
    manifest, certificate, trials = records
    again = manifest.model_copy(update={"reproduces": "/results/co2/stored"})
    found = check_reproduction(Run(manifest, certificate, trials), Run(again, None, trials[1:]))
    assert found.rows[0].verdict == "missing"
    assert not found.good


def test_stored_trials_without_a_result_are_said_and_not_repeated(records):
    manifest, certificate, trials = records
    stored = Run(manifest, certificate, (fail(trials[0]), *trials[2:]))
    kept = manifest.model_copy(update={"trials": manifest.trials[2:], "reproduces": "/results/co2/stored"})
    found = check_reproduction(stored, Run(kept, None, trials[2:]))
    assert found.good
    assert [plan.key for plan, _ in found.skipped] == [trial.plan.key for trial in trials[:2]]
    assert any("Not repeated" in words for words in closing(found))


def slower(by):
    def alter(trial):
        times = trial.outcome.times
        return change(trial, times=times.model_copy(update={"epochs": _times(times.epochs, by(trial.plan))}))

    return alter


@pytest.mark.parametrize(
    ("by", "state"),
    [
        (lambda plan: 1.0, "same"),
        (lambda plan: 1.5, "up"),
        (lambda plan: 0.5, "down"),
        (lambda plan: 1 + 0.02 * (-1) ** (plan.place // 2), "within"),
        (lambda plan: (0.6, 1.0, 1.6)[plan.place % 3], "few"),
    ],
)
def test_times_are_told_by_interval_and_decide_nothing(records, by, state):
    found = repeated(records, slower(by))
    assert found.good
    assert {pace.effect.state for pace in found.times} == {state}


def test_a_single_trial_has_an_interval_over_its_epochs_and_no_verdict(records):
    manifest, certificate, trials = records
    one = manifest.model_copy(update={"trials": manifest.trials[:1], "reproduces": "/results/co2/stored"})
    found = check_reproduction(
        Run(manifest, certificate, trials), Run(one, None, (slower(lambda plan: 2.0)(trials[0]),))
    )
    (pace,) = found.times
    assert pace.effect.interval.low < 2 < pace.effect.interval.high
    assert pace.effect.state == "few"


def test_the_verdict_is_written_and_fits_a_terminal(records, tmp_path):
    manifest, certificate, trials = records
    stored = synthetic_run.store(tmp_path / "stored", manifest, certificate, trials)
    again = manifest.model_copy(update={"reproduces": "/gone/stored"})  # moved since: it lies beside
    folder = synthetic_run.store(tmp_path / "again", again, None, trials)
    verdict = reports.write_reproduction(folder)
    assert verdict.good
    assert verdict.markdown == folder / "reproduction.md"
    assert "bit for bit" in verdict.markdown.read_text("utf-8")
    assert max(map(len, verdict.summary.splitlines())) <= 110
    with pytest.raises(RecordError, match="repeats no other run"):
        reports.write_reproduction(stored)


def test_a_page_says_what_it_repeats_and_when_it_was_resumed(records, run_of):
    manifest, _, trials = records
    session = {"command": "resume", "executor": "local", "environment": manifest.environment}
    sessions = (
        Session(started="2026-03-01T09:30:00Z", **session),
        Session(started="2026-03-02T08:00:00Z", **session),
        Session(started="2026-03-03T08:00:00Z", differences=("torch was 2.12.0 and is 2.13.0",), **session),
    )
    again = manifest.model_copy(update={"reproduces": "/results/co2/stored", "sessions": sessions})
    told = notices(Run(again, None, trials))
    assert "repeats trials of /results/co2/stored" in told[0]
    assert told[1:3] == (
        "The run was resumed 2026-03-02T08:00:00Z with the same machine and versions.",
        "The run was resumed 2026-03-03T08:00:00Z although torch was 2.12.0 and is 2.13.0.",
    )
    page = reports.write(run_of(again, None, trials)).html.read_text("utf-8")
    assert "repeats trials of" in page
    assert "2026-03-03T08:00:00Z although torch was" in page
