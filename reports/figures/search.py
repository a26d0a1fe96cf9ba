"""How fast a search finds something good: the lowest validation loss so far, by the number of trials."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from reports.analysis.search_results import Selection
from reports.figures.style import FAINT, WIDTH, Figure, legend, styled, to_svg
from reports.records import Replay
from reports.render.formats import per_cent, plural

SAMPLERS = {"grid": "the definition's order", "random": "random search", "tpe": "TPE"}
LINES: dict[str, tuple[str, Any]] = {
    "grid": ("#009E73", (0, (1.5, 1.5))),
    "random": ("#D55E00", (0, (6, 2))),
    "tpe": ("#0072B2", "solid"),
}


def best_so_far(found: Selection) -> Figure | None:
    """Of every sampler that was replayed; None without replays."""
    replays = found.run.found.replays if found.run.found else ()
    if not replays or not found.ranking:
        return None
    lowest = found.ranking[0].score
    with styled("search"):
        canvas = Canvas(figsize=(WIDTH, 3.4), layout="constrained")
        axes = canvas.subplots()
        trials = np.arange(1, len(replays[0].median) + 1)
        for replay in replays:
            colour, dashes = LINES.get(replay.sampler, ("#CC79A7", "dashdot"))
            name = SAMPLERS.get(replay.sampler, replay.sampler)
            middle = above(replay.median, lowest)
            axes.plot(trials, middle, drawstyle="steps-post", color=colour, linestyle=dashes, label=name)
            if len(replay.seeds) > 1:
                low, high = above(replay.lower, lowest), above(replay.upper, lowest)
                axes.fill_between(trials, low, high, step="post", color=colour, alpha=0.13, linewidth=0)
        axes.axhline(100 * found.search.near, color=FAINT, linewidth=0.9)
        axes.set_xlabel("trials")
        axes.set_ylabel("lowest validation loss so far,\n% above the lowest of all")
        axes.set_ylim(0, 1.1 * max(float(above(replay.upper, lowest)[1:].max()) for replay in replays))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.grid(axis="y")
        legend(canvas, axes)
        svg = to_svg(canvas)
    seeds = max(len(replay.seeds) for replay in replays)
    caption = (
        f"The median over {seeds} sampler seeds in the band of the middle half; the grey line is "
        f"{per_cent(found.search.near)} above the lowest. Played again on the recorded losses; the first trial may lie "
        "above the drawing."
    )
    said = "; ".join(f"{SAMPLERS.get(r.sampler, r.sampler)} {plural(_median(r), 'trial')}" for r in replays)
    alt = f"Median trials until within {per_cent(found.search.near)} of the lowest loss: {said}."
    return Figure("search", "What is found after how many trials", caption, alt, svg)


def above(scores: tuple[float, ...], lowest: float) -> np.ndarray:
    """Per cent above the lowest score, (trials,)."""
    return 100 * (np.array(scores) / lowest - 1)


def _median(replay: Replay) -> int:
    return round(float(np.median(replay.needed)))
