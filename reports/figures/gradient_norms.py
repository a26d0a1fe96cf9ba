"""Gradient flow: how far back the loss' gradient reaches, before and after training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.analysis.run import Group, Run
from reports.figures.style import INK, PANELS, WIDTH, Figure, brief, colour, shown, styled, to_svg
from reports.records import Outcome
from reports.render.formats import backend_name, case_name, listed, within

FALLEN = 0.01  # of the norm at lag 0: what is left of a gradient that has as good as vanished
# Tol (2021), "bright": told apart by colour-blind readers. Models are no frameworks, so they have hues of their own.
HUES = ("#4477AA", "#EE6677", "#228833", "#AA3377", "#CCBB44", "#66CCEE")
MARKS = ("o", "s", "^", "D", "v", "P")
ALIKE = 0.05  # relative difference below which two lines lie on one another, whichever scale is drawn
Norms = np.ndarray


@dataclass(frozen=True)
class Line:
    """One recurrent layer of one case; over the seeds and, where they agree, over the backends."""

    name: str
    label: str  # in a panel whose title says the rest
    hue: str
    before: Norms  # (lags,)
    after: Norms


@dataclass(frozen=True)
class Panel:
    title: str
    lines: tuple[Line, ...]


def flow(run: Run) -> Figure | None:
    """Norms against the lag on a log scale: a line a model where backends agree, else a panel a model."""
    groups = [group for group in run.leading if _measured(group)]
    if not groups:
        return None
    apart = _apart(groups)
    panels = list(_by_model(groups) if apart <= ALIKE else _by_backend(groups))
    drawn = panels[:PANELS]
    columns = min(2, len(drawn))
    rows = -(-len(drawn) // columns)
    with styled("flow"):
        canvas = Canvas(figsize=(WIDTH, 0.6 + (3.4 if columns == 1 else 2.7) * rows), layout="constrained")
        grid = canvas.subplots(rows, columns, sharey=True, squeeze=False)
        for axes, panel in zip(grid.flat, drawn, strict=False):
            _draw(axes, panel)
        for axes in grid.flat[len(drawn) :]:
            axes.set_visible(False)
        canvas.supxlabel("lag, steps before the last", fontsize=9.5)
        canvas.supylabel("norm of the loss' gradient by the state", fontsize=9.5)
        svg = to_svg(canvas)
    lines = [line for panel in drawn for line in panel.lines]
    left_out = shown(len(panels), "panels")
    caption = (
        f"Over batch and units, on the first batch, {groups[0].mode} mode, dashed before training and solid after it. "
        f"{_backends(groups, apart)} {_finding(lines, 'after')}{left_out}"
    )
    alt = f"Norm of the gradient against the lag. {_finding(lines, 'before')} {_finding(lines, 'after')}"
    return Figure("flow", "How far back gradients reach", caption, alt, svg)


def _measured(group: Group) -> list[Outcome]:
    return [outcome for outcome in group.outcomes.values() if outcome.flow_before and outcome.flow_after]


def _apart(groups: Sequence[Group]) -> float:
    """The largest relative difference between two backends' norms of the same case, layer, seed and lag."""
    found = [0.0]
    rounds: dict[tuple[str, int], list[Outcome]] = {}
    for group in groups:
        for seed, outcome in group.outcomes.items():
            if outcome.flow_before and outcome.flow_after:
                rounds.setdefault((group.case.label, seed), []).append(outcome)
    for outcomes in rounds.values():
        for layer in outcomes[0].flow_after or ():
            for kind in ("flow_before", "flow_after"):
                found.append(_spread(np.array([getattr(outcome, kind)[layer] for outcome in outcomes])))
    return max(found)


def _spread(norms: Norms) -> float:
    """Of (backends, lags); as far apart as can be where a norm is finite in some backends alone."""
    finite = np.isfinite(norms)
    if np.any(finite.any(axis=0) != finite.all(axis=0)):
        return 1.0
    high, low = norms.max(axis=0), norms.min(axis=0)
    return float(np.max(np.divide(high - low, high, out=np.zeros_like(high), where=high > 0)))


def _by_model(groups: Sequence[Group]) -> Iterator[Panel]:
    """All cases of one recurrent layer together, as far as there are hues; a case of several has its own panel."""
    cases = list(dict.fromkeys(group.case.label for group in groups))
    members = [[group for group in groups if group.case.label == label] for label in cases]
    single = [mine for mine in members if len(_layers(mine[0])) == 1]
    for start in range(0, len(single), len(HUES)):
        part = single[start : start + len(HUES)]
        lines = [_line(mine, _layers(mine[0])[0], case_name(mine[0].case)) for mine in part]
        title = "models of one recurrent layer" if len(lines) > 1 else lines[0].label
        yield Panel(title, _coloured(lines))
    for mine in members:
        if mine not in single:
            lines = [_line(mine, layer, _layer_name(mine[0], layer)) for layer in _layers(mine[0])]
            yield Panel(case_name(mine[0].case), _coloured(lines[: len(HUES)]))


def _by_backend(groups: Sequence[Group]) -> Iterator[Panel]:
    """A panel a case and recurrent layer, a line a backend in its own colour."""
    for label in dict.fromkeys(group.case.label for group in groups):
        mine = [group for group in groups if group.case.label == label]
        for layer in _layers(mine[0]):
            lines = (_line([group], layer, backend_name(group.backend), colour(group.backend)) for group in mine)
            several = f", {_layer_name(mine[0], layer)}" if len(_layers(mine[0])) > 1 else ""
            yield Panel(case_name(mine[0].case) + several, tuple(lines))


def _layers(group: Group) -> list[str]:
    return list(_measured(group)[0].flow_after or ())


def _layer_name(group: Group, layer: str) -> str:
    """Of "2.backward": "layer 3, lstm 6, backward"."""
    place, _, direction = layer.partition(".")
    layers = group.case.architecture
    words = layers[int(place)].partition(",")[0] if int(place) < len(layers) else ""
    turned = direction or ("forward" if f"{place}.backward" in _layers(group) else "")
    return ", ".join(filter(None, (f"layer {int(place) + 1}", words, turned)))


def _line(groups: Sequence[Group], layer: str, label: str, hue: str = "") -> Line:
    outcomes = [outcome for group in groups for outcome in _measured(group)]
    before, after = (
        np.median([getattr(outcome, kind)[layer] for outcome in outcomes], axis=0)
        for kind in ("flow_before", "flow_after")
    )
    case = case_name(groups[0].case)
    return Line(case if label == case else f"{case}, {label}", label, hue, before, after)


def _coloured(lines: Sequence[Line]) -> tuple[Line, ...]:
    return tuple(
        Line(line.name, line.label, hue, line.before, line.after) for line, hue in zip(lines, HUES, strict=False)
    )


def _draw(axes: Axes, panel: Panel) -> None:
    for line, mark in zip(panel.lines, MARKS, strict=False):
        lags = np.arange(len(line.after))
        every = max(1, len(lags) // 8)
        axes.plot(lags, _positive(line.before), color=line.hue, linestyle=(0, (4, 2)), linewidth=1.0)
        axes.plot(
            lags, _positive(line.after), color=line.hue, label=brief(line.label, 32), marker=mark, markevery=every, ms=4
        )
    axes.plot([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.0, label="before training")
    axes.set_title(brief(panel.title, 44))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("e-0", "e-")))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(axis="y")
    axes.legend(loc="lower left", fontsize=8.5)


def _positive(norms: Norms) -> Norms:
    """A log scale has no place for a norm of 0, nor for one that is not finite."""
    return np.where(np.isfinite(norms) & (norms > 0), norms, np.nan)


def _backends(groups: Sequence[Group], apart: float) -> str:
    """Whose lines are drawn, and how far they lie apart."""
    names = list(dict.fromkeys(backend_name(group.backend) for group in groups))
    if len(names) == 1:
        return f"Measured in {names[0]}."
    if apart <= ALIKE:
        return f"A line stands for {listed(names)}, which agree within {within(apart)} at every lag."
    return f"{listed(names)} differ by up to {within(apart)} at a lag, so each has its line."


def _finding(lines: Sequence[Line], when: str) -> str:
    """From which lag on less than 1 % of the norm at lag 0 is left, of every line."""
    told = [f"{line.name} {_reach(line.before if when == 'before' else line.after)}" for line in lines]
    return f"{when.capitalize()} training, less than 1 % of the norm at lag 0 is left: {'; '.join(told)}."


def _reach(norms: Norms) -> str:
    if not np.all(np.isfinite(norms)):
        return "unknown, not finite"
    if norms[0] == 0:
        return "unknown, it is 0 at lag 0"
    if (norms > FALLEN * norms[0]).all():
        return f"at none of the {len(norms)} lags"
    lag = vanished(norms)
    return "only in between" if lag is None else f"from lag {lag} on"


def vanished(norms: np.ndarray) -> int | None:
    """The lag from which on as good as nothing is left, of (lags,); None where that is not so, or not known."""
    if not np.all(np.isfinite(norms)) or norms[0] == 0:
        return None
    left = norms > FALLEN * norms[0]
    return int(np.flatnonzero(left)[-1]) + 1 if not left[-1] else None
