"""Times and scores of a benchmark from run to run."""

from collections.abc import Mapping, Sequence
from itertools import product

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from reports.analysis.run import unique
from reports.analysis.trend import Change, TrendSeries
from reports.figures.style import PANELS, Palette, brief, label_axes, legend, nested, only_first, panels, styled, to_svg
from reports.render.formats import listed, plural, time_unit
from reports.render.page import INK, Figure

LOG_FROM = 20  # ratio of the largest to the smallest value from which an axis is logarithmic
LATEST = 30  # runs drawn at most, so that points stay apart


def trend(
    series: Sequence[TrendSeries],
    changes: Sequence[Change],
    palette: Palette,
    names: Mapping[str, str],
    units: Mapping[str, str],
) -> Figure | None:
    """A row per case, a column per metric, a line per backend; None for a single run.

    names, units: the name and the unit of each case, by its label.
    """
    last = max((point.place for line in series for point in line.points), default=0)
    if last < 2:
        return None
    cases = unique(line.case for line in series)
    drawn, oldest = cases[:PANELS], max(0, last - LATEST)
    with styled("trend"):
        metrics = unique(line.metric for line in series)
        canvas, grid = panels(len(drawn) * len(metrics), len(metrics), 2.1, sharex=True)
        for axes, (case, metric) in zip(grid, product(drawn, metrics), strict=True):
            lines = [line for line in series if (line.case, line.metric) == (case, metric)]
            marked = [change for change in changes if change.series in lines]
            _draw(axes, lines, marked, oldest, metric.unit_in(units.get(case, "")), palette)
            axes.set_title(f"{brief(names[case], 24 - len(metric.label))}, {metric.label}")
        grid[0].set_xlim(oldest + 0.6, last + 0.4)
        label_axes(canvas, "run, numbered as in the table")
        legend(canvas, grid[0])
        svg = to_svg(canvas)
    latest = f" The latest {LATEST} runs are drawn." if oldest else ""
    caption = (
        "Matched mode: the median over the seeds with its interval, or with the range if the seeds are few. A ring "
        f"marks a change beyond noise since the previous run.{latest}{only_first(len(cases))}"
    )
    backends = "; ".join(palette.name(name) for name in unique(line.backend for line in series))
    alt = (
        f"Lines of {listed([metric.label for metric in metrics])} over {plural(last, 'run')}, of {backends}. "
        f"{plural(len(changes), 'change')} beyond noise."
    )
    return Figure("trend", "Times and scores by run", caption, alt, svg)


def _draw(
    axes: Axes, lines: Sequence[TrendSeries], changes: Sequence[Change], oldest: int, unit: str, palette: Palette
) -> None:
    """Draw the points after the run numbered `oldest`."""
    by_backend = {line.backend: [point for point in line.points if point.place > oldest] for line in lines}
    intervals = [point.interval for points in by_backend.values() for point in points]
    timed = lines[0].metric.timed if lines else False
    factor, label = time_unit(interval.estimate for interval in intervals) if timed else (1.0, unit)
    for number, (backend, points) in enumerate(by_backend.items()):
        places = [point.place for point in points]
        low, middle, high = (
            [getattr(point.interval, limit) * factor for point in points] for limit in ("low", "estimate", "high")
        )
        axes.vlines(places, low, high, color=palette.colour(backend), linewidth=4, alpha=0.35)
        style = {} if timed else nested(number, len(lines))  # equal models have equal scores
        axes.plot(places, middle, marker=palette.marker(backend), markersize=3.5, **{**palette.line(backend), **style})
    for change in changes:
        place, value = change.after.place, change.after.interval.estimate * factor
        axes.plot(place, value, "o", markersize=10, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1)
    _scale(axes, [limit * factor for interval in intervals for limit in (interval.low, interval.high)])
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.grid(axis="y")
    if label:
        axes.set_ylabel(brief(label, 28))


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """From zero, or logarithmic if some values were otherwise indistinguishable from zero."""
    if min(values, default=0) > 0 and max(values) > LOG_FROM * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, max(values, default=1) * 1.1)
        axes.yaxis.set_major_locator(MaxNLocator(5))
