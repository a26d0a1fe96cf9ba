"""Time of an epoch against a swept setting: units, window, batch, threads."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reports.analysis.fastest_by_setting import AXES, constant_settings
from reports.analysis.metrics import median_over_seeds
from reports.analysis.run import Run
from reports.analysis.speedup import Speedups
from reports.figures.style import (
    PANELS,
    Palette,
    brief,
    label_axes,
    legend,
    medians,
    only_first,
    panels,
    styled,
    to_svg,
)
from reports.records import Case
from reports.render.formats import significant
from reports.render.page import Figure

FEWEST = 3  # values of a setting that make a curve


def scaling(run: Run, speedups: Speedups) -> tuple[Figure, ...]:
    """One figure per setting that takes at least three values while all else is equal."""
    figures = (_along(run, speedups, axis) for axis in AXES)
    return tuple(figure for figure in figures if figure)


def _along(run: Run, speedups: Speedups, axis: str) -> Figure | None:
    families: dict[tuple[object, ...], list[Case]] = {}
    for case in run.manifest.cases:
        if run.mode_of(case) == "matched" and speedups[case.label].reference:
            families.setdefault(constant_settings(run, case, (axis,)), []).append(case)
    swept = [cases for cases in families.values() if len({getattr(case, axis) for case in cases}) >= FEWEST]
    if not swept:
        return None
    drawn = swept[:PANELS]
    with styled(f"scaling-{axis}"):
        canvas, grid = panels(len(drawn), min(2, len(drawn)), 2.6, sharex=True, sharey=True)
        for axes, cases in zip(grid, drawn, strict=True):
            _draw(axes, run, speedups, sorted(cases, key=lambda case: int(getattr(case, axis))), axis)
        label_axes(canvas, axis, "milliseconds per steady epoch")
        legend(canvas, grid[0])
        svg = to_svg(canvas)
    shown = medians(group for cases in drawn for case in cases for group in run.select(case, "matched"))
    caption = f"{shown} Comparable backends only. Both axes are logarithmic.{only_first(len(swept))}"
    names = run.backend_phrases(run.backends)
    alt = f"Lines of the time of a steady epoch against {axis}, one per backend: {names}."
    return Figure(f"scaling-{axis}", f"Time against {axis}", caption, alt, svg)


def _draw(axes: Axes, run: Run, speedups: Speedups, cases: Sequence[Case], axis: str) -> None:
    palette = Palette.of(run)
    for backend in run.backends:
        points = [
            (getattr(case, axis), epoch.estimate * 1e3)
            for case in cases
            for group in run.select(case, "matched")
            if group.backend == backend and speedups[case.label].backends[backend].comparable
            if (epoch := median_over_seeds(group, "steady_epoch_seconds"))
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker=palette.marker(backend), ms=3.5, **palette.line(backend))
    first = cases[0]
    fixed = [f"{name} {getattr(first, name)}" for name in AXES[:3] if name != axis]
    several = len({data.series for data in run.manifest.data.values()}) > 1
    series = (run.data(first).series,) if several else ()
    axes.set_title(brief(", ".join((first.cell.upper(), *series, *fixed)), 44))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    values = sorted({getattr(case, axis) for case in cases})
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: significant(value, 2)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y")
