"""The tables of results: the main table, all scores and all times."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from reports.analysis.context import Context
from reports.analysis.forecasts import accuracy
from reports.analysis.forecasts.accuracy import Forecast
from reports.analysis.intervals import MIN_FOR_INTERVAL, Interval
from reports.analysis.metrics import METRICS, headline_error, score_metrics
from reports.analysis.run import Group, Run, seed_counts, unique
from reports.analysis.speedup import NO_CERTIFICATE, Speedup, Speedups
from reports.analysis.timing_quality import timing_kinds, timing_warnings, whole_first_epoch
from reports.analysis.variation import Repetitions, Variation, variations
from reports.records import Case, Data
from reports.render.formats import case_name, duration, four_digits, listed, sentence, significant, whole
from reports.render.page import Section, table_section
from reports.render.table import DASH, NONE, Cell, Table, TableColumn, number, numbers, tabulate, words
from reports.sections import search
from reports.sections.columns import (
    NaiveRow,
    ResultRow,
    interval_words,
    measured,
    metric_column,
    model_columns,
    of_groups,
    records_column,
)

MOST_SCORES = 7  # columns of scores in a table
MOST_SERIES = 50  # rows of the table of several series

TimingNotes = Callable[[Group], tuple[str, ...]]  # of timing_quality.py

# What may distinguish the windows of two naive forecasts, in the order in which it is added to their labels.
NAIVE_LABELS: tuple[Callable[[Data], str], ...] = (
    lambda data: data.series,
    lambda data: f"origin {data.origin.number}" if data.origin else "",
    lambda data: f"window {data.window}",
    lambda data: f"horizon {data.horizon}",
    lambda data: f"{data.test_windows:,} test windows",
    lambda data: f"{data.train_windows:,} training windows",
)


def section(context: Context) -> Section:
    """The main table; of a search, the best configurations."""
    if context.search:
        return table_section(search.best_configurations(context.search))
    return table_section(main_table(context.run, context.speedups))


def scores_section(context: Context) -> Section:
    run = context.run
    return table_section(*scores(run), *(table for case in run.manifest.cases if (table := series_scores(run, case))))


def times_section(context: Context) -> Section:
    return table_section(times(context.run, context.speedups))


def main_table(run: Run, speedups: Speedups) -> Table:
    """A row for each model and backend, then the naive forecasts."""
    groups = run.leading
    modes = unique(group.mode for group in groups)
    columns: tuple[TableColumn[ResultRow], ...] = (
        *model_columns(run, mode=False),
        *([words("mode", of_groups(lambda group: Cell(group.mode)))] if len(modes) > 1 else []),
        metric_column(run, groups, headline_error(run).name),
        metric_column(run, groups, "skill_persistence", "skill"),
        metric_column(run, groups, "training_seconds", notes=timing_kinds),
        metric_column(run, groups, "steady_epoch_seconds", notes=timing_kinds),
        speed_ratio_column(run, speedups, "speed ratio", timing_kinds, vital=True),
        metric_column(run, groups, "parameters"),
        records_column(),
    )
    caption = (
        f"{' and '.join(modes).capitalize()} mode, {interval_words(run.seed_counts)}. Skill is 1 − MSE / MSE of "
        "persistence: above 0 is better than repeating the last value. The speed ratio is that of the steady epoch "
        "(the median epoch of the steady state): 2 means twice as fast as the backend marked (reference). "
        "Parameters are the trained ones, as the framework counts them. The training time of a baseline is that of its "
        "fit and forecasts; naive forecasts are not timed."
    )
    naive = naive_rows(run)
    if any(case_name(case) in row.label for case in run.manifest.cases for row in naive):
        caption += " Models whose baselines have equal errors share the rows that name the first of these models."
    rows: tuple[ResultRow, ...] = (*groups, *naive)
    return tabulate("result", "Results", caption, columns, rows, kind=_kind)


def scores(run: Run) -> list[Table]:
    """All errors and skills of both modes and of the baselines, in as many tables as the width of a page needs."""
    shown = score_metrics(run)
    caption = (
        f"On the test part, {interval_words(seed_counts(run.groups))}. Skill is 1 − MSE / MSE of the naive forecast."
    )
    more = "Further scores of the same forecasts. The glossary explains each; bias is forecast − truth."
    if run.scaled:
        caption += " Scaled errors are divided by the scale of the values, as the section Setup says."
    rows: tuple[ResultRow, ...] = (*run.groups, *naive_rows(run, scaled=run.scaled))
    tables = []
    for first in range(0, len(shown), MOST_SCORES):
        columns: tuple[TableColumn[ResultRow], ...] = (
            *model_columns(run, mode=True),
            *(metric_column(run, run.groups, metric.name) for metric in shown[first : first + MOST_SCORES]),
            records_column(),
        )
        name, title, text = ("further-scores", "Further scores", more) if first else ("scores", "Scores", caption)
        tables.append(tabulate(name, title, text, columns, rows, kind=_kind))
    return tables


def pooled_errors(run: Run) -> list[str]:
    """A sentence for each number of targets above 1, with the models if others have fewer targets."""
    targets = {case_name(case): run.data(case).targets for case in run.manifest.cases}
    scaled = headline_error(run) is METRICS["scaled_mse"]
    rest = "the main table and the skill use scaled values" if scaled else "scaled errors were not recorded"
    items = []
    for several in sorted(set(targets.values()) - {1}):
        names = [name for name, count_of_targets in targets.items() if count_of_targets == several]
        of_models = "" if len(names) == len(targets) else f"{listed(names)}: "
        items.append(
            f"{of_models}MSE, RMSE and MAE are pooled over {several} targets with different units, so the target with "
            f"the largest values dominates them; {rest}."
        )
    return items


def series_scores(run: Run, case: Case) -> Table | None:
    """The error of each series of a file with several; None for other data, and for all but its first case."""
    data = run.data(case)
    cases = [other for other in run.manifest.cases if other.data == case.data]
    if not data.groups or case is not cases[0]:
        return None
    groups = [group for other in cases for group in run.select(other, run.mode_of(other))[:1]]
    forecasts: dict[str, tuple[Forecast, ...]] = {
        case_name(group.case): tuple(group.outcomes.values()) for group in groups
    }
    forecasts |= {baseline.name: (baseline,) for baseline in data.baselines}  # to the right, where the table scrolls
    columns: tuple[TableColumn[int], ...] = (
        words("series", lambda place: data.groups[place][0]),
        numbers("test windows", lambda place: data.groups[place][1], form=whole),
        *(_series_column(label, data, of_label) for label, of_label in forecasts.items()),
    )
    shown = range(min(len(data.groups), MOST_SERIES))
    caption = (
        "Root mean squared error on the test windows of each series; below it the MASE, which can be compared between "
        "series. Each model was trained on all series; its error is the median over the seeds, with "
        f"{run.backend_phrase(groups[0].backend)}."
    )
    if len(data.groups) > len(shown):
        caption += f" The table shows the first {len(shown)} of {len(data.groups):,} series; the records have all."
    return tabulate(f"series-{case.data}", "Scores per series", caption, columns, shown, stacked=True)


def _series_column(label: str, data: Data, forecasts: Sequence[Forecast]) -> TableColumn[int]:
    """The median RMSE and MASE of each series, over the trials that recorded their scores."""
    scaled = [accuracy.mase_by_series(data, forecast) for forecast in forecasts]

    def cell(place: int) -> Cell:
        errors = [forecast.group_scores[place].rmse for forecast in forecasts if forecast.group_scores]
        known = [value for of_forecast in scaled if (value := of_forecast[place]) is not None]
        detail = f"MASE {significant(median(known))}" if known and len(known) == len(scaled) else ""
        return replace(number(median(errors)), detail=detail) if errors else DASH

    return TableColumn(label, cell, data.unit, optional=True)


def times(run: Run, speedups: Speedups) -> Table:
    """All times of both modes and both speed ratios. A backend without certificate has times but no ratio."""
    groups = run.groups
    columns: tuple[TableColumn[ResultRow], ...] = (
        *model_columns(run, mode=True),
        metric_column(run, groups, "training_seconds", notes=timing_warnings),
        metric_column(run, groups, "first_step_seconds", notes=_first_step_notes),
        metric_column(run, groups, "steady_epoch_seconds", notes=timing_warnings),
        speed_ratio_column(run, speedups, "speed ratio, steady epoch", timing_warnings),
        speed_ratio_column(run, speedups, "speed ratio, training", timing_warnings, whole_training=True),
        metric_column(run, groups, "one_window_seconds", "one window"),
        metric_column(run, groups, "test_seconds"),
        metric_column(run, groups, "peak_memory_bytes"),
        words("kernel", of_groups(_kernel)),
    )
    caption = (
        f"Wall time, {interval_words(seed_counts(groups))}. The training time runs from the first step, in which "
        "some frameworks trace and compile, to the last step, without the forecasts of the validation part. The steady "
        "epoch is the median epoch of the steady state. The columns of one window and of the test part are the times "
        "of their forecasts."
    )
    return tabulate("times", "Times", caption, columns, groups)


def _first_step_notes(group: Group) -> tuple[str, ...]:
    name = f"{group.backend_name}, {case_name(group.case)}"
    note = f"{name}: the program trains an epoch in one call, so this is the time of the whole first epoch."
    return (note,) if whole_first_epoch(group) else ()


def variation_section(context: Context) -> Section | None:
    """Where the noise comes from; None without two processes of a backend, or if trials ran at the same time."""
    table = levels_of_variation(context.run, context.speedups)
    return table_section(table) if table.rows and not context.run.concurrent else None


def levels_of_variation(run: Run, speedups: Speedups) -> Table:
    """A row for each model and backend in matched mode."""
    columns: tuple[TableColumn[Variation], ...] = (
        words("model", lambda row: case_name(row.group.case)),
        words("backend", lambda row: row.group.backend_name),
        numbers("processes", lambda row: len(row.states), form=whole),
        words("steady from epoch", _steady_from),
        numbers("between epochs", lambda row: _deviation(row.levels.epochs), "%"),
        numbers("between processes", lambda row: _deviation(row.levels.processes), "%"),
        numbers("between rounds", lambda row: _deviation(row.levels.rounds), "%", optional=True),
        TableColumn("ratio of median epochs", lambda row: _ratio(row, row.speedup.epoch if row.speedup else None)),
        TableColumn("ratio of mean epochs", lambda row: _ratio(row, row.ratio_of_means)),
        words("for ± 5 %", lambda row: _repetitions(row.needed_as_planned), optional=True),
        words("cheapest for ± 5 %", lambda row: _repetitions(row.needed), optional=True),
    )
    caption = (
        "Where the noise of the steady epoch comes from: standard deviations between the epochs of a process, between "
        "processes, and between rounds, which affect all backends of a round alike. The steady state begins where a "
        "test at 5 % shows neither a trend nor a change point. The ratio of median epochs is the speed ratio. The last "
        "two columns say how many processes of a backend × how many epochs of a process bring the 95 % interval of the "
        "ratio of mean epochs (of the reference backend: that of its mean epoch) within ± 5 %: with as many epochs as "
        "here, and at the lowest cost. After each: the time of these processes together with those of the reference "
        "backend. The ratio of mean epochs has a t interval, which is wide for few processes."
    )
    return tabulate("variation", "Levels of variation", caption, columns, variations(run, speedups))


def _deviation(variance: float | None) -> float | None:
    """A variance of logarithms as a standard deviation in per cent."""
    return None if variance is None else 100 * variance**0.5


def _steady_from(row: Variation) -> Cell:
    """The first steady epoch of the processes, and how many reached no steady state."""
    starts = [state.start for state in row.states.values() if state.reached]
    missing = len(row.states) - len(starts)
    detail = f"not reached in {missing} of {len(row.states)}" if missing else ""
    ends = unique((min(starts), max(starts))) if starts else ()
    return Cell(" to ".join(map(str, ends)) or NONE, detail=detail, tone="bad" if missing else "")


def _ratio(row: Variation, ratio: Interval | None) -> Cell:
    if row.speedup and row.speedup.withheld and ratio:
        return Cell("unreliable", notes=(withheld_note(row.group, row.speedup.withheld),), tone="bad")
    return Cell("1", 1.0, "reference") if row.speedup and row.speedup.is_reference else measured(ratio)


def _repetitions(needed: Repetitions | None) -> Cell:
    return Cell(f"{needed.processes} × {needed.epochs}", detail=duration(needed.seconds)) if needed else DASH


def _kernel(group: Group) -> Cell:
    return Cell(", ".join(unique(outcome.kernel for outcome in group.outcomes.values())) or NONE)


def _kind(row: ResultRow) -> str:
    return "model" if isinstance(row, Group) else "baseline"


def naive_rows(run: Run, *, scaled: bool = False) -> list[NaiveRow]:
    """Each naive forecast once, with a label as long as needed to tell the windows of a run apart.

    scaled: whether the table shows scaled errors, so that differently scaled values are different forecasts.
    """
    data = list({_identity(data, scaled): data for data in reversed(run.manifest.data.values())}.values())[::-1]
    labels = ["baseline"] * len(data)
    for describe in (*NAIVE_LABELS, *([_scale] if scaled else [])):
        longer = [f"{label}, {describe(windows)}" for label, windows in zip(labels, data, strict=True)]
        labels = longer if len(set(longer)) > len(set(labels)) else labels
    if len(set(labels)) < len(labels):  # the windows differ in another setting, such as the padding
        models = [next(case for case in run.manifest.cases if run.data(case) is windows) for windows in data]
        labels = [f"{label}, windows of {case_name(case)}" for label, case in zip(labels, models, strict=True)]
    return [
        NaiveRow(label, windows, baseline)
        for label, windows in zip(labels, data, strict=True)
        for baseline in windows.baselines
    ]


def _scale(data: Data) -> str:
    return f"scale {', '.join(map(significant, data.scale))}"


def _identity(data: Data, scaled: bool) -> tuple[object, ...]:
    """What distinguishes naive forecasts in a table, with the errors as they are shown."""
    errors = tuple((b.name, four_digits(b.scores.mse), four_digits(b.scores.mae)) for b in data.baselines)
    return (data.series, data.window, data.horizon, errors, data.scale if scaled else ())


def speed_ratio_column(
    run: Run, speedups: Speedups, label: str, notes: TimingNotes, *, whole_training: bool = False, vital: bool = False
) -> TableColumn[ResultRow]:
    def cell(group: Group) -> Cell:
        return speed_ratio_cell(run, group, speedups, notes, whole_training=whole_training)

    return TableColumn(label, of_groups(cell), vital=vital)


def speed_ratio_cell(
    run: Run, group: Group, speedups: Speedups, notes: TimingNotes, *, whole_training: bool = False
) -> Cell:
    """The speed ratio relative to the reference backend, or why there is none.

    notes: what is said of the times of either side, as footnotes.
    """
    if group.mode == "native":
        return Cell("another model", notes=("Native models differ, so their times give no ratio.",), tone="muted")
    speedup = speedups[group.case.label].backends[group.backend]
    if not speedup.comparable:
        return Cell("not comparable", notes=tuple(_reason(run, group, r) for r in speedup.reasons), tone="bad")
    if speedup.is_reference:
        return Cell("1", 1.0, "reference")
    interval = speedup.training if whole_training else speedup.epoch
    if interval and speedup.withheld:
        return Cell("unreliable", notes=(withheld_note(group, speedup.withheld),), tone="bad")
    if interval is None:
        return Cell(NONE, notes=("With a single epoch there is no steady epoch to compare.",), tone="muted")
    references = (other for other in run.select(group.case, group.mode) if other.backend == speedup.reference)
    warnings = unique(note for side in (group, *references) for note in notes(side))
    return measured(interval, notes=(*_ratio_notes(run, group, speedup, interval), *warnings))


def withheld_note(group: Group, reason: str) -> str:
    """A footnote that gives the reason in the place of an unreliable ratio."""
    return sentence(f"{group.backend_phrase}, {case_name(group.case)}: its ratios are withheld, because {reason}")


def _ratio_notes(run: Run, group: Group, speedup: Speedup, interval: Interval) -> tuple[str, ...]:
    name = f"{run.backend_name(group.backend)}, {case_name(group.case)}"
    remarks = tuple(f"{name}: {remark}." for remark in speedup.remarks)
    if interval.is_confidence_interval:
        return remarks
    limits = f"The limits are the lowest and highest of {interval.count} rounds"
    only = "This is the only round" if interval.single else limits
    return (*remarks, f"{only}; a 95 % interval needs {MIN_FOR_INTERVAL} rounds.")


def _reason(run: Run, group: Group, reason: str) -> str:
    if reason == NO_CERTIFICATE:  # the same for every backend, so one footnote for all
        return sentence(reason)
    return sentence(f"{group.backend_phrase}, {case_name(group.case)}, is not comparable: {reason}")
