"""The tables of a search: its best configurations, and all of them."""

from reports.analysis.run import Group, over_seeds, score_unit
from reports.analysis.search_results import RankedCase, SearchRanking
from reports.render.formats import case_name, four_digits, plural, whole
from reports.render.table import NONE, Cell, Column, Row, Table, number, row, text
from reports.sections.columns import measured
from reports.sections.group_cells import failure_notes, records_cell

SAMPLERS = {"grid": "the definition's order", "random": "random search", "tpe": "TPE"}
SHOWN = 10  # configurations in the result


def result(found: SearchRanking) -> Table:
    """The best configurations by validation loss; a test error for the selected one and the published one alone."""
    columns = (
        Column("rank"),
        text("configuration"),
        Column("validation loss"),
        Column("above the lowest"),
        Column("test MAE", score_unit(found.run)),
        text("records"),
    )
    shown = list(found.ranking[:SHOWN])
    shown += [found.published] if found.published and found.published not in shown else []
    rows = [_ranked(found, one) for one in shown] + _baselines(found)
    caption = (
        f"The lowest of {plural(len(found.ranking), 'validation loss', 'validation losses')}, each of the weights that "
        "were kept, in scaled units. The test part chose nothing: its error is shown of the selected configuration, "
        "and of the published one to be held against it."
    )
    return Table("result", "The result", caption, columns, tuple(rows))


def _ranked(found: SearchRanking, one: RankedCase) -> Row:
    notes = []
    if one == found.selected:
        notes.append("Selected: it has the lowest validation loss.")
    if one == found.published and found.search.published:
        notes.append(f"The published best, of which an MAE of {found.search.published.mae:g} is told.")
    tested = one in (found.selected, found.published)
    mae = measured(over_seeds(one.group, lambda o: o.scores.mae), four_digits) if tested else Cell(NONE, tone="muted")
    return row(
        number(found.rank(one), whole),
        Cell(case_name(one.group.case), notes=tuple(notes)),
        number(one.score, four_digits),
        _above(found, one),
        mae,
        records_cell(one.group),
    )


def _above(found: SearchRanking, one: RankedCase) -> Cell:
    share = one.score / found.ranking[0].score - 1
    return number(share, lambda value: f"{value * 100:.1f} %")


def _baselines(found: SearchRanking) -> list[Row]:
    """Forecasts that need no network, on the same test part."""
    blank = Cell("")
    return [
        row(blank, Cell(b.name), blank, blank, number(b.scores.mae, four_digits), blank, kind="baseline")
        for data in found.run.manifest.data.values()
        for b in data.baselines
    ]


def configurations(found: SearchRanking) -> Table:
    """Everything that the sampler asked for, in the order of rank."""
    columns = (
        Column("rank"),
        text("configuration"),
        Column("asked for"),
        Column("validation loss"),
        Column("above the lowest"),
        Column("best epoch"),
        Column("parameters"),
        text("records"),
    )
    tried = found.run.search_result.tried if found.run.search_result else ()
    order = {one.case: place for place, one in enumerate(tried, 1)}
    rows = [
        row(
            number(found.rank(one), whole),
            Cell(case_name(one.group.case)),
            number(order.get(one.label), whole),
            number(one.score, four_digits),
            _above(found, one),
            measured(over_seeds(one.group, lambda o: float(o.best_epoch or len(o.train_losses))), whole),
            number(one.group.case.shape_parameters, whole),
            records_cell(one.group),
        )
        for one in found.ranking
    ]
    rows += [_failed(group, order) for group in found.run.groups if group.failed]
    caption = (
        f"Every configuration that was trained, by rank; asked for in this order by the sampler "
        f"{found.search.sampler} with the seed {found.search.sampler_seed} (Optuna {found.search.optuna})."
    )
    return Table("configurations", "Every configuration", caption, columns, tuple(rows))


def _failed(group: Group, order: dict[str, int]) -> Row:
    none = Cell(NONE, tone="muted")
    name = Cell(case_name(group.case), detail="failed", notes=failure_notes(group), tone="bad")
    asked, parameters = number(order.get(group.case.label), whole), number(group.case.shape_parameters, whole)
    return row(none, name, asked, none, none, none, parameters, records_cell(group))
