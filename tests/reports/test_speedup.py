"""Tests of speedups: ratios within rounds, and every reason why two trials are not comparable."""

import pytest
import synthetic_run
from synthetic_run import change, fail
from synthetic_several import over_series
from synthetic_sweep import swept

from reports.analysis import speedup
from reports.analysis.fastest_by_setting import setting_maps
from reports.analysis.ranking import rankings
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.records import Certificate


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), modes=("matched", "native"), epochs=6, weeks=30)


def case_speedups(manifest, certificate, trials):
    return speedups_of(Run(manifest, certificate, tuple(trials)))["gru"]


def places_of(trials, backend, *, mode="matched", seed=None):
    plans = [trial.plan for trial in trials]
    return [
        place
        for place, plan in enumerate(plans)
        if (plan.backend, plan.mode) == (backend, mode) and seed in (None, plan.seed)
    ]


def altered(trials, places, change):
    return [change(trial) if place in places else trial for place, trial in enumerate(trials)]


def without(certificate, **wanted):
    """Return the certificate in which these checks failed."""
    checks = [
        check.model_copy(update={"failure": "weights differ by 2.0e-2 (bound 1e-03)"})
        if all(getattr(check, name) == value for name, value in wanted.items())
        else check
        for check in certificate.checks
    ]
    return Certificate(checks=tuple(checks))


def test_ratios_are_made_within_rounds(records):
    _, _, trials = records
    speedup = case_speedups(*records).backends["flax"]
    by_seed = {
        seed: [trials[places_of(trials, name, seed=seed)[0]].outcome.times.epochs for name in ("pytorch", "flax")]
        for seed in (1, 2, 3)
    }
    expected = [sorted(slow[1:])[2] / sorted(fast[1:])[2] for slow, fast in by_seed.values()]
    assert speedup.epoch_ratios == pytest.approx(expected)
    assert speedup.seeds == (1, 2, 3)


def test_the_ratio_of_rounds_is_not_the_ratio_of_medians(records):
    """Drift that slows down a whole round must cancel."""
    manifest, certificate, trials = records

    def slowed(trial):
        times = trial.outcome.times
        slower = tuple(value * 3**trial.plan.seed for value in times.epochs)
        return change(trial, times=times.model_copy(update={"epochs": slower}))

    steady, drifted = case_speedups(*records), case_speedups(manifest, certificate, map(slowed, trials))
    assert drifted.backends["flax"].epoch.estimate == pytest.approx(steady.backends["flax"].epoch.estimate)


def test_the_reference_is_the_first_certified_backend(records):
    manifest, certificate, trials = records
    assert case_speedups(*records).reference == "pytorch"
    assert (
        case_speedups(manifest, without(certificate, backend="pytorch", dtype="float64"), trials).reference == "keras"
    )


def test_the_reference_has_finished_a_trial(records):
    manifest, certificate, trials = records
    broken = altered(trials, places_of(trials, "pytorch"), fail)
    speedup = case_speedups(manifest, certificate, broken)
    assert speedup.reference == "keras"
    assert speedup.backends["pytorch"].reasons == ("no trial has finished",)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_failed_check_in_either_precision_leaves_no_ratio(records, dtype):
    manifest, certificate, trials = records
    speedup = case_speedups(manifest, without(certificate, backend="flax", dtype=dtype), trials).backends["flax"]
    assert speedup.reasons == (f"in {dtype} weights differ by 2.0e-2 (bound 1e-03)",)
    assert speedup.epoch is None
    assert speedup.training is None


def test_no_certificate_no_ratio(records):
    manifest, _, trials = records
    speedup = case_speedups(manifest, None, trials)
    assert speedup.reference is None
    assert {c.reasons for c in speedup.backends.values()} == {("there is no certificate",)}


def test_a_backend_that_was_not_checked_has_no_ratio(records):
    manifest, certificate, trials = records
    some = Certificate(checks=tuple(check for check in certificate.checks if check.backend != "flax"))
    assert case_speedups(manifest, some, trials).backends["flax"].reasons == (
        "it was not checked against the reference implementation",
    )


def test_a_check_in_another_precision_than_the_timed_one_allows_no_ratio(records):
    manifest, certificate, trials = records
    some = Certificate(checks=tuple(c for c in certificate.checks if (c.backend, c.dtype) != ("flax", "float32")))
    (reason,) = case_speedups(manifest, some, trials).backends["flax"].reasons
    assert reason == "it was not checked in float32, in which it is timed"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("order_digest", "the order of the batches"),
        ("initial_digest", "the initial weights"),
        ("masks_digest", "the dropout masks"),
    ],
)
def test_rounds_whose_digests_disagree_are_not_case_speedups(records, field, words):
    manifest, certificate, trials = records
    other = altered(trials, places_of(trials, "flax", seed=2), lambda trial: change(trial, **{field: "other"}))
    speedup = case_speedups(manifest, certificate, other)
    assert speedup.backends["flax"].reasons == (f"{words} of seed 2 were not those of the eager loop in PyTorch",)
    assert speedup.backends["flax"].epoch is None
    assert speedup.backends["keras"].epoch is not None


def test_windows_that_were_not_certified_are_not_case_speedups(records):
    manifest, certificate, trials = records
    other = altered(trials, places_of(trials, "flax", seed=2), lambda trial: change(trial, windows_digest="other"))
    (reason,) = case_speedups(manifest, certificate, other).backends["flax"].reasons
    assert reason == "its certificate was made on other windows than it was trained on"


def test_windows_that_differ_between_backends_are_not_case_speedups(records):
    manifest, certificate, trials = records
    other = altered(trials, places_of(trials, "flax"), lambda trial: change(trial, windows_digest="other"))
    moved = Certificate(
        checks=tuple(
            c.model_copy(update={"windows_digest": "other"}) if c.backend == "flax" else c for c in certificate.checks
        )
    )
    (reason,) = case_speedups(manifest, moved, other).backends["flax"].reasons
    assert reason == "the windows of seed 1 were not those of the eager loop in PyTorch"


def test_rounds_on_two_hosts_are_left_out(records):
    manifest, certificate, trials = records
    moved = altered(trials, places_of(trials, "flax", seed=3), lambda trial: change(trial, host="bench-2"))
    speedup = case_speedups(manifest, certificate, moved).backends["flax"]
    assert speedup.seeds == (1, 2)
    assert speedup.remarks == ("left out, 1 of 3 rounds: it ran on another machine than the eager loop in PyTorch",)


def test_no_ratio_across_hosts(records):
    manifest, certificate, trials = records
    moved = altered(trials, places_of(trials, "flax"), lambda trial: change(trial, host="bench-2"))
    speedup = case_speedups(manifest, certificate, moved).backends["flax"]
    assert speedup.reasons == ("it ran on another machine than the eager loop in PyTorch",)


def under(trial, **changes):
    """Return the trial as recorded in the synthetic environment with some fields changed."""
    return trial.model_copy(update={"environment": synthetic_run.environment().model_copy(update=changes)})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"processor": "AMD EPYC 7R13"}, "the processor was AMD EPYC 9R14 and is AMD EPYC 7R13"),
        ({"gpu": "NVIDIA H100"}, "the GPU was none and is NVIDIA H100"),
        ({"cores": (0,)}, "the number of cores was 2 and is 1"),
        ({"variables": {"OMP_NUM_THREADS": "1"}}, "OMP_NUM_THREADS was 2 and is 1"),
    ],
)
def test_no_ratio_on_one_host_under_other_conditions(records, changes, words):
    """A run that was resumed after an upgrade counts as run on two machines, although the host is the same."""
    manifest, certificate, trials = records
    recorded = list(map(under, trials))
    moved = altered(recorded, places_of(recorded, "flax"), lambda trial: under(trial, **changes))
    speedup = case_speedups(manifest, certificate, moved).backends["flax"]
    assert speedup.reasons == (f"it did not run under the conditions of the eager loop in PyTorch: {words}",)
    some = altered(recorded, places_of(recorded, "flax", seed=1), lambda trial: under(trial, **changes))
    speedup = case_speedups(manifest, certificate, some).backends["flax"]
    assert speedup.seeds == (2, 3)
    assert speedup.remarks == (
        f"left out, 1 of 3 rounds: it did not run under the conditions of the eager loop in PyTorch: {words}",
    )


@pytest.mark.parametrize("changes", [{"cores": (2, 3)}, {"commit": None}, {"memory_bytes": 2**30}])
def test_differences_that_cannot_change_a_time_leave_the_ratio(records, changes):
    manifest, certificate, trials = records
    recorded = list(map(under, trials))
    moved = altered(recorded, places_of(recorded, "flax"), lambda trial: under(trial, **changes))
    assert case_speedups(manifest, certificate, moved).backends["flax"].seeds == (1, 2, 3)


def test_native_trials_never_enter_a_ratio(records):
    manifest, certificate, trials = records
    matched = [trial for trial in trials if trial.plan.mode == "matched"]
    assert case_speedups(manifest, certificate, trials) == case_speedups(manifest, certificate, matched)


def test_a_failed_seed_leaves_the_others(records):
    manifest, certificate, trials = records
    broken = altered(trials, places_of(trials, "pytorch", seed=1), fail)
    assert case_speedups(manifest, certificate, broken).backends["flax"].seeds == (2, 3)


def test_every_ratio_of_times_comes_from_the_speedups(monkeypatch):
    """The fastest backend, the map of settings, and the ranking of backends have no ratio of their own."""
    run = Run(*over_series(3))
    monkeypatch.setattr(speedup, "steady_epoch", lambda epochs: 1.0)
    speedups = speedups_of(run)
    assert {case.fastest.lead.estimate for case in speedups.values()} == {1.0}
    assert not any(case.fastest.clear for case in speedups.values())
    backends = next(ranking for ranking in rankings(run, speedups) if ranking.name == "backends")
    assert (backends.scores == 1.0).all()
    swept_run = Run(*swept())
    (grid,) = setting_maps(swept_run, speedups_of(swept_run))
    assert {fastest.lead.estimate for fastest in grid.fastest.values()} == {1.0}


def test_errors_of_several_targets_are_compared_by_their_scaled_values(records):
    manifest, certificate, trials = records

    def scaled(trial):
        mse = {"flax": 2.0}.get(trial.plan.backend, 1.0)
        return change(trial, scores=trial.outcome.scores.model_copy(update={"scaled_mse": mse}))

    assert set(case_speedups(manifest, certificate, map(scaled, trials)).backends["flax"].error_differences) == {1.0}
