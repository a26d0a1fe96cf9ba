"""Figures of forecasts: forecast and truth with their difference, and the error by horizon."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from reports.analysis.run import Group, Run
from reports.figures.style import (
    PANELS,
    WIDTH,
    Palette,
    brief,
    label_axes,
    legend,
    medians,
    nested,
    only_first,
    panels,
    styled,
    to_svg,
)
from reports.records import Case, Data
from reports.render.formats import case_name, four_digits, steps
from reports.render.page import FAINT, INK, Figure

STRETCH = 104  # the last test windows, at most so many, so that the lines stay apart


def forecasts(run: Run) -> tuple[Figure, ...]:
    """One figure per case, of the seed that most backends have finished."""
    figures = [_forecast(run, case) for case in run.manifest.cases[:PANELS]]
    return tuple(figure for figure in figures if figure)


def _forecast(run: Run, case: Case) -> Figure | None:
    groups = run.finished(case)
    if not groups:
        return None
    data = run.data(case)
    seed = max(run.seeds, key=lambda seed: sum(seed in group.outcomes for group in groups))
    drawn = [(group, group.outcomes[seed]) for group in groups if seed in group.outcomes]
    single_target = data.targets == 1
    palette, name = Palette.of(run), f"forecast-{run.manifest.cases.index(case) + 1}"
    with styled(name):
        canvas = Canvas(figsize=(WIDTH, 4.3), layout="constrained")
        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(1.7, 1))
        stretch = _stretch(data)
        times = _times(data.test_times)[-stretch:]
        truth = _first_step(data.test_truth, stretch)
        gaps = _gaps(times, data.step)
        spots = np.insert(times, gaps, times[gaps])
        upper.plot(spots, np.insert(truth, gaps, np.nan), color=INK, linewidth=5, alpha=0.3, label="truth")
        for place, (group, outcome) in enumerate(drawn):
            style = {**palette.line(group.backend), **nested(place, len(drawn), step=1.0)}
            forecast = _first_step(outcome.predictions, stretch)
            upper.plot(spots, np.insert(forecast, gaps, np.nan), **style)
            lower.plot(spots, np.insert(forecast - truth, gaps, np.nan), **style)
        if single_target:  # the RMSE covers all targets, and only the first is drawn
            _persistence_band(lower, data)
        upper.set_title(_with_unit(data.title, data.unit))
        lower.set_title(_with_unit("forecast − truth", data.unit))
        lower.axhline(0, color=FAINT, linewidth=0.8)
        lower.set_xlabel(brief(f"one point per {data.step}"))
        legend(canvas, upper)
        svg = to_svg(canvas)
    ahead = "" if data.horizon == 1 else f", forecast {steps(1, data.step).replace('1', 'one', 1)} ahead"
    shown = steps(len(times), data.step) if data.horizon == 1 else f"{len(times)} windows"
    of_series = f" of the series {data.groups[-1][0]}" if data.groups else ""
    band = "; the grey band is ± the RMSE of persistence" if single_target else " of the first target"
    ends = " Lines end where windows with a filled target are left out." if len(gaps) else ""
    caption = (
        f"{case_name(case)}, {run.mode_of(case)} mode, seed {seed}: the last {shown} of the "
        f"test part{of_series}{ahead}. The lower panel is the error{band}.{ends}{only_first(len(run.manifest.cases))}"
    )
    errors = "; ".join(
        f"{run.backend_name(g.backend)}: {four_digits(o.scores.rmse)} {data.unit}".strip() for g, o in drawn
    )
    alt = f"Lines of the truth, of each backend's forecast and of their difference. RMSE of the test part: {errors}."
    return Figure(name, f"Forecast and truth, {case_name(case)}", caption, alt, svg)


def _persistence_band(axes: Axes, data: Data) -> None:
    if persistence := data.baseline("persistence"):
        rmse = persistence.scores.rmse
        axes.axhspan(-rmse, rmse, color=FAINT, alpha=0.22, linewidth=0)


def _stretch(data: Data) -> int:
    """The number of stored windows that are drawn: the last ones, of several series those of the last."""
    if not data.groups:
        return STRETCH
    return max(1, min(STRETCH, data.groups[-1][1] // data.test_stride))


def _first_step(values: Sequence[tuple[float, ...]], stretch: int) -> np.ndarray:
    """(N, horizon × targets) to (at most `stretch`,): the first target one step ahead, the last windows."""
    return np.array([row[0] for row in values[-stretch:]])


def _times(texts: tuple[str, ...]) -> np.ndarray:
    """Dates if all texts are ISO dates, else row numbers of the test part."""
    try:
        dates = [datetime.fromisoformat(text) for text in texts if not text.isdigit()]
    except ValueError:
        dates = []
    return np.array(dates, dtype="datetime64[s]") if len(dates) == len(texts) else np.arange(len(texts))


def _gaps(times: np.ndarray, step: str) -> np.ndarray:
    """The places of windows before which others are left out, because a target of theirs was filled."""
    distances = np.diff(times)
    if len(distances) < 2:
        return np.empty(0, np.int64)
    usual = np.median(distances.astype(np.int64))
    weekend = 3.5 * 86_400 if step == "business day" else 0.5 * usual  # seconds
    return np.flatnonzero(distances.astype(np.int64) > usual + weekend) + 1


def _with_unit(label: str, unit: str) -> str:
    return brief(label) + (f", {brief(unit, 20)}" if unit else "")


def error_by_horizon(run: Run) -> Figure | None:
    """RMSE at each step ahead, the median over the seeds; None if all forecasts have one step.

    Targets differ in unit, so each has its own panel.
    """
    cases = [case for case in run.manifest.cases if case.horizon > 1 and run.finished(case)]
    if not cases:
        return None
    pairs = [(case, target) for case in cases for target in range(run.data(case).targets)]
    drawn = pairs[:PANELS]
    palette = Palette.of(run)
    with styled("horizon"):
        canvas, grid = panels(len(drawn), 1, 2.1)
        for axes, (case, target) in zip(grid, drawn, strict=True):
            _draw_errors(axes, run, case, target, palette)
        label_axes(canvas, "steps ahead")
        legend(canvas, grid[0])
        svg = to_svg(canvas)
    shown = medians((group for case, _ in drawn for group in run.finished(case)), "; the band is the range")
    caption = f"{shown}{only_first(len(pairs), 'panels')}"
    alt = "Lines of the RMSE against the number of steps ahead, one per backend."
    return Figure("horizon", "Error by horizon", caption, alt, svg)


def _draw_errors(axes: Axes, run: Run, case: Case, target: int, palette: Palette) -> None:
    steps, groups = np.arange(1, case.horizon + 1), run.finished(case)
    for place, group in enumerate(groups):
        style = nested(place, len(groups)) if run.mode_of(case) == "matched" else {}  # equal models have equal errors
        errors = step_errors(run, group)[:, :, target]
        axes.plot(
            steps, np.median(errors, axis=0), marker="o", markersize=3, **{**palette.line(group.backend), **style}
        )
        low, high = errors.min(axis=0), errors.max(axis=0)
        axes.fill_between(steps, low, high, color=palette.colour(group.backend), alpha=0.12, linewidth=0)
    several = f", target {target + 1}" if run.data(case).targets > 1 else ""
    axes.set_title(brief(case_name(case)) + several)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(_with_unit("RMSE", run.data(case).unit))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(axis="y")


def step_errors(run: Run, group: Group) -> np.ndarray:
    """RMSE by seed, step ahead and target, (seeds, horizon, targets).

    A row of truth has the targets of the first step, then those of the second, and so on.
    """
    truth = np.array(run.data(group.case).test_truth)
    errors = np.array([outcome.predictions for outcome in group.outcomes.values()]) - truth
    roots: np.ndarray = np.sqrt(np.mean(errors**2, axis=1))
    return roots.reshape(-1, group.case.horizon, group.data.targets)
