"""The critical-difference diagram: mean ranks over several series, joined where they cannot be told apart."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from reports.analysis.ranking import Ranking
from reports.figures.style import COLOURS, FAINT, INK, WIDTH, Figure, brief, colour, styled, to_svg
from reports.render.formats import backend_name, significant

LONGEST = 34  # letters of a method's name
LINE = 0.27  # inches a line of the diagram
CEILING = 1.9  # lines from the axis up to the critical difference: the ticks' labels stand in between


def ranks(ranking: Ranking) -> Figure | None:
    """After Demšar (2006); only where there are enough series for Friedman's test to tell anything."""
    if not ranking.enough:
        return None
    from scikit_posthocs import critical_difference_diagram  # half a second, which other runs need not wait for

    keys = list(range(len(ranking.methods)))  # names may be alike once they are cut
    tones = {backend_name(backend): colour(backend) for backend in COLOURS}  # a model has none of its own
    with styled(f"ranks-{ranking.name}"):
        canvas = Canvas(layout="constrained")
        axes = canvas.subplots()
        drawn = critical_difference_diagram(
            pd.Series(ranking.mean_ranks, index=keys),
            _alike(ranking),
            ax=axes,
            label_fmt_left="{label}",
            label_fmt_right="{label}",
            color_palette={key: tones.get(ranking.methods[key], INK) for key in keys},
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
        _scale(axes, ranking)
        canvas.set_size_inches(WIDTH, LINE * float(np.ptp(axes.get_ylim())) + 0.1)
        svg = to_svg(canvas)
    caption = (
        "Mean rank over the series, 1 is the best. A bar joins those that lie closer than the critical difference of "
        f"{significant(ranking.critical)} (Nemenyi's test at 5 %)."
    )
    told = "; ".join(f"{ranking.methods[place]} {significant(ranking.mean_ranks[place])}" for place in ranking.order)
    title = f"{ranking.noun.capitalize()} over several series, by {ranking.by}"
    return Figure(f"ranks-{ranking.name}", title, caption, f"Mean ranks: {told}.", svg)


def _alike(ranking: Ranking) -> pd.DataFrame:
    """(methods, methods), as the diagram takes it: p-values of which only the side of the bound counts."""
    keys = range(len(ranking.methods))
    return pd.DataFrame([[0.0 if ranking.apart(one, other) else 1.0 for other in keys] for one in keys])


def _scale(axes: Axes, ranking: Ranking) -> None:
    """The axis of ranks from 1 to the number of methods, and above it how far apart two must lie."""
    axes.spines["top"].set_visible(True)
    axes.set_xlim(1, len(ranking.methods))
    axes.set_ylim(axes.dataLim.y0 - 0.5, CEILING + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    far = 1 + ranking.critical
    axes.plot([1, far], [CEILING, CEILING], color=INK, marker="|", markersize=7, clip_on=False)
    words = f"critical difference {significant(ranking.critical)}"
    axes.annotate(words, (far, CEILING), (6, 0), textcoords="offset points", va="center", annotation_clip=False)
