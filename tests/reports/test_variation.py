"""Steady state, levels of variation and the ratio of means, on simulated processes with known properties."""

import numpy as np
import pytest
import synthetic_run
from scipy.stats import kendalltau
from synthetic_run import change

from reports.analysis.intervals import SteadyState, has_trend, median_interval, steady_state
from reports.analysis.run import Run
from reports.analysis.speedup import Speedup, speedups_of
from reports.analysis.timing_quality import timing_warnings
from reports.analysis.variation import Cost, Levels, levels_of, mean_ratio, required, variations
from reports.sections.results import levels_of_variation

EPOCHS = 30


def noise(rng, *shape, deviation=0.03):
    return np.exp(rng.normal(0, deviation, shape))


def test_epochs_that_are_alike_are_steady_from_the_second_on():
    """The two tests have a level of 5 % each, and hardly any epoch is lost by chance."""
    rng = np.random.default_rng(11)
    states = [steady_state(epochs.tolist()) for epochs in noise(rng, 2_000, EPOCHS)]
    assert np.mean([state.start == 2 for state in states]) > 0.88
    assert np.mean([state.reached for state in states]) > 0.99
    assert np.mean([len(state.seconds) for state in states]) > 0.98 * (EPOCHS - 1)


@pytest.mark.parametrize("slow", [1, 2, 5, 10])
def test_a_warm_up_is_left_out_exactly(slow):
    """After the first epoch, `slow` epochs take 30 % longer."""
    rng = np.random.default_rng(slow)
    factors = np.where(np.arange(EPOCHS) <= slow, 1.3, 1.0)
    starts = [steady_state((epochs * factors).tolist()).start for epochs in noise(rng, 500, EPOCHS)]
    assert np.mean(np.array(starts) == slow + 2) > 0.85
    assert np.mean(np.array(starts) >= slow + 2) > 0.99


def test_a_drift_over_the_whole_training_is_no_steady_state():
    rng = np.random.default_rng(3)
    drift = np.linspace(1, 1.5, EPOCHS)
    states = [steady_state((epochs * drift).tolist()) for epochs in noise(rng, 300, EPOCHS)]
    assert np.mean([not state.reached for state in states]) > 0.95
    assert {len(state.seconds) for state in states if not state.reached} == {15}


def test_the_trend_test_decides_as_scipys_does():
    rng = np.random.default_rng(5)
    for count in (5, 12, 30):
        values = rng.normal(0, 1, (200, count)) + 0.08 * np.arange(count)
        p_values = np.array([kendalltau(range(count), row).pvalue for row in values])
        clear = abs(p_values - 0.05) > 0.03  # the normal approximation differs a little from the exact p
        decisions = np.array([has_trend(row.tolist()) for row in values])
        assert np.array_equal(decisions[clear], (p_values < 0.05)[clear])
        assert clear.sum() > 100
    assert not has_trend([4.0, 3.0, 2.0, 1.0])


def test_too_few_epochs_have_a_steady_state_without_a_test():
    assert steady_state([1.0]) is None
    assert steady_state([9.0, 2.0]) == SteadyState(2, (2.0,), reached=True)


def simulated(rng, processes, *, epochs, between, common, pace=(1.0, 0.8)):
    """Return the steady states of two backends by seed, with these standard deviations at the three levels."""
    rounds = rng.normal(0, common, processes)
    states = {}
    for name, seconds in zip("ab", pace, strict=True):
        process = rng.normal(0, between, processes)
        times = seconds * np.exp(rounds[:, None] + process[:, None] + rng.normal(0, epochs, (processes, EPOCHS)))
        states[name] = {seed: SteadyState(2, tuple(row), reached=True) for seed, row in enumerate(times.tolist())}
    return states


@pytest.mark.parametrize(
    ("epochs", "between", "common"), [(0.05, 0.02, 0.04), (0.02, 0.06, 0.0), (0.10, 0.0, 0.03), (0.03, 0.05, 0.08)]
)
def test_the_variance_components_are_those_of_the_simulation(epochs, between, common):
    rng = np.random.default_rng(int(1000 * (epochs + between + common)))
    levels = levels_of(simulated(rng, 2_000, epochs=epochs, between=between, common=common))
    for level in levels.values():
        assert level.epochs**0.5 == pytest.approx(epochs, rel=0.02)
        assert level.processes**0.5 == pytest.approx(between, rel=0.1, abs=0.012)
        assert level.rounds**0.5 == pytest.approx(common, rel=0.1, abs=0.012)


def test_the_components_of_six_processes_are_right_on_average():
    rng = np.random.default_rng(8)
    runs = [levels_of(simulated(rng, 6, epochs=0.05, between=0.06, common=0.08))["a"] for _ in range(400)]
    assert np.mean([level.epochs for level in runs]) == pytest.approx(0.05**2, rel=0.05)
    assert np.mean([level.processes for level in runs]) == pytest.approx(0.06**2, rel=0.25)
    assert np.mean([level.rounds for level in runs]) == pytest.approx(0.08**2, rel=0.25)


def test_one_backend_has_no_level_of_rounds():
    states = simulated(np.random.default_rng(1), 6, epochs=0.05, between=0.06, common=0.08)
    assert levels_of({"a": states["a"]})["a"].rounds is None


class Timed:
    """An outcome with these epochs."""

    def __init__(self, epochs):
        self.times = type("Times", (), {"epochs": (1.0, *epochs)})


def speedup_of(states):
    first, second = (tuple(Timed(state.seconds) for state in states[name].values()) for name in "ab")
    return Speedup("b", "a", (), second, first, tuple(range(len(first))))


def test_both_intervals_of_six_processes_contain_the_true_ratio_as_often_as_they_say():
    """With noise at all levels, 95 % of the intervals of the ratio of medians and of the ratio of means are right."""
    rng = np.random.default_rng(21)
    runs = [speedup_of(simulated(rng, 6, epochs=0.05, between=0.06, common=0.08)) for _ in range(600)]
    means = [mean_ratio(speedup) for speedup in runs]
    medians = [median_interval(speedup.epoch_ratios) for speedup in runs]
    for intervals in (means, medians):
        assert np.mean([ratio.low <= 1.25 <= ratio.high for ratio in intervals]) == pytest.approx(0.95, abs=0.03)
    assert mean_ratio(speedup_of(simulated(rng, 1, epochs=0.05, between=0.06, common=0.08))) is None


def test_the_recommended_processes_reach_five_per_cent():
    """Runs with the recommended numbers have intervals within 5 % in most cases."""
    level = Levels(0.05**2, 0.06**2, 0.08**2)
    needed = required([(level, Cost(4.0, 0.1))] * 2, [EPOCHS - 1], paired=True)
    assert needed.epochs == EPOCHS
    assert needed.seconds == pytest.approx(2 * needed.processes * (4.0 + EPOCHS * 0.1))
    rng = np.random.default_rng(4)
    halves = []
    for _ in range(200):
        ratio = mean_ratio(speedup_of(simulated(rng, needed.processes, epochs=0.05, between=0.06, common=0.08)))
        halves.append(ratio.high / ratio.estimate - 1)
    assert np.median(halves) == pytest.approx(0.05, rel=0.15)


def test_costly_processes_get_more_epochs_and_noise_between_processes_more_processes():
    quiet, noisy = Levels(0.4**2, 0.03**2, None), Levels(0.4**2, 0.2**2, None)
    dear = required([(quiet, Cost(60.0, 0.1))], range(2, 201), paired=False)
    cheap = required([(quiet, Cost(0.5, 0.1))], range(2, 201), paired=False)
    assert dear.epochs > cheap.epochs
    assert required([(noisy, Cost(0.5, 0.1))], [29], paired=False).processes > cheap.processes
    assert required([(Levels(0.1**2, 5.0**2, None), Cost(0.5, 0.1))], [29], paired=False) is None


def test_the_table_has_a_row_for_each_backend_and_says_where_no_steady_state_was_reached():
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), seeds=range(6), epochs=EPOCHS, weeks=10)
    drifting = trials[1]
    epochs = tuple(np.multiply(drifting.outcome.times.epochs, np.linspace(1, 3, EPOCHS)).tolist())
    times = drifting.outcome.times.model_copy(update={"epochs": epochs})
    run = Run(manifest, certificate, (trials[0], change(drifting, times=times), *trials[2:]))
    table = levels_of_variation(run, speedups_of(run))
    assert [row.cells[1].text.partition(" ")[0].strip(",") for row in table.rows] == ["PyTorch", "Keras", "Flax"]
    assert [row.cells[2].text for row in table.rows] == ["6", "6", "6"]
    assert table.rows[1].cells[3].detail == "not reached in 1 of 6"
    assert table.rows[0].cells[7].text == "1"
    assert all(row.cells[9].text.endswith(" × 30") for row in table.rows)
    (warning,) = timing_warnings(run.groups[1])
    assert "unstable: the epochs of seed 0 reached no steady state" in warning
    assert len(variations(run, speedups_of(run))) == 3
