"""Tests of the statistics: intervals, effects, sample sizes, equivalence and the quality of timings."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from statsmodels.stats.weightstats import DescrStatsW

from reports.analysis.intervals import (
    MIN_FOR_INTERVAL,
    Interval,
    difference_effect,
    geometric_mean_interval,
    mean_interval,
    median_interval,
    ratio_effect,
    required_n,
    steady_epoch,
    tost_p,
    tost_required_n,
)
from reports.analysis.timing_quality import timing_quality
from reports.records import Times as TrialTimes


def test_the_median_of_few_values_has_their_range_and_claims_no_more():
    interval = median_interval([3.0, 1.0, 2.0])
    assert (interval.estimate, interval.low, interval.high, interval.count) == (2.0, 1.0, 3.0, 3)
    assert not interval.is_confidence_interval


def test_six_values_are_the_fewest_that_carry_an_interval():
    assert not median_interval([1.0, 2.0, 3.0, 4.0, 5.0]).is_confidence_interval
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).is_confidence_interval


def test_one_value_says_that_it_is_alone():
    assert median_interval([1.5]).single
    assert median_interval([]) is None


def test_a_value_that_is_not_finite_leaves_nothing_to_summarise():
    assert median_interval([1.0, float("nan")]) is None


@pytest.mark.parametrize("count", [6, 7, 8, 12, 50])
def test_the_interval_covers_the_true_median_as_often_as_it_says(count):
    """95 % of 4,000 intervals, within four standard errors and the error of the interpolation (below 1 %)."""
    draws = np.random.default_rng(5).lognormal(0, 0.3, (4_000, count))
    intervals = [median_interval(row.tolist()) for row in draws]
    covered = np.mean([interval.low <= 1 <= interval.high for interval in intervals])
    assert 0.95 - 0.024 <= covered <= 0.95 + 0.024
    assert all(interval.low < interval.estimate < interval.high for interval in intervals)


def test_the_same_records_give_the_same_interval():
    values = [1.0, 1.2, 0.9, 1.1, 1.05, 1.3, 0.95]
    assert median_interval(values) == median_interval(values)


def test_the_steady_epoch_leaves_the_first_out():
    assert steady_epoch([9.0, 1.0, 2.0, 3.0]) == 2.0
    assert steady_epoch([9.0]) is None


@dataclass
class Times:
    epochs: list[float]
    unaccounted: float = 0.0


@dataclass
class Ended:
    times: Times
    background_load: float | None = None


def quality(epochs, load=None):
    """The quality of trials with these epochs by seed."""
    return timing_quality({seed: Ended(Times(values), load) for seed, values in epochs.items()})


def test_a_quiet_machine_gives_no_warning():
    quiet = quality({1: [0.5, 0.1, 0.101, 0.099], 2: [0.5, 0.102, 0.1, 0.1]})
    assert not quiet.warnings
    assert quiet.warnings == ()


def test_an_unstable_trial_is_named_with_its_variation_and_largest_deviation():
    unstable = quality({1: [0.1] * 9, 2: [0.1, 0.1, 0.1, 0.1, 0.1, 0.18]})
    assert list(unstable.epochs) == [2]
    assert unstable.epochs[2] == pytest.approx((0.358, 0.8), abs=0.001)
    (warning,) = unstable.warnings
    assert warning.startswith("unstable: the epochs of seed 2 vary by 35.8 %")
    assert warning.endswith("one of them is 80.0 % off the median")


def test_an_epoch_is_named_only_if_it_is_farther_off_than_the_limit():
    """Otherwise the number looks like a reason and is none."""
    (warning,) = quality({2: [0.5, 0.100, 0.100, 0.120, 0.100, 0.080, 0.130, 0.100, 0.090]}).warnings
    assert "vary by" in warning
    assert "off the median" not in warning


def test_seeds_that_vary_are_named_with_their_variation():
    unstable = quality({seed: [value] * 4 for seed, value in enumerate((0.10, 0.13, 0.16))})
    assert unstable.seeds == pytest.approx(0.23, abs=0.01)
    assert unstable.warnings == ("unstable: the steady epochs of the seeds vary by 23.1 %",)


def test_load_by_other_programs_is_reported():
    disturbed = quality({1: [0.1] * 4}, load=0.42)
    assert disturbed.warnings
    assert disturbed.warnings == ("disturbed: other processes used up to 42 % of the cores during training",)
    assert not quality({1: [0.1] * 4}, load=0.05).warnings


def test_time_that_no_clock_measured_is_reported():
    """A backend that returns before its device has finished has fast epochs and a slow end."""
    late = timing_quality({1: Ended(Times([0.1] * 4, unaccounted=0.3)), 2: Ended(Times([0.1] * 4, unaccounted=0.01))})
    assert late.warnings == ("incomplete: the clocks around the steps left out up to 30 % of the training",)
    assert not timing_quality({1: Ended(Times([0.1] * 4, unaccounted=0.01))}).warnings


LATE = timing_quality({1: Ended(Times([0.1] * 4, unaccounted=0.3))})
STEADY = {1: [0.1] * 9, 2: [0.1] * 9}


@pytest.mark.parametrize(
    ("of_times", "kind"),
    [
        (quality(STEADY | {2: [0.1, 0.1, 0.1, 0.1, 0.1, 0.18]}), "Unstable times: the epochs of a seed vary"),
        (quality({1: [0.10] * 4, 2: [0.13] * 4, 3: [0.16] * 4}), "Unstable times: the steady epochs of the seeds vary"),
        (quality({1: [2.0 ** (-number) for number in range(30)]}), "Unstable times: the epochs of a seed reached no"),
        (quality(STEADY, load=0.42), "Disturbed times: other processes used more than 10 % of the cores"),
        (LATE, "Incomplete times: the clocks left out more than 2 % of a training"),
    ],
)
def test_each_problem_has_its_kind_and_its_numbers(of_times, kind):
    """The main table names the kinds, which groups share, and the table of times gives the numbers."""
    assert len([text for text in of_times.kinds if text.startswith(kind)]) == 1
    assert of_times.warnings
    assert quality(STEADY).kinds == ()


def test_the_share_that_no_clock_measured():
    """Without a record of the loop there is none, and a single scheduler slice does not count."""
    times = {"import_framework": 1.0, "build": 1.0, "predict_one": (), "predict_test": (), "cpu": 1.0}
    recorded = TrialTimes(first_step=0.5, epochs=(1.0, 1.5), validation=(0.25,), harness=0.25, loop=5.0, **times)
    assert recorded.unaccounted == pytest.approx(0.3)
    assert recorded.model_copy(update={"loop": None}).unaccounted == 0
    assert recorded.model_copy(update={"loop": 3.51}).unaccounted == 0


def test_runs_needed_never_falls_below_what_an_interval_takes():
    assert required_n([1.0, 1.0001]) == MIN_FOR_INTERVAL


@pytest.mark.parametrize(
    ("differences", "shown"),
    [([0.0001, -0.0002, 0.0001], True), ([0.009, 0.011, 0.010], False), ([0.02, 0.021, 0.019], False)],
)
def test_equivalence_is_shown_only_where_the_difference_lies_well_within_the_margin(differences, shown):
    assert (tost_p(differences, 0.01) < 0.05) is shown


def test_one_pair_cannot_show_equivalence():
    assert tost_p([0.0], 0.01) is None


def test_identical_pairs_are_equivalent():
    assert tost_p([0.0, 0.0], 0.01) == 0.0


def test_every_interval_says_what_its_estimate_is():
    values = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0]
    intervals = [median_interval(values), mean_interval(values), geometric_mean_interval(values)]
    assert [interval.statistic for interval in intervals] == ["median", "mean", "geometric mean"]
    assert [interval.estimate for interval in intervals] == pytest.approx([6.0, 95 / 6, 2 ** (16 / 6)])


def test_the_t_interval_is_that_of_scipy():
    values = [1.0, 2.0, 4.0]
    interval = mean_interval(values)
    limits = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((limits.low, limits.high))
    assert (mean_interval([2.0]).low, mean_interval([2.0]).high) == (2.0, 2.0)


def test_the_inverse_of_an_interval_swaps_its_limits():
    inverse = Interval(2.0, 1.0, 4.0, 3).inverse
    assert (inverse.estimate, inverse.low, inverse.high) == (0.5, 0.25, 1.0)


def test_beyond_noise_is_decided_by_the_t_interval_of_pairs():
    """Ranges that overlap may still differ beyond noise, because each pair has the same seed."""
    before, after = [1.0, 2.0, 3.0], [1.5, 2.55, 3.45]
    effect = difference_effect(before, after)
    assert min(after) < max(before)
    assert (effect.beyond_noise, effect.state) == (True, "up")
    assert not difference_effect([1.0], [9.0]).beyond_noise
    assert ratio_effect([1.0, 1.0], [2.0, 2.1]).state == "up"
    assert ratio_effect([1.0, 1.0], [1.0, 1.0]).state == "same"


@pytest.mark.parametrize("differences", [[0.001, -0.002, 0.0015, 0.0], [0.02, 0.01, 0.03]])
def test_the_equivalence_test_is_that_of_statsmodels(differences):
    expected = DescrStatsW(np.asarray(differences)).ttost_mean(-0.01, 0.01)[0]
    assert tost_p(differences, 0.01) == pytest.approx(expected)
    needed = tost_required_n(differences, 0.01)
    assert needed is None or needed >= 2
