"""Cells and notices about stored runs: links, states, and runs that cannot be read."""

from pathlib import Path
from urllib.parse import quote

from reports.analysis.run import Run
from reports.analysis.run_store import StoredRuns, minute
from reports.render.formats import plural, sentence
from reports.render.table import Cell, Link


def state_cell(run: Run) -> Cell:
    """How many of the planned trials have finished, and how many failed."""
    planned, failed = plural(run.manifest.expected_trials, "trial"), len(run.failed)
    if run.missing:
        detail = f"{failed} failed" if failed else ""
        return Cell(f"unfinished, {len(run.trials)} of {planned}", detail=detail, tone="bad")
    if failed:
        return Cell(f"{failed} of {planned} failed", tone="bad")
    return Cell(f"finished, {planned}", detail="small form" if run.manifest.quick else "")


def run_link(folder: Path, started: str, page_folder: Path) -> Link:
    """A link from a page in `page_folder` to the run's report, or to its manifest if there is no report yet.

    started: the start time in the run's manifest.
    """
    file = "report.html" if has_report(folder) else "manifest.json"
    target = quote((folder / file).relative_to(page_folder).as_posix())
    meaning = f"{file.partition('.')[0]} of {folder.parent.name}, {minute(started)}"
    return Link(minute(started), target, meaning)


def link_cell(folder: Path, started: str, page_folder: Path) -> Cell:
    detail = "" if has_report(folder) else "no report yet"
    return Cell("", links=(run_link(folder, started, page_folder),), detail=detail)


def has_report(folder: Path) -> bool:
    return (folder / "report.html").exists()


def notices(stored: StoredRuns) -> tuple[str, ...]:
    """A sentence about each run that cannot be read."""
    return tuple(error_notice(name, error) for name, error in stored.errors.items())


def error_notice(name: str, error: str) -> str:
    return sentence(f"the run {name} cannot be shown: {error}")
