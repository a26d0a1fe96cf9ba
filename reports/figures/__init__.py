"""Figures of the reports: a function per figure, which returns None if the run lacks the data.

<<<<<<< HEAD
from reports.analysis.ranking import rankings
from reports.analysis.run import Run
from reports.analysis.search_results import Selection
from reports.analysis.speedup import Comparisons
from reports.figures.fastest_by_setting import winners
from reports.figures.forecast import by_horizon, forecasts
from reports.figures.gradient_norms import flow
from reports.figures.learning import losses, progress
from reports.figures.parameters import parameters
from reports.figures.peak import peak
from reports.figures.ranking import ranks
from reports.figures.scaling import scaling
from reports.figures.search import best_so_far
from reports.figures.speed import parts, ratios
from reports.figures.style import Figure

__all__ = ["Figure", "draw"]


def draw(run: Run, comparisons: Comparisons, searched: Selection | None = None) -> tuple[Figure, ...]:
    """searched: where the run is a search in which nothing was timed."""
    found = (
        best_so_far(searched) if searched else None,
        *map(ranks, rankings(run, comparisons)),
        ratios(comparisons),
        None if searched else parts(run),
        None if searched else peak(run),
        progress(run, comparisons),
        *scaling(run, comparisons),
        winners(run, comparisons),
        *forecasts(run),
        by_horizon(run),
        *(losses(run, mode) for mode in run.modes),
        flow(run),
        None if searched else parameters(run),
    )
    return tuple(figure for figure in found if figure)
=======
`style` has what all figures share: colours of the backends, grids of panels and the SVG output.
Figures take numbers from `reports.analysis`; the pages choose and order them.
"""
>>>>>>> 680d055 (Figures: colours from the order of the backends, one panels helper, no figures that repeat a table, plain words)
