"""How a benchmark's times and scores moved from run to run."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from reports.analysis.run import unique
from reports.analysis.trend import MEASURES, Change, Series
from reports.figures.style import (
    INK,
    PANELS,
    WIDTH,
    Figure,
    brief,
    colour,
    legend,
    line_style,
    nested,
    shown,
    styled,
    to_svg,
)
from reports.render.formats import backend_name, listed, plural, squared, time_unit

MARKERS = {"pytorch": "o", "keras": "s", "flax": "^"}
WIDE = 20  # times the smallest value, from which on a scale is logarithmic
LATEST = 30  # runs drawn at most: more would hide one point behind another


def moves(
    found: Sequence[Series], changes: Sequence[Change], names: Mapping[str, str], units: Mapping[str, str]
) -> Figure | None:
    """A row a case, a column a measure, a line a backend; by the case's label, its name and its series' unit.

    None of a single run, which has not moved yet.
    """
    last = max((point.place for one in found for point in one.points), default=0)
    if last < 2:
        return None
    cases = unique(one.case for one in found)
    drawn = cases[:PANELS]
    with styled("moves"):
        canvas = Canvas(figsize=(WIDTH, 0.7 + 2.1 * len(drawn)), layout="constrained")
        grid = canvas.subplots(len(drawn), len(MEASURES), sharex=True, squeeze=False)
        for row, case in zip(grid, drawn, strict=True):
            for axes, measure in zip(row, MEASURES, strict=True):
                mine = [one for one in found if (one.case, one.measure) == (case, measure)]
                marked = [change for change in changes if change.series in mine]
                _draw(axes, mine, marked, max(0, last - LATEST), squared(units.get(case, "")))
                axes.set_title(f"{brief(names[case], 24 - len(measure.name))}, {measure.name}")
        grid[0, 0].set_xlim(max(0, last - LATEST) + 0.6, last + 0.4)
        canvas.supxlabel("run, as numbered below", fontsize=9.5)
        legend(canvas, grid[0, 0])
        svg = to_svg(canvas)
    latest = f" The latest {LATEST} runs are drawn." if last > LATEST else ""
    caption = (
        "Matched mode, the median over the seeds with its interval, or the range where there are too few. A ring marks "
        f"a change beyond noise since the run before.{latest}{shown(len(cases))}"
    )
    told = listed([backend_name(name) for name in unique(one.backend for one in found)])
    beyond = plural(len(changes), "change")
    alt = f"Epoch, training and test MSE of {told} over {plural(last, 'run')}; {beyond} beyond noise."
    return Figure("moves", "How it moved", caption, alt, svg)


def _draw(axes: Axes, found: Sequence[Series], changes: Sequence[Change], oldest: int, unit: str) -> None:
    """The points after the run numbered `oldest`."""
    drawn = {one.backend: [point for point in one.points if point.place > oldest] for one in found}
    values = [point.found for points in drawn.values() for point in points]
    timed = found[0].measure.timed if found else False
    factor, word = time_unit(value.median for value in values) if timed else (1.0, unit)
    for number, (backend, points) in enumerate(drawn.items()):
        places = [point.place for point in points]
        low, middle, high = (
            [getattr(point.found, limit) * factor for point in points] for limit in ("low", "median", "high")
        )
        axes.vlines(places, low, high, color=colour(backend), linewidth=4, alpha=0.35)
        alike = {} if timed else nested(number, len(found))  # scores of equal models lie on one another
        style = {**line_style(backend), **alike}
        axes.plot(places, middle, marker=MARKERS.get(backend, "D"), markersize=3.5, **style)
    for change in changes:
        place, value = change.after.place, change.after.found.median * factor
        axes.plot(place, value, "o", markersize=10, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1)
    _scale(axes, [limit * factor for value in values for limit in (value.low, value.high)])
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.grid(axis="y")
    if word:
        axes.set_ylabel(brief(word, 28))


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """From zero; on a log scale where some values would otherwise lie flat on the axis."""
    if min(values, default=0) > 0 and max(values) > WIDE * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, max(values, default=1) * 1.1)
        axes.yaxis.set_major_locator(MaxNLocator(5))
