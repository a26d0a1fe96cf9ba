"""Whether equal models forecast alike after training: differences within each round, and tests of equivalence."""

from math import isfinite
from statistics import median

from reports.analysis.intervals import coefficient_of_variation, tost_p, tost_required_n
from reports.analysis.run import Run, score_unit
from reports.analysis.speedup import EQUIVALENCE_MARGIN, CaseSpeedups, Speedup, Speedups
from reports.render.formats import backend_name, case_name, per_cent, probability, significant, squared, whole, within
from reports.render.page import Section, table_section
from reports.render.table import Cell, Column, Table, number, row, text
from reports.sections.context import Context


def agreement(run: Run, comparisons: Speedups) -> Table:
    """How closely the forecasts of equal models agree after training, each with the reference's."""
    unit = score_unit(run)
    columns = (
        *map(text, ("model", "backend", "against")),
        Column("rounds"),
        Column("largest difference of a forecast", unit),
        Column("largest difference of a test MSE"),
        Column(f"margin, ± {per_cent(EQUIVALENCE_MARGIN)} of a test MSE", squared(unit)),
        text("test MSE the same within the margin?"),
    )
    rows = tuple(
        row(
            Cell(case_name(comparison.case)),
            Cell(backend_name(rival.backend)),
            Cell(backend_name(rival.reference or "")),
            number(len(rival.seeds), whole),
            number(rival.forecast_difference),
            Cell(within(largest), largest),
            number(EQUIVALENCE_MARGIN * median(outcome.scores.mse for outcome in rival.reference_outcomes)),
            _equivalence(rival),
        )
        for comparison in comparisons.values()
        for rival in comparison.compared
        for largest in [max(map(abs, rival.error_differences))]
    )
    caption = (
        "In matched mode, within each round. The last column is a statement about other seeds too, by two one-sided t "
        f"tests at 5 % that the mean difference of the test MSE lies within ± {per_cent(EQUIVALENCE_MARGIN)} of the "
        f"reference's. {_why(comparisons)}"
    )
    return Table("agreement", "How closely the forecasts agree", caption, columns, rows)


def _equivalence(rival: Speedup) -> Cell:
    """The verdict; where it is open, how many rounds would settle it at the spread that was seen."""
    p, needed = (
        tost_p(rival.error_differences, EQUIVALENCE_MARGIN),
        tost_required_n(rival.error_differences, EQUIVALENCE_MARGIN),
    )
    if p is None:
        return Cell("one round cannot tell", detail="two could", tone="muted")
    if p < 0.05:
        return Cell("yes", detail=probability(p), tone="good")
    more = f"about {needed} rounds would" if needed else "no more rounds would: it is the mean that differs"
    return Cell("not shown", detail=f"{probability(p)}; {more}", tone="muted")


def _why(comparisons: Speedups) -> str:
    """What the margin is measured by: how much the seeds alone change the reference's error."""
    found = [value for comparison in comparisons.values() if (value := _seeds(comparison)) is not None]
    margin = per_cent(EQUIVALENCE_MARGIN)
    if not found:
        return f"The margin of {margin} is a convention: with one seed nothing says how much a seed changes."
    spans = list(dict.fromkeys(f"{significant(value * 100, 2)} %" for value in (min(found), max(found))))
    seen = f"the test MSE of one framework spreads by {' to '.join(spans)} from seed to seed"
    if min(found) > EQUIVALENCE_MARGIN:
        return f"The margin of {margin} is less than what a seed changes: {seen}."
    return f"The margin of {margin} is a convention, and no less than what a seed changes: {seen}."


def _seeds(comparison: CaseSpeedups) -> float | None:
    """The relative spread of the reference's test MSE over its seeds."""
    found = comparison.backends.get(comparison.reference or "")
    scores = [outcome.scores.mse for outcome in found.outcomes] if found and comparison.compared else []
    return coefficient_of_variation(scores) if len(scores) > 1 and all(map(isfinite, scores)) else None


def section(context: Context) -> Section | None:
    table = agreement(context.run, context.speedups)
    return table_section(table) if table.rows else None
