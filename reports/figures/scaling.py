"""How the time of an epoch changes along a swept axis: units, window, batch, threads."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reports.analysis.fastest_by_setting import AXES, family
from reports.analysis.intervals import steady_epoch
from reports.analysis.run import Run, over_seeds
from reports.analysis.speedup import Comparisons
from reports.figures.style import PANELS, WIDTH, Figure, brief, legend, line_style, shown, styled, to_svg
from reports.records import Case
from reports.render.formats import backend_name, listed, significant


def scaling(run: Run, comparisons: Comparisons) -> tuple[Figure, ...]:
    """A figure an axis that takes at least three values while all else stays the same."""
    found = (_along(run, comparisons, axis) for axis in AXES)
    return tuple(figure for figure in found if figure)


def _along(run: Run, comparisons: Comparisons, axis: str) -> Figure | None:
    families: dict[tuple[object, ...], list[Case]] = {}
    for case in run.manifest.cases:
        if run.mode_of(case) == "matched" and comparisons[case.label].reference:
            families.setdefault(family(run, case, (axis,)), []).append(case)
    swept = [cases for cases in families.values() if len({getattr(case, axis) for case in cases}) >= 3]
    if not swept:
        return None
    drawn = swept[:PANELS]
    with styled(f"scaling-{axis}"):
        rows = -(-len(drawn) // 2)
        canvas = Canvas(figsize=(WIDTH, 0.6 + 2.6 * rows), layout="constrained")
        grid = canvas.subplots(rows, min(2, len(drawn)), sharex=True, sharey=True, squeeze=False)
        for axes, cases in zip(grid.flat, drawn, strict=False):
            _panel(axes, run, comparisons, sorted(cases, key=lambda case: int(getattr(case, axis))), axis)
        for axes in grid.flat[len(drawn) :]:
            axes.set_visible(False)
        canvas.supxlabel(axis, fontsize=9.5)
        canvas.supylabel("milliseconds a steady epoch", fontsize=9.5)
        legend(canvas, grid[0, 0])
        svg = to_svg(canvas)
    caption = (
        f"Medians over the seeds, of backends that may be compared. Both scales are logarithmic.{shown(len(swept))}"
    )
    names = listed([backend_name(backend) for backend in run.backends])
    return Figure(f"scaling-{axis}", f"Time against {axis}", caption, f"Time of an epoch against {axis}: {names}.", svg)


def _panel(axes: Axes, run: Run, comparisons: Comparisons, cases: Sequence[Case], axis: str) -> None:
    for backend in run.backends:
        points = [
            (getattr(case, axis), found.median * 1e3)
            for case in cases
            for group in run.select(case, "matched")
            if group.backend == backend and comparisons[case.label].backends[backend].comparable
            if (found := over_seeds(group, lambda outcome: steady_epoch(outcome.times.epochs)))
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3.5, **line_style(backend))
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
