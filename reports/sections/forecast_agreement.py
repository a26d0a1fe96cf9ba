"""How closely the forecasts of matched models agree after training, and whether their errors are equivalent."""

from math import isfinite
from statistics import median

from reports.analysis.context import Context
from reports.analysis.intervals import coefficient_of_variation, tost_p, tost_required_n
from reports.analysis.run import Run, score_unit
from reports.analysis.speedup import EQUIVALENCE_MARGIN, CaseSpeedups, Speedup, Speedups
from reports.render.formats import SMALLEST, case_name, per_cent, probability, significant, squared, whole, within
from reports.render.page import Section, table_section
from reports.render.table import Cell, Table, TableColumn, numbers, tabulate, words

MARGIN = per_cent(EQUIVALENCE_MARGIN)
Pair = tuple[CaseSpeedups, Speedup]  # a model, and a backend compared with the reference backend


def section(context: Context) -> Section | None:
    table = agreement(context.run, context.speedups)
    return table_section(table) if table.rows else None


def agreement(run: Run, speedups: Speedups) -> Table:
    """A row for each model and backend that is compared with the reference backend."""
    unit = score_unit(run)
    columns: tuple[TableColumn[Pair], ...] = (
        words("model", lambda pair: case_name(pair[0].case)),
        words("backend", lambda pair: run.backend_name(pair[1].backend)),
        words("compared with", lambda pair: run.backend_name(pair[1].reference or "")),
        numbers("rounds", lambda pair: len(pair[1].seeds), form=whole),
        numbers("largest difference of a forecast", lambda pair: pair[1].forecast_difference, unit),
        TableColumn("largest difference of a test MSE", _largest),
        numbers(f"margin, ± {MARGIN} of the test MSE", _margin, squared(unit)),
        words("equivalent within the margin?", _equivalence),
    )
    pairs = [(case, speedup) for case in speedups.values() for speedup in case.equal]
    caption = (
        "Matched models of the same round. The last column says whether they also agree for other seeds than those of "
        "this run: yes if two one-sided t tests at 5 % show that the mean difference of the test MSE lies within "
        f"± {MARGIN} of the reference backend's test MSE. {_margin_and_seeds(speedups)}"
    )
    return tabulate("agreement", "Agreement of the forecasts", caption, columns, pairs)


def _largest(pair: Pair) -> Cell:
    largest = max(map(abs, pair[1].error_differences))
    return Cell(f"{'< ' if largest < SMALLEST else ''}{within(largest)}", largest)


def _margin(pair: Pair) -> float:
    return EQUIVALENCE_MARGIN * median(outcome.scores.mse for outcome in pair[1].reference_outcomes)


def _equivalence(pair: Pair) -> Cell:
    """Yes, or "not shown" with the number of rounds that would show it at the variation of these rounds."""
    differences = pair[1].error_differences
    p, needed = tost_p(differences, EQUIVALENCE_MARGIN), tost_required_n(differences, EQUIVALENCE_MARGIN)
    if p is None:
        return Cell("not testable", detail="needs at least 2 rounds", tone="muted")
    if p < 0.05:
        return Cell("yes", detail=probability(p), tone="good")
    more = f"needs about {needed} rounds" if needed else "more rounds would not help: the mean differs"
    return Cell("not shown", detail=f"{probability(p)}; {more}", tone="muted")


def _margin_and_seeds(speedups: Speedups) -> str:
    """The margin in relation to the variation of the reference backend's error over the seeds."""
    variations = [value for case in speedups.values() if (value := _variation_over_seeds(case)) is not None]
    if not variations:
        return f"The margin of {MARGIN} is a convention; one seed does not show how much a seed changes the error."
    ends = dict.fromkeys(f"{significant(value * 100, 2)} %" for value in (min(variations), max(variations)))
    by_model = ", depending on the model" if len(ends) > 1 else ""
    seeds = f"the standard deviation of the test MSE over the seeds is {' to '.join(ends)} of it{by_model}"
    if min(variations) > EQUIVALENCE_MARGIN:
        return f"The margin of {MARGIN} is smaller than the effect of the seed: {seeds}."
    return f"The margin of {MARGIN} is a convention; for comparison, {seeds}."


def _variation_over_seeds(case: CaseSpeedups) -> float | None:
    """The relative standard deviation of the reference backend's test MSE over its seeds."""
    reference = case.backends.get(case.reference or "")
    scores = [outcome.scores.mse for outcome in reference.outcomes] if reference and case.equal else []
    return coefficient_of_variation(scores) if len(scores) > 1 and all(map(isfinite, scores)) else None
