"""The test error from origin to origin, a line for each model."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from reports.analysis.metrics import headline_error, median_over_seeds, naive_errors
from reports.analysis.ranking import NAIVE
from reports.analysis.run import Run, configuration, score_unit
from reports.figures.style import COLOURS, DASHES, MARKERS, brief, legend, medians, panels, styled, to_svg
from reports.records import Case
from reports.render.page import INK, Figure

MOST = len(COLOURS)  # models that are drawn


def error_by_origin(run: Run) -> Figure | None:
    """The error of each model by its first finished backend, and of persistence; None for fewer than two origins."""
    cases = [case for case in run.manifest.cases if run.data(case).origin is not None and run.finished(case)]
    families: dict[str, list[Case]] = {}
    for case in cases:
        families.setdefault(configuration(run.manifest, case), []).append(case)
    models = {label: members for label, members in families.items() if len(members) > 1}
    if not models or len({run.data(case).series for case in cases}) > 1:
        return None
    drawn = dict(list(models.items())[:MOST])
    error = headline_error(run)
    unit = error.unit_in(score_unit(run))
    with styled("origins"):
        canvas, (axes,) = panels(1, 1, 2.6)
        first = next(iter(drawn.values()))
        naive = [naive_errors(run.data(case), error).get(NAIVE, np.nan) for case in first]
        axes.plot(_numbers(run, first), naive, color=INK, linestyle="dashed", linewidth=1, label=NAIVE)
        for place, members in enumerate(drawn.values()):
            name = run.model_name(members[0])
            intervals = [median_over_seeds(run.finished(case)[0], error) for case in members]
            low, middle, high = np.array([[i.low, i.estimate, i.high] if i else [np.nan] * 3 for i in intervals]).T
            colour, numbers = COLOURS[place], _numbers(run, members)
            style = {"linestyle": DASHES[place % len(DASHES)], "marker": MARKERS[place % len(MARKERS)]}
            axes.plot(numbers, middle, color=colour, markersize=4, label=brief(name, 40), **style)
            axes.fill_between(numbers, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("origin, in order of time")
        axes.set_ylabel(f"{error.label}, {brief(unit, 28)}" if unit else error.label)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        legend(canvas, axes)
        svg = to_svg(canvas)
    shown = medians(
        (run.finished(case)[0] for members in drawn.values() for case in members), "; the band is its limits"
    )
    left_out = f" Of {len(models)} models, the first {MOST} are drawn." if len(models) > MOST else ""
    alt = f"Lines of the {error.label} against the origin, one for each model and one for {NAIVE}."
    return Figure("origins", "Error by origin", f"{shown}{left_out}", alt, svg)


def _numbers(run: Run, cases: list[Case]) -> list[int]:
    return [origin.number for case in cases if (origin := run.data(case).origin)]
