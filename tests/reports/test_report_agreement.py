"""Agreement of the forecasts of matched models: the margin, and the number of rounds that a test needs."""

import pytest
import synthetic_run
from synthetic_run import change

from reports.analysis.intervals import tost_p, tost_required_n
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.sections import forecast_agreement


def table(manifest, certificate, trials):
    run = Run(manifest, certificate, tuple(trials))
    return forecast_agreement.agreement(run, speedups_of(run))


def records(**options):
    return synthetic_run.records(**{"cells": ("gru",), "epochs": 4, "weeks": 30, "modes": ("matched",)} | options)


def worse(trials, by):
    """Flax at errors that are larger by a share a seed."""
    for trial in trials:
        if trial.plan.backend == "flax":
            scores = trial.outcome.scores
            scaled = scores.model_copy(update={"mse": scores.mse * (1 + by[trial.plan.seed - 1])})
            yield change(trial, scores=scaled)
        else:
            yield trial


def last(table, backend):
    return next(row.cells[-1] for row in table.rows if row.cells[1].text == backend)


def test_agreement_is_measured_within_rounds():
    row = next(row for row in table(*records()).rows if row.cells[1].text == "Flax, compiled epoch")
    assert row.cells[4].value < 0.02
    assert row.cells[-1].text == "yes"


def test_the_margin_is_stated_in_the_series_unit():
    manifest, certificate, trials = records()
    agreement = table(manifest, certificate, trials)
    assert agreement.columns[6].heading == "margin, ± 1 % of the test MSE, ppm²"
    scores = sorted(trial.outcome.scores.mse for trial in trials if trial.plan.backend == "pytorch")
    assert agreement.rows[0].cells[6].value == pytest.approx(0.01 * scores[1])


def test_the_margin_has_its_reason_in_the_spread_of_the_seeds():
    caption = table(*records()).caption
    assert (
        "The margin of 1 % is smaller than the effect of the seed: the standard deviation of the test MSE over"
        in caption
    )


def test_a_margin_wider_than_the_seeds_differ_is_called_a_convention():
    manifest, certificate, trials = records()
    alike = trials[0].outcome.scores
    caption = table(manifest, certificate, [change(trial, scores=alike) for trial in trials]).caption
    assert "The margin of 1 % is a convention; for comparison, the standard deviation of the test MSE over" in caption


def test_one_seed_cannot_tell_and_says_how_many_could():
    agreement = table(*records(seeds=(1,)))
    assert (last(agreement, "Flax, compiled epoch").text, last(agreement, "Flax, compiled epoch").detail) == (
        "not testable",
        "needs at least 2 rounds",
    )
    assert "is a convention; one seed does not show how much a seed changes the error" in agreement.caption


def test_an_open_question_says_how_many_rounds_would_settle_it():
    manifest, certificate, trials = records()
    cell = last(table(manifest, certificate, worse(trials, (0.0, 0.012, -0.01))), "Flax, compiled epoch")
    assert cell.text == "not shown"
    assert "needs about" in cell.detail
    far = last(table(manifest, certificate, worse(trials, (0.03, 0.04, 0.05))), "Flax, compiled epoch")
    assert far.detail.endswith("more rounds would not help: the mean differs")


@pytest.mark.parametrize("differences", [[0.0, 0.012, -0.01], [0.004, 0.009, 0.001]])
def test_the_number_of_rounds_is_the_fewest_that_the_test_takes(differences):
    count = tost_required_n(differences, 0.01)
    assert count > 3
    assert shown(differences, count)
    assert not shown(differences, count - 1)


def shown(differences, count):
    """Whether so many pairs of the same mean and spread are equivalent."""
    mean = sum(differences) / 3
    scatter = (sum((value - mean) ** 2 for value in differences) / 2) ** 0.5
    signs = (
        [1.0 if place % 2 else -1.0 for place in range(count)]
        if count % 2 == 0
        else [0.0] + [1.0 if place % 2 else -1.0 for place in range(count - 1)]
    )
    deviation = (sum(sign**2 for sign in signs) / (count - 1)) ** 0.5
    return tost_p([mean + scatter * sign / deviation for sign in signs], 0.01) < 0.05


def test_no_number_of_rounds_helps_a_mean_beyond_the_margin():
    assert tost_required_n([0.02, 0.021], 0.01) is None
    assert tost_required_n([0.0], 0.01) == 2
