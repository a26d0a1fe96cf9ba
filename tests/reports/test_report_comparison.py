"""No ratio without proof: each way in which two trials may not be comparable."""

import pytest
import synthetic_run
from synthetic_run import change, fail

from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.records import Certificate


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), modes=("matched", "native"), epochs=6, weeks=30)


def compared(manifest, certificate, trials):
    return speedups_of(Run(manifest, certificate, tuple(trials)))["gru"]


def of(trials, backend, *, mode="matched", seed=None):
    plans = [trial.plan for trial in trials]
    return [
        place
        for place, plan in enumerate(plans)
        if (plan.backend, plan.mode) == (backend, mode) and seed in (None, plan.seed)
    ]


def altered(trials, places, change):
    return [change(trial) if place in places else trial for place, trial in enumerate(trials)]


def without(certificate, **wanted):
    """The certificate with these checks failed."""
    checks = [
        check.model_copy(update={"failure": "weights differ by 2.0e-2 (bound 1e-03)"})
        if all(getattr(check, name) == value for name, value in wanted.items())
        else check
        for check in certificate.checks
    ]
    return Certificate(checks=tuple(checks))


def test_ratios_are_made_within_rounds(records):
    _, _, trials = records
    found = compared(*records).backends["flax"]
    by_seed = {
        seed: [trials[of(trials, name, seed=seed)[0]].outcome.times.epochs for name in ("pytorch", "flax")]
        for seed in (1, 2, 3)
    }
    expected = [sorted(slow[1:])[2] / sorted(fast[1:])[2] for slow, fast in by_seed.values()]
    assert found.epoch_ratios == pytest.approx(expected)
    assert found.seeds == (1, 2, 3)


def test_the_ratio_of_rounds_is_not_the_ratio_of_medians(records):
    """Drift that hits a whole round alike must cancel."""
    manifest, certificate, trials = records

    def slowed(trial):
        times = trial.outcome.times
        slower = tuple(value * 3**trial.plan.seed for value in times.epochs)
        return change(trial, times=times.model_copy(update={"epochs": slower}))

    steady, drifted = compared(*records), compared(manifest, certificate, map(slowed, trials))
    assert drifted.backends["flax"].epoch.estimate == pytest.approx(steady.backends["flax"].epoch.estimate)


def test_the_reference_is_the_first_certified_backend(records):
    manifest, certificate, trials = records
    assert compared(*records).reference == "pytorch"
    assert compared(manifest, without(certificate, backend="pytorch", dtype="float64"), trials).reference == "keras"


def test_the_reference_has_finished_a_trial(records):
    manifest, certificate, trials = records
    broken = altered(trials, of(trials, "pytorch"), fail)
    found = compared(manifest, certificate, broken)
    assert found.reference == "keras"
    assert found.backends["pytorch"].reasons == ("no trial has finished",)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_failed_check_in_either_precision_leaves_no_ratio(records, dtype):
    manifest, certificate, trials = records
    found = compared(manifest, without(certificate, backend="flax", dtype=dtype), trials).backends["flax"]
    assert found.reasons == (f"in {dtype} weights differ by 2.0e-2 (bound 1e-03)",)
    assert found.epoch is None
    assert found.training is None


def test_no_certificate_no_ratio(records):
    manifest, _, trials = records
    found = compared(manifest, None, trials)
    assert found.reference is None
    assert {c.reasons for c in found.backends.values()} == {("there is no certificate yet",)}


def test_a_backend_that_was_not_checked_has_no_ratio(records):
    manifest, certificate, trials = records
    some = Certificate(checks=tuple(check for check in certificate.checks if check.backend != "flax"))
    assert compared(manifest, some, trials).backends["flax"].reasons == (
        "it was not checked against the reference implementation",
    )


def test_a_check_in_another_precision_than_the_timed_one_is_no_proof(records):
    manifest, certificate, trials = records
    some = Certificate(checks=tuple(c for c in certificate.checks if (c.backend, c.dtype) != ("flax", "float32")))
    (reason,) = compared(manifest, some, trials).backends["flax"].reasons
    assert reason == "it was not checked in float32, in which it is timed"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("order_digest", "the order of the batches"),
        ("initial_digest", "the initial weights"),
        ("masks_digest", "the dropout masks"),
    ],
)
def test_rounds_whose_digests_disagree_are_not_compared(records, field, words):
    manifest, certificate, trials = records
    other = altered(trials, of(trials, "flax", seed=2), lambda trial: change(trial, **{field: "other"}))
    found = compared(manifest, certificate, other)
    assert found.backends["flax"].reasons == (f"{words} of seed 2 were not those of PyTorch",)
    assert found.backends["flax"].epoch is None
    assert found.backends["keras"].epoch is not None


def test_windows_that_were_not_certified_are_not_compared(records):
    manifest, certificate, trials = records
    other = altered(trials, of(trials, "flax", seed=2), lambda trial: change(trial, windows_digest="other"))
    (reason,) = compared(manifest, certificate, other).backends["flax"].reasons
    assert reason == "its certificate was made on other windows than it was trained on"


def test_windows_that_differ_between_backends_are_not_compared(records):
    manifest, certificate, trials = records
    other = altered(trials, of(trials, "flax"), lambda trial: change(trial, windows_digest="other"))
    moved = Certificate(
        checks=tuple(
            c.model_copy(update={"windows_digest": "other"}) if c.backend == "flax" else c for c in certificate.checks
        )
    )
    (reason,) = compared(manifest, moved, other).backends["flax"].reasons
    assert reason == "the windows of seed 1 were not those of PyTorch"


def test_rounds_on_two_hosts_are_left_out(records):
    manifest, certificate, trials = records
    moved = altered(trials, of(trials, "flax", seed=3), lambda trial: change(trial, host="bench-2"))
    found = compared(manifest, certificate, moved).backends["flax"]
    assert found.seeds == (1, 2)
    assert found.remarks == ("left out, 1 of 3 rounds: it ran on another machine than PyTorch",)


def test_no_ratio_across_hosts(records):
    manifest, certificate, trials = records
    moved = altered(trials, of(trials, "flax"), lambda trial: change(trial, host="bench-2"))
    found = compared(manifest, certificate, moved).backends["flax"]
    assert found.reasons == ("it ran on another machine than PyTorch",)


def under(trial, **changes):
    """The trial, recorded as run in the synthetic environment with some of it changed."""
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
    """A machine may change under its name: a run that was resumed after an upgrade is of two machines."""
    manifest, certificate, trials = records
    told = list(map(under, trials))
    moved = altered(told, of(told, "flax"), lambda trial: under(trial, **changes))
    found = compared(manifest, certificate, moved).backends["flax"]
    assert found.reasons == (f"it did not run under the conditions of PyTorch: {words}",)
    some = altered(told, of(told, "flax", seed=1), lambda trial: under(trial, **changes))
    found = compared(manifest, certificate, some).backends["flax"]
    assert found.seeds == (2, 3)
    assert found.remarks == (f"left out, 1 of 3 rounds: it did not run under the conditions of PyTorch: {words}",)


@pytest.mark.parametrize("changes", [{"cores": (2, 3)}, {"commit": None}, {"memory_bytes": 2**30}])
def test_what_no_time_hangs_on_leaves_the_ratio(records, changes):
    manifest, certificate, trials = records
    told = list(map(under, trials))
    moved = altered(told, of(told, "flax"), lambda trial: under(trial, **changes))
    assert compared(manifest, certificate, moved).backends["flax"].seeds == (1, 2, 3)


def test_native_trials_never_enter_a_ratio(records):
    manifest, certificate, trials = records
    matched = [trial for trial in trials if trial.plan.mode == "matched"]
    assert compared(manifest, certificate, trials) == compared(manifest, certificate, matched)


def test_a_failed_seed_leaves_the_others(records):
    manifest, certificate, trials = records
    broken = altered(trials, of(trials, "pytorch", seed=1), fail)
    assert compared(manifest, certificate, broken).backends["flax"].seeds == (2, 3)
