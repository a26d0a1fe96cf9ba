"""Figures of learning: the loss by epoch, and the loss by seconds spent."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from reports.analysis.run import Group, Run, over_seeds
from reports.analysis.speedup import Comparisons
from reports.figures.style import (
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
from reports.records import Case, Mode, Outcome
from reports.render.formats import backend_name, case_name, names_apart, significant

CURVES: dict[str, Callable[[Outcome], tuple[float, ...]]] = {
    "training": lambda outcome: outcome.train_losses,
    "validation": lambda outcome: outcome.validation_losses,
}


def losses(run: Run, mode: Mode) -> Figure | None:
    """A row a case: training and validation loss by epoch, the median over seeds in the band of all of them."""
    cases = [case for case in run.manifest.cases if _finished(run, case, mode)]
    if not cases:
        return None
    drawn, names = cases[:PANELS], names_apart(cases)
    kinds = [kind for kind in CURVES if any(_curves(g, kind) for case in drawn for g in run.select(case, mode))]
    with styled(f"losses-{mode}"):
        canvas = Canvas(figsize=(WIDTH, 0.6 + 2.1 * len(drawn)), layout="constrained")
        grid = canvas.subplots(len(drawn), len(kinds), sharex=True, sharey="row", squeeze=False)
        for row, case in zip(grid, drawn, strict=True):
            for axes, kind in zip(row, kinds, strict=True):
                groups = _finished(run, case, mode)
                for place, group in enumerate(groups):
                    style = nested(place, len(groups)) if mode == "matched" else {}
                    _band(axes, group, kind, {**line_style(group.backend), **style})
                axes.set_title(f"{brief(names[case.label], 24)}, {kind}")
                axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
                axes.grid(axis="y")
        for axes in grid[-1]:
            axes.set_xlabel("epoch")
        canvas.supylabel(_axis(drawn), fontsize=9.5)
        legend(canvas, grid[0, 0])
        svg = to_svg(canvas)
    story = {
        "matched": "Equal models learn alike, and their lines then lie on one another.",
        "native": "Native models start elsewhere, so their lines may part.",
    }[mode]
    caption = f"The median over the seeds in the band from lowest to highest. {story}{shown(len(cases))}"
    said = "; ".join(_end(group) for case in drawn for group in _finished(run, case, mode))
    return Figure(
        f"losses-{mode}", f"Loss curves, {mode} mode", caption, f"Training loss in the last epoch: {said}.", svg
    )


def _axis(cases: Iterable[Case]) -> str:
    """Whatever else a course asks for, a penalty or another loss, is part of what was minimized."""
    return f"{'loss' if any(case.course for case in cases) else 'MSE'}, scaled units"


def _band(axes: Axes, group: Group, kind: str, style: dict[str, Any]) -> None:
    curves = _curves(group, kind)
    if not curves:
        return
    longest = max(map(len, curves))  # a seed that patience ended early stays where it ended
    values = np.array([[*one, *[one[-1]] * (longest - len(one))] for one in curves])  # (seeds, epochs)
    epochs = np.arange(1, longest + 1)
    axes.plot(epochs, np.median(values, axis=0), marker="o" if longest == 1 else "", **style)  # one is no line
    if len(curves) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(epochs, low, high, color=colour(group.backend), alpha=0.12, linewidth=0)


def progress(run: Run, comparisons: Comparisons) -> Figure | None:
    """Loss against seconds since the first step: what accuracy after how long, of backends that may be compared."""
    groups = [
        group
        for group in run.groups
        if group.mode == "matched"
        and group.outcomes
        and comparisons[group.case.label].backends[group.backend].comparable
    ]
    cases = list(dict.fromkeys(group.case.label for group in groups))
    if not groups:
        return None
    drawn, names = cases[:PANELS], names_apart(group.case for group in groups)
    columns = min(2, len(drawn))
    rows = -(-len(drawn) // columns)
    with styled("progress"):
        canvas = Canvas(figsize=(WIDTH, 0.6 + 2.3 * rows), layout="constrained")
        grid = canvas.subplots(rows, columns, sharey=True, squeeze=False)
        for axes, label in zip(grid.flat, drawn, strict=False):
            for group in (group for group in groups if group.case.label == label):
                for number, outcome in enumerate(group.outcomes.values()):
                    style = line_style(group.backend)
                    style |= {"label": None if number else style["label"], "marker": _alone(outcome)}
                    axes.plot(_clock(outcome), _loss(outcome), **style)
            axes.set_title(brief(names[label], 36))
            axes.set_xlim(left=0)
            axes.grid(axis="y")
        for axes in grid.flat[len(drawn) :]:
            axes.set_visible(False)
        canvas.supxlabel("seconds of training, compilation included", fontsize=9.5)
        canvas.supylabel(_axis([group.case for group in groups]), fontsize=9.5)
        legend(canvas, grid[0, 0])
        svg = to_svg(canvas)
    kind = "Validation" if any(_curves(group, "validation") for group in groups) else "Training"
    caption = (
        f"{kind} loss after each epoch, a line a seed. A line starts late where much is compiled.{shown(len(cases))}"
    )
    alt = f"{kind} loss against seconds, {', '.join(dict.fromkeys(backend_name(g.backend) for g in groups))}."
    return Figure("progress", "What accuracy after how many seconds", caption, alt, svg)


def _clock(outcome: Outcome) -> list[float]:
    """Seconds since the start of training, at the end of each epoch."""
    return [float(value) for value in outcome.times.first_step + np.cumsum(outcome.times.epochs)][: len(_loss(outcome))]


def _loss(outcome: Outcome) -> tuple[float, ...]:
    found = outcome.validation_losses or outcome.train_losses
    return found[: len(outcome.times.epochs)]


def _alone(outcome: Outcome) -> str:
    """A mark where there is one epoch, which is no line."""
    return "o" if len(_loss(outcome)) == 1 else ""


def _finished(run: Run, case: Case, mode: Mode) -> list[Group]:
    return [group for group in run.select(case, mode) if group.outcomes]


def _curves(group: Group, kind: str) -> list[tuple[float, ...]]:
    """One a seed; empty where the run has none of this kind."""
    return [found for outcome in group.outcomes.values() if (found := CURVES[kind](outcome))]


def _end(group: Group) -> str:
    found = over_seeds(group, lambda outcome: outcome.train_losses[-1] if outcome.train_losses else None)
    value = significant(found.median) if found else "unknown"
    return f"{backend_name(group.backend)}, {case_name(group.case)}, {value}"
