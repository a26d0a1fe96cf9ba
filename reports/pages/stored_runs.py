"""Cells and notices about stored runs: links, states, and runs that cannot be read."""

from pathlib import Path
from urllib.parse import quote

from reports.analysis.run_store import StoredRun, StoredRuns
from reports.render.formats import plural, sentence
from reports.render.table import Cell, Link


def state_cell(stored: StoredRun) -> Cell:
    """How many of the planned trials have finished, and how many failed."""
    run = stored.run
    planned, failed = plural(run.manifest.expected_trials, "trial"), len(run.failed)
    if run.missing:
        detail = f"{failed} failed" if failed else ""
        return Cell(f"unfinished, {len(run.trials)} of {planned}", detail=detail, tone="bad")
    if failed:
        return Cell(f"{failed} of {planned} failed", tone="bad")
    return Cell(f"finished, {planned}", detail="small form" if run.manifest.quick else "")


def run_link(stored: StoredRun, page_folder: Path) -> Link:
    """A link from a page in `page_folder` to the run's report, or to its manifest if there is no report yet."""
    file = "report.html" if has_report(stored) else "manifest.json"
    target = quote((stored.folder / file).relative_to(page_folder).as_posix())
    return Link(stored.started, target, f"{file.partition('.')[0]} of {stored.benchmark}, {stored.started}")


def link_cell(stored: StoredRun, page_folder: Path) -> Cell:
    return Cell("", links=(run_link(stored, page_folder),), detail="" if has_report(stored) else "no report yet")


def has_report(stored: StoredRun) -> bool:
    return (stored.folder / "report.html").exists()


def notices(stored: StoredRuns) -> tuple[str, ...]:
    """A sentence about each run that cannot be read."""
    return tuple(sentence(f"the run {name} cannot be shown: {error}") for name, error in stored.errors.items())
