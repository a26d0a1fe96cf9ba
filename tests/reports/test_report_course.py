"""Trainings that are not plain: what ended early, kept its best epoch or minimized another loss."""

import pytest
import synthetic_run
from synthetic_run import change, fail

import reports
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.figures.learning import loss_curves
from reports.records.store import RecordError
from reports.sections.trials import all_trials


def stopped(trial, epochs, best):
    speedup = trial.outcome
    times = speedup.times.model_copy(update={"epochs": speedup.times.epochs[:epochs], "validation": (), "loop": None})
    losses = {name: getattr(speedup, name)[:epochs] for name in ("train_losses", "validation_losses")}
    return change(trial, times=times, best_epoch=best, **losses)


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), modes=("matched",), epochs=6, weeks=30)


def test_it_is_reported_with_the_most_epochs_it_could_have_had(run_of, records):
    manifest, certificate, trials = records
    folder = run_of(manifest, certificate, [stopped(trial, 3 + trial.plan.seed, 2) for trial in trials])
    text = reports.write(folder).markdown.read_text("utf-8")
    assert "ver a whole training of at most 6 epochs" in text


def test_trainings_that_patience_ended_apart_have_no_ratio(records):
    """Their times are those of unequal work."""
    manifest, certificate, trials = records
    early = [stopped(t, 4 if t.plan.backend == "flax" else 5, 2) for t in trials]
    (case,) = manifest.cases
    speedup = speedups_of(Run(manifest, certificate, tuple(early)))[case.label].backends["flax"]
    assert speedup.reasons == (f"with seed {trials[0].plan.seed} it trained 4 epochs and the eager loop in PyTorch 5",)
    assert not speedup.outcomes


def test_every_trial_says_which_epoch_it_kept(records):
    manifest, certificate, trials = records
    early = [stopped(trials[0], 4, 2), fail(trials[1]), *trials[2:]]
    table = all_trials(Run(manifest, certificate, tuple(early)))
    place = [column.label for column in table.columns].index("best epoch")
    assert [row.cells[place].text for row in table.rows[:3]] == ["2 of 4", "–", "–"]
    assert {len(row.cells) for row in table.rows} == {len(table.columns)}
    assert "best epoch" not in [column.label for column in all_trials(Run(*records)).columns]


def test_a_loss_is_called_mse_only_where_it_is(drawn, records):
    manifest, certificate, trials = records
    cases = tuple(case.model_copy(update={"training_notes": ("mean absolute error",)}) for case in manifest.cases)
    other = Run(manifest.model_copy(update={"cases": cases}), certificate, trials)
    assert "MSE, scaled units" in loss_curves(Run(*records), "matched").svg
    assert "loss, scaled units" in loss_curves(other, "matched").svg


@pytest.mark.parametrize(("epochs", "best"), [(3, None), (3, 5)], ids=["without patience", "before its best epoch"])
def test_what_patience_does_not_explain_is_damage(run_of, records, epochs, best):
    manifest, certificate, trials = records
    folder = run_of(manifest, certificate, [stopped(trials[0], epochs, best), *trials[1:]])
    with pytest.raises(RecordError, match="the times of 3 and the losses of 3 epochs, where 6 were planned"):
        reports.write(folder)
