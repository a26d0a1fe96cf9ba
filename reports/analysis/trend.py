"""How a benchmark's figures moved from run to run, and which moves are beyond noise."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import comb

from reports.analysis.intervals import Interval, steady_epoch
from reports.analysis.run import Group, over_seeds
from reports.analysis.run_store import StoredRun
from reports.records import Outcome


@dataclass(frozen=True)
class Measure:
    name: str
    figure: Callable[[Outcome], float | None]
    timed: bool  # seconds; else a score in the series' own unit, squared


MEASURES = (
    Measure("epoch", lambda outcome: steady_epoch(outcome.times.epochs), timed=True),
    Measure("training", lambda outcome: outcome.times.training, timed=True),
    Measure("test MSE", lambda outcome: outcome.scores.mse, timed=False),
)


@dataclass(frozen=True)
class Point:
    """One measure of one group of a run; `place` counts the runs from 1, the oldest."""

    place: int
    past: StoredRun
    group: Group
    interval: Interval


@dataclass(frozen=True)
class TrendSeries:
    """One measure of one backend on one case, over all runs that have it."""

    case: str  # its label
    backend: str
    measure: Measure
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Change:
    """A move between two neighbouring points whose intervals do not overlap."""

    series: TrendSeries
    before: Point
    after: Point

    @property
    def share(self) -> float:
        """Of the value before: 0.1 is 10 % more."""
        return self.after.interval.estimate / self.before.interval.estimate - 1


def trend_series(runs: Sequence[StoredRun]) -> tuple[TrendSeries, ...]:
    """Of matched mode, by case and backend; `runs` begins with the oldest."""
    groups: dict[tuple[str, str], list[tuple[int, StoredRun, Group]]] = {}
    for place, past in enumerate(runs, 1):
        for group in past.run.groups:
            if group.mode == "matched" and group.outcomes:
                groups.setdefault((group.case.label, group.backend), []).append((place, past, group))
    return tuple(
        TrendSeries(case, backend, measure, tuple(_points(members, measure)))
        for (case, backend), members in groups.items()
        for measure in MEASURES
    )


def _points(members: Sequence[tuple[int, StoredRun, Group]], measure: Measure) -> Iterable[Point]:
    for place, past, group in members:
        found = over_seeds(group, measure.figure)
        if found and not (measure.timed and past.run.side_by_side):
            yield Point(place, past, group, found)


def comparable_neighbours(found: TrendSeries) -> tuple[tuple[Point, Point], ...]:
    """Its neighbours between which a change can be told from noise: like for like, with several seeds each."""
    pairs = zip(found.points, found.points[1:], strict=False)
    return tuple((a, b) for a, b in pairs if not a.interval.single and not b.interval.single and _asked(a) == _asked(b))


def changes_beyond_noise(found: Sequence[TrendSeries]) -> tuple[Change, ...]:
    """Every move beyond noise, in the order of the series."""
    return tuple(
        Change(one, before, after)
        for one in found
        for before, after in comparable_neighbours(one)
        if before.interval.high < after.interval.low or after.interval.high < before.interval.low
    )


def expected_by_chance(found: Sequence[TrendSeries]) -> float:
    """How many comparable neighbours would not overlap although nothing changed.

    Of two ranges over a and b values of one distribution that is one arrangement of all in each direction.
    """
    pairs = (pair for one in found for pair in comparable_neighbours(one))
    return sum(2 / comb(a.interval.count + b.interval.count, a.interval.count) for a, b in pairs)


def _asked(point: Point) -> tuple[object, ...]:
    """What a figure hangs on besides the code and the versions, whose effect a history is there to show."""
    case, environment = point.group.case, point.past.run.manifest.environment
    hosts = frozenset(outcome.host for outcome in point.group.outcomes.values())
    sizes = (case.cell, case.units, case.layers, case.architecture, case.shape_parameters)
    model = (*sizes, case.window, case.horizon, case.dtype, point.past.run.data(case).digest)
    training = (case.epochs, case.batch, case.learning_rate, case.training_notes, case.threads)
    return (hosts, environment.processor, environment.gpu, len(environment.cores), model, training)
