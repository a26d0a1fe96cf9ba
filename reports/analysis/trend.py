"""Metrics of a benchmark from run to run, and which changes are beyond noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from reports.analysis.intervals import (
    CONFIDENCE,
    Interval,
    PairedEffect,
    difference_effect,
    median_interval,
    ratio_effect,
)
from reports.analysis.metrics import Metric, compared_metrics, values
from reports.analysis.run import Group
from reports.analysis.run_store import StoredRun


@dataclass(frozen=True)
class Point:
    """A metric of one group of a run; `place` counts the runs from 1, the oldest."""

    place: int
    stored: StoredRun
    group: Group
    by_seed: dict[int, float]
    interval: Interval  # the median over seeds


@dataclass(frozen=True)
class TrendSeries:
    """A metric of one backend on one case, over all runs that have it."""

    case: str  # label of the case
    backend: str
    metric: Metric
    points: tuple[Point, ...]

    @cached_property
    def comparisons(self) -> tuple["Change", ...]:
        """The neighbouring points that can be compared: same settings and machine, at least two common seeds."""
        changes = []
        for before, after in zip(self.points, self.points[1:], strict=False):
            seeds = sorted(before.by_seed.keys() & after.by_seed.keys())
            numbers = [[point.by_seed[seed] for seed in seeds] for point in (before, after)]
            effect_of = ratio_effect if self.metric.timed else difference_effect
            if len(seeds) > 1 and _conditions(before) == _conditions(after) and (effect := effect_of(*numbers)):
                changes.append(Change(self, before, after, effect))
        return tuple(changes)


@dataclass(frozen=True)
class Change:
    """Two neighbouring points and the effect between them, paired by seed."""

    series: TrendSeries
    before: Point
    after: Point
    effect: PairedEffect

    @property
    def share(self) -> float:
        """The change of the median relative to the earlier value: 0.1 is 10 % more."""
        return self.after.interval.estimate / self.before.interval.estimate - 1


def trend_metrics(runs: Sequence[StoredRun]) -> tuple[Metric, ...]:
    """Return the metrics of a benchmark's history: those of comparisons, without memory."""
    metrics = compared_metrics(*(stored.run for stored in runs))
    return tuple(metric for metric in metrics if metric.kind != "memory")


def trend_series(runs: Sequence[StoredRun]) -> tuple[TrendSeries, ...]:
    """Return the series of all metrics in matched mode, by case and backend; `runs` begins with the oldest."""
    groups: dict[tuple[str, str], list[tuple[int, StoredRun, Group]]] = {}
    for place, stored in enumerate(runs, 1):
        for group in stored.run.groups:
            if group.mode == "matched" and group.outcomes:
                groups.setdefault((group.case.label, group.backend), []).append((place, stored, group))
    return tuple(
        TrendSeries(case, backend, metric, tuple(_points(members, metric)))
        for (case, backend), members in groups.items()
        for metric in trend_metrics(runs)
    )


def _points(members: Sequence[tuple[int, StoredRun, Group]], metric: Metric) -> Iterator[Point]:
    for place, stored, group in members:
        by_seed = values(group, metric)
        interval = median_interval(list(by_seed.values()))
        if interval and not (metric.timed and stored.run.concurrent):
            yield Point(place, stored, group, by_seed, interval)


def changes_beyond_noise(series: Sequence[TrendSeries]) -> tuple[Change, ...]:
    """Return all changes beyond noise, in the order of the series; see `PairedEffect.beyond_noise`."""
    return tuple(change for line in series for change in line.comparisons if change.effect.beyond_noise)


def expected_by_chance(series: Sequence[TrendSeries]) -> float:
    """Return how many changes are expected to look beyond noise although nothing changed: 5 % of the comparisons."""
    return (1 - CONFIDENCE) * sum(len(line.comparisons) for line in series)


def _conditions(point: Point) -> tuple[object, ...]:
    """Return what a metric depends on besides code and versions, whose effects a history shows."""
    case, data, environment = point.group.case, point.group.data, point.stored.run.manifest.environment
    hosts = frozenset(outcome.host for outcome in point.group.outcomes.values())
    model = (case.cell, case.units, case.layers, case.architecture, case.shape_parameters, case.window, case.horizon)
    training = (case.dtype, case.epochs, case.batch, case.learning_rate, case.training_notes, case.threads)
    return (hosts, environment.processor, environment.gpu, len(environment.cores), model, training, data.digest)
