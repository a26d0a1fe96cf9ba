"""Tests of the reproducibility check: every verdict, and a changed last bit is found."""

from collections.abc import Sequence

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


def closing(check):
    """The sentences at the end of the page."""
    return [block.text for block in page(check, "co2/stored").section("conclusion").blocks]


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(backends=("pytorch", "flax"), cells=("gru",), seeds=(1, 2, 3), epochs=6, weeks=30)


def repeated(records, alter=lambda trial: trial, **environment):
    """Check a copy of a run whose trials were changed by `alter`, in a changed environment."""
    manifest, certificate, trials = records
    place = synthetic_run.environment().model_copy(update=environment)
    again = manifest.model_copy(update={"environment": place, "reproduces": "/results/co2/stored"})
    return check_reproduction(Run(manifest, certificate, trials), Run(again, None, tuple(map(alter, trials))))


def only_first(records, alter):
    """Return a function that applies `alter` to the first trial only."""
    key = records[2][0].plan.key
    return lambda trial: alter(trial) if trial.plan.key == key else trial


def first_row(records, alter, **environment):
    check = repeated(records, only_first(records, alter), **environment)
    assert all(row.reproduced for row in check.rows[1:])
    assert check.good == check.rows[0].reproduced
    return check.rows[0]


def scaled(field, by):
    """Return a function that multiplies the losses or the predictions of a trial."""
    return lambda trial: change(trial, **{field: _times(getattr(trial.outcome, field), by)})


def _times(value, by):
    return tuple(_times(part, by) for part in value) if isinstance(value, Sequence) else value * by


def test_a_copy_is_reproduced_bit_for_bit(records):
    check = repeated(records)
    assert {row.verdict for row in check.rows} == {"bit for bit"}
    assert check.good
    assert check.differences == ()
    assert conclusion(check) == "Reproduced: all 12 trials, bit for bit."


@pytest.mark.parametrize("field", ["first_loss", "train_losses", "validation_losses", "predictions"])
def test_a_changed_last_bit_is_not_reproduced(records, field):
    def nudge(value):
        if isinstance(value, Sequence):
            return (*value[:-1], nudge(value[-1]))
        return float(np.nextafter(value, np.inf))

    row = first_row(records, lambda trial: change(trial, **{field: nudge(getattr(trial.outcome, field))}))
    assert not row.reproduced
    assert row.exact
    assert row.verdict.startswith("differs by ")
    assert "equal bit for bit" in row.reason


def test_changed_weights_are_not_reproduced_although_all_losses_are_equal(records):
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
def test_other_inputs_are_not_reproduced_on_any_machine(records, field, verdict, place):
    row = first_row(records, lambda trial: change(trial, **{field: "other"}), **place)
    assert row.verdict == verdict
    assert not row.reproduced


def test_on_another_machine_results_must_agree_within_the_bound(records):
    near = first_row(records, scaled("train_losses", 1 + 2e-4), **ELSEWHERE)
    assert (near.verdict, near.reproduced, near.exact) == ("within 1e-3", True, False)
    assert near.losses == pytest.approx(2e-4)
    far = first_row(records, scaled("train_losses", 1 + 2e-3), **ELSEWHERE)
    assert far.verdict == "differs by 2.0e-3"
    assert "more than 1e-3" in far.reason
    offset = first_row(records, scaled("predictions", 1 + 1e-3), **ELSEWHERE)
    assert not offset.reproduced, "0.4 ppm of 360 is not a small difference of a forecast"


def test_the_bound_comes_from_the_certificate(records):
    manifest, certificate, trials = records
    strict = certificate.model_copy(
        update={"checks": tuple(c.model_copy(update={"bounds": {"losses": 1e-6}}) for c in certificate.checks)}
    )
    row = first_row((manifest, strict, trials), scaled("train_losses", 1 + 2e-4), **ELSEWHERE)
    assert row.verdict == "differs by 2.0e-4"


@pytest.mark.parametrize("same", [{"machine": "bench-2"}, {"commit": None}, {"cores": (2, 3)}, {"memory_bytes": 1}])
def test_differences_that_cannot_change_a_bit_still_require_equal_bits(records, same):
    check = repeated(records, scaled("train_losses", 1 + 1e-9), **same)
    assert not check.good
    assert check.decisive == ()
    assert len(check.differences) == 1


@pytest.mark.parametrize(
    "other", [ELSEWHERE, {"gpu": "H100"}, {"python": "3.13.1"}, {"variables": {"OMP_NUM_THREADS": "1"}}]
)
def test_another_machine_or_version_requires_the_bound_only(records, other):
    check = repeated(records, scaled("train_losses", 1 + 1e-9), **other)
    assert check.good
    assert check.decisive == check.differences
    assert conclusion(check) == "Reproduced: all 12 trials, within 1e-3."


def test_a_framework_that_is_not_deterministic_is_reported_with_its_differences(records):
    check = repeated(records, only_first(records, scaled("train_losses", 1 + 3e-7)))
    (sentence,) = [words for words in closing(check) if "not deterministic" in words]
    assert sentence.startswith("The eager loop in PyTorch was not deterministic in 1 trial")
    assert "3.0e-7" in sentence


def test_a_failed_and_a_missing_repetition_are_not_reproduced(records):
    row = first_row(records, fail)
    assert (row.verdict, row.reason) == ("failed", "the loss was not finite in epoch 3")
    manifest, certificate, trials = records
    again = manifest.model_copy(update={"reproduces": "/results/co2/stored"})
    check = check_reproduction(Run(manifest, certificate, trials), Run(again, None, trials[1:]))
    assert check.rows[0].verdict == "missing"
    assert not check.good


def test_stored_trials_without_a_result_are_reported_and_not_repeated(records):
    manifest, certificate, trials = records
    stored = Run(manifest, certificate, (fail(trials[0]), *trials[2:]))
    kept = manifest.model_copy(update={"trials": manifest.trials[2:], "reproduces": "/results/co2/stored"})
    check = check_reproduction(stored, Run(kept, None, trials[2:]))
    assert check.good
    assert [plan.key for plan, _ in check.skipped] == [trial.plan.key for trial in trials[:2]]
    assert any("Not repeated" in words for words in closing(check))


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
def test_times_are_compared_and_do_not_affect_the_verdict(records, by, state):
    check = repeated(records, slower(by))
    assert check.good
    assert {ratio.effect.state for ratio in check.times} == {state}


def test_a_single_trial_has_an_interval_over_its_epochs_and_is_never_beyond_noise(records):
    manifest, certificate, trials = records
    single = manifest.model_copy(update={"trials": manifest.trials[:1], "reproduces": "/results/co2/stored"})
    check = check_reproduction(
        Run(manifest, certificate, trials), Run(single, None, (slower(lambda plan: 2.0)(trials[0]),))
    )
    (ratio,) = check.times
    assert ratio.effect.interval.low < 2 < ratio.effect.interval.high
    assert ratio.effect.state == "few"


def test_the_page_is_written_and_the_summary_fits_a_terminal(records, tmp_path):
    manifest, certificate, trials = records
    stored = synthetic_run.store(tmp_path / "stored", manifest, certificate, trials)
    again = manifest.model_copy(
        update={"reproduces": "/gone/stored"}
    )  # the results were moved; the stored run is in the same folder
    folder = synthetic_run.store(tmp_path / "again", again, None, trials)
    verdict = reports.write_reproduction(folder)
    assert verdict.good
    assert verdict.markdown == folder / "reproduction.md"
    assert "bit for bit" in verdict.markdown.read_text("utf-8")
    assert max(map(len, verdict.summary.splitlines())) <= 110
    with pytest.raises(RecordError, match="repeats no other run"):
        reports.write_reproduction(stored)


def test_the_page_of_a_run_names_the_repeated_run_and_each_resumption(records, run_of):
    manifest, _, trials = records
    session = {"command": "resume", "executor": "local", "environment": manifest.environment}
    sessions = (
        Session(started="2026-03-01T09:30:00Z", **session),
        Session(started="2026-03-02T08:00:00Z", **session),
        Session(started="2026-03-03T08:00:00Z", differences=("torch was 2.12.0 and is 2.13.0",), **session),
    )
    again = manifest.model_copy(update={"reproduces": "/results/co2/stored", "sessions": sessions})
    sentences = notices(Run(again, None, trials))
    assert "repeats trials of /results/co2/stored" in sentences[0]
    assert sentences[1:3] == (
        "The run was resumed 2026-03-02T08:00:00Z with the same machine and versions.",
        "The run was resumed 2026-03-03T08:00:00Z although torch was 2.12.0 and is 2.13.0.",
    )
    page = reports.write(run_of(again, None, trials)).html.read_text("utf-8")
    assert "repeats trials of" in page
    assert "2026-03-03T08:00:00Z although torch was" in page


def test_a_program_without_losses_of_steps_has_the_bound_of_its_dtype(records):
    """The certificate of Keras's `fit` has no bound of losses."""
    manifest, certificate, trials = records
    checks = tuple(
        check.model_copy(update={"losses": None, "bounds": {"weights": 1e-3}}) for check in certificate.checks
    )
    stored = (manifest, certificate.model_copy(update={"checks": checks}), trials)
    assert first_row(stored, scaled("train_losses", 1 + 2e-4), **ELSEWHERE).verdict == "within 1e-3"
    assert first_row(stored, scaled("train_losses", 1 + 2e-3), **ELSEWHERE).verdict == "differs by 2.0e-3"
