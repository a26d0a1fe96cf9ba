"""The fastest backend at each point of a parameter grid, among certified backends and within the same rounds."""

from collections.abc import Iterator
from dataclasses import dataclass

from reports.analysis.run import Run
from reports.analysis.speedup import Fastest, Speedups
from reports.records import Case

AXES = ("units", "window", "batch", "layers", "horizon", "threads")
MIN_VALUES = 3  # of a single axis; of two axes, two values each are enough


@dataclass(frozen=True)
class SettingMap:
    """The fastest backends of cases that differ in one or two axes only; points that were not compared are missing."""

    title: str
    across: str  # an axis
    up: str  # the second axis; empty: there is one axis
    columns: tuple[int, ...]  # values of `across`
    rows: tuple[int, ...]  # values of `up`, or (1,)
    fastest: dict[tuple[int, int], Fastest]  # by the values of column and row


def setting_maps(run: Run, speedups: Speedups) -> tuple[SettingMap, ...]:
    """Return the maps with at least two compared points; none unless one axis has three values, or two have two."""
    cases = tuple(case for case in run.manifest.cases if run.mode_of(case) == "matched")
    swept = {axis: values for axis in AXES if len(values := _values(cases, axis)) > 1}
    chosen = sorted(swept, key=lambda axis: -len(swept[axis]))[:2]
    if not chosen or (len(chosen) == 1 and len(swept[chosen[0]]) < MIN_VALUES):
        return ()
    across, up = chosen[0], chosen[1] if len(chosen) > 1 else ""
    families: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        families.setdefault(constant_settings(run, case, (across, up)), []).append(case)
    grids = (_map(run, speedups, family, across, up) for family in families.values())
    return tuple(grid for grid in grids if len(grid.fastest) > 1)


def constant_settings(run: Run, case: Case, axes: tuple[str, ...]) -> tuple[object, ...]:
    """Return all settings of a case except for these axes: equal for cases that differ in the axes only."""
    rest = tuple(getattr(case, axis) for axis in AXES if axis not in axes)
    name = case.label if case.units is None else case.cell  # a list of layers has a name, and no units to sweep
    training = (case.dtype, case.epochs, case.learning_rate, case.training_notes)
    return (name, run.data(case).series, *training, *rest)


def _values(cases: tuple[Case, ...], axis: str) -> tuple[int, ...]:
    return tuple(sorted({value for case in cases if (value := getattr(case, axis)) is not None}))


def _map(run: Run, speedups: Speedups, cases: list[Case], across: str, up: str) -> SettingMap:
    points = {(getattr(case, across), getattr(case, up) if up else 1): speedups[case.label].fastest for case in cases}
    columns, rows = (_values(tuple(cases), axis) if axis else (1,) for axis in (across, up))
    fastest = {point: winner for point, winner in points.items() if winner}
    return SettingMap(", ".join(_title(run, cases[0], (across, up))), across, up, columns, rows, fastest)


def _title(run: Run, case: Case, axes: tuple[str, ...]) -> Iterator[str]:
    """Yield the cell, the series if there are several, and each other axis with several values."""
    yield case.cell.upper() if case.units is not None else case.cell
    if len({data.series for data in run.manifest.data.values()}) > 1:
        yield run.data(case).series
    for axis in AXES:
        if axis not in axes and len(_values(run.manifest.cases, axis)) > 1:
            yield f"{axis} {getattr(case, axis)}"
