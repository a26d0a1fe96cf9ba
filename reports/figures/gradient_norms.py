"""Norms of the loss's gradient by the state, against the lag: how far back gradients reach."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.analysis.run import Group, Run, unique
from reports.figures.style import PANELS, Palette, brief, label_axes, only_first, panels, styled, to_svg
from reports.records import Outcome
from reports.render.formats import case_name, listed, sentence, within
from reports.render.page import INK, Figure

VANISHED = 0.01  # share of the norm at lag 0 below which a gradient counts as vanished
# Tol (2021), "bright": colours of models, distinguishable for colour-blind readers and different from the backends'.
HUES = ("#4477AA", "#EE6677", "#228833", "#AA3377", "#CCBB44", "#66CCEE")
MARKERS = ("o", "s", "^", "D", "v", "P")
ALIKE = 0.05  # relative difference below which two lines overlap on any scale
Norms = np.ndarray


@dataclass(frozen=True)
class Line:
    """One recurrent layer of one case: medians over the seeds and, if they agree, over the backends."""

    name: str
    label: str  # without what the title of the panel says
    hue: str
    before: Norms  # (lags,), before training
    after: Norms


@dataclass(frozen=True)
class Panel:
    title: str
    lines: tuple[Line, ...]


def gradient_norms(run: Run) -> Figure | None:
    """Norms against the lag on a log scale: a line per model if the backends agree, else a panel per model."""
    groups = [group for group in run.leading if _measured(group)]
    if not groups:
        return None
    difference, palette = _largest_difference(groups), Palette.of(run)
    grouped = list(_by_model(groups) if difference <= ALIKE else _by_backend(groups, palette))
    drawn = grouped[:PANELS]
    columns = min(2, len(drawn))
    with styled("gradient-norms"):
        canvas, grid = panels(len(drawn), columns, 3.4 if columns == 1 else 2.7, sharey=True)
        for axes, panel in zip(grid, drawn, strict=True):
            _draw(axes, panel)
        label_axes(canvas, "lag: steps before the last", "norm of the loss's gradient by the state")
        svg = to_svg(canvas)
    lines = [line for panel in drawn for line in panel.lines]
    caption = (
        f"Norms over batch and units of the first batch, {groups[0].mode} mode; dashed before training, solid after "
        f"training. {_agreement(groups, difference)} "
        f"{_reaches(lines, 'after')}{only_first(len(grouped), 'panels')}"
    )
    alt = f"Norm of the gradient against the lag. {_reaches(lines, 'before')} {_reaches(lines, 'after')}"
    return Figure("gradient-norms", "How far back gradients reach", caption, alt, svg)


def vanished(norms: np.ndarray) -> int | None:
    """The first lag from which all norms (lags,) are below `VANISHED` of the norm at lag 0.

    None if there is no such lag, or if a norm is not finite or the first one is 0.
    """
    if not np.all(np.isfinite(norms)) or norms[0] == 0:
        return None
    left = norms > VANISHED * norms[0]
    return int(np.flatnonzero(left)[-1]) + 1 if not left[-1] else None


def _measured(group: Group) -> list[Outcome]:
    return [
        outcome for outcome in group.outcomes.values() if outcome.gradient_norms_before and outcome.gradient_norms_after
    ]


def _largest_difference(groups: Sequence[Group]) -> float:
    """The largest relative difference between two backends' norms of the same case, layer, seed and lag."""
    differences = [0.0]
    rounds: dict[tuple[str, int], list[Outcome]] = {}
    for group in groups:
        for seed, outcome in group.outcomes.items():
            if outcome.gradient_norms_before and outcome.gradient_norms_after:
                rounds.setdefault((group.case.label, seed), []).append(outcome)
    for outcomes in rounds.values():
        for layer in outcomes[0].gradient_norms_after or ():
            for kind in ("gradient_norms_before", "gradient_norms_after"):
                differences.append(_relative_range(np.array([getattr(outcome, kind)[layer] for outcome in outcomes])))
    return max(differences)


def _relative_range(norms: Norms) -> float:
    """The largest relative range over the backends of (backends, lags); 1 if a norm is finite in some of them only."""
    finite = np.isfinite(norms)
    if np.any(finite.any(axis=0) != finite.all(axis=0)):
        return 1.0
    high, low = norms.max(axis=0), norms.min(axis=0)
    return float(np.max(np.divide(high - low, high, out=np.zeros_like(high), where=high > 0)))


def _by_model(groups: Sequence[Group]) -> Iterator[Panel]:
    """Cases with one recurrent layer share panels, at most `HUES` per panel; any other case has its own panel."""
    labels = unique(group.case.label for group in groups)
    members = [[group for group in groups if group.case.label == label] for label in labels]
    single = [member for member in members if len(_layers(member[0])) == 1]
    for start in range(0, len(single), len(HUES)):
        part = single[start : start + len(HUES)]
        lines = [_line(member, _layers(member[0])[0], case_name(member[0].case)) for member in part]
        title = "models with one recurrent layer" if len(lines) > 1 else lines[0].label
        yield Panel(title, _coloured(lines))
    for member in members:
        if member not in single:
            lines = [_line(member, layer, _layer_name(member[0], layer)) for layer in _layers(member[0])]
            yield Panel(case_name(member[0].case), _coloured(lines[: len(HUES)]))


def _by_backend(groups: Sequence[Group], palette: Palette) -> Iterator[Panel]:
    """A panel per case and recurrent layer, a line per backend."""
    for label in unique(group.case.label for group in groups):
        members = [group for group in groups if group.case.label == label]
        first, layers = members[0], _layers(members[0])
        for layer in layers:
            lines = (
                _line([group], layer, palette.name(group.backend), palette.colour(group.backend)) for group in members
            )
            several = f", {_layer_name(first, layer)}" if len(layers) > 1 else ""
            yield Panel(case_name(first.case) + several, tuple(lines))


def _layers(group: Group) -> list[str]:
    return list(_measured(group)[0].gradient_norms_after or ())


def _layer_name(group: Group, layer: str) -> str:
    """The name of a recorded layer: "2.backward" gives "layer 3, lstm 6, backward"."""
    place, _, direction = layer.partition(".")
    layers = group.case.architecture
    kind = layers[int(place)].partition(",")[0] if int(place) < len(layers) else ""
    direction = direction or ("forward" if f"{place}.backward" in _layers(group) else "")
    return ", ".join(filter(None, (f"layer {int(place) + 1}", kind, direction)))


def _line(groups: Sequence[Group], layer: str, label: str, hue: str = "") -> Line:
    outcomes = [outcome for group in groups for outcome in _measured(group)]
    before, after = (
        np.median([getattr(outcome, kind)[layer] for outcome in outcomes], axis=0)
        for kind in ("gradient_norms_before", "gradient_norms_after")
    )
    case = case_name(groups[0].case)
    return Line(case if label == case else f"{case}, {label}", label, hue, before, after)


def _coloured(lines: Sequence[Line]) -> tuple[Line, ...]:
    return tuple(replace(line, hue=hue) for line, hue in zip(lines, HUES, strict=False))


def _draw(axes: Axes, panel: Panel) -> None:
    for line, marker in zip(panel.lines, MARKERS, strict=False):
        lags = np.arange(len(line.after))
        every = max(1, len(lags) // 8)
        label = brief(line.label, 32)
        axes.plot(lags, _positive(line.before), color=line.hue, linestyle=(0, (4, 2)), linewidth=1.0)
        axes.plot(lags, _positive(line.after), color=line.hue, label=label, marker=marker, markevery=every, ms=4)
    axes.plot([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.0, label="before training")
    axes.set_title(brief(panel.title, 44))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("e-0", "e-")))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(axis="y")
    axes.legend(loc="lower left", fontsize=8.5)


def _positive(norms: Norms) -> Norms:
    """The norms with NaN for those that a log scale cannot show: 0 and values that are not finite."""
    return np.where(np.isfinite(norms) & (norms > 0), norms, np.nan)


def _agreement(groups: Sequence[Group], difference: float) -> str:
    """Which backends were measured, and how much they differ."""
    names = unique(group.backend_phrase for group in groups)
    if len(names) == 1:
        return f"Measured in {names[0]}."
    if difference <= ALIKE:
        return f"A line is the median over {listed(names)}, which agree within {within(difference)} at every lag."
    return sentence(f"{listed(names)} differ by up to {within(difference)} at a lag, so each has its own line")


def _reaches(lines: Sequence[Line], when: str) -> str:
    """The lag of each line from which on less than 1 % of the norm at lag 0 is left."""
    parts = [f"{line.name} {_reach(line.before if when == 'before' else line.after)}" for line in lines]
    return f"{when.capitalize()} training, less than 1 % of the norm at lag 0 is left: {'; '.join(parts)}."


def _reach(norms: Norms) -> str:
    if not np.all(np.isfinite(norms)):
        return "unknown, not finite"
    if norms[0] == 0:
        return "unknown, 0 at lag 0"
    if (norms > VANISHED * norms[0]).all():
        return f"at none of the {len(norms)} lags"
    lag = vanished(norms)
    return "at some lags, but not at the last" if lag is None else f"from lag {lag} onwards"
