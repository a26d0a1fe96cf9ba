"""A synthetic run over a grid of units, windows and batches."""

import synthetic_run
from synthetic_machine import digest


def swept(units=(16, 64, 256), windows=(20,), batches=(32,), *, pace=lambda case, backend: 1.0, **options):
    """Return (manifest, certificate, trials); `pace` returns a factor on the epochs of a case in a backend."""
    options = {"cells": ("gru",), "epochs": 4, "weeks": 30, "modes": ("matched",), "seeds": (1, 2, 3)} | options
    manifest, certificate, trials = synthetic_run.records(units=units, **options)
    data, cases, checks, ended = {}, [], [], []
    for window in windows:
        series = manifest.data["co2"].model_copy(update={"window": window, "digest": digest("window", window)})
        data[f"window-{window}"] = series
        for batch in batches:
            for case in manifest.cases:
                fields = {"label": f"{case.label}, window {window}, batch {batch}", "data": f"window-{window}"}
                moved = case.model_copy(update=fields | {"window": window, "batch": batch})
                cases.append(moved)
                checks += _checks(certificate, case, moved, series.digest)
                own_trials = [trial for trial in trials if trial.plan.case == case.label]
                ended += [_trial(trial, moved, series.digest, pace(moved, trial.plan.backend)) for trial in own_trials]
    plans = tuple(trial.plan for trial in ended)
    manifest = manifest.model_copy(update={"data": data, "cases": tuple(cases), "trials": plans})
    return manifest, certificate.model_copy(update={"checks": tuple(checks)}), tuple(ended)


def _checks(certificate, case, moved, windows):
    own_trials = [check for check in certificate.checks if check.case == case.label]
    return [check.model_copy(update={"case": moved.label, "windows_digest": windows}) for check in own_trials]


def _trial(trial, case, windows, factor):
    plan = trial.plan.model_copy(update={"case": case.label, "key": digest(trial.plan.key, case.label)[:16]})
    times = trial.outcome.times
    times = times.model_copy(update={"epochs": tuple(epoch * factor for epoch in times.epochs), "loop": None})
    outcome = trial.outcome.model_copy(update={"times": times, "windows_digest": windows})
    return trial.model_copy(update={"plan": plan, "outcome": outcome})
