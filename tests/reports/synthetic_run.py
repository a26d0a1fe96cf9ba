"""Synthetic runs, generated from a seed, on which reports are tested.

Matched trials of a case and seed have equal digests and nearly equal forecasts; each backend has its own speed.
`records` returns the records and `store` writes them; tests change records with `model_copy`.
"""

from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
from synthetic_certificate import check
from synthetic_machine import PACE, digest, environment, step_flops, trial_of

from reports.records import Baseline, Case, Certificate, Data, Manifest, Outcome, Plan, Scores, Times
from reports.records.base import Matrix
from reports.records.store import write_json

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
FIRST_TARGET = date(1995, 7, 8)


def truth(weeks, horizon):
    """Return targets (weeks, horizon) in ppm and the series: a trend and a season as at Mauna Loa, and noise."""
    week = np.arange(weeks + horizon + 52)
    weather = np.random.default_rng(7).normal(0, 0.35, week.size)
    level = 357 + 0.031 * week + 3.0 * np.sin(2 * np.pi * week / 52.18) + weather
    return np.lib.stride_tricks.sliding_window_view(level[52:], horizon)[:weeks], level


def score(forecast, target):
    error = forecast - target
    mse = float(np.mean(error**2))
    return Scores(mse=mse, rmse=mse**0.5, mae=float(np.mean(np.abs(error))))


def data(window, horizon, weeks, recorded=False):
    target, level = truth(weeks, horizon)
    columns = np.arange(horizon)
    rows = np.arange(weeks)[:, None]
    forecasts = {
        "persistence": (level[rows + 51 + 0 * columns], "the last value seen, again"),
        "seasonal naive": (level[rows + columns], "the value of a year ago"),
        "training mean": (np.full(target.shape, 335.0), "the mean of the training part"),
        "linear autoregression": (target + np.random.default_rng(3).normal(0, 0.37, target.shape), "least squares"),
    }
    return Data(
        series="co2",
        title="Atmospheric CO2 at Mauna Loa",
        unit="ppm",
        step="week",
        licence="public domain",
        source="statsmodels.datasets.co2",
        season=52,
        notes=("59 gaps filled by linear interpolation", "the change from week to week is learned"),
        rows=2284,
        features=("co2",),
        window=window,
        horizon=horizon,
        train_windows=1578,
        validation_windows=342,
        test_windows=weeks,
        digest=digest("windows", window, horizon),
        baselines=tuple(
            Baseline(
                name=name,
                explanation=words,
                scores=score(forecast, target),
                predictions=Matrix(forecast.tolist()) if recorded else (),
            )
            for name, (forecast, words) in forecasts.items()
        ),
        test_times=tuple((FIRST_TARGET + timedelta(weeks=week)).isoformat() for week in range(weeks)),
        test_truth=tuple(map(tuple, target.tolist())),
        training_errors=((0.29,),) if recorded else (),
    )


def parameters(cell, units, extra_bias=False):
    gates = GATES[cell]
    return gates * (units + units**2 + units) + units + 1 + (gates * units if extra_bias else 0)


def outcome(case, plan, series):
    """Return the outcome of a trial; all numbers are drawn from a seed that depends on the trial."""
    seed = int(digest(plan.case, plan.backend, plan.mode, plan.seed)[:8], 16)
    rng, shared = np.random.default_rng(seed), np.random.default_rng(plan.seed)
    first, lstm, gru, kernel = PACE.get(plan.backend, PACE["pytorch"])
    pace = (gru if case.cell == "gru" else lstm) * (case.units / 50) * rng.normal(1, 0.015)
    native = plan.mode == "native"
    target = np.array(series.test_truth)
    noise = rng.normal(0, 0.06 if native else 0.002, target.shape)
    forecast = target + shared.normal(0.02, 0.40, target.shape) + noise
    decay = 0.31 + 0.7 * np.exp(-np.arange(1, case.epochs + 1) / (6 if native else 5))
    losses = decay * (1 + shared.normal(0, 0.03, case.epochs)) * (1 + (rng.normal(0, 0.06) if native else 0))
    return Outcome(
        times=Times(
            import_framework=1.2 + rng.random(),
            build=0.05 + 0.02 * rng.random(),
            first_step=first * rng.normal(1, 0.05),
            epochs=tuple((pace * (1 + np.abs(rng.normal(0, 0.02, case.epochs)))).tolist()),
            predict_one=tuple((0.0004 * rng.normal(1, 0.05, 50)).tolist()),
            predict_test=tuple((0.011 * rng.normal(1, 0.05, 10)).tolist()),
            cpu=pace * case.epochs * 1.8 + 4,
        ),
        scores=score(forecast, target),
        first_loss=1.04 + 0.01 * plan.seed + (rng.normal(0, 0.08) if native else 0),
        train_losses=tuple(losses.tolist()),
        validation_losses=tuple((losses * 1.12).tolist()),
        predictions=tuple(map(tuple, forecast.tolist())),
        parameter_count=parameters(case.cell, case.units, native and plan.backend in ("pytorch", "keras-torch")),
        kernel=kernel,
        peak_memory_bytes=int((420 + 40 * rng.random()) * 2**20),
        windows_digest=series.digest,
        order_digest=digest("order", plan.seed),
        initial_digest=digest("initial", plan.case, plan.seed, plan.backend if native else ""),
        final_digest=digest("final", plan.key),
        host="bench-1",
    )


def cases_of(cells, units, horizon, epochs):
    """Return a case for each cell and number of units."""
    return tuple(
        Case(
            label=cell if len(units) == 1 else f"{cell}, units {width}",
            cell=cell,
            units=width,
            layers=1,
            data="co2",
            window=20,
            horizon=horizon,
            epochs=epochs,
            batch=32,
            learning_rate=0.001,
            dtype="float32",
            shape_parameters=parameters(cell, width),
            threads=2,
            tf32=False,
            step_flops=step_flops(cell, width),
        )
        for cell in cells
        for width in units
    )


def plans_of(cases, seeds, modes, backends):
    """Return the planned trials, round by round, in the order of execution."""
    order = [(case.label, seed, mode, name) for case in cases for seed in seeds for mode in modes for name in backends]
    return tuple(
        Plan(key=digest(*what)[:16], case=what[0], backend=what[3], mode=what[2], seed=what[1], place=place)
        for place, what in enumerate(order)
    )


@cache
def records(
    *,
    backends=("pytorch", "keras", "flax"),
    cells=("lstm", "gru"),
    modes=("matched", "native"),
    seeds=(1, 2, 3),
    epochs=30,
    horizon=1,
    units=(50,),
    weeks=338,
    title="Weekly CO2 at Mauna Loa",
    forecasts=False,
):
    """Return (manifest, certificate, trials) of a run without failures; `forecasts`: also those of the baselines."""
    cases = cases_of(cells, units, horizon, epochs)
    plans = plans_of(cases, seeds, modes, backends)
    manifest = Manifest(
        benchmark="co2",
        title=title,
        description="One recurrent layer of 50 units forecasts next week's CO2 from the last 20 weeks.",
        definition={"title": title, "backends": list(backends), "modes": list(modes), "seeds": list(seeds)},
        command="python -m benchmarks run co2",
        started="2026-03-01T09:30:00Z",
        environment=environment(),
        data={"co2": data(20, horizon, weeks, forecasts)},
        cases=cases,
        trials=plans,
    )
    checks = tuple(check(name, case, dtype) for case in cases for name in backends for dtype in ("float64", "float32"))
    by_label = {case.label: case for case in cases}
    ended = ((plan, outcome(by_label[plan.case], plan, manifest.data["co2"])) for plan in plans)
    trials = tuple(trial_of(plan, result) for plan, result in ended)
    return manifest, Certificate(checks=checks), trials


def store(folder: Path, manifest, certificate, trials):
    """Write the records into a run folder; `certificate` may be None."""
    write_json(folder / "manifest.json", manifest)
    if certificate is not None:
        write_json(folder / "certificate.json", certificate)
    for trial in trials:
        write_json(folder / "trials" / f"{trial.plan.key}.json", trial)
    return folder


def fail(trial, reason="the loss was not finite in epoch 3", log="Traceback\n  File model.py\nFloatingPointError"):
    return trial.model_copy(update={"outcome": None, "failure": reason, "log": log})


def change(trial, **fields):
    """Return the trial with other fields in its outcome."""
    return trial.model_copy(update={"outcome": trial.outcome.model_copy(update=fields)})
