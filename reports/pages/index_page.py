"""The index of all runs: a line per run with its state, its result and its machine."""

from collections import Counter
from pathlib import Path
from urllib.parse import quote

from reports.analysis.metrics import beats
from reports.analysis.run import Run, unique
from reports.analysis.run_store import StoredRun, read_runs, versions
from reports.analysis.search_results import search_ranking
from reports.analysis.speedup import Fastest, Speedups, speedups_of
from reports.analysis.timing_quality import unreliable_because
from reports.pages import history_page
from reports.pages.stored_runs import link_cell, notices, state_cell
from reports.records.store import write_text
from reports.render import html
from reports.render.formats import case_name, four_digits, listed, plural, significant
from reports.render.page import Code, Page, Paragraph, Section, table_section
from reports.render.table import Link, Table, tabulate, words
from reports.sections.setup import environment_line

NAME = "index.html"
FIRST_RUN = ".venv/bin/python -m benchmarks run co2"


def write(results: Path) -> Path:
    """Write `index.html` into the folder of all runs, from their records. A damaged run is named and left out."""
    path = results / NAME
    write_text(path, html.render(page(results)))
    return path


def page(results: Path) -> Page:
    """A section per benchmark; the benchmark with the newest run comes first."""
    stored = read_runs(results)
    names = unique(run.benchmark for run in stored.runs)
    sections = [
        _benchmark(results, place, [run for run in stored.runs if run.benchmark == name])
        for place, name in enumerate(names, 1)
    ]
    empty = Section("empty", "", (Paragraph("There is no run yet. Start one with:"), Code(FIRST_RUN, command=True)))
    return Page(
        "All runs",
        tuple(sections) or (empty,),
        facts=(f"{plural(len(stored.runs), 'run')} of {plural(len(names), 'benchmark')}, the newest first",),
        notices=notices(stored),
    )


def _benchmark(results: Path, place: int, runs: list[StoredRun]) -> Section:
    table, name = _table(results, place, runs), runs[0].benchmark
    link = Link("history of this benchmark", quote(f"{name}/{history_page.NAME}"), f"history of {table.title}")
    written = (results / name / history_page.NAME).exists()
    return table_section(table, *([Paragraph("", links=(link,))] if written else []))


def _table(results: Path, place: int, runs: list[StoredRun]) -> Table:
    newest = runs[0].run.manifest
    return tabulate(
        f"benchmark-{place}",
        f"{newest.title} ({newest.benchmark})",
        newest.description,
        (
            words("started, UTC", lambda stored: link_cell(stored, results)),
            words("state", state_cell),
            words("result", lambda stored: headline(stored.run)),
            words("machine", lambda stored: f"{environment_line(stored.run)}{_hosts(stored.run)}"),
            words("commit", lambda stored: (stored.run.manifest.environment.commit or "unknown")[:8]),
            words("versions", lambda stored: versions(stored.run.manifest.environment)),
        ),
        runs,
        stacked=True,
    )


def _hosts(run: Run) -> str:
    return f" ({listed(run.hosts())})" if run.hosts() else ""


def headline(run: Run) -> str:
    """The result of a run in at most about 80 characters."""
    if run.manifest.reproduces is not None:
        return f"repeats trials of {Path(run.manifest.reproduces).name}"
    if not run.trials:
        return "no trial has finished"
    if search := search_ranking(run):
        if search.selected is None:
            return f"nothing selected yet, {plural(len(search.ranking), 'configuration')} trained"
        return (
            f"selected: {case_name(search.selected.group.case)}, validation loss {four_digits(search.selected.score)}"
        )
    speedups = speedups_of(run)
    noisy = bool(unreliable_because(run, [speedup for case in speedups.values() for speedup in case.compared]))
    speed = _fastest(run, speedups) + (" (timings unreliable)" if noisy else "")
    groups = [group for group in run.leading if group.outcomes]
    beating = sum(beats(run, group, "persistence") for group in groups)
    forecasts = f"{beating} of {plural(len(groups), 'forecast')} beat persistence" if groups else "every trial failed"
    parts = (forecasts, speed) if noisy else (speed, forecasts)  # unreliable timings come second
    return "; ".join(part for part in parts if part.strip())


def _fastest(run: Run, speedups: Speedups) -> str:
    """The fastest backend by the steady epoch, or in how many models each backend is the fastest."""
    compared = [best for case in speedups.values() if (best := case.fastest)]
    if not compared:
        return ""
    if len(compared) == 1:
        return _single(run, compared[0])
    clear = Counter(best.backend for best in compared if best.clear and not best.lead.single)
    if not clear:
        return f"no backend is clearly fastest in any of {len(compared)} models"
    counts = listed([f"{run.backend_phrase(backend)} for {count}" for backend, count in clear.most_common()])
    return f"fastest: {counts} of {len(compared)} models"


def _single(run: Run, best: Fastest) -> str:
    first, second = run.backend_phrase(best.backend), run.backend_phrase(best.second)
    if not best.clear or best.lead.single:
        return f"{first} and {second} are not shown to differ in speed"
    return f"{first} is {significant(best.lead.estimate)} times as fast as {second}"
