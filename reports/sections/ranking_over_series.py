"""What a run says over several series: its forecasts ranked by error and its frameworks by time, series by series."""

from reports.analysis.ranking import LEVEL, Ranking, rankings
from reports.render.formats import four_digits, listed, probability, significant
from reports.render.page import Section
from reports.render.table import Cell, Column, Table, number, row, text
from reports.sections.context import Context

PAIRS = "Wilcoxon signed-rank tests with Holm's correction, at 5 %"


def table(ranking: Ranking) -> Table:
    """A row a series, a column a method, the best mean rank first; in the last row the mean ranks."""
    columns = (text("series"), *(Column(ranking.methods[place]) for place in ranking.order))
    rows = [
        row(
            Cell(one),
            *(Cell(four_digits(mine[place]), float(mine[place]), f"rank {given[place]:g}") for place in ranking.order),
        )
        for one, mine, given in zip(ranking.series, ranking.scores, ranking.ranks, strict=True)
    ]
    means = (number(ranking.mean_ranks[place], significant) for place in ranking.order)
    rows.append(row(Cell("mean rank"), *means, kind="baseline"))
    what = {
        "forecasts": "The median test MSE over the seeds, in each series' own unit, squared",
        "frameworks": "A steady epoch's time over that of the reference, the geometric mean over a series' models",
    }[ranking.noun]
    left_out = f" Left out, for want of a figure: {listed(ranking.left_out)}." if ranking.left_out else ""
    title = f"{ranking.noun.capitalize()} over several series, by {ranking.by}"
    return Table(f"ranks-{ranking.name}", title, f"{what}. {finding(ranking)}{left_out}", columns, tuple(rows))


def finding(ranking: Ranking) -> str:
    """What may be said of the methods over all series, or how many series it would take."""
    over, few = f"{len(ranking.series)} series", f"{len(ranking.methods)} {ranking.noun}"
    if not ranking.enough:
        return (
            f"{over} cannot show that one of {few} is better by {ranking.by}: Friedman's test could reach p < 0.05 "
            f"with {ranking.least}, if all of them ranked alike."
        )
    test = f"Friedman's test, {probability(ranking.p)}"
    if ranking.p >= LEVEL:
        return f"Over {over} none of {few} is shown to be better by {ranking.by} ({test})."
    best = ranking.order[0]
    opening = f"Over {over} the {ranking.noun} differ by {ranking.by} ({test})"
    beaten = [ranking.methods[place] for place in ranking.order if ranking.apart(best, place)]
    if not beaten:
        name = ranking.methods[best]
        return f"{opening}, but {name}, the best, is not shown to be better than any other ({PAIRS})."
    return f"{opening}: {ranking.methods[best]} is better than {_named(beaten)} ({PAIRS})."


def _named(methods: list[str]) -> str:
    """A model's name may have commas of its own."""
    return "; ".join(methods) if any("," in name for name in methods) else listed(methods)


def section(context: Context) -> Section | None:
    tables = () if context.search else tuple(map(table, rankings(context.run, context.speedups)))
    return Section("ranking", "Ranking over series", tables) if tables else None
