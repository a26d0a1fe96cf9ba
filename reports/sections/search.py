"""A search: the selected configuration, its tables, and the sentences of its summary."""

from collections.abc import Callable, Iterator, Mapping
from statistics import fmean

from reports.analysis.metrics import METRICS, Metric, headline_error, median_over_seeds
from reports.analysis.run import Group, configuration, score_unit
from reports.analysis.search_results import RankedCase, SearchRanking
from reports.records import PublishedBest
from reports.render.formats import case_name, four_digits, per_cent, plural, whole
from reports.render.table import BLANK, DASH, Cell, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import failure_notes, measured, records_cell
from reports.sections.forecasts import quality

SHOWN = 10  # configurations in the main table
MAE = METRICS["mae"]  # the error of published searches
Row = RankedCase | str  # a configuration, or the name of a baseline


def best_configurations(search: SearchRanking) -> Table:
    """The best configurations by validation loss. Only the selected and the published one have a test error."""
    best = list(search.ranking[:SHOWN])
    best += [search.published] if search.published and search.published not in best else []
    errors = (headline_error(search.run), *([MAE] if _is_published(search) else []))
    cases = [group.case for group in best[0].groups] if best else []
    baselines = {error: quality.baseline_errors(search.run, error, *cases) if cases else {} for error in errors}
    columns: tuple[TableColumn[Row], ...] = (
        TableColumn("rank", _ranked(lambda case: Cell(whole(search.rank(case)), search.rank(case)))),
        words("configuration", lambda row: _configuration(search, row)),
        TableColumn("validation loss", _ranked(lambda case: Cell(four_digits(case.score), case.score))),
        TableColumn("above the lowest", _ranked(lambda case: _above(search, case))),
        *(_error_column(search, error, baselines[error]) for error in errors),
        TableColumn("parameters", _ranked(lambda case: _parameters(case.group))),
        words("records", _ranked(lambda case: records_cell(*case.groups))),
    )
    caption = (
        f"The lowest of {plural(len(search.ranking), 'validation loss', 'validation losses')}, in scaled units, of the "
        "weights that each training kept. The test part was not used for the selection. Its error is shown for the "
        "selected configuration, and for the published one for comparison."
    )
    if best and len(best[0].groups) > 1:
        caption += " Losses and errors are means over the origins."
    rows: tuple[Row, ...] = (*best, *baselines[errors[0]])
    return tabulate("result", "Results", caption, columns, rows, kind=_kind)


def all_configurations(search: SearchRanking) -> Table:
    """All configurations that the sampler proposed, by rank, then those that failed."""
    run = search.run
    tried = run.search_result.tried if run.search_result else ()
    order = {configuration.case: place for place, configuration in enumerate(tried, 1)}
    ranked = {group.case.label: case for case in search.ranking for group in case.groups}
    groups = [group for case in search.ranking for group in case.groups]
    groups += [group for group in run.groups if group.failed]

    several = any(len(case.groups) > 1 for case in search.ranking)
    loss = "validation loss, mean of the origins" if several else "validation loss"

    def of_ranked(group: Group) -> RankedCase | None:
        return ranked.get(group.case.label)

    columns: tuple[TableColumn[Group], ...] = (
        numbers("rank", lambda group: search.rank(case) if (case := of_ranked(group)) else None, form=whole),
        words("configuration", lambda group: _trained(search, group)),
        numbers("proposed as number", lambda group: order.get(configuration(run.manifest, group.case)), form=whole),
        numbers(loss, lambda group: case.score if (case := of_ranked(group)) else None, form=four_digits),
        TableColumn("above the lowest", lambda group: _above(search, c) if (c := of_ranked(group)) else DASH),
        TableColumn("best epoch", lambda group: _best_epoch(group) if of_ranked(group) else DASH),
        TableColumn("parameters", _parameters),
        words("records", records_cell),
    )
    caption = (
        f"All trained configurations by rank. The sampler {search.search.sampler} with the seed "
        f"{search.search.sampler_seed} (Optuna {search.search.optuna}) proposed them in the order of the third column."
    )
    return tabulate("configurations", "All configurations", caption, columns, groups)


def _is_published(search: SearchRanking) -> bool:
    """Whether the MAE of a published configuration, or the lowest possible one, is known."""
    return search.search.published is not None or search.search.least_mae is not None


def _error(case: RankedCase, error: Metric) -> float | None:
    """The median of the error over the seeds; of several origins the mean."""
    medians = [median.estimate for group in case.groups if (median := median_over_seeds(group, error))]
    return fmean(medians) if len(medians) == len(case.groups) else None


def _error_column(search: SearchRanking, error: Metric, baselines: Mapping[str, float]) -> TableColumn[Row]:
    tested = (search.selected, search.published)

    def cell(row: Row) -> Cell:
        value = baselines.get(row) if isinstance(row, str) else _error(row, error) if row in tested else None
        return DASH if value is None else Cell(four_digits(value), value)

    return TableColumn(f"test {error.label.removeprefix('test ')}", cell, error.unit_in(score_unit(search.run)))


def _name(case: RankedCase) -> str:
    return case_name(case.group.case.model_copy(update={"label": case.label}))


def _ranked(cell: Callable[[RankedCase], Cell]) -> Callable[[Row], Cell]:
    """The cell of a column that naive forecasts leave empty."""
    return lambda row: cell(row) if isinstance(row, RankedCase) else BLANK


def _kind(row: Row) -> str:
    return "model" if isinstance(row, RankedCase) else "baseline"


def _configuration(search: SearchRanking, row: Row) -> Cell:
    if not isinstance(row, RankedCase):
        return Cell(row)
    notes = []
    if row == search.selected:
        notes.append("Selected: the lowest validation loss.")
    if row == search.published and search.search.published:
        notes.append(f"The published best configuration, published with an MAE of {search.search.published.mae:g}.")
    return Cell(_name(row), notes=tuple(notes))


def _trained(search: SearchRanking, group: Group) -> Cell:
    if not group.failed:
        return Cell(case_name(group.case))
    return Cell(case_name(group.case), detail="failed", notes=failure_notes(search.run, group), tone="bad")


def _above(search: SearchRanking, case: RankedCase) -> Cell:
    share = case.score / search.ranking[0].score - 1
    return Cell(f"{share * 100:.1f} %", share)


def _best_epoch(group: Group) -> Cell:
    best = median_over_seeds(group, "best_epoch")
    return measured(best or median_over_seeds(group, "epochs_trained"), whole)


def _parameters(group: Group) -> Cell:
    return Cell(whole(group.case.shape_parameters), group.case.shape_parameters)


def summary_sentences(search: SearchRanking) -> Iterator[str]:
    """What the search selected, its error, and what was published."""
    best, configurations = search.selected, plural(len(search.ranking), "configuration")
    if best is None:
        yield f"No configuration has been selected: {configurations} finished so far"
        return
    error, origins = headline_error(search.run), len(best.groups)
    means = f"; both are means over {origins} origins" if origins > 1 else ""
    loss = f"The lowest validation loss of {configurations}, {four_digits(best.score)}, is that of {_name(best)}"
    yield f"{loss}; its {error.label} is {_measured(search, best, error)}{means}"
    if (least := search.search.least_mae) is not None:
        mae = _measured(search, best, MAE)
        yield f"A perfect forecast has a test MAE of {least:g}, because of noise; the selected configuration has {mae}"
    if search.search.published is not None:
        yield _published(search, search.search.published)


def _published(search: SearchRanking, best: PublishedBest) -> str:
    name = f"The published best configuration, {best.case} (MAE {best.mae:g}),"
    if (case := search.published) is None:
        return f"{name} was not tried here"
    share = case.score / search.ranking[0].score - 1
    above = f", its validation loss {per_cent(share)} above the lowest" if share > 0 else ""
    mae = _measured(search, case, MAE)
    return f"{name} ranks {search.rank(case)} of {len(search.ranking)}{above}; its test MAE is {mae}"


def _measured(search: SearchRanking, case: RankedCase, error: Metric) -> str:
    value = _error(case, error)
    return "unknown" if value is None else f"{four_digits(value)} {error.unit_in(score_unit(search.run))}".rstrip()


def limits(search: SearchRanking) -> Iterator[str]:
    """What the search cannot show."""
    if search.run.concurrent:
        trials = plural(search.search.at_once, "trial")
        yield f"Up to {trials} ran at the same time, so their times are not compared and no speed ratio is shown"
    also = " and those of the published configuration" if search.published else ""
    yield f"Only the selected configuration has a certificate; only its test errors{also} are shown"
    if len(search.run.seeds) == 1:
        yield "Each configuration had one seed, so chance affects the ranks; --seeds 1,2,3 shows how much"
    elif (share := search.seed_range) is not None:
        yield f"The seeds of one configuration differ by {per_cent(share)} in the median; closer ranks are chance"
