"""Figures of time: the speed ratios, and what a training is made of."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from reports.analysis.intervals import Interval
from reports.analysis.run import Group, Run, over_seeds
from reports.analysis.speedup import CaseComparison, Comparison, Comparisons
from reports.figures.style import FAINT, INK, WIDTH, Figure, bar_axes, bar_labels, colour, styled, to_svg
from reports.render.formats import backend_name, case_name, duration, listed, significant, span

PALE = "#ffffff"  # the hatching, on a framework's colour
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 50, 100)
MOST_TICKS = 6  # that half a drawing has room for
SHARE = 0.78  # of a panel's width for the marks; the rest is room for the figures at its right
Line = tuple[CaseComparison, Comparison]


def ratios(comparisons: Comparisons) -> Figure | None:
    """A forest plot: each certified backend's speed against the reference, a dot a round, a bar for the interval."""
    lines = [(case, rival) for case in comparisons.values() for rival in case.rivals]
    if not lines:
        return None
    names = listed(list(dict.fromkeys(backend_name(case.reference or "") for case, _ in lines)))
    with styled("ratios"):
        canvas = Canvas(figsize=(WIDTH, 1.0 + 0.36 * len(lines)), layout="constrained")
        left, right = canvas.subplots(1, 2, sharex=True, sharey=True)
        _forest(left, "a steady epoch", [(rival, rival.epoch, rival.epoch_ratios) for _, rival in lines])
        _forest(right, "the whole training", [(rival, rival.training, rival.training_ratios) for _, rival in lines])
        left.set_yticks(range(len(lines)), bar_labels((c.case, r.backend) for c, r in lines))
        left.set_ylim(len(lines) - 0.4, -0.7)
        _ratio_axis(left, [x for _, rival in lines for x in (*rival.epoch_ratios, *rival.training_ratios, 1.0)])
        canvas.supxlabel(f"times as fast as {names} (right of 1 is faster)", fontsize=9.5)
        svg = to_svg(canvas)
    certain = all(rival.epoch and rival.epoch.confident for _, rival in lines)
    bar = "its 95 % interval" if certain else "the range seen"
    caption = f"Speed against {names}. A dot is a round, the stroke the median, the bar {bar}."
    said = "; ".join(_said(case, rival) for case, rival in lines)
    return Figure("ratios", "Speed ratios", caption, f"Speed ratios per steady epoch, against {names}: {said}.", svg)


def _forest(axes: Axes, title: str, marks: Sequence[tuple[Comparison, Interval | None, Sequence[float]]]) -> None:
    axes.set_title(title, pad=8)
    axes.axvline(1, color=FAINT, linewidth=1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for place, (rival, found, rounds) in enumerate(marks):
        if found is None:
            continue
        tone = colour(rival.backend)
        axes.plot([found.low, found.high], [place, place], color=tone, linewidth=8, alpha=0.55, solid_capstyle="butt")
        axes.plot(rounds, [place] * len(rounds), "o", color=tone, markersize=3.5, markeredgewidth=0)
        axes.plot(found.median, place, "|", color=INK, markersize=13, markeredgewidth=1.4)
        axes.text(0.99, place, significant(found.median), transform=axes.get_yaxis_transform(), ha="right", va="center")


def _ratio_axis(axes: Axes, values: Sequence[float]) -> None:
    """Logarithmic, so that twice as fast and half as fast lie equally far from 1."""
    low = min(values) / 1.25
    high = low * (max(values) / low) ** (1 / SHARE)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    for digits in ("125", "1"):
        if len(ticks) > MOST_TICKS:
            ticks = [tick for tick in ticks if f"{tick:g}".strip("0.") in digits]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _said(case: CaseComparison, rival: Comparison) -> str:
    found = rival.epoch
    return (
        f"{backend_name(rival.backend)}, {case_name(case.case)}, {span(found.low, found.high) if found else 'unknown'}"
    )


def parts(run: Run) -> Figure | None:
    """Stacked bars: the first step, in which some frameworks trace and compile, then all other steps."""
    groups = [group for group in run.leading if group.outcomes]
    if not groups:
        return None
    split = [(group, *_split(group)) for group in groups]
    longest = max(first + rest for _, first, rest in split)
    with styled("time"):
        canvas = Canvas(figsize=(WIDTH, 0.9 + 0.3 * len(split)), layout="constrained")
        axes = canvas.subplots()
        for place, (group, first, rest) in enumerate(split):
            tone = colour(group.backend)
            axes.barh(place, first, 0.62, color=tone, hatch="////", edgecolor=PALE, linewidth=0)
            axes.barh(place, rest, 0.62, left=first, color=tone, alpha=0.75, linewidth=0)
            words = f"{duration(first)} + {duration(rest)}"
            axes.annotate(words, (first + rest, place), (6, 0), textcoords="offset points", va="center", fontsize=9)
        bar_axes(axes, bar_labels((g.case, g.backend) for g, _, _ in split), longest * 1.28)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("training, seconds: first step (hatched) + the rest")
        svg = to_svg(canvas)
    caption = (
        "Medians over the seeds. The hatched part is the first step, in which Keras and Flax trace and compile: it is "
        "paid once."
    )
    said = "; ".join(
        f"{backend_name(g.backend)}, {case_name(g.case)}: first step {duration(first)}, the rest {duration(rest)}"
        for g, first, rest in split
    )
    return Figure("time", "Where the training time goes", caption, f"Training time. {said}.", svg)


def _split(group: Group) -> tuple[float, float]:
    """Medians over seeds of the first step and of all later steps, in seconds."""
    first = over_seeds(group, lambda outcome: outcome.times.first_step)
    rest = over_seeds(group, lambda outcome: sum(outcome.times.epochs))
    return (first.median if first else 0.0, rest.median if rest else 0.0)
