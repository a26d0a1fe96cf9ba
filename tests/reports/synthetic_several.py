"""A synthetic run over several series: the records of one series, repeated with other names and errors."""

import numpy as np
import synthetic_run
from synthetic_machine import digest

NAMES = ("co2", "cet", "sunspots", "airline", "etth1", "housing", "seatac", "sine")


def over_series(number, *, better=(1.0, 0.8), **options):
    """Return (manifest, certificate, trials) over `number` series; `better` has a factor on the error of each model."""
    options = {"epochs": 4, "weeks": 40, "modes": ("matched",)} | options
    manifest, certificate, trials = synthetic_run.records(**options)
    factors = {case.label: factor for case, factor in zip(manifest.cases, better, strict=False)}
    data, cases, plans, checks, ended = {}, [], [], [], []
    for name in NAMES[:number]:
        series = manifest.data["co2"].model_copy(update={"series": name, "title": name})
        data[name] = series.model_copy(update={"digest": digest(name)})
        for case in manifest.cases:
            cases.append(case.model_copy(update={"label": f"{case.label}, series {name}", "data": name}))
        checks += [
            check.model_copy(update={"case": f"{check.case}, series {name}", "windows_digest": digest(name)})
            for check in certificate.checks
        ]
        moved = [_moved(trial, name, factors[trial.plan.case]) for trial in trials]
        plans += [trial.plan for trial in moved]
        ended += moved
    manifest = manifest.model_copy(update={"data": data, "cases": tuple(cases), "trials": tuple(plans)})
    return manifest, certificate.model_copy(update={"checks": tuple(checks)}), tuple(ended)


def _moved(trial, name, factor):
    """Return the trial on another series, with another error."""
    plan = trial.plan.model_copy(
        update={"case": f"{trial.plan.case}, series {name}", "key": digest(trial.plan.key, name)[:16]}
    )
    noise = np.random.default_rng(int(digest(name, trial.plan.case)[:8], 16)).uniform(0.97, 1.03)
    mse = trial.outcome.scores.mse * factor * noise
    scores = trial.outcome.scores.model_copy(update={"mse": mse, "rmse": mse**0.5})
    outcome = trial.outcome.model_copy(update={"scores": scores, "windows_digest": digest(name)})
    return trial.model_copy(update={"plan": plan, "outcome": outcome})
