"""Where trials' time went, what they took, how near they came to the machine's pace: from new records and old."""

from dataclasses import replace

import pytest
import synthetic_run
from synthetic_run import change

from reports.analysis.context import Context
from reports.analysis.run import Run
from reports.records import EpochSeconds, HarnessOverhead, Overhead
from reports.sections import resources


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=6, weeks=30, seeds=(1, 2))


def run_of(manifest, certificate, trials):
    return Run(manifest, certificate, tuple(trials))


def older(trial):
    """As a checkout wrote it that had no such clocks."""
    times = trial.outcome.times.model_copy(update={"validation": (), "loop": None})
    lacking = dict.fromkeys(("background_load", "steal", "frequency", "gemm_peak"))
    return change(trial, times=times, **lacking).model_copy(update={"seconds": None})


def column(table, heading):
    place = [column.heading for column in table.columns].index(heading)
    return [row.cells[place] for row in table.rows]


def test_the_parts_of_a_trial_add_up_to_its_process(records):
    table = resources.time_by_part(run_of(*records), each_trial=True)
    parts = [column(table, f"{part}, s") for part in ("import", "build", "first step", "epochs", "validation")]
    parts += [column(table, f"{part}, s") for part in ("inference", "rest")]
    for trial, whole, *row in zip(records[2], column(table, "whole process, s"), *parts, strict=True):
        assert whole.value == trial.seconds
        if trial.plan.mode == "matched":
            assert sum(cell.value for cell in row) == pytest.approx(trial.seconds)
        else:
            assert row[-1].text == "–"


def test_the_harness_has_a_column_of_its_own_where_it_was_timed(records):
    manifest, certificate, trials = records
    times = trials[0].outcome.times.model_copy(update={"harness": 0.5})
    before = resources.time_by_part(run_of(*records), each_trial=True)
    after = resources.time_by_part(
        run_of(manifest, certificate, [change(trials[0], times=times), *trials[1:]]), each_trial=True
    )
    assert column(after, "harness, s")[0].value == 0.5
    assert column(before, "rest, s")[0].value - column(after, "rest, s")[0].value == pytest.approx(0.5)
    assert "harness" not in [column.label for column in before.columns]


def test_the_share_of_training_is_of_the_trials_that_say_how_long_they_took(records):
    manifest, certificate, trials = records
    known = [trial for trial in trials if trial.seconds]
    share = sum(t.outcome.times.training for t in known) / sum(t.seconds for t in known)
    assert (
        f"Training took {share * 100:.0f} % of the time of 6 trials."
        in resources.time_by_part(run_of(*records)).caption
    )
    table = resources.time_by_part(run_of(manifest, certificate, map(older, trials)))
    assert "The time of the whole processes was not recorded." in table.caption


def test_older_records_have_no_column_for_what_they_lack(records):
    manifest, certificate, trials = records
    run = run_of(manifest, certificate, map(older, trials))
    heads = {
        column.label for table in (resources.time_by_part(run), resources.resource_use(run)) for column in table.columns
    }
    assert not heads & {"whole process", "validation", "rest", "GPU memory", "background load", "steal", "lowest clock"}
    assert {"import", "epochs", "CPU time", "peak memory", "one window, median", "test part"} <= heads
    old = manifest.model_copy(
        update={"cases": tuple(c.model_copy(update={"step_flops": None}) for c in manifest.cases)}
    )
    assert resources.efficiency_table(run_of(old, certificate, trials)).rows == ()


def test_inference_by_hand(records):
    manifest, certificate, trials = records
    times = trials[0].outcome.times.model_copy(
        update={"predict_one": tuple(n / 1000 for n in range(1, 102)), "predict_test": (0.5, 0.1, 0.1)}
    )
    table = resources.resource_use(
        run_of(manifest, certificate, [change(trials[0], times=times, device_memory_bytes=2**21)])
    )
    assert column(table, "one window, median, ms")[0].text == "51.0"
    assert column(table, "one window, 95th percentile, ms")[0].text == "96.0"
    assert column(table, "test part, windows/s")[0].text == "300"
    assert column(table, "GPU memory, MiB")[0].text == "2.00"


def test_the_pace_is_held_against_the_best_product_of_the_same_place(records):
    """Whoever reached it; one on another host, or on a GPU, is no measure."""
    manifest, certificate, trials = records
    matched = [trial for trial in trials if trial.plan.mode == "matched"]
    product = matched[0].outcome.gemm_peak
    fast = product.model_copy(update={"seconds": (0.05,)})
    absurd = product.model_copy(update={"seconds": (1e-9,)})
    measured = [
        change(matched[0], gemm_peak=fast),
        change(matched[1], gemm_peak=absurd, host="bench-2"),
        change(matched[2], gemm_peak=absurd, device_memory_bytes=1),
        *matched[3:],
    ]
    table = resources.efficiency_table(run_of(manifest, certificate, measured))
    case, data = manifest.cases[0], manifest.data["co2"]
    outcomes = [trial.outcome for trial in measured if trial.plan.backend == "pytorch"]
    rates = [
        case.step_flops * (data.train_windows // case.batch) / sorted(outcome.times.epochs[1:])[2]
        for outcome in outcomes
    ]
    cell = column(table, "achieved, at least, GFLOP/s")[0]
    assert cell.value == pytest.approx(sum(rates) / 2)
    assert column(table, "GEMM peak, GFLOP/s")[0].value == pytest.approx(fast.flops_per_second)
    assert column(table, "fraction of peak, at least")[0].value == pytest.approx(sum(rates) / 2 / fast.flops_per_second)
    assert "A lower bound." in table.caption


def test_an_older_run_has_the_pace_without_a_measure(records):
    manifest, certificate, trials = records
    table = resources.efficiency_table(run_of(manifest, certificate, map(older, trials)))
    assert column(table, "achieved, at least, GFLOP/s")[0].value > 0
    assert column(table, "GEMM peak, GFLOP/s")[0].text == "–"


def test_the_harness_overhead_is_a_table_where_it_was_measured(records):
    """Ratios within a round; a backend whose process failed has the reason in place of times."""
    seconds = [[EpochSeconds(wall=wall, cpu=0.1) for wall in walls] for walls in ((0.102, 0.206), (0.1, 0.2))]
    good = Overhead(backend="pytorch", cell="lstm", loop="A loop.", contract=tuple(seconds[0]), bare=tuple(seconds[1]))
    failed = Overhead(backend="flax", cell="gru", loop="A loop.", failure="it ended with status 1")
    sizes = {"units": 50, "window": 20, "batch": 32, "steps": 47, "threads": 2}
    run = replace(run_of(*records), overhead=HarnessOverhead(**sizes, overheads=(good, failed)))
    table = resources.overhead_table(run, run.overhead)
    ratio, nothing = column(table, "ratio")
    assert (ratio.value, ratio.detail, nothing.text) == (pytest.approx(1.025), "1.020\N{EN DASH}1.030", "–")
    assert column(table, "ratio of CPU times")[0].value == pytest.approx(1)
    assert "it ended with status 1" in column(table, "epoch of the backend, ms")[1].notes[0]
    assert resources.overhead_section(Context.of(run)) is not None
    assert resources.overhead_section(Context.of(run_of(*records))) is None
