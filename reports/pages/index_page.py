"""The page over all runs: what was run, when, where and with which versions, and what came out."""

from pathlib import Path
from urllib.parse import quote

from reports.analysis.run import Run, unique
from reports.analysis.run_store import StoredRun, read_runs, versions
from reports.analysis.search_results import search_ranking
from reports.analysis.speedup import speedups_of
from reports.pages import history_page
from reports.records.store import write_text
from reports.render import html
from reports.render.formats import listed, plural
from reports.render.page import Code, Page, Paragraph, Section, table_section
from reports.render.table import Cell, Column, Link, Table, row, text
from reports.sections import search_summary
from reports.sections.summary import answer, environment_line

NAME = "index.html"
FIRST = "python -m benchmarks run co2"


def write(results: Path) -> Path:
    """Write `index.html` into the folder of all runs, from their records. A damaged run is named and left out."""
    path = results / NAME
    write_text(path, html.render(page(results)))
    return path


def page(results: Path) -> Page:
    """A section for each benchmark; the benchmark that ran last comes first."""
    kept = read_runs(results)
    names = unique(past.benchmark for past in kept.runs)
    facts = f"{plural(len(kept.runs), 'run')} of {plural(len(names), 'benchmark')}, the newest first"
    sections = [
        _benchmark(results, place, [past for past in kept.runs if past.benchmark == name])
        for place, name in enumerate(names, 1)
    ]
    empty = Section("empty", "", (Paragraph("There is no run yet. This command makes one:"), Code(FIRST, command=True)))
    return Page("All runs", tuple(sections) or (empty,), facts=(facts,), notices=kept.damaged)


def _benchmark(results: Path, place: int, runs: list[StoredRun]) -> Section:
    table = _table(results, place, runs)
    name = runs[0].benchmark
    link = Link(f"Times and errors of {table.title} from run to run", quote(f"{name}/{history_page.NAME}"))
    written = (results / name / history_page.NAME).exists()
    return table_section(table, *([Paragraph("", links=(link,))] if written else []), style="wrapped")


def _table(results: Path, place: int, runs: list[StoredRun]) -> Table:
    columns = (
        *map(text, ("started, UTC", "state")),
        Column("headline", numeric=False),
        *map(text, ("where", "versions", "commit")),
    )
    rows = tuple(
        row(
            past.link(results),
            past.state,
            Cell(headline(past.run)),
            Cell(environment_line(past.run), detail=listed(past.run.hosts())),
            Cell(versions(past.run.manifest.environment)),
            Cell((past.run.manifest.environment.commit or "unknown")[:8]),
        )
        for past in runs
    )
    newest = runs[0].run.manifest
    return Table(
        f"benchmark-{place}", f"{newest.title} ({newest.benchmark})", newest.description, columns, rows, stacked=True
    )


def headline(run: Run) -> str:
    """The answer in its shortest form; of a repetition, what it repeats."""
    if run.manifest.reproduces is not None:
        return f"Repeats trials of {Path(run.manifest.reproduces).name}."
    if not run.trials:
        return "No trial has finished."
    searched = search_ranking(run)
    found = search_summary.answer(searched) if searched else answer(run, speedups_of(run))
    return " ".join(found.overview or [f"{case.name}: {case.lead}" for case in found.cases])
