import numpy as np
import pytest

from reports.analysis import intervals
from reports.analysis.intervals import median_interval, required_n, stability, steady_epoch, tost_p


def test_the_median_of_few_values_has_their_range_and_claims_no_more():
    found = median_interval([3.0, 1.0, 2.0])
    assert (found.estimate, found.low, found.high, found.count) == (2.0, 1.0, 3.0, 3)
    assert not found.is_confidence_interval


def test_six_values_are_the_fewest_that_carry_an_interval():
    assert not median_interval([1.0, 2.0, 3.0, 4.0, 5.0]).is_confidence_interval
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).is_confidence_interval


def test_one_value_says_that_it_is_alone():
    assert median_interval([1.5]).single
    assert median_interval([]) is None


def test_a_value_that_is_not_finite_leaves_nothing_to_summarise():
    assert median_interval([1.0, float("nan")]) is None


def test_the_bootstrap_interval_covers_the_true_median_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    draws = [median_interval(rng.lognormal(0, 0.3, 12).tolist()) for _ in range(200)]
    covered = np.mean([found.low <= 1 <= found.high for found in draws])
    assert 0.90 <= covered <= 0.995
    assert all(found.low < found.estimate < found.high for found in draws)


def test_the_same_records_give_the_same_interval():
    values = [1.0, 1.2, 0.9, 1.1, 1.05, 1.3, 0.95]
    assert median_interval(values) == median_interval(values)


def test_the_steady_epoch_leaves_the_first_out():
    assert steady_epoch([9.0, 1.0, 2.0, 3.0]) == 2.0
    assert steady_epoch([9.0]) is None


def test_a_quiet_machine_gives_no_warning():
    assert stability({1: [0.5, 0.1, 0.101, 0.099], 2: [0.5, 0.102, 0.1, 0.1]}) == ()


def test_an_unstable_trial_is_named_with_its_spread_and_its_outlier():
    (warning,) = stability({1: [0.1] * 9, 2: [0.1, 0.1, 0.1, 0.1, 0.1, 0.18]})
    assert warning == "unstable: the epochs of seed 2 spread by 36 %, the farthest lies 80 % off"


def test_seeds_that_spread_say_how_many_would_do():
    medians = {seed: [value] * 4 for seed, value in enumerate((0.10, 0.13, 0.16))}
    (warning,) = stability(medians)
    assert warning.startswith("unstable: the seeds spread by 23 %; about 82 would")
    assert required_n([0.10, 0.13, 0.16]) == 82


def test_runs_needed_never_falls_below_what_an_interval_takes():
    assert required_n([1.0, 1.0001]) == intervals.MIN_FOR_INTERVAL


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


def test_noise_that_no_sane_number_of_runs_would_mend_asks_for_a_quiet_machine():
    (warning,) = stability({seed: [value] * 4 for seed, value in enumerate((0.10, 0.13, 0.40))})
    assert warning.endswith("; repeat it on a quiet machine")
