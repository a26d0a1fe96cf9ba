"""A run over several series, ranked with tests of the differences; and the error from origin to origin."""

from dataclasses import dataclass
from math import inf

from reports.analysis.context import Context
from reports.analysis.forecasts.judgement import judged
from reports.analysis.intervals import median_interval
from reports.analysis.metrics import Metric, headline_error, median_over_seeds, naive_errors
from reports.analysis.ranking import LEVEL, NAIVE, Ranking
from reports.analysis.run import Group, Run, configuration
from reports.records import Case, Data
from reports.render.formats import four_digits, listed, probability, significant, whole
from reports.render.page import Section, table_section
from reports.render.table import Cell, Column, Row, Table, TableColumn, number, numbers, tabulate, text, words
from reports.sections.columns import interval_words, measured, scale


@dataclass(frozen=True)
class OriginRow:
    """The groups of one model at one origin, or at all of them, by backend."""

    model: str
    data: tuple[Data, ...]  # one for each origin of the row
    groups: dict[str, tuple[Group, ...]]


def origins_section(context: Context) -> Section | None:
    """The error by origin; None for a single split."""
    table = error_by_origin(context.run)
    return table_section(table) if table else None


def error_by_origin(run: Run) -> Table | None:
    """A row for each model and origin, and for each model a row with all of its origins."""
    models: dict[str, list[Case]] = {}
    for case in run.manifest.cases:
        if run.data(case).origin is not None:
            models.setdefault(configuration(run.manifest, case), []).append(case)
    if not models:
        return None
    rows = [row for cases in models.values() for row in _origin_rows(run, cases)]
    error = headline_error(run)
    _, unit, form = scale(error, run, ())

    def of_backend(backend: str) -> TableColumn[OriginRow]:
        def cell(row: OriginRow) -> Cell:
            groups = row.groups.get(backend, ())
            if len(groups) == 1:
                return measured(median_over_seeds(groups[0], error), form)
            medians = [interval.estimate for group in groups if (interval := median_over_seeds(group, error))]
            return measured(median_interval(medians), form)

        return TableColumn(run.backend_name(backend), cell, unit)

    def naive(row: OriginRow) -> Cell:
        errors = [naive_errors(data, error).get(NAIVE) for data in row.data]
        interval = median_interval([value for value in errors if value is not None])
        return measured(interval, form) if len(row.data) > 1 else number(errors[0], form)

    columns: tuple[TableColumn[OriginRow], ...] = (
        words("model", lambda row: row.model),
        words("origin", lambda row: _origin(row.data)),
        words("test part", lambda row: _period(row.data)),
        numbers("training windows", lambda row: row.data[0].train_windows if len(row.data) == 1 else None, form=whole),
        TableColumn(NAIVE, naive, unit),
        *(of_backend(backend) for backend in run.backends if any(backend in row.groups for row in rows)),
    )
    first = rows[0].data[0].origin
    assert first is not None
    training = (
        "grows from origin to origin" if first.training == "expanding" else "has equally many rows at each origin"
    )
    caption = (
        f"The test {error.label.removeprefix('test ')} at each origin, {interval_words(run.seed_counts)}. The training "
        f"part, on which the scaling is fitted too, ends before the validation and the test part of its origin and "
        f"{training}; the test parts do not overlap. A row of all origins has the median of its column over the "
        f"origins, with the 95 % interval from six origins on, else the range. {_wins(run, models, error)}"
    )
    return tabulate("origins", "Error by origin", caption, columns, rows, kind=_row_kind)


def _row_kind(row: OriginRow) -> str:
    return "model" if len(row.data) == 1 else "baseline"


def _origin_rows(run: Run, cases: list[Case]) -> list[OriginRow]:
    model = run.model_name(cases[0])
    pairs = [(run.data(case), {group.backend: group for group in run.finished(case)}) for case in cases]
    rows = [OriginRow(model, (data,), {name: (group,) for name, group in of.items()}) for data, of in pairs]
    names = [name for name in run.backends if all(name in of for _, of in pairs)]
    whole_run = {name: tuple(of[name] for _, of in pairs) for name in names}
    return [*rows, *([OriginRow(model, tuple(data for data, _ in pairs), whole_run)] if len(pairs) > 1 else [])]


def _origin(data: tuple[Data, ...]) -> Cell:
    origin = data[0].origin
    if len(data) > 1 or origin is None:
        return Cell(f"all {len(data)}")
    return Cell(f"{origin.number} of {origin.of}", origin.number)


def _period(data: tuple[Data, ...]) -> str:
    """The first targets of the first and the last test window; of several series the earliest and the latest."""
    starts = [time for part in data for time in part.test_times]
    key = (lambda time: (len(time), time)) if starts[0].isdigit() else str
    return f"{min(starts, key=key)} to {max(starts, key=key)}"


def _wins(run: Run, models: dict[str, list[Case]], error: Metric) -> str:
    """At how many origins each model has a lower error than persistence, and whether it is better over all of them.

    By the first backend that finished.
    """
    clauses = []
    for cases in models.values():
        first = [groups[0] for case in cases if (groups := run.finished(case))]
        medians = [interval.estimate if (interval := median_over_seeds(group, error)) else inf for group in first]
        naive = [naive_errors(group.data, error).get(NAIVE, -inf) for group in first]
        lower = sum(median < other for median, other in zip(medians, naive, strict=True))
        clauses.append(f"{run.model_name(cases[0])} at {lower} of {len(first)}{_over_all(run, first)}")
    return f"Origins at which a model has a lower error than {NAIVE}: {'; '.join(clauses)}."


def _over_all(run: Run, groups: list[Group]) -> str:
    """The test of a model against persistence over all origins, in brackets; empty without recorded forecasts."""
    if not groups:
        return ""
    judgement = judged(run.over_origins(groups[0]), NAIVE)
    words = {"better": "better over all", "worse": "worse over all", "undecided": "not distinguishable over all"}
    return f" ({words[judgement.state]}, {probability(judgement.p)})" if judgement.state in words else ""


def section(context: Context) -> Section | None:
    if context.search:
        return None
    tables = tuple(ranking_table(context.run, ranking) for ranking in context.rankings)
    return Section("ranking", "Ranking over series", tables) if tables else None


def ranking_table(run: Run, ranking: Ranking) -> Table:
    """A row for each series, a column for each method by rising mean rank, and a row with the mean ranks."""
    columns = (text("series"), *(Column(ranking.methods[place]) for place in ranking.order))
    rows = [
        Row(
            (
                Cell(series),
                *(Cell(four_digits(scores[m]), float(scores[m]), f"rank {ranks[m]:g}") for m in ranking.order),
            )
        )
        for series, scores, ranks in zip(ranking.series, ranking.scores, ranking.ranks, strict=True)
    ]
    means = (number(ranking.mean_ranks[place], significant) for place in ranking.order)
    rows.append(Row((Cell("mean rank"), *means), "baseline"))
    content = {
        "forecasts": f"The median {headline_error(run).label} over the seeds, in the squared unit of each series",
        "backends": "The steady epoch relative to that of the reference backend, the geometric mean over the models",
    }[ranking.noun]
    left_out = f" Left out, because a value is missing: {listed(ranking.left_out)}." if ranking.left_out else ""
    title = f"{ranking.noun.capitalize()} ranked over several series by {ranking.by}"
    return Table(f"ranks-{ranking.name}", title, f"{content}. {finding(ranking)}{left_out}", columns, tuple(rows))


def finding(ranking: Ranking) -> str:
    """Which methods differ over all series, or how many series a test needs."""
    series, methods = f"{len(ranking.series)} series", f"{len(ranking.methods)} {ranking.noun}"
    if not ranking.enough:
        return (
            f"{series} are too few to show a difference between {methods} by {ranking.by}: Friedman's test needs at "
            f"least {ranking.least} for p < 0.05."
        )
    test = f"Friedman's test, {probability(ranking.p)}"
    if ranking.p >= LEVEL:
        return f"Over {series} no difference between {methods} by {ranking.by} is shown ({test})."
    best = ranking.order[0]
    opening = f"Over {series} the {ranking.noun} differ by {ranking.by} ({test})"
    beaten = [ranking.phrases[place] for place in ranking.order if ranking.apart(best, place)]
    pairs = "pairwise Wilcoxon tests with Holm's correction"
    if not beaten:
        return f"{opening}, but {pairs} do not show that the best, {ranking.phrases[best]}, is better than another."
    return f"{opening}: {ranking.phrases[best]} is better than {_names(beaten)} ({pairs})."


def _names(methods: list[str]) -> str:
    """A list of names, with semicolons if a name contains a comma."""
    return "; ".join(methods) if any("," in name for name in methods) else listed(methods)
