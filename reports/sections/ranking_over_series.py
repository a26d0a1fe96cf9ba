"""A run over several series: models ranked by error and backends ranked by time, with tests of the differences."""

from reports.analysis.context import Context
from reports.analysis.metrics import headline_error
from reports.analysis.ranking import LEVEL, Ranking, rankings
from reports.analysis.run import Run
from reports.render.formats import four_digits, listed, probability, significant
from reports.render.page import Section
from reports.render.table import Cell, Column, Row, Table, number, text


def section(context: Context) -> Section | None:
    if context.search:
        return None
    tables = tuple(ranking_table(context.run, ranking) for ranking in rankings(context.run, context.speedups))
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
