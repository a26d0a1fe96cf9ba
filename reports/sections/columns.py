"""Cells and columns that several tables share."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf

from reports.analysis.intervals import MIN_FOR_INTERVAL, Interval
from reports.analysis.metrics import METRICS, SKILLS, Metric, median_over_seeds, values
from reports.analysis.run import Group, Run, score_unit, unique
from reports.records import Baseline, Data, Trial
from reports.render.formats import (
    MINUS,
    case_name,
    four_digits,
    per_cent,
    plural,
    sentence,
    signed,
    significant,
    time_unit,
    whole,
)
from reports.render.table import BLANK, DASH, NONE, Cell, Format, Link, TableColumn, Tone, number, words

MIB = 2.0**-20
LINKS = 10  # records that a row links to per group; the page of all trials links to every record
TRIALS_PAGE = "trials.html"


@dataclass(frozen=True)
class NaiveRow:
    """A naive forecast as a row below the models. `label` tells the windows of several series or horizons apart."""

    label: str
    data: Data
    baseline: Baseline


ResultRow = Group | NaiveRow


def measured(
    interval: Interval | None,
    form: Format = significant,
    *,
    factor: float = 1.0,
    notes: Sequence[str] = (),
    tone: Tone = "",
) -> Cell:
    """A cell with the estimate of an interval and its limits as detail, or a dash for None."""
    if interval is None:
        return Cell(NONE, notes=tuple(notes), tone="muted")
    low, high = form(interval.low * factor), form(interval.high * factor)
    dash = " to " if MINUS in low + high else "\N{EN DASH}"
    detail = "" if low == high else f"{low}{dash}{high}".replace("+", "")
    return Cell(form(interval.estimate * factor), interval.estimate, detail, tuple(notes), tone=tone)


def scale(metric: Metric, run: Run, numbers: Iterable[float]) -> tuple[float, str, Format]:
    """The factor, unit and format of a metric in a table. Times have the unit that suits `numbers`, or seconds."""
    if metric.kind == "time":
        factor, unit = time_unit(numbers)
        return factor, unit, significant
    if metric.kind == "memory":
        return MIB, "MiB", significant
    if metric.unit == "FLOP/s":
        return 1e-9, "GFLOP/s", significant
    forms: dict[str, Format] = {
        "error": four_digits,
        "skill": signed,
        "bias": four_digits,
        "band": significant,
        "count": whole,
        "share": per_cent,
        "frequency": whole,
    }
    return 1.0, metric.unit_in(score_unit(run)), forms.get(metric.kind, significant)


def metric_column(
    run: Run,
    groups: Iterable[Group],
    name: str,
    label: str = "",
    notes: Callable[[Group], Sequence[str]] = lambda group: (),
) -> TableColumn[ResultRow]:
    """The median of a metric over the seeds of each group, and the metric of each naive forecast if it has one."""
    metric = METRICS[name]
    factor, unit, form = scale(metric, run, (value for group in groups for value in values(group, metric).values()))

    def cell(row: ResultRow) -> Cell:
        if metric.kind == "skill":
            return _skill_cell(run, row, metric)
        if isinstance(row, Group):
            return measured(median_over_seeds(row, metric), form, factor=factor, notes=notes(row))
        value = metric.score(row.data, row.baseline) if metric.score else None
        if value is None and (metric.kind == "time" or not metric.score):
            return BLANK
        return number(value, form, factor=factor)

    return TableColumn(label or metric.label, cell, unit)


def _skill_cell(run: Run, row: ResultRow, metric: Metric) -> Cell:
    """The skill, marked where it is not above 0, or "undefined" against a naive forecast without error."""
    naive = SKILLS.get(metric.name, "")
    reason = f"{naive} has no error on this test part, so a skill relative to it is not defined"
    undefined = Cell("undefined", notes=(sentence(reason),), tone="muted")
    if isinstance(row, Group):
        if row.outcomes and run.exact(row.case, naive):
            return undefined
        interval = median_over_seeds(row, metric)
        return measured(interval, signed, tone="bad" if interval and interval.low <= 0 else "")
    value = metric.score(row.data, row.baseline) if metric.score else None
    return undefined if value == -inf else number(value, signed, tone="bad" if value is not None and value < 0 else "")


def of_groups(cell: Callable[[Group], Cell]) -> Callable[[ResultRow], Cell]:
    """The cell of a column that naive forecasts leave empty."""
    return lambda row: cell(row) if isinstance(row, Group) else BLANK


def model_columns(run: Run, *, mode: bool) -> tuple[TableColumn[ResultRow], ...]:
    """Model, backend and, on request, mode; of a naive forecast, its label and name."""

    def backend(row: ResultRow) -> Cell:
        if isinstance(row, Group):
            return backend_cell(run, row)
        name = row.baseline.name
        return Cell(name, notes=(sentence(f"{name}: {row.baseline.explanation}"),) if mode else ())

    columns: list[TableColumn[ResultRow]] = [
        words("model", lambda row: case_name(row.case) if isinstance(row, Group) else row.label),
        words("backend", backend, vital=True),
    ]
    if mode:
        columns.append(words("mode", of_groups(lambda group: Cell(group.mode))))
    return tuple(columns)


def records_column() -> TableColumn[ResultRow]:
    return words("records", of_groups(records_cell))


def backend_cell(run: Run, group: Group) -> Cell:
    """The backend's name, with the number of seeds that finished if some did not."""
    finished, planned = len(group.outcomes), len(group.plans)
    detail = f"{finished} of {plural(planned, 'seed')}" if finished < planned else ""
    return Cell(run.backend_name(group.backend), detail=detail, notes=failure_notes(run, group))


def failure_notes(run: Run, group: Group) -> tuple[str, ...]:
    """The number of failed trials of a group, with each reason once."""
    failed = [trial for trial in group.trials if trial.outcome is None]
    if not failed:
        return ()
    reasons = "; ".join(unique((trial.failure or "no reason was recorded").rstrip(".") for trial in failed))
    name = f"{run.backend_name(group.backend)}, {case_name(group.case)}, {group.mode}"
    return (sentence(f"{name}: {plural(len(failed), 'trial')} failed: {reasons}"),)


def records_cell(*groups: Group) -> Cell:
    """Links to the records of the first trials of each group and to the page of all trials; a dash without trials."""
    links = [_record_link(group, trial) for group in groups for trial in group.trials[:LINKS]]
    trials = sum(len(group.trials) for group in groups)
    if len(links) < trials:
        links.append(Link(f"all {trials:,}", TRIALS_PAGE))
    return Cell("", links=tuple(links)) if links else DASH


def _record_link(group: Group, trial: Trial) -> Link:
    meaning = f"record of {group.backend}, {group.case.label}, {group.mode}, seed {trial.plan.seed}"
    return Link(str(trial.plan.seed), f"trials/{trial.plan.key}.json", meaning)


def interval_words(seeds: tuple[int, int]) -> str:
    """What the numbers and limits of a table are, from the fewest and the most seeds of a group."""
    fewest, most = seeds
    if most < 2:
        return "a single seed"
    number = plural(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    if fewest < MIN_FOR_INTERVAL <= most:
        return f"median of {number} with the 95 % interval, or the range if there are fewer than {MIN_FOR_INTERVAL}"
    return f"median of {number} with the {'95 % interval' if fewest >= MIN_FOR_INTERVAL else 'range'}"
