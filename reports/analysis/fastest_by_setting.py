"""Who is fastest at each point of a swept grid: certified backends only, within the same rounds."""

from collections.abc import Iterator
from dataclasses import dataclass

from reports.analysis.intervals import Interval, median_interval
from reports.analysis.run import Run
from reports.analysis.speedup import CaseSpeedups, Speedup, Speedups
from reports.records import Case
from reports.render.formats import backend_name, significant

AXES = ("units", "window", "batch", "layers", "horizon", "threads")
FEWEST = 3  # values of a single axis; of two axes, two each make a map


@dataclass(frozen=True)
class Fastest:
    """`lead`: how many times as fast as the next one; `sure`: faster than every other beyond the interval."""

    backend: str
    second: str
    lead: Interval
    sure: bool

    @property
    def words(self) -> str:
        if not self.sure:
            return f"{backend_name(self.backend)} and {backend_name(self.second)} tie"
        return f"{backend_name(self.backend)}, {significant(self.lead.estimate)} times as fast as the next"


@dataclass(frozen=True)
class SettingMap:
    """What is alike but for one or two axes; a point that was not compared is missing from `winners`."""

    title: str
    across: str  # an axis
    up: str  # another; empty: there is one axis
    columns: tuple[int, ...]
    rows: tuple[int, ...]  # values of `up`, or one
    winners: dict[tuple[int, int], Fastest]  # by column's and row's value


def setting_maps(run: Run, comparisons: Speedups) -> tuple[SettingMap, ...]:
    """Empty unless an axis takes three values, or two axes two each, with something to compare at most points."""
    cases = tuple(case for case in run.manifest.cases if run.mode_of(case) == "matched")
    swept = {axis: values for axis in AXES if len(values := _values(cases, axis)) > 1}
    chosen = sorted(swept, key=lambda axis: -len(swept[axis]))[:2]
    if not chosen or (len(chosen) == 1 and len(swept[chosen[0]]) < FEWEST):
        return ()
    across, up = chosen[0], chosen[1] if len(chosen) > 1 else ""
    families: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        families.setdefault(constant_settings(run, case, (across, up)), []).append(case)
    found = (_map(run, comparisons, alike, across, up) for alike in families.values())
    return tuple(one for one in found if len(one.winners) > 1)


def constant_settings(run: Run, case: Case, axes: tuple[str, ...]) -> tuple[object, ...]:
    """What a case has in common with those that differ from it along these axes alone."""
    rest = tuple(getattr(case, name) for name in AXES if name not in axes)
    name = case.label if case.units is None else case.cell  # a stack has a name, and no units to sweep
    training = (case.dtype, case.epochs, case.learning_rate, case.training_notes)
    return (name, run.data(case).series, *training, *rest)


def _values(cases: tuple[Case, ...], axis: str) -> tuple[int, ...]:
    return tuple(sorted({value for case in cases if (value := getattr(case, axis)) is not None}))


def _map(run: Run, comparisons: Speedups, cases: list[Case], across: str, up: str) -> SettingMap:
    winners = {}
    for case in cases:
        won = fastest(comparisons[case.label])
        if won:
            winners[getattr(case, across), getattr(case, up) if up else 1] = won
    columns, rows = (_values(tuple(cases), axis) if axis else (1,) for axis in (across, up))
    return SettingMap(", ".join(_title(run, cases[0], (across, up))), across, up, columns, rows, winners)


def _title(run: Run, case: Case, axes: tuple[str, ...]) -> Iterator[str]:
    """The cell, the series where there are several, and whatever else is swept."""
    yield case.cell.upper() if case.units is not None else case.cell
    if len({data.series for data in run.manifest.data.values()}) > 1:
        yield run.data(case).series
    for axis in AXES:
        if axis not in axes and len(_values(run.manifest.cases, axis)) > 1:
            yield f"{axis} {getattr(case, axis)}"


def fastest(comparison: CaseSpeedups) -> Fastest | None:
    """By the steady epoch; None where fewer than two backends may be compared."""
    sides = [found for found in comparison.backends.values() if found.comparable and found.epoch]
    if len(sides) < 2:
        return None
    best, *others = sorted(sides, key=lambda side: -side.epoch.estimate if side.epoch else 0.0)
    leads = [(other.backend, lead) for other in others if (lead := _lead(best, other))]
    if not leads:
        return None
    second, least = min(leads, key=lambda pair: pair[1].estimate)
    return Fastest(best.backend, second, least, all(lead.low > 1 for _, lead in leads))


def _lead(best: Speedup, other: Speedup) -> Interval | None:
    """How many times as fast, one ratio a round that both have."""
    mine, theirs = (dict(zip(side.seeds, side.epoch_ratios, strict=True)) for side in (best, other))
    return median_interval([mine[seed] / theirs[seed] for seed in mine.keys() & theirs.keys()])
