"""Native mode compared with matched mode: errors, times and parameter counts."""

from collections.abc import Callable

from reports.analysis.context import Context
from reports.analysis.metrics import METRICS, median_over_seeds
from reports.analysis.run import Group, Run
from reports.records import Case
from reports.render.formats import MINUS, case_name, whole
from reports.render.page import Block, Section
from reports.render.table import DASH, Cell, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import measured, records_cell, scale

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
PAIRED = (("first_loss", "first loss"), ("mse", "test MSE"), ("steady_epoch_seconds", "steady epoch"))
Pair = tuple[Group, Group]  # matched and native, of the same model and backend
Counted = tuple[Case, str, dict[str, Group]]  # a model, a backend, and its groups by mode


def section(context: Context) -> Section | None:
    run = context.run
    table, counts = native_and_matched(run), parameter_counts(run)
    blocks: tuple[Block, ...] = tuple(block for block in (table, counts) if block.rows)
    return Section("native-mode", "Native mode", blocks) if blocks else None


def native_and_matched(run: Run) -> Table:
    """A row for each model and backend with both modes; without rows if the run has one mode."""
    pairs = _pairs(run)
    columns: tuple[TableColumn[Pair], ...] = (
        words("model", lambda pair: case_name(pair[0].case)),
        words("backend", lambda pair: run.backend_name(pair[0].backend)),
        *(_mode_column(run, pairs, *metric, place) for metric in PAIRED for place in (0, 1)),
        words("records", lambda pair: records_cell(*pair)),
    )
    caption = (
        "Matched models compute the same function from the same initial weights. Native models use each framework's "
        "own layers, initial weights, dropout and defaults of the optimizer's own constants; batches, "
        "learning rates and program are the same. They are different models, so their times give no speed ratio. "
        "The first loss is the loss of the first batch before any update, in scaled units."
    )
    return tabulate("native", "Native and matched", caption, columns, pairs)


def _mode_column(run: Run, pairs: list[Pair], name: str, label: str, place: int) -> TableColumn[Pair]:
    metric = METRICS[name]
    medians = [interval.estimate for pair in pairs for g in pair if (interval := median_over_seeds(g, metric))]
    factor, unit, form = scale(metric, run, medians)
    mode = ("matched", "native")[place]
    return TableColumn(
        f"{label}, {mode}", lambda pair: measured(median_over_seeds(pair[place], metric), form, factor=factor), unit
    )


def _pairs(run: Run) -> list[Pair]:
    """Each matched group with the native group of the same model and backend, if both have finished trials."""
    groups = {(group.case.label, group.backend, group.mode): group for group in run.groups if group.outcomes}
    return [
        (group, groups[case, backend, "native"])
        for (case, backend, mode), group in groups.items()
        if mode == "matched" and (case, backend, "native") in groups
    ]


def parameter_counts(run: Run) -> Table:
    """The parameters in both modes and the cause of the difference; without rows if the run has one mode."""
    rows = [_groups(run, case, backend) for case in run.manifest.cases for backend in run.backends]
    counted = [row for row in rows if row[2]] if len(run.modes) > 1 else []
    columns: tuple[TableColumn[Counted], ...] = (
        words("model", lambda row: case_name(row[0])),
        words("backend", lambda row: run.backend_name(row[1])),
        numbers("matched", _count("matched"), form=whole),
        numbers("native", _count("native"), form=whole),
        numbers("difference", _extra, form=lambda n: f"{'+' if n > 0 else ''}{whole(n)}".replace("-", MINUS)),
        words("cause", _cause),
        words("records", lambda row: records_cell(*row[2].values())),
    )
    caption = (
        "Trained parameters, as each framework counts them. Where the counts differ, the column of "
        "causes says why. A dash is a mode that has not run."
    )
    return tabulate("parameters", "Parameters, matched and native", caption, columns, counted)


def _groups(run: Run, case: Case, backend: str) -> Counted:
    groups = [group for mode in run.modes for group in run.select(case, mode)]
    return case, backend, {group.mode: group for group in groups if group.backend == backend and group.outcomes}


def _count(mode: str) -> Callable[[Counted], int | None]:
    def count(row: Counted) -> int | None:
        return next(iter(row[2][mode].outcomes.values())).parameter_count if mode in row[2] else None

    return count


def _extra(row: Counted) -> int | None:
    matched, native = _count("matched")(row), _count("native")(row)
    return None if matched is None or native is None else native - matched


def _cause(row: Counted) -> Cell:
    extra, biases = _extra(row), gate_biases(row[0])
    if extra is None:
        return DASH
    if extra == 0:
        return Cell("the same parameters")
    if extra == biases:
        return Cell("a second bias for each gate of each recurrent unit")
    if 0 < extra < biases:
        return Cell("a second bias for the gates of some units")
    return Cell("not explained by biases of gates")


def gate_biases(case: Case) -> int:
    """The biases of all gates. Records of version 1 lack the number; their models are equal layers of one cell."""
    if case.gate_biases is not None:
        return case.gate_biases
    return GATES.get(case.cell, 0) * (case.units or 0) * case.layers
