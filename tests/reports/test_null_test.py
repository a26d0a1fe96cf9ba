"""The null test: a program against itself gives a ratio of 1, and the smallest difference that a machine can show."""

import pytest
import synthetic_run

from benchmarks.definition import loading
from benchmarks.runner.manifest import backend_facts
from reports.analysis.run import Run
from reports.analysis.run_store import newest_null_test
from reports.analysis.speedup import null_pairs, speedups_of
from reports.sections.resources import null_test_table

SECOND = "flax#2"


@pytest.fixture(scope="module")
def records():
    """A run of six rounds in which PyTorch's records stand for a second contestant of Flax."""
    manifest, certificate, trials = synthetic_run.records(
        cells=("gru",), modes=("matched",), seeds=range(1, 7), backends=("flax", "pytorch"), epochs=6, weeks=30
    )

    def renamed(plan):
        return plan.model_copy(update={"backend": SECOND if plan.backend == "pytorch" else plan.backend})

    names = {"flax", SECOND}
    trials = tuple(trial.model_copy(update={"plan": renamed(trial.plan)}) for trial in trials)
    facts = {"trials": tuple(map(renamed, manifest.trials)), "backends": backend_facts({}, names)}
    checks = tuple(
        check.model_copy(update={"backend": SECOND if check.backend == "pytorch" else check.backend})
        for check in certificate.checks
    )
    return manifest.model_copy(update=facts), certificate.model_copy(update={"checks": checks}), trials


def paced(trials, factor):
    """The trials with the second contestant's epochs `factor` times as long as the first's, give or take a percent."""
    first = {trial.plan.seed: trial.outcome.times.epochs for trial in trials if trial.plan.backend == "flax"}
    result = []
    for trial in trials:
        if trial.plan.backend == SECOND:
            noise = factor * (1 + 0.01 * (-1) ** trial.plan.seed)
            times = trial.outcome.times.model_copy(
                update={"epochs": tuple(noise * seconds for seconds in first[trial.plan.seed])}
            )
            trial = synthetic_run.change(trial, times=times)
        result.append(trial)
    return tuple(result)


@pytest.mark.parametrize(("factor", "equal"), [(1.0, True), (1.3, False)])
def test_the_interval_of_a_program_relative_to_itself(records, factor, equal):
    """It contains 1 for equal programs; a slower second contestant shows that the test can fail."""
    manifest, certificate, trials = records
    run = Run(manifest, certificate, paced(trials, factor))
    (pair,) = null_pairs(run, speedups_of(run))
    assert pair.backend == "flax"
    assert pair.equal is equal
    assert pair.ratio.estimate == pytest.approx(1 / factor, rel=0.02)
    assert pair.smallest == pytest.approx(max(pair.ratio.high, 1 / pair.ratio.low) - 1)
    assert ("yes" if equal else "no") in [cell.text for cell in null_test_table(run, [pair]).rows[0].cells]


def test_without_a_certificate_there_is_no_ratio(records):
    manifest, _, trials = records
    run = Run(manifest, None, trials)
    (pair,) = null_pairs(run, speedups_of(run))
    assert (pair.ratio, pair.smallest, pair.equal) == (None, None, False)


def test_a_run_states_the_newest_whole_null_test_of_its_machine(records, tmp_path):
    """Not a quick one, and not one of another processor."""
    manifest, certificate, trials = records
    machine = manifest.environment
    for stamp, changes in {
        "1": {"started": "2026-01-01T00:00:00+00:00"},
        "2": {"started": "2026-01-02T00:00:00+00:00"},
        "3": {"started": "2026-01-03T00:00:00+00:00", "quick": True},
        "4": {
            "started": "2026-01-04T00:00:00+00:00",
            "environment": machine.model_copy(update={"processor": "another"}),
        },
    }.items():
        synthetic_run.store(
            tmp_path / "null-test" / stamp, manifest.model_copy(update=changes), certificate, paced(trials, 1.0)
        )
    newest = newest_null_test(tmp_path, machine)
    assert newest.started == "2026-01-02T00:00:00+00:00"
    assert set(newest.smallest) == {"flax"}
    assert 0 < newest.smallest["flax"] < 0.1
    assert newest_null_test(tmp_path / "empty", machine) is None


def test_the_benchmark_has_each_default_program_twice():
    """Otherwise a default program would be reported without its smallest visible difference."""
    null, default = loading.read("null-test"), loading.read("co2")
    assert set(null.header.backends) == {name + end for name in default.header.backends for end in ("", "#2")}
    assert null.cases.keys() == default.cases.keys()


@pytest.mark.parametrize("lacking", [{1}, {1, 2, 3, 4, 5, 6}], ids=["one round", "all rounds"])
def test_rounds_without_a_steady_epoch_are_left_out(records, lacking):
    """As in trainings of a single epoch: no ratio then, and the ratio of the other rounds is of equal seeds."""
    manifest, certificate, trials = records
    cut = tuple(
        synthetic_run.change(trial, times=trial.outcome.times.model_copy(update={"epochs": (0.5,)}))
        if trial.plan.seed in lacking and trial.plan.backend == SECOND
        else trial
        for trial in paced(trials, 1.3)
    )
    run = Run(manifest, certificate, cut)
    (pair,) = null_pairs(run, speedups_of(run))
    if len(lacking) == 6:
        assert pair.ratio is None
    else:
        assert pair.ratio.estimate == pytest.approx(1 / 1.3, rel=0.02)
