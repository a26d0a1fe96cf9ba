"""The history of a benchmark: its times and scores from run to run, and what changed between the runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from reports.analysis.run import unique
from reports.analysis.run_store import StoredRun, read_runs, versions
from reports.analysis.search_results import selected_only
from reports.analysis.trend import Change, Point, TrendSeries, changes_beyond_noise, expected_by_chance, trend_series
from reports.figures.style import Palette, brief
from reports.figures.trend import trend
from reports.pages.stored_runs import link_cell, notices, state_cell
from reports.records.definitions import setting_differences
from reports.records.store import write_text
from reports.render import html
from reports.render.formats import MINUS, as_written, case_name, four_digits, listed, plural, significant, whole
from reports.render.page import Page, Paragraph, Section, table_section
from reports.render.table import DASH, NONE, Cell, Link, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import measured
from reports.sections.setup import environment_line

NAME = "history.html"
Names = Mapping[str, str]  # names of cases by their labels


def write(folder: Path) -> Path:
    """Write `history.html` into a benchmark's folder, from the records of its runs."""
    path = folder / NAME
    write_text(path, html.render(page(folder)))
    return path


def page(folder: Path) -> Page:
    """The page of the runs in a benchmark's folder, without those that reproduce another run."""
    stored = read_runs(folder.parent, folder.name)
    runs = [run for run in reversed(stored.runs) if run.run.manifest.reproduces is None]
    series = trend_series([replace(run, run=selected_only(run.run)) for run in runs])
    changes = changes_beyond_noise(series)
    names = {case.label: case_name(case) for run in runs for case in run.run.manifest.cases}
    units = {case.label: run.run.data(case).unit for run in runs for case in run.run.manifest.cases}
    palette = Palette.of(*(run.run for run in runs))
    figure = trend(series, changes, palette, names, units)
    title = runs[-1].run.manifest.title if runs else folder.name
    ends = unique(run.started for run in (*runs[:1], *runs[-1:]))
    tables = (_changes(changes, names, palette), _runs(runs, folder), _values(series, names, palette))
    return Page(
        title=f"{title}, history",
        facts=(", ".join((plural(len(runs), "run"), *([f"{' to '.join(ends)} UTC"] if ends else []))),),
        eyebrow=(Link("all runs", "../index.html"),),
        notices=notices(stored),
        sections=(
            Section("summary", "Summary", (Paragraph(_summary(runs, series, changes), "lead"),)),
            *([Section("figures", "Figure", (figure,))] if figure else []),
            *(table_section(table, style="wrapped" if table.stacked else "") for table in tables if table.rows),
        ),
    )


def _summary(runs: Sequence[StoredRun], series: Sequence[TrendSeries], changes: Sequence[Change]) -> str:
    """How many of the compared pairs of values changed beyond noise, or why none can be compared."""
    if len(runs) < 2:
        return "There is only one run so far, and nothing to compare it with." if runs else "There is no run yet."
    pairs = sum(len(line.comparisons) for line in series)
    if not pairs:
        return (
            "No change can be distinguished from noise yet: this needs two successive runs on the same machine with "
            "the same definition and at least two seeds each."
        )
    chance = significant(expected_by_chance(series), 2)
    by_chance = f"about {chance} of them would differ by chance alone"
    if not changes:
        return f"No change beyond noise in {plural(pairs, 'pair')} of successive values; {by_chance}."
    names = runs[-1].run.backend_phrases(change.series.backend for change in changes)
    return (
        f"{len(changes)} of {plural(pairs, 'pair')} of successive values differ beyond noise, of {names}; {by_chance}."
    )


def _changes(changes: Sequence[Change], names: Names, palette: Palette) -> Table:
    def limits(change: Change, point: Point) -> str:
        interval = point.interval
        text = f"{significant(interval.estimate)} ({significant(interval.low)} to {significant(interval.high)})"
        return f"{text} s" if change.series.metric.timed else text

    return tabulate(
        "changes",
        "Changes beyond noise",
        "Successive runs on the same machine with the same definition and several common seeds. The 95 % t interval of "
        "the change, paired by seed, excludes no change. The next table lists what else "
        "changed between the runs: versions and code.",
        (
            numbers("run", lambda change: change.after.place, form=whole),
            words("model", lambda change: names[change.series.case]),
            words("backend", lambda change: palette.name(change.series.backend)),
            words("quantity", lambda change: change.series.metric.label),
            words("before", lambda change: limits(change, change.before)),
            words("after", lambda change: limits(change, change.after)),
            numbers("change", lambda change: change.share * 100, "%", lambda s: f"{s:+,.0f}".replace("-", MINUS)),
            numbers("since run", lambda change: change.before.place, form=whole),
        ),
        sorted(changes, key=lambda change: -change.after.place),
    )


def _runs(runs: Sequence[StoredRun], folder: Path) -> Table:
    differences = [NONE, *("; ".join(_differences(*pair)) or "nothing" for pair in pairwise(runs))]
    numbering = "The newest first; the numbers are those of the figure. " if len(runs) > 1 else ""
    return tabulate(
        "runs",
        "Runs",
        f"{numbering}The start of a run is a link to its report.",
        (
            words("started, UTC", lambda item: link_cell(item[1].folder, item[1].run.manifest.started, folder)),
            words("number", lambda item: f"run {item[0]}"),
            words("changes since the previous run", lambda item: differences[item[0] - 1]),
            words("state", lambda item: state_cell(item[1].run)),
            words("machine", lambda item: Cell(environment_line(item[1].run), detail=listed(item[1].run.hosts()))),
            words("versions", lambda item: versions(item[1].run.manifest.environment)),
        ),
        reversed(list(enumerate(runs, 1))),
        stacked=True,
    )


def _differences(before: StoredRun, after: StoredRun) -> Iterator[str]:
    """Clauses on the differences in host, machine, versions and definition; commits are shortened."""
    old, new = before.run.manifest, after.run.manifest
    machines = [
        environment.model_copy(update={"commit": (environment.commit or "unknown")[:8]})
        for environment in (old.environment, new.environment)
    ]
    if before.run.hosts() != after.run.hosts():
        yield f"the host was {listed(before.run.hosts()) or 'none'} and is {listed(after.run.hosts()) or 'none'}"
    yield from machines[0].differences(machines[1])
    changed_tables = set()
    for name, value, new_value in setting_differences(old.definition, new.definition):
        table = name.partition(".")[0]
        if not any(isinstance(manifest.definition.get(table), list) for manifest in (old, new)) or table == name:
            yield f"{name} was {brief(as_written(value))} and is {brief(as_written(new_value))}"
        elif table not in changed_tables:  # an array of tables
            changed_tables.add(table)
            yield f"the [[{table}]] tables changed"


def _values(series: Sequence[TrendSeries], names: Names, palette: Palette) -> Table:
    by_row: dict[tuple[str, str, int], dict[str, Cell]] = {}
    for line in series:
        for point in line.points:
            form = significant if line.metric.timed else four_digits
            cells = by_row.setdefault((line.case, line.backend, point.place), {})
            cells[line.metric.label] = measured(point.interval, form)

    def column(name: str, unit: str) -> TableColumn[tuple[str, str, int]]:
        return TableColumn(name, lambda key: by_row[key].get(name, DASH), unit)

    return tabulate(
        "values",
        "All values",
        "Matched mode, the median over the seeds with its limits.",
        (
            words("model", lambda key: names[key[0]]),
            words("backend", lambda key: palette.name(key[1])),
            numbers("run", lambda key: key[2], form=whole),
            *(column(metric.label, "s" if metric.timed else "") for metric in unique(line.metric for line in series)),
        ),
        by_row,
    )
