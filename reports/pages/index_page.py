"""The index of all runs: a line per run with its state, its result and its machine."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from reports.analysis.run import unique
from reports.pages import differences_page, history_page
from reports.pages.index_entries import IndexEntries, IndexEntry, read_entries, store_entries
from reports.pages.stored_runs import error_notice, link_cell
from reports.records.store import write_text
from reports.render import html
from reports.render.formats import plural
from reports.render.page import Code, Page, Paragraph, Section, table_section
from reports.render.table import Cell, Link, Table, Tone, tabulate, words

NAME = "index.html"
FIRST_RUN = ".venv/bin/python -m benchmarks run co2"


@dataclass(frozen=True)
class Line:
    """A run in its folder, results/<benchmark>/<start>."""

    folder: Path
    entry: IndexEntry

    @property
    def benchmark(self) -> str:
        return self.folder.parent.name


def write(results: Path) -> Path:
    """Write `index.html` into the folder of all runs, from their records. A damaged run is named and left out."""
    path, entries = results / NAME, read_entries(results)
    write_text(path, html.render(_page(results, entries)))
    store_entries(results, entries)
    return path


def page(results: Path) -> Page:
    """A section per benchmark; the benchmark with the newest run comes first."""
    return _page(results, read_entries(results))


def _page(results: Path, entries: IndexEntries) -> Page:
    lines = [Line(results / folder, entry) for folder, entry in entries.entries.items() if not entry.error]
    lines.sort(key=lambda line: (line.entry.started, line.folder.name), reverse=True)
    names = unique(line.benchmark for line in lines)
    sections = [
        _benchmark(results, place, [line for line in lines if line.benchmark == name])
        for place, name in enumerate(names, 1)
    ]
    empty = Section("empty", "", (Paragraph("There is no run yet. Start one with:"), Code(FIRST_RUN, command=True)))
    return Page(
        "All runs",
        tuple(sections) or (empty,),
        eyebrow=_links(results),
        facts=(f"{plural(len(lines), 'run')} of {plural(len(names), 'benchmark')}, the newest first",),
        notices=tuple(error_notice(name, entry.error) for name, entry in entries.entries.items() if entry.error),
    )


def _links(results: Path) -> tuple[Link, ...]:
    """A link to the newest page of differences between the frameworks, if there is one."""
    path = differences_page.newest(results)
    return (Link("differences between the frameworks", path.relative_to(results).as_posix()),) if path else ()


def _benchmark(results: Path, place: int, lines: list[Line]) -> Section:
    table, name = _table(results, place, lines), lines[0].benchmark
    link = Link("history of this benchmark", quote(f"{name}/{history_page.NAME}"), f"history of {table.title}")
    written = (results / name / history_page.NAME).exists()
    return table_section(table, *([Paragraph("", links=(link,))] if written else []))


def _table(results: Path, place: int, lines: list[Line]) -> Table:
    newest = lines[0]
    return tabulate(
        f"benchmark-{place}",
        f"{newest.entry.title} ({newest.benchmark})",
        newest.entry.description,
        (
            words("started, UTC", lambda line: link_cell(line.folder, line.entry.started, results)),
            words("state", lambda line: _state(*line.entry.state)),
            words("result", lambda line: line.entry.headline),
            words("machine", lambda line: line.entry.machine),
            words("commit", lambda line: line.entry.commit),
            words("versions", lambda line: line.entry.versions),
        ),
        lines,
        stacked=True,
    )


def _state(text: str, detail: str, tone: Tone) -> Cell:
    return Cell(text, detail=detail, tone=tone)
