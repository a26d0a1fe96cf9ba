"""Two runs side by side: every verdict, every reason why there is none, and which models are held together."""

import pytest
import synthetic_run
from synthetic_run import change

import reports
from reports.analysis.run import Run
from reports.analysis.run_comparison import compare_runs, machine_difference, match_cases, run_differences
from reports.pages.comparison_page import page
from reports.records import Certificate
from reports.render import markdown, terminal


def made(**options):
    defaults = {"backends": ("pytorch", "flax"), "cells": ("gru",), "modes": ("matched",), "seeds": (1, 2, 3)}
    return synthetic_run.records(**(defaults | {"epochs": 6, "weeks": 30} | options))


@pytest.fixture(scope="module")
def records():
    return made()


def altered(records, alter=lambda trial: trial, *, case=None, data=None, certificate=True, **manifest):
    """A run like the records', but for the changes."""
    plan, proof, trials = records
    if case:
        manifest["cases"] = tuple(first.model_copy(update=case) for first in plan.cases)
    if data:
        manifest["data"] = {name: first.model_copy(update=data) for name, first in plan.data.items()}
    return Run(plan.model_copy(update=manifest), proof if certificate else None, tuple(map(alter, trials)))


def figures(first, second, backend="pytorch"):
    return next(pair.metrics for pair in compare_runs(first, second).pairs if pair.backend == backend)


def errors(by):
    def alter(trial):
        scores = trial.outcome.scores
        return change(trial, scores=scores.model_copy(update={"mse": scores.mse * by(trial.plan.seed)}))

    return alter


def epochs(by):
    def alter(trial):
        times = trial.outcome.times
        slower = tuple(value * by(trial.plan.seed) for value in times.epochs)
        return change(trial, times=times.model_copy(update={"epochs": slower}))

    return alter


def test_a_run_beside_its_copy_is_identical(records):
    metrics = figures(altered(records), altered(records))
    assert {figure.effect.state for figure in metrics.values()} == {"same"}


@pytest.mark.parametrize(
    ("by", "state", "equal"),
    [
        (lambda seed: 1.5 + 0.01 * seed, "up", False),
        (lambda seed: 0.5 + 0.01 * seed, "down", False),
        (lambda seed: 1 + 1e-6 * (-1) ** seed, "few", True),
        (lambda seed: (0.5, 1.0, 1.6)[seed % 3], "few", False),
    ],
)
def test_an_error_is_judged_over_common_seeds(records, by, state, equal):
    metrics = figures(altered(records), altered(records, errors(by)))["mse"]
    assert (metrics.effect.state, metrics.equal) == (state, equal)


def test_a_time_is_judged_over_common_seeds_and_says_how_many_would_do(records):
    assert (
        figures(altered(records), altered(records, epochs(lambda seed: 3 + 0.01 * seed)))[
            "steady_epoch_seconds"
        ].effect.state
        == "up"
    )
    few = figures(altered(records), altered(records, epochs(lambda seed: 1 + 0.05 * (-1) ** seed)))[
        "steady_epoch_seconds"
    ].effect
    assert (few.state, few.required_n) == ("few", 6)
    many = made(seeds=tuple(range(1, 9)))
    metrics = figures(altered(many), altered(many, epochs(lambda seed: 1 + 0.02 * (-1) ** seed)))[
        "steady_epoch_seconds"
    ].effect
    assert metrics.state == "within"


@pytest.mark.parametrize(("field", "value"), [("units", 64), ("batch", 16), ("dtype", "float64"), ("horizon", 2)])
def test_another_question_compares_neither(records, field, value):
    metrics = figures(altered(records), altered(records, case={field: value}))
    assert all(figure.effect is None and f"different {field}" in figure.reason for figure in metrics.values())


def test_other_data_compare_no_scores(records):
    second = altered(records, lambda trial: change(trial, windows_digest="other"), data={"digest": "other"})
    metrics = figures(altered(records), second)
    assert "different windows" in metrics["mse"].reason
    metrics = figures(altered(records), altered(records, data={"train_windows": 99}))
    assert "1,578 and 99 windows" in metrics["steady_epoch_seconds"].reason
    assert metrics["mse"].effect is not None


def test_another_learning_rate_compares_times_alone(records):
    metrics = figures(altered(records), altered(records, case={"learning_rate": 0.01}))
    assert metrics["mse"].reason == "different learning rates, 0.001 and 0.01"
    assert metrics["steady_epoch_seconds"].effect is not None


def test_a_side_without_proof_gives_no_ratio(records):
    broken = Certificate(
        checks=tuple(
            check.model_copy(update={"failure": "weights differ"}) if check.backend == "flax" else check
            for check in records[1].checks
        )
    )
    second = Run(records[0], broken, records[2])
    metrics = figures(altered(records), second, "flax")
    assert metrics["steady_epoch_seconds"].reason.startswith("no proof of equality in the second")
    assert metrics["mse"].effect is not None
    assert figures(altered(records), second)["steady_epoch_seconds"].effect is not None
    bare = figures(altered(records), altered(records, certificate=False))
    assert bare["steady_epoch_seconds"].reason == "no proof of equality in the second: there is no certificate"
    repeated = figures(altered(records), altered(records, certificate=False, reproduces="co2/first"))
    assert repeated["steady_epoch_seconds"].reason.endswith(
        "it repeats the trials of another run, without a certificate"
    )


def test_what_is_missing_on_one_side_is_said(records):
    metrics = compare_runs(altered(records), altered(made(backends=("pytorch",))))
    reasons = {pair.backend: pair.metrics["mse"].reason for pair in metrics.pairs}
    assert reasons == {"pytorch": "", "flax": "missing in the second"}
    apart = compare_runs(altered(records), altered(made(cells=("lstm",))))
    assert not apart.common


def test_a_model_of_other_parameters_is_another_model(records):
    second = altered(records, lambda trial: change(trial, parameter_count=1))
    assert "another model" in figures(altered(records), second)["steady_epoch_seconds"].reason


def test_models_are_matched_by_their_settings_but_for_threads(records):
    first, second = altered(records, case={"threads": 2}), altered(records, case={"threads": 1})
    (metrics,) = match_cases(first, second)
    assert metrics.threads == "2 threads in the first and 1 in the second"
    assert figures(first, second)["steady_epoch_seconds"].effect is not None
    assert "GRU: 2 threads in the first and 1 in the second" in run_differences(first, second, (metrics,))


def test_the_same_threads_are_preferred():
    def axis(*threads):
        plan, _, _ = made(units=tuple(50 + n for n, _ in enumerate(threads)))
        cases = tuple(
            case.model_copy(update={"units": 50, "threads": n, "label": f"gru, threads {n}"})
            for case, n in zip(plan.cases, threads, strict=True)
        )
        return Run(plan.model_copy(update={"cases": cases, "trials": ()}), None, ())

    pairs = match_cases(axis(1, 2), axis(2, 4))
    metrics = {p.first.threads: p.second.threads for p in pairs}
    assert metrics == {2: 2, 1: 4}
    assert any("is matched with" in words for words in run_differences(axis(1, 2), axis(2, 4), pairs))


def test_what_differs_stands_above_the_table(records):
    plan = records[0]
    newer = plan.environment.model_copy(update={"packages": plan.environment.packages | {"torch": "2.14.0"}})
    second = altered(records, environment=newer, definition=plan.definition | {"training": {"epochs": 6}})
    differences = run_differences(altered(records), second, match_cases(altered(records), second))
    assert "torch was 2.13.0 and is 2.14.0" in differences
    assert "training.epochs: not set in the first, 6 in the second" in differences
    assert machine_difference(altered(records), second) == ""
    moved = altered(records, environment=newer.model_copy(update={"processor": "Apple M4"}))
    assert machine_difference(altered(records), moved) == "machine and versions"
    elsewhere = altered(records, lambda trial: change(trial, host="bench-2"))
    assert machine_difference(altered(records), elsewhere) == "machine"


def test_it_fits_a_terminal_and_is_markdown():
    full = made(backends=("pytorch", "keras", "keras-jax"), cells=("lstm", "gru"), modes=("matched", "native"))
    differences = page(compare_runs(altered(full), altered(full, epochs(lambda seed: 1 + seed / 3))), "co2/a", "co2/b")
    assert max(map(len, terminal.render(differences).splitlines())) <= 110
    text = markdown.render(differences)
    assert "## Steady epoch, ms" in text
    assert "| LSTM | PyTorch, eager loop | matched |" in text


def test_compare_reads_two_folders(records, tmp_path):
    first, second = (synthetic_run.store(tmp_path / name, *records) for name in ("a", "b"))
    metrics = reports.compare(first, second)
    assert metrics.common
    assert [row["backend"] for row in metrics.rows] == ["pytorch", "flax"]
    assert metrics.rows[0]["mse"]["effect"]["state"] == "same"
