import pytest
import synthetic_run
from synthetic_run import change, fail

from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.pages.run_page import progress
from reports.render.formats import per_cent
from reports.sections.summary import answer


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=30, weeks=60)


def told(manifest, certificate, trials):
    run = Run(manifest, certificate, tuple(trials))
    return answer(run, speedups_of(run))


def paced(trials, **factors):
    """The trials with the epochs of some backends slower by a factor."""

    def slowed(trial):
        times, factor = trial.outcome.times, factors.get(trial.plan.backend, 1)
        epochs = tuple(value * factor for value in times.epochs)
        return change(trial, times=times.model_copy(update={"epochs": epochs}))

    return tuple(map(slowed, trials))


def scored(trials, backends=("pytorch", "keras", "flax"), **skills):
    def rescored(trial):
        return change(trial, scores=trial.outcome.scores.model_copy(update=skills))

    return tuple(rescored(trial) if trial.plan.backend in backends else trial for trial in trials)


def test_the_answer_names_the_fastest_and_the_verdict_on_the_forecasts(records):
    (case,) = told(*records).cases
    assert (case.name, case.layers) == ("GRU", "1 × gru 50")
    assert case.lead == (
        "On this machine Flax trains this GRU 2.9 to 3.0 times as fast as PyTorch; "
        "Keras takes 1.09 to 1.12 times as long. "
        "All three forecasts agree within 0.37 % in test MSE and beat persistence and the seasonal naive forecast."
    )


def test_compilation_may_turn_the_order_round(records):
    manifest, certificate, trials = records
    (case,) = told(manifest, certificate, paced(trials, pytorch=0.4)).cases
    assert case.lead.startswith("On this machine Flax trains this GRU 1.16 to 1.20 times as fast as PyTorch")
    assert "Yet over a whole training of 30 epochs, compilation included, Flax takes 1.2" in case.more


def test_the_reference_may_be_the_fastest(records):
    manifest, certificate, trials = records
    (case,) = told(manifest, certificate, paced(trials, pytorch=0.2)).cases
    assert case.lead.startswith("On this machine PyTorch trains this GRU fastest: Flax takes 1.6")


def test_a_range_around_one_is_called_no_difference(records):
    manifest, certificate, trials = records
    (case,) = told(manifest, certificate, paced(trials, pytorch=0.3375, keras=10)).cases
    assert "nothing trains this GRU clearly faster than PyTorch: Flax cannot be told apart (0.9" in case.lead


def test_one_seed_says_what_it_cannot_carry():
    found = told(*synthetic_run.records(cells=("gru",), seeds=(1,), weeks=60))
    assert "in the one round that was run" in found.cases[0].lead
    assert found.limits[0] == "1 seed cannot carry a 95 % interval of a median, 6 can: no range is shown."


def test_six_seeds_have_no_such_limit():
    found = told(*synthetic_run.records(cells=("gru",), modes=("matched",), seeds=range(6), weeks=60))
    assert found.limits == ()


def test_one_backend_is_compared_with_nothing():
    (case,) = told(*synthetic_run.records(cells=("gru",), backends=("flax",), weeks=60)).cases
    assert case.lead.startswith("Flax ran alone, so there is nothing to compare its speed with. The forecast beats")


def test_no_certificate_no_statement_about_speed(records):
    manifest, _, trials = records
    found = told(manifest, None, trials)
    assert found.cases[0].lead.startswith(
        "No speed ratio for PyTorch, Keras and Flax: there is no certificate yet. All three forecasts beat"
    )
    assert "There is no certificate yet" in found.state[0]
    assert "times as fast" not in found.cases[0].lead + found.cases[0].more


def test_native_mode_alone_makes_no_statement_about_speed():
    (case,) = told(*synthetic_run.records(cells=("gru",), modes=("native",), weeks=60)).cases
    assert case.lead.startswith("Native models differ, so this run makes no statement about speed. All three")


def test_forecasts_that_lose_to_persistence_are_not_called_good(records):
    manifest, certificate, trials = records
    (case,) = told(manifest, certificate, scored(trials, skill_persistence=-0.02)).cases
    assert "and beat the seasonal naive forecast; no forecast beats persistence with every seed" in case.lead
    assert case.lead.endswith("(skill −0.020), so none is good.")
    assert "beat persistence" not in case.lead


def test_the_only_one_that_beats_persistence_is_named(records):
    manifest, certificate, trials = records
    losing = scored(trials, ("pytorch", "keras"), skill_persistence=-0.02)
    (case,) = told(manifest, certificate, losing).cases
    assert "; only Flax beats persistence with every seed." in case.lead


def test_a_baseline_that_is_better_is_told(records):
    manifest, certificate, trials = records
    (case,) = told(manifest, certificate, trials).cases
    assert "inear autoregression, which needs no network, does better (test MSE" in case.more
    (found,) = (b for b in next(iter(manifest.data.values())).baselines if b.name == "linear autoregression")
    (case,) = told(manifest, certificate, scored(trials, mse=found.scores.mse)).cases
    assert "which needs no network, does as well (test MSE" in case.more
    (case,) = told(manifest, certificate, scored(trials, mse=0.01)).cases
    assert "which needs no network" not in case.more


def test_a_run_under_way_says_how_far_it_is(records):
    manifest, certificate, trials = records
    found = told(manifest, certificate, trials[:7])
    assert found.state[0].startswith("7 of 18 trials have finished: the run is under way or was interrupted")


def test_nothing_finished_is_no_error(records):
    manifest, certificate, _ = records
    assert told(manifest, certificate, ()).cases[0].lead == "No trial has finished yet."


def test_failed_trials_are_counted(records):
    manifest, certificate, trials = records
    assert told(manifest, certificate, (fail(trials[0]), *trials[1:])).state == (
        "1 of 18 trials failed; their reasons are listed below.",
    )


def test_noise_is_admitted_where_the_answer_is_given(records):
    manifest, certificate, trials = records
    times = trials[0].outcome.times
    noisy = change(trials[0], times=times.model_copy(update={"epochs": (0.1, 0.1, 0.1, 0.3)}))
    limits = told(manifest, certificate, (noisy, *trials[1:])).limits
    assert "The machine was noisy: times of PyTorch are unstable, as noted beside them." in limits


def test_other_programs_on_the_cores_are_told_with_the_ratio(records):
    """A ratio measured beside a busy neighbour says nothing about the frameworks."""
    manifest, certificate, trials = records
    assert "other programs" not in str(told(manifest, certificate, trials))
    disturbed = tuple(change(trial, background_load=0.42) for trial in trials)
    found = told(manifest, certificate, disturbed)
    assert (
        f"other programs used up to {per_cent(0.42)} of the cores, so the ratios are not reliable"
        in found.cases[0].lead
    )
    assert "The machine was noisy: times of PyTorch, Keras and Flax are unstable, as noted beside them." in found.limits


@pytest.mark.parametrize(("backend", "name"), [("pytorch", "PyTorch"), ("flax", "Flax")])
def test_times_that_seeds_disagree_on_are_told_with_the_ratio(records, backend, name):
    manifest, certificate, trials = records
    drifted = tuple(paced([trial], **{backend: 1.5**trial.plan.seed})[0] for trial in trials)
    (case,) = told(manifest, certificate, drifted).cases
    assert case.lead.endswith(f"; but the times of {name} are unstable, so the ratios are not reliable.")
    assert case.lead.startswith("All three forecasts agree")  # what can be built on comes first


def test_a_single_epoch_has_nothing_steady_to_compare():
    (case,) = told(*synthetic_run.records(cells=("gru",), epochs=1, weeks=60)).cases
    assert case.lead.startswith("A single epoch was trained, so there is no steady epoch to compare.")


def test_many_models_have_an_overview():
    manifest, certificate, trials = synthetic_run.records(
        units=(16, 32), modes=("matched",), seeds=(1,), epochs=6, weeks=60
    )
    overview = told(manifest, certificate, trials).overview
    assert overview[0].startswith("Fastest by the steady epoch, of 4 models compared: Flax in 4 (1.2 to 3.")
    assert overview[1] == "12 of 12 forecasts beat persistence with every seed."
    slowed = told(manifest, certificate, paced(trials, flax=1.5, keras=2)).overview
    assert slowed[0].startswith("Fastest by the steady epoch, of 4 models compared: PyTorch in 2 and Flax in 2")
    assert told(manifest, None, trials).overview == overview[1:]


def test_few_models_have_none(records):
    assert told(*records).overview == ()


def test_a_model_says_what_layers_it_has(records):
    manifest, certificate, trials = records
    cases = tuple(case.model_copy(update={"architecture": ("gru 50", "dense 1")}) for case in manifest.cases)
    (case,) = told(manifest.model_copy(update={"cases": cases}), certificate, trials).cases
    assert case.layers == "gru 50 → dense 1"


def test_a_single_trial_is_one_trial():
    manifest, certificate, trials = synthetic_run.records(
        cells=("gru",), epochs=4, weeks=30, seeds=(1,), modes=("matched",), backends=("flax",)
    )
    assert progress(Run(manifest, certificate, trials)) == "The only trial finished, 1 seed."
    assert progress(Run(manifest, certificate, ())) == "0 of 1 trial finished, 1 seed."
    assert told(manifest, certificate, ()).state[0].startswith("0 of 1 trial has finished: ")
