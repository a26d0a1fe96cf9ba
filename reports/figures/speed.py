"""Figures of time: speed ratios, and the first step beside the rest of a training."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from reports.analysis.intervals import Interval
from reports.analysis.metrics import median_over_seeds
from reports.analysis.run import Group, Run
from reports.analysis.speedup import CaseSpeedups, Speedup, Speedups
from reports.analysis.timing_quality import whole_first_epoch
from reports.figures.style import WIDTH, Palette, bar_labels, bars, label_axes, medians, spread, styled, to_svg
from reports.render.formats import case_name, duration, significant, span
from reports.render.page import FAINT, INK, Figure

PALE = "#ffffff"  # the hatching, on a backend's colour
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 50, 100)
MOST_TICKS = 6  # per panel, so that their labels do not overlap
DOTS = 40  # per ratio; of more rounds, so many evenly spaced ones in the order of the ratio
SHARE = 0.78  # of a panel's width for the marks; the numbers at the right take the rest


def speed_ratios(run: Run, speedups: Speedups) -> Figure | None:
    """A forest plot of each certified backend's speed ratio: a dot per round, a bar for the interval."""
    lines = [(case, speedup) for case in speedups.values() for speedup in case.compared]
    if not lines:
        return None
    references = run.backend_phrases(case.reference or "" for case, _ in lines)
    compared = [speedup for _, speedup in lines]
    palette = Palette.of(run)
    with styled("ratios"):
        canvas = Canvas(figsize=(WIDTH, 1.0 + 0.36 * len(lines)), layout="constrained")
        left, right = canvas.subplots(1, 2, sharex=True, sharey=True)
        _forest(left, "steady epoch", palette, [(s, s.epoch, s.epoch_ratios) for s in compared])
        _forest(right, "whole training", palette, [(s, s.training, s.training_ratios) for s in compared])
        left.set_yticks(range(len(lines)), bar_labels(palette, ((case.case, s.backend) for case, s in lines)))
        left.set_ylim(len(lines) - 0.4, -0.7)
        _ratio_axis(left, [x for speedup in compared for x in (*speedup.epoch_ratios, *speedup.training_ratios, 1.0)])
        label_axes(canvas, x=f"speed relative to {references} (above 1 is faster)")
        svg = to_svg(canvas)
    certain = all(speedup.epoch and speedup.epoch.is_confidence_interval for speedup in compared)
    bar = "95 % interval" if certain else "range"
    single = all(speedup.epoch and speedup.epoch.single for speedup in compared)
    most = max(len(speedup.seeds) for speedup in compared)
    few = f" ({DOTS} of {most} rounds are drawn)" if most > DOTS else ""
    dots = f"a dot for each round{few}, a stroke at the median, and a bar over the {bar}"
    caption = (
        f"Speed relative to {references}, of a steady epoch and of the whole training: "
        f"{'the only round' if single else dots}."
    )
    epoch, training = (
        "; ".join(_ratio_words(run, case, speedup, getattr(speedup, part)) for case, speedup in lines)
        for part in ("epoch", "training")
    )
    alt = f"Speed ratio relative to {references}. Of a steady epoch: {epoch}. Of the whole training: {training}."
    return Figure("ratios", "Speed ratios", caption, alt, svg)


def _forest(
    axes: Axes, title: str, palette: Palette, rows: Sequence[tuple[Speedup, Interval | None, Sequence[float]]]
) -> None:
    axes.set_title(title, pad=8)
    axes.axvline(1, color=FAINT, linewidth=1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for place, (speedup, ratio, rounds) in enumerate(rows):
        if ratio is None:
            continue
        colour = palette.colour(speedup.backend)
        axes.plot([ratio.low, ratio.high], [place, place], color=colour, linewidth=8, alpha=0.55, solid_capstyle="butt")
        dots = spread(sorted(rounds), DOTS)
        axes.plot(dots, [place] * len(dots), "o", color=colour, markersize=3.5, markeredgewidth=0)
        axes.plot(ratio.estimate, place, "|", color=INK, markersize=13, markeredgewidth=1.4)
        axes.text(
            0.99, place, significant(ratio.estimate), transform=axes.get_yaxis_transform(), ha="right", va="center"
        )


def _ratio_axis(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis, on which twice as fast and half as fast are equally far from 1."""
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


def _ratio_words(run: Run, case: CaseSpeedups, speedup: Speedup, ratio: Interval | None) -> str:
    limits = span(ratio.low, ratio.high) if ratio else "unknown"
    return f"{run.backend_name(speedup.backend)}, {case_name(case.case)}, {limits}"


def training_time(run: Run) -> Figure | None:
    """Stacked bars per case and backend: the first step, in which some frameworks compile, then all other steps."""
    groups = [group for group in run.leading if group.outcomes]
    if not groups:
        return None
    times = [(group, *_first_and_rest(group)) for group in groups]
    longest = max(first + rest for _, first, rest in times)
    palette = Palette.of(run)
    with styled("time"):
        labels = bar_labels(palette, ((group.case, group.backend) for group in groups))
        canvas, axes = bars("training, seconds: first step (hatched) + all other steps", labels, longest * 1.28)
        for place, (group, first, rest) in enumerate(times):
            colour = palette.colour(group.backend)
            axes.barh(place, first, 0.62, color=colour, hatch="////", edgecolor=PALE, linewidth=0)
            axes.barh(place, rest, 0.62, left=first, color=colour, alpha=0.75, linewidth=0)
            words = f"{duration(first)} + {duration(rest)}"
            axes.annotate(words, (first + rest, place), (6, 0), textcoords="offset points", va="center", fontsize=9)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        svg = to_svg(canvas)
    caption = (
        f"{medians(groups)} The hatched part is the first step, in which some frameworks trace and compile. "
        "Compilation happens once per training."
    )
    if any(map(whole_first_epoch, groups)):
        caption += " Of a program that trains an epoch in one call it is the whole first epoch."
    numbers = "; ".join(
        f"{run.backend_name(group.backend)}, {case_name(group.case)}: first step {duration(first)}, "
        f"all other steps {duration(rest)}"
        for group, first, rest in times
    )
    return Figure("time", "Training time: first step and the rest", caption, f"Training time. {numbers}.", svg)


def _first_and_rest(group: Group) -> tuple[float, float]:
    """Seconds of the first step and of all other steps, medians over the seeds."""
    first = median_over_seeds(group, "first_step_seconds")
    rest = median_over_seeds(group, "epochs_seconds")
    return (first.estimate if first else 0.0, rest.estimate if rest else 0.0)
