"""The history of a benchmark: how its times and scores moved between runs, versions and machines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reports.analysis.run import unique
from reports.analysis.run_store import StoredRun, read_runs, versions
from reports.analysis.search_results import selected_only
from reports.analysis.trend import (
    MEASURES,
    Change,
    TrendSeries,
    changes_beyond_noise,
    comparable_neighbours,
    expected_by_chance,
    trend_series,
)
from reports.figures.style import Palette, brief
from reports.figures.trend import trend
from reports.records.store import write_text
from reports.render import html
from reports.render.formats import (
    MINUS,
    as_written,
    backend_name,
    case_name,
    four_digits,
    listed,
    plural,
    significant,
    whole,
)
from reports.render.page import Page, Paragraph, Section, table_section
from reports.render.table import NONE, Cell, Column, Link, Table, number, row, text
from reports.sections.columns import measured
from reports.sections.summary import environment_line

NAME = "history.html"


def write(folder: Path) -> Path:
    """Write `history.html` into a benchmark's folder, from the records of its runs."""
    path = folder / NAME
    write_text(path, html.render(page(folder)))
    return path


def page(folder: Path) -> Page:
    """Repetitions are left out: they are parts of runs, held against these on pages of their own."""
    kept = read_runs(folder.parent, folder.name)
    runs = [past for past in reversed(kept.runs) if past.run.manifest.reproduces is None]
    found = trend_series([replace(past, run=selected_only(past.run)) for past in runs])
    moved = changes_beyond_noise(found)
    names = {case.label: case_name(case) for past in runs for case in past.run.manifest.cases}
    units = {case.label: past.run.data(case).unit for past in runs for case in past.run.manifest.cases}
    tables = (_changes(moved, names), _runs(runs, folder), _values(found, names))
    title = runs[-1].run.manifest.title if runs else folder.name
    lead = _lead(found, moved) if len(runs) > 1 else _alone(len(runs))
    figure = trend(found, moved, Palette.of(*(past.run for past in runs)), names, units)
    return Page(
        title=f"{title}, history",
        facts=(", ".join((plural(len(runs), "run"), *_from_to(runs))),),
        eyebrow=(Link("all runs", "../index.html"),),
        notices=kept.damaged,
        sections=(
            Section("summary", "Summary", (Paragraph(lead, "lead"),)),
            *([Section("figures", "Figures", (figure,))] if figure else []),
            *(table_section(t, style="wrapped" if t.name == "runs" else "") for t in tables if t.rows),
        ),
    )


def _lead(found: Sequence[TrendSeries], moved: Sequence[Change]) -> str:
    """Whether anything moved, or why nobody can tell."""
    pairs = sum(len(comparable_neighbours(one)) for one in found)
    if not pairs:
        return (
            "No change can be told from noise yet: that takes two neighbouring runs on one machine, of one definition, "
            "with at least two seeds each."
        )
    chance = expected_by_chance(found)
    by_chance = f"; intervals of so few seeds part by chance alone in about {significant(chance, 2)} of them"
    compared = f"{plural(pairs, 'pair')} of neighbouring figures"
    if not moved:
        return f"Nothing moved beyond noise: {compared} were compared{by_chance}."
    names = listed([backend_name(name) for name in unique(change.series.backend for change in moved)])
    return f"{len(moved)} of {compared} differ beyond noise, in {names}{by_chance}."


def _from_to(runs: Sequence[StoredRun]) -> tuple[str, ...]:
    ends = unique(past.started for past in (*runs[:1], *runs[-1:]))
    return (f"{' to '.join(ends)} UTC",) if ends else ()


def _alone(runs: int) -> str:
    return "There is only one run so far, so nothing to compare it with." if runs else "There is no run to show yet."


def _changes(moved: Sequence[Change], names: Mapping[str, str]) -> Table:
    columns = (
        Column("run"),
        *map(text, ("model", "backend", "figure", "before", "after")),
        Column("change", "%"),
        Column("since run"),
    )
    rows = tuple(
        row(
            number(change.after.place, whole),
            Cell(names[change.series.case]),
            Cell(backend_name(change.series.backend)),
            Cell(change.series.measure.name),
            *(Cell(_shown(change, place), value) for place, value in ((0, None), (1, None))),
            number(change.share * 100, lambda share: f"{share:+,.0f}".replace("-", MINUS)),
            number(change.before.place, whole),
        )
        for change in sorted(moved, key=lambda change: -change.after.place)
    )
    caption = (
        "Between neighbouring runs on one machine, of one definition and with several seeds each, where the two "
        "intervals do not overlap. What else changed between them, versions and code, stands below."
    )
    return Table("changes", "Changes beyond noise", caption, columns, rows)


def _shown(change: Change, place: int) -> str:
    found = (change.before, change.after)[place].interval
    limits = f"{significant(found.estimate)} ({significant(found.low)} to {significant(found.high)})"
    return f"{limits} s" if change.series.measure.timed else limits


def _runs(runs: Sequence[StoredRun], folder: Path) -> Table:
    heads = ("started, UTC", "number", "what changed since the run before", "state", "where", "versions")
    rows = [
        row(
            past.link(folder),
            Cell(f"run {place}"),
            Cell("; ".join(_differences(runs[place - 2], past)) or "nothing" if place > 1 else NONE),
            past.state,
            Cell(environment_line(past.run), detail=listed(past.run.hosts())),
            Cell(versions(past.run.manifest.environment)),
        )
        for place, past in enumerate(runs, 1)
    ]
    numbers = "The newest first; the numbers are those of the figure. " if len(runs) > 1 else ""
    caption = f"{numbers}Each start leads to that run's report."
    return Table("runs", "The runs", caption, tuple(map(text, heads)), tuple(reversed(rows)), stacked=True)


def _differences(before: StoredRun, after: StoredRun) -> Iterator[str]:
    """Of the machine, the versions and the definition, a clause each; of a commit as much as tells it from others."""
    old, new = before.run.manifest, after.run.manifest
    short = [
        found.model_copy(update={"commit": (found.commit or "unknown")[:8]})
        for found in (old.environment, new.environment)
    ]
    if before.run.hosts() != after.run.hosts():
        yield f"the host was {listed(before.run.hosts()) or 'none'} and is {listed(after.run.hosts()) or 'none'}"
    yield from short[0].differences(short[1])
    asked, now = dict(_flat(old.definition)), dict(_flat(new.definition))
    for name in dict.fromkeys((*asked, *now)):
        if asked.get(name) == now.get(name):
            continue
        if any(_is_tables(found.get(name)) for found in (old.definition, new.definition)):
            yield f"the [[{name}]] tables changed"
        else:
            yield f"{name} was {asked.get(name, 'not given')} and is {now.get(name, 'not given')}"


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(one, Mapping) for one in value)


def _flat(definition: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Of {"training": {"epochs": 30}}: ("training.epochs", "30")."""
    for name, value in definition.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", str(value) if _is_tables(value) else brief(as_written(value))


def _values(found: Sequence[TrendSeries], names: Mapping[str, str]) -> Table:
    columns = (
        text("model"),
        text("backend"),
        Column("run"),
        *(Column(m.name, "s" if m.timed else "") for m in MEASURES),
    )
    by_row: dict[tuple[str, str, int], dict[str, Cell]] = {}
    for one in found:
        for point in one.points:
            form = significant if one.measure.timed else four_digits
            by_row.setdefault((one.case, one.backend, point.place), {})[one.measure.name] = measured(
                point.interval, form
            )
    rows = tuple(
        row(
            Cell(names[case]),
            Cell(backend_name(backend)),
            number(place, whole),
            *(cells.get(m.name, Cell(NONE, tone="muted")) for m in MEASURES),
        )
        for (case, backend, place), cells in by_row.items()
    )
    return Table("values", "Every figure", "Matched mode, the median over the seeds with its limits.", columns, rows)
