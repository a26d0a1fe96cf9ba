"""Metrics of a trial. `METRICS` has one entry for each; tables, exports, comparisons and questions read it.

To add a metric, add one entry to `_ALL`, whose order is that of the columns: an entry of the kind "error" appears in
the table of scores, in exports and in questions; with `compared=True` it appears in comparisons of runs and in the
history too. `_of_sample` makes the entry of a score of recorded forecasts, which the scores of each target have too.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from statistics import median
from typing import Literal

import numpy as np

from reports.analysis.forecasts import accuracy
from reports.analysis.forecasts.accuracy import Forecast, Sample, scored
from reports.analysis.forecasts.judgement import judged
from reports.analysis.intervals import Interval, median_interval, steady_epoch
from reports.analysis.run import Group, Observation, Run
from reports.records import Baseline, Case, Data, Quantity, Scores
from reports.render.formats import squared

# Each skill by the name of its metric, with the naive forecast that it is relative to.
SKILLS = {"skill_persistence": "persistence", "skill_seasonal": "seasonal naive"}
Kind = Literal[
    "error", "skill", "bias", "band", "loss", "time", "rate", "memory", "count", "share", "frequency", "check"
]


@dataclass(frozen=True)
class Metric:
    """One number of a trial, or of a naive forecast.

    unit: "s", "bytes", "1/s"; "series" and "series²" stand for the unit of the series and its square.
    value: returns None if the records lack the number.
    score: the same number of any forecast, also of a baseline; None for metrics that a baseline does not have.
    of_sample: the same number of recorded forecasts; None for metrics that are not computed from them.
    compared: shown in comparisons of runs and in the history of a benchmark.
    """

    name: str
    label: str
    kind: Kind
    unit: str
    value: Callable[[Observation], float | None]
    score: Callable[[Data, Forecast], float | None] | None = None
    compared: bool = False
    of_sample: Callable[[Sample], float | None] | None = None

    @property
    def timed(self) -> bool:
        """Whether it is computed from times, so that it depends on the machine."""
        return self.kind in ("time", "rate")

    @property
    def better(self) -> Literal["lower", "higher"] | None:
        """The better direction; None if there is none."""
        if self.kind in ("skill", "rate"):
            return "higher"
        return "lower" if self.kind in ("error", "loss", "time", "memory") else None

    def unit_in(self, series_unit: str) -> str:
        """Return the unit for a series in `series_unit`."""
        return {"series": series_unit, "series²": squared(series_unit)}.get(self.unit, self.unit)


def skill(data: Data, scores: Scores, naive: str) -> float | None:
    """Return 1 - error / error of the naive forecast (Murphy 1988): 0 equals the naive forecast, above 0 is better.

    The error is the MSE; with several targets, whose units differ, it is the MSE of scaled values where recorded.
    An exact naive forecast gives 0 for an exact forecast and -inf for any other. None if `data` lacks the forecast.
    """
    if (baseline := data.baseline(naive)) is None:
        return None
    error, naive_error = scores.mse, baseline.scores.mse
    if data.targets > 1 and scores.scaled_mse is not None and baseline.scores.scaled_mse is not None:
        error, naive_error = scores.scaled_mse, baseline.scores.scaled_mse
    if naive_error == 0:
        return 0.0 if error == 0 else -inf
    return 1 - error / naive_error


def naive_errors(data: Data, metric: "Metric") -> dict[str, float]:
    """Return the metric of each naive forecast by name; forecasts that lack it are left out."""
    errors = {entry.name: metric.score(data, entry) for entry in data.baselines if metric.score}
    return {name: error for name, error in errors.items() if error is not None}


def beats(run: Run, group: Group, naive: str) -> bool:
    """Return whether a group is better than a baseline, by a test over all origins at 5 % with every seed.

    Where the records lack the forecasts that a test needs, whether every finished trial has a positive skill.
    """
    groups = run.over_origins(group)
    state = judged(groups, naive).state
    if state != "untested":
        return state == "better"
    return all((skill(of.data, outcome.scores, naive) or 0) > 0 for of in groups for outcome in of.outcomes.values())


def _score(
    name: str,
    label: str,
    unit: str,
    score: Callable[[Data, Forecast], float | None],
    kind: Kind = "error",
    *,
    compared: bool = False,
) -> Metric:
    return Metric(name, label, kind, unit, lambda o: score(o.data, o.outcome), score, compared)


def _of_sample(
    name: str, label: str, unit: str, score: Callable[[Sample], float | None], kind: Kind = "error"
) -> Metric:
    return replace(_score(name, label, unit, scored(score), kind), of_sample=score)


def _time(name: str, label: str, value: Callable[[Observation], float | None], *, compared: bool = False) -> Metric:
    return Metric(name, label, "time", "s", value, compared=compared)


def _skill(naive: str) -> Callable[[Data, Forecast], float | None]:
    return lambda data, forecast: skill(data, forecast.scores, naive)


def _seconds(data: Data, forecast: Forecast) -> float | None:
    """Return the seconds in which a baseline was fitted and forecast the test part."""
    return forecast.seconds if isinstance(forecast, Baseline) else forecast.times.training


def _inference(o: Observation) -> float:
    """Return the seconds of all timed forecasts; the untimed warm-up is not included."""
    return sum(o.outcome.times.predict_one) + sum(o.outcome.times.predict_test)


def _rest(o: Observation) -> float | None:
    """Return the seconds of the process that no other metric covers."""
    times = o.outcome.times
    if o.trial.seconds is None:
        return None
    parts = (times.import_framework, times.build, times.training, *times.validation, times.harness, _inference(o))
    return max(0.0, o.trial.seconds - sum(parts))


def _quantile(seconds: tuple[float, ...], quantile: float) -> float:
    """Return the quantile, interpolated linearly. NumPy's function takes 20 times as long for a few values."""
    ordered, place = sorted(seconds), (len(seconds) - 1) * quantile
    below = int(place)
    return ordered[below] + (ordered[min(below + 1, len(ordered) - 1)] - ordered[below]) * (place - below)


def _inference_rate(o: Observation) -> float:
    return o.data.test_windows / _quantile(o.outcome.times.predict_test, 0.5)


def _gemm_peak(o: Observation) -> float | None:
    return o.outcome.gemm_peak.flops_per_second if o.outcome.gemm_peak else None


def _per_second(o: Observation, amount: float | None) -> float | None:
    """Return an amount per training step as an amount per second of a steady epoch."""
    epoch, steps = steady_epoch(o.outcome.times.epochs), o.case.steps(o.data.train_windows)
    return amount * steps / epoch if amount and epoch else None


def _mixed_mse(o: Observation) -> float | None:
    """Return the mean squared difference of scaled truth and forecasts in the unit: a published mistake."""
    data = o.data
    if not data.scale or data.test_stride > 1 or data.differenced:
        return None
    offset, scale = np.tile([data.offset, data.scale], data.horizon)
    truth = (np.array(data.test_truth) - offset) / scale
    return float(np.mean((truth - np.array(o.outcome.predictions)) ** 2))


_ALL = (
    _score("mse", "test MSE", "series²", lambda data, forecast: forecast.scores.mse, compared=True),
    _score("rmse", "RMSE", "series", lambda data, forecast: forecast.scores.rmse),
    _score("mae", "MAE", "series", lambda data, forecast: forecast.scores.mae),
    _score("scaled_mse", "scaled MSE", "", lambda data, forecast: forecast.scores.scaled_mse),
    _score("scaled_mae", "scaled MAE", "", lambda data, forecast: forecast.scores.scaled_mae),
    *(_score(name, f"skill against {naive}", "", _skill(naive), "skill") for name, naive in SKILLS.items()),
    _of_sample("mase", "MASE", "", accuracy.mase),
    _of_sample("smape", "sMAPE", "%", accuracy.smape),
    _of_sample("wape", "WAPE", "%", accuracy.wape),
    _of_sample("bias", "bias", "series", accuracy.bias, "bias"),
    _of_sample("pinball", "pinball loss", "series", accuracy.pinball),
    _of_sample("coverage", "coverage of the band", "%", accuracy.coverage, "band"),
    _of_sample("band_width", "width of the band", "series", accuracy.width, "band"),
    Metric("mixed_mse", "mixed MSE", "check", "", _mixed_mse),
    Metric("test_windows", "test windows", "check", "", lambda o: o.data.test_windows),
    Metric("first_loss", "first loss", "loss", "", lambda o: o.outcome.first_loss),
    Metric("last_loss", "last training loss", "loss", "", lambda o: (o.outcome.train_losses or (None,))[-1]),
    Metric("parameters", "parameters", "count", "", lambda o: o.outcome.parameter_count),
    Metric("epochs_trained", "epochs trained", "count", "", lambda o: len(o.outcome.train_losses)),
    Metric("best_epoch", "best epoch", "count", "", lambda o: o.outcome.best_epoch),
    _time("steady_epoch_seconds", "steady epoch", lambda o: steady_epoch(o.outcome.times.epochs), compared=True),
    _score("training_seconds", "training", "s", _seconds, "time", compared=True),
    _time("wall_seconds", "whole process", lambda o: o.trial.seconds),
    _time("import_seconds", "import", lambda o: o.outcome.times.import_framework),
    _time("build_seconds", "build", lambda o: o.outcome.times.build),
    _time("first_step_seconds", "first step", lambda o: o.outcome.times.first_step),
    _time("epochs_seconds", "epochs", lambda o: sum(o.outcome.times.epochs)),
    _time("loop_seconds", "training loop", lambda o: o.outcome.times.loop),
    _time("validation_seconds", "validation", lambda o: sum(o.outcome.times.validation) or None),
    _time("harness_seconds", "harness", lambda o: o.outcome.times.harness or None),
    _time("inference_seconds", "inference", _inference),
    _time("rest_seconds", "rest", _rest),
    _time("one_window_seconds", "one window, median", lambda o: _quantile(o.outcome.times.predict_one, 0.5)),
    _time(
        "one_window_p95_seconds", "one window, 95th percentile", lambda o: _quantile(o.outcome.times.predict_one, 0.95)
    ),
    _time("test_seconds", "test part", lambda o: _quantile(o.outcome.times.predict_test, 0.5)),
    _time("cpu_seconds", "CPU time", lambda o: o.outcome.times.cpu),
    Metric("training_windows_per_second", "training", "rate", "windows/s", lambda o: _per_second(o, o.case.batch)),
    Metric("inference_windows_per_second", "test part", "rate", "windows/s", _inference_rate),
    Metric(
        "achieved_flops_per_second", "achieved FLOP/s", "rate", "FLOP/s", lambda o: _per_second(o, o.case.step_flops)
    ),
    Metric("gemm_peak_flops_per_second", "GEMM peak", "rate", "FLOP/s", _gemm_peak),
    Metric("peak_memory_bytes", "peak memory", "memory", "bytes", lambda o: o.outcome.peak_memory_bytes, compared=True),
    Metric("device_memory_bytes", "GPU memory", "memory", "bytes", lambda o: o.outcome.device_memory_bytes),
    Metric("background_load_share", "background load", "share", "", lambda o: o.outcome.background_load),
    Metric("steal_share", "steal", "share", "", lambda o: o.outcome.steal),
    Metric("lowest_megahertz", "lowest clock", "frequency", "MHz", lambda o: (o.outcome.frequency or (None,))[0]),
    Metric("highest_megahertz", "highest clock", "frequency", "MHz", lambda o: (o.outcome.frequency or (None,))[-1]),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def values(group: Group, metric: Metric | str) -> dict[int, float]:
    """Return the metric of a group's finished trials by seed; trials whose records lack it are left out."""
    return dict(_values(group, METRICS[metric] if isinstance(metric, str) else metric))


@lru_cache(maxsize=1024)  # several tables and figures show the same metric
def _values(group: Group, metric: Metric) -> dict[int, float]:
    numbers = {seed: metric.value(observation) for seed, observation in group.observations.items()}
    return {seed: float(number) for seed, number in numbers.items() if number is not None}


def median_over_seeds(group: Group, metric: Metric | str) -> Interval | None:
    """Return the median of a metric over a group's seeds; None without values, or if one of them is not finite."""
    return median_interval(list(values(group, metric).values()))


def score_metrics(run: Run) -> tuple[Metric, ...]:
    """Return the scores to tabulate. Scaled errors are left out if they equal the errors in the unit of the series."""
    return tuple(
        metric
        for metric in METRICS.values()
        if metric.kind == "skill"
        or (
            (metric.kind in ("error", "bias", "band") and any(values(group, metric) for group in run.groups))
            and (run.scaled or not metric.name.startswith("scaled_"))
        )
    )


def headline_error(run: Run) -> Metric:
    """Return the error that summarizes a run: the test MSE; with several targets the MSE of scaled values.

    Several targets have units of their own, and an MSE pooled over them is dominated by the target with the largest
    numbers. If records lack scaled errors, the MSE is returned.
    """
    several = any(data.targets > 1 for data in run.manifest.data.values())
    scaled = METRICS["scaled_mse"]
    finished = [group for group in run.groups if group.outcomes]
    if several and finished and all(len(values(group, scaled)) == len(group.outcomes) for group in finished):
        return scaled
    return METRICS["mse"]


def compared_metrics(*runs: Run) -> tuple[Metric, ...]:
    """Return the metrics for comparisons between runs, with the headline error of the runs as the test error."""
    errors = {headline_error(run) for run in runs}
    error = errors.pop() if len(errors) == 1 else METRICS["mse"]
    return tuple(error if metric.name == "mse" else metric for metric in METRICS.values() if metric.compared)


@dataclass(frozen=True)
class QuantityValue:
    """A quantity of a run by seed, with at least one seed. A naive forecast has the same value for every seed."""

    quantity: Quantity
    case: Case
    by_seed: dict[int, float]
    unit: str
    source: str  # name of a backend or of a naive forecast

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(self.by_seed.values())

    @property
    def median(self) -> float:
        return median(self.values)

    def of_seeds(self, seeds: Set[int]) -> "QuantityValue | None":
        """Return the values of these seeds only; None if there are none."""
        by_seed = {seed: value for seed, value in sorted(self.by_seed.items()) if seed in seeds}
        return replace(self, by_seed=by_seed) if by_seed else None


def quantity_names(*, errors: bool = False) -> tuple[str, ...]:
    """Return the names that `Quantity.figure` can have; with `errors`, those that a question can ask about."""
    kinds: tuple[Kind, ...] = ("error",) if errors else ("error", "skill", "check")
    names = (metric.name.replace("_", " ") for metric in METRICS.values() if metric.kind in kinds)
    return tuple(names) if errors else (*names, "loss", "prediction")


def find_quantity(run: Run, quantity: Quantity) -> QuantityValue | None:
    """Return the values of a quantity; None if no trial of it finished, or the records lack it."""
    case = run.manifest.case(quantity.case)
    if case is None:
        return None
    data = run.data(case)
    metric = METRICS.get(quantity.figure.replace(" ", "_"))
    naive = data.baseline(quantity.backend) if quantity.backend else None
    if naive is not None:
        score = metric.score(data, naive) if metric and metric.score else None
        source, by_seed = naive.name, {} if score is None else dict.fromkeys(run.seeds, score)
    elif group := run.of(case, quantity.mode, quantity.backend):
        source, by_seed = group.backend, values(group, metric) if metric else _sequence_values(group, quantity)
    else:
        return None
    unit = metric.unit_in(data.unit) if metric else data.unit if quantity.figure == "prediction" else ""
    return QuantityValue(quantity, case, by_seed, unit, source) if by_seed else None


def _sequence_values(group: Group, quantity: Quantity) -> dict[int, float]:
    """Return a loss or a prediction by seed: the number `quantity.at` of its sequence, the last one by default."""
    place = quantity.at if quantity.at is not None else -1
    index = place - 1 if place > 0 else place
    by_seed = {}
    for seed, outcome in group.outcomes.items():
        sequences = {"loss": outcome.train_losses, "prediction": tuple(row[0] for row in outcome.predictions)}
        sequence = sequences.get(quantity.figure, ())
        if -len(sequence) <= index < len(sequence):
            by_seed[seed] = sequence[index]
    return by_seed
