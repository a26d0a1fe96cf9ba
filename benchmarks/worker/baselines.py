"""The forecasts that need no network, on the windows of a case, with their scores."""

import datasets
from benchmarks.worker import scores
from benchmarks.worker.jobs import BaselineJob
from datasets.fitted import Absent, fitted_baselines
from reports.records import AbsentBaseline, Baseline, DataBaselines


def fit(job: BaselineJob) -> DataBaselines:
    """Make the naive forecasts and fit the named baselines."""
    windows = datasets.prepare(job.data, job.window, job.dtype)
    made = [*datasets.baselines(windows, windows.test), *fitted_baselines(windows, windows.test, job.names)]
    forecasts = [forecast for forecast in made if not isinstance(forecast, Absent)]
    return DataBaselines(
        baselines=tuple(record(windows, forecast, stored=True) for forecast in forecasts),
        absent=tuple(AbsentBaseline(name=a.name, reason=a.reason) for a in made if isinstance(a, Absent)),
    )


def record(windows: datasets.Windows, forecast: datasets.Forecast, *, stored: bool) -> Baseline:
    """The record of a baseline. stored: with its forecasts."""
    truth = windows.truth(windows.test)
    stride = scores.stored_stride(*truth.shape)
    return Baseline(
        name=forecast.name,
        explanation=forecast.explanation,
        scores=scores.scores(forecast.values, truth, scale=windows.scale(windows.test)),
        group_scores=scores.group_scores(forecast.values, truth, windows),
        predictions=tuple(map(tuple, forecast.values[::stride].tolist())) if stored else (),
        seconds=forecast.seconds,
    )
