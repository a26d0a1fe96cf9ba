"""Synthetic runs over several series or origins: the records of one series, repeated with other names and errors."""

import numpy as np
import synthetic_run
from synthetic_machine import digest

from reports.records import RollingOrigin

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


def over_origins(factors, **options):
    """Records of the LSTM and the GRU over as many origins as factors on the errors of the GRU."""
    manifest, certificate, trials = over_series(len(factors), better=(1.0, 1.0), **options)
    names = list(manifest.data)
    places = {f", series {name}": f", origin {place}" for place, name in enumerate(names, 1)}

    def renamed(label):
        return next(label.replace(old, new) for old, new in places.items() if label.endswith(old))

    def moved(trial):
        case = trial.plan.case
        factor = factors[names.index(case.split(", series ")[1])] if case.startswith("gru") else 1.0
        scores = trial.outcome.scores.model_copy(update={"mse": factor * trial.outcome.scores.mse})
        outcome = trial.outcome.model_copy(update={"scores": scores})
        return trial.model_copy(
            update={"plan": trial.plan.model_copy(update={"case": renamed(case)}), "outcome": outcome}
        )

    data = {
        name: of.model_copy(
            update={"series": "co2", "origin": RollingOrigin(number=place, of=len(names), training="expanding")}
        )
        for place, (name, of) in enumerate(manifest.data.items(), 1)
    }
    ended = tuple(moved(trial) for trial in trials)
    cases = tuple(case.model_copy(update={"label": renamed(case.label)}) for case in manifest.cases)
    plans = tuple(trial.plan for trial in ended)
    return manifest.model_copy(update={"data": data, "cases": cases, "trials": plans}), certificate, ended
