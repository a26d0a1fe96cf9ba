"""Figures of losses: by epoch, by seconds of training, and by trial of a search."""

from collections.abc import Callable, Iterable
from itertools import accumulate, product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.analysis.metrics import median_over_seeds
from reports.analysis.run import Group, Run, unique
from reports.analysis.search_results import SearchRanking
from reports.analysis.speedup import Speedups
from reports.figures.style import (
    PANELS,
    Palette,
    brief,
    label_axes,
    legend,
    medians,
    nested,
    only_first,
    panels,
    spread,
    styled,
    to_svg,
)
from reports.records import Case, Mode, Outcome
from reports.render.formats import case_name, four_digits, names_apart, plural, significant
from reports.render.page import INK, Figure

LINES = 10  # of one backend in a panel
COLOUR = "#0072B2"  # of a search's configurations
CURVES: dict[str, Callable[[Outcome], tuple[float, ...]]] = {
    "training": lambda outcome: outcome.train_losses,
    "validation": lambda outcome: outcome.validation_losses,
}


def loss_curves(run: Run, mode: Mode) -> Figure | None:
    """Training and validation loss by epoch, a row per case: the median over the seeds inside the range."""
    cases = [case for case in run.manifest.cases if run.finished(case, mode)]
    if not cases:
        return None
    drawn, names, palette = cases[:PANELS], names_apart(cases), Palette.of(run)
    kinds = [kind for kind in CURVES if any(_curves(g, kind) for case in drawn for g in run.select(case, mode))]
    with styled(f"losses-{mode}"):
        canvas, grid = panels(len(drawn) * len(kinds), len(kinds), 2.1, sharex=True, sharey="row")
        for axes, (case, kind) in zip(grid, product(drawn, kinds), strict=True):
            groups = run.finished(case, mode)
            for place, group in enumerate(groups):
                style = nested(place, len(groups)) if mode == "matched" else {}  # equal models have equal curves
                _draw_band(axes, _curves(group, kind), {**palette.line(group.backend), **style})
            axes.set_title(f"{brief(names[case.label], 24)}, {kind}")
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
            axes.grid(axis="y")
        label_axes(canvas, "epoch", _loss_label(drawn))
        legend(canvas, grid[0])
        svg = to_svg(canvas)
    remark = {
        "matched": " Matched models learn alike, so their lines overlap.",
        "native": " Native models have different initial weights, so their lines may differ.",
    }[mode]
    several = any(len(run.finished(case, mode)) > 1 for case in drawn)
    shown = medians((group for case in drawn for group in run.finished(case, mode)), "; the band is the range")
    scaled = " Losses are errors of scaled values, or with data.difference = true of scaled changes from row to row."
    caption = f"{shown}{scaled}{remark if several else ''}{only_first(len(cases))}"
    numbers = "; ".join(_last_loss(run, group) for case in drawn for group in run.finished(case, mode))
    alt = f"Curves of the {' and '.join(kinds)} loss by epoch. Training loss in the last epoch: {numbers}."
    return Figure(f"losses-{mode}", f"Loss curves, {mode} mode", caption, alt, svg)


def _loss_label(cases: Iterable[Case]) -> str:
    """The minimized loss is not the MSE alone if the definition adds a penalty or names another loss."""
    return f"{'loss' if any(case.training_notes for case in cases) else 'MSE'}, scaled units"


def _draw_band(axes: Axes, curves: list[tuple[float, ...]], style: dict[str, Any]) -> None:
    if not curves:
        return
    longest = max(map(len, curves))  # a seed that early stopping ended keeps its last value
    losses = np.array([[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves])  # (seeds, epochs)
    epochs = np.arange(1, longest + 1)
    axes.plot(epochs, np.median(losses, axis=0), marker="o" if longest == 1 else "", **style)
    if len(curves) > 1:
        axes.fill_between(epochs, losses.min(axis=0), losses.max(axis=0), color=style["color"], alpha=0.12, linewidth=0)


def loss_by_time(run: Run, speedups: Speedups) -> Figure | None:
    """Loss against seconds since the start of training, of comparable backends."""
    groups = [
        group
        for group in run.groups
        if group.mode == "matched" and group.outcomes and speedups[group.case.label].backends[group.backend].comparable
    ]
    if not groups:
        return None
    labels, names, palette = unique(g.case.label for g in groups), names_apart(g.case for g in groups), Palette.of(run)
    drawn = labels[:PANELS]
    with styled("progress"):
        canvas, grid = panels(len(drawn), min(2, len(drawn)), 2.3, sharey=True)
        for axes, label in zip(grid, drawn, strict=True):
            for group in (group for group in groups if group.case.label == label):
                for place, outcome in enumerate(spread(list(group.outcomes.values()), LINES)):
                    style = palette.line(group.backend) | ({"label": None} if place else {})
                    losses = outcome.validation_losses or outcome.train_losses
                    marker = "o" if len(losses) == 1 else ""
                    axes.plot(_seconds(outcome)[: len(losses)], losses, marker=marker, **style)
            axes.set_title(brief(names[label], 36))
            axes.set_xlim(left=0)
            axes.grid(axis="y")
        label_axes(canvas, "seconds of training, including compilation", _loss_label(group.case for group in groups))
        legend(canvas, grid[0])
        svg = to_svg(canvas)
    kind = "Validation" if any(_curves(group, "validation") for group in groups) else "Training"
    most = max(len(group.outcomes) for group in groups)
    few = f" ({LINES} of {most} seeds are drawn)" if most > LINES else ""
    caption = (
        f"{kind} loss after each epoch, a line per seed{few}. A line starts at the end of the first epoch, which is "
        "late if compilation takes long."
        f"{only_first(len(labels))}"
    )
    backends = run.backend_phrases(group.backend for group in groups)
    alt = f"{kind} loss after each epoch against the seconds of training, a line per seed, of {backends}."
    return Figure("progress", "Loss against training time", caption, alt, svg)


def _seconds(outcome: Outcome) -> list[float]:
    """Seconds since the start of training, at the end of each epoch."""
    return [float(seconds) for seconds in outcome.times.first_step + np.cumsum(outcome.times.epochs)]


def _curves(group: Group, kind: str) -> list[tuple[float, ...]]:
    """A curve per seed; empty if the run has none of this kind."""
    return [curve for outcome in group.outcomes.values() if (curve := CURVES[kind](outcome))]


def _last_loss(run: Run, group: Group) -> str:
    loss = median_over_seeds(group, "last_loss")
    value = significant(loss.estimate) if loss else "unknown"
    return f"{run.backend_name(group.backend)}, {case_name(group.case)}, {value}"


def lowest_loss_by_trial(search: SearchRanking) -> Figure | None:
    """The validation loss of each configuration and the lowest so far, in the order in which they were tried."""
    scores = [trial.score for trial in search.run.search_result.tried] if search.run.search_result else []
    finished = [(number, score) for number, score in enumerate(scores, 1) if score is not None]
    if len(finished) < 2:
        return None
    numbers, losses = zip(*finished, strict=True)
    lowest = list(accumulate(losses, min))
    with styled("search"):
        canvas, (axes,) = panels(1, 1, 2.6)
        axes.plot(numbers, losses, "o", color=COLOUR, alpha=0.45, ms=4, markeredgewidth=0, label="configuration")
        axes.plot(numbers, lowest, drawstyle="steps-post", color=INK, label="lowest so far")
        if max(losses) > 3 * min(losses) > 0:
            axes.set_yscale("log")
        axes.set_xlabel("configuration, in the order of the search")
        axes.set_ylabel("validation loss, scaled units")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.grid(axis="y")
        legend(canvas, axes)
        svg = to_svg(canvas)
    best = numbers[losses.index(lowest[-1])]
    caption = (
        f"A dot is a configuration, the line the lowest validation loss so far. The lowest of "
        f"{plural(len(losses), 'configuration')} is number {best}."
    )
    alt = (
        f"Validation loss by trial of the search: {four_digits(losses[0])} at first, "
        f"{four_digits(lowest[-1])} from configuration {best} onwards."
    )
    return Figure("search", "Lowest validation loss during the search", caption, alt, svg)
