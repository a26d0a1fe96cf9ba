"""Figures of forecasts: against the truth with what is left over, and the error by horizon."""

from datetime import datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from reports.analysis.run import Group, Run
from reports.figures.style import (
    FAINT,
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
from reports.records import Case, Data
from reports.render.formats import backend_name, case_name, four_digits, plural

STRETCH = 104  # test windows shown at most, the last ones: more would hide one line behind another


def forecasts(run: Run) -> tuple[Figure, ...]:
    """A figure a case, of the seed that most backends have finished."""
    found = [_one(run, case) for case in run.manifest.cases[:PANELS]]
    return tuple(figure for figure in found if figure)


def _one(run: Run, case: Case) -> Figure | None:
    groups = [group for group in run.select(case, run.mode_of(case)) if group.outcomes]
    if not groups:
        return None
    data = run.data(case)
    seed = max(run.seeds, key=lambda seed: sum(seed in group.outcomes for group in groups))
    drawn = [(group, group.outcomes[seed]) for group in groups if seed in group.outcomes]
    name = f"forecast-{run.manifest.cases.index(case) + 1}"
    with styled(name):
        canvas = Canvas(figsize=(WIDTH, 4.3), layout="constrained")
        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(1.7, 1))
        times = _times(data.test_times)[-STRETCH:]
        truth = _first_step(data.test_truth)
        upper.plot(times, truth, color=INK, linewidth=5, alpha=0.3, label="truth")
        for place, (group, outcome) in enumerate(drawn):
            style = {**line_style(group.backend), **nested(place, len(drawn), step=1.0)}
            forecast = _first_step(outcome.predictions)
            upper.plot(times, forecast, **style)
            lower.plot(times, forecast - truth, **style)
        if run.targets(case) == 1:  # its RMSE is over all targets, and only the first is drawn
            _persistence_band(lower, data)
        upper.set_title(_axis(data.title, data.unit))
        lower.set_title(_axis("forecast − truth", data.unit))
        lower.axhline(0, color=FAINT, linewidth=0.8)
        lower.set_xlabel(brief(f"one point a {data.step}"))
        legend(canvas, upper)
        svg = to_svg(canvas)
    step = "" if data.horizon == 1 else f" one {data.step} ahead"
    band = "; the grey band is ± the RMSE of persistence" if run.targets(case) == 1 else ", for the first target"
    caption = (
        f"{case_name(case)}, {run.mode_of(case)} mode, seed {seed}: the last {plural(len(times), data.step)} of the "
        f"test part, forecast{step}. Below, what is left over{band}."
        f"{shown(len(run.manifest.cases))}"
    )
    errors = "; ".join(f"{backend_name(g.backend)} RMSE {four_digits(o.scores.rmse)} {data.unit}" for g, o in drawn)
    title = f"Forecast against truth, {case_name(case)}"
    return Figure(name, title, caption, f"Forecasts beside the truth; over the whole test part, {errors}.", svg)


def _persistence_band(axes: Axes, data: Data) -> None:
    rmse = next((baseline.scores.rmse for baseline in data.baselines if baseline.name == "persistence"), None)
    if rmse is not None:
        axes.axhspan(-rmse, rmse, color=FAINT, alpha=0.22, linewidth=0)


def _first_step(values: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """(N, H) to the last `STRETCH` values of the first step ahead."""
    return np.array([row[0] for row in values[-STRETCH:]])


def _times(texts: tuple[str, ...]) -> np.ndarray:
    """Dates where they are dates, else the places in the test part."""
    try:
        dates = [datetime.fromisoformat(text) for text in texts if not text.isdigit()]
    except ValueError:
        dates = []
    return np.array(dates, dtype="datetime64[s]") if len(dates) == len(texts) else np.arange(len(texts))


def _axis(label: str, unit: str) -> str:
    return brief(label) + (f", {brief(unit, 20)}" if unit else "")


def by_horizon(run: Run) -> Figure | None:
    """RMSE at each step ahead, the median over seeds; only where a forecast has several steps.

    Targets differ in unit, so each has a panel of its own and none is averaged with another.
    """
    cases = [case for case in run.manifest.cases if case.horizon > 1 and _any(run, case)]
    if not cases:
        return None
    panels = [(case, target) for case in cases for target in range(run.targets(case))]
    drawn = panels[:PANELS]
    with styled("horizon"):
        canvas = Canvas(figsize=(WIDTH, 0.6 + 2.1 * len(drawn)), layout="constrained")
        grid = canvas.subplots(len(drawn), 1, squeeze=False)[:, 0]
        for axes, (case, target) in zip(grid, drawn, strict=True):
            steps = np.arange(1, case.horizon + 1)
            groups = _any(run, case)
            for place, group in enumerate(groups):
                alike = nested(place, len(groups)) if run.mode_of(case) == "matched" else {}  # equal models err alike
                values = step_errors(run, group)[:, :, target]
                style = {**line_style(group.backend), **alike}
                axes.plot(steps, np.median(values, axis=0), marker="o", markersize=3, **style)
                low, high = values.min(axis=0), values.max(axis=0)
                axes.fill_between(steps, low, high, color=colour(group.backend), alpha=0.12, linewidth=0)
            several = f", target {target + 1}" if run.targets(case) > 1 else ""
            axes.set_title(brief(case_name(case)) + several)
            axes.set_ylim(bottom=0)
            axes.set_ylabel(_axis("RMSE", run.data(case).unit))
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            axes.grid(axis="y")
        grid[-1].set_xlabel("steps ahead")
        legend(canvas, grid[0])
        svg = to_svg(canvas)
    caption = f"Median over the seeds in the band from lowest to highest.{shown(len(panels), 'panels')}"
    return Figure("horizon", "Error by horizon", caption, "RMSE against steps ahead, a line a backend.", svg)


def step_errors(run: Run, group: Group) -> np.ndarray:
    """(seeds, H, targets) RMSE: a row of truth holds the targets of one step side by side."""
    truth = np.array(run.data(group.case).test_truth)
    errors = np.array([outcome.predictions for outcome in group.outcomes.values()]) - truth
    roots: np.ndarray = np.sqrt(np.mean(errors**2, axis=1))
    return roots.reshape(-1, group.case.horizon, run.targets(group.case))


def _any(run: Run, case: Case) -> list[Group]:
    return [group for group in run.select(case, run.mode_of(case)) if group.outcomes]
