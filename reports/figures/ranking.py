"""The critical-difference diagram: mean ranks over several series, joined where the difference is not significant."""

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from reports.analysis.ranking import Ranking
from reports.analysis.run import Run
from reports.figures.style import WIDTH, Palette, brief, styled, to_svg
from reports.render.formats import significant
from reports.render.page import FAINT, INK, Figure

LONGEST = 34  # characters of a method's name
LINE = 0.27  # inches per line of the diagram


def mean_ranks(run: Run, ranking: Ranking) -> Figure | None:
    """The diagram of Demšar (2006); None if the series are too few for Friedman's test to find a difference."""
    if not ranking.enough:
        return None
    import pandas as pd  # both take half a second and 64 MiB, so only on use
    from scikit_posthocs import critical_difference_diagram

    keys = list(range(len(ranking.methods)))  # shortened names may be equal
    palette = Palette.of(run)
    colours = {palette.name(backend): palette.colour(backend) for backend in run.backends}  # models have no colour
    with styled(f"ranks-{ranking.name}"):
        canvas = Canvas(layout="constrained")
        axes = canvas.subplots()
        drawn = critical_difference_diagram(
            pd.Series(ranking.mean_ranks, index=keys),
            pd.DataFrame(_p_values(ranking)),
            ax=axes,
            label_fmt_left="{label}",
            label_fmt_right="{label}",
            color_palette={key: colours.get(ranking.methods[key], INK) for key in keys},
            crossbar_props={"color": FAINT, "linewidth": 5, "solid_capstyle": "butt", "zorder": 1},
            elbow_props={"linewidth": 1.2},
            text_h_margin=0.015 * (len(keys) - 1),
        )
        for mark in (*drawn["markers"], *drawn["elbows"]):
            mark.set_clip_on(False)
        for label in drawn["labels"]:
            key = int(label.get_text())
            label.set_text(f"{brief(ranking.methods[key], LONGEST)}  {significant(ranking.mean_ranks[key])}")
            label.set_color(INK)
        axes.spines["top"].set_visible(True)
        axes.set_xlim(1, len(keys))
        axes.set_ylim(axes.dataLim.y0 - 0.5, 0.6)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        canvas.set_size_inches(WIDTH, LINE * float(np.ptp(axes.get_ylim())) + 0.3)
        svg = to_svg(canvas)
    caption = (
        "Mean rank over the series; 1 is the best. A bar joins methods whose difference is not significant (pairwise "
        "Wilcoxon signed-rank tests with Holm's correction, at 5 %)."
    )
    numbers = "; ".join(f"{ranking.methods[key]} {significant(ranking.mean_ranks[key])}" for key in ranking.order)
    title = f"{ranking.noun.capitalize()} over several series, by {ranking.by}"
    return Figure(f"ranks-{ranking.name}", title, caption, f"Mean ranks, best first: {numbers}.", svg)


def _p_values(ranking: Ranking) -> np.ndarray:
    """(methods, methods): 1 where two methods are not shown to differ, else 0; the diagram needs no more."""
    keys = range(len(ranking.methods))
    return np.array([[0.0 if ranking.apart(first, second) else 1.0 for second in keys] for first in keys])
