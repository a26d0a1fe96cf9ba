"""Reports made from records alone: pages, Markdown, figures, tables for the terminal, and exports.

These functions are the interface of the package. Drawing and statistics are imported on first use, so that a worker
reads and writes records without loading pandas or matplotlib.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reports.records import Certificate, Manifest
from reports.records.store import RecordError, read_json, write_text

__all__ = [
    "Report",
    "ReproducibilityCheck",
    "RunComparisonReport",
    "certificate_text",
    "compare",
    "write",
    "write_differences",
    "write_overviews",
    "write_published",
    "write_reproduction",
]


@dataclass(frozen=True)
class Report:
    """The files of a run's report."""

    html: Path
    markdown: Path
    summary: str  # the main table and the summary, as plain text


@dataclass(frozen=True)
class ReproducibilityCheck:
    """The result of comparing a repeated run with the run that it repeats."""

    markdown: Path
    summary: str  # the page as plain text
    sentence: str  # the conclusion
    rows: list[dict[str, object]]  # JSON objects
    good: bool  # whether every trial was reproduced


@dataclass(frozen=True)
class RunComparisonReport:
    """The comparison of two runs."""

    summary: str  # the page as plain text
    markdown: str
    sentence: str  # the conclusion
    rows: list[dict[str, object]]  # JSON objects
    common: bool  # whether the runs have anything to compare


def write(folder: Path, *, show_unreliable: bool = False) -> Report:
    """Write `report.html`, `report.md`, `trials.html` and `figures/` into the folder of a run, from its records.

    Everything is rendered before anything is written, and each file is replaced as a whole, so an error leaves an
    older report intact. show_unreliable: print speed ratios of unreliable times too, with a warning.
    Raises `RecordError` if the records cannot be read.
    """
    from reports.analysis.run import Run
    from reports.pages import run_page, trials_page
    from reports.render import html, markdown, terminal

    run = Run.read(folder)
    page = run_page.page(run, run_page.links_of(run, folder), show_unreliable=show_unreliable)
    content, text, trials = html.render(page), markdown.render(page), html.render(trials_page.page(run))
    summary = terminal.render(page, only=("result", "summary"))
    drawings = {folder / "figures" / f"{figure.name}.svg": figure.standalone for figure in page.figures}
    for path, drawing in drawings.items():
        write_text(path, drawing)
    report = Report(folder / "report.html", folder / "report.md", summary)
    write_text(folder / trials_page.NAME, trials)
    write_text(report.markdown, text)
    write_text(report.html, content)
    for outdated in set((folder / "figures").glob("*.svg")) - drawings.keys():
        outdated.unlink()
    return report


def write_overviews(folder: Path) -> Path | None:
    """Write the history of a run's benchmark and the index of all runs. Returns the path of the index.

    Returns None and writes nothing if the folder is not at results/<benchmark>/<start>, as a copy elsewhere.
    """
    from reports.pages import history_page, index_page, run_page

    if not run_page.is_among_results(read_json(folder / "manifest.json", Manifest).benchmark, folder):
        return None
    history_page.write(folder.parent)
    return index_page.write(folder.parent.parent)


def write_published(results: Path) -> tuple[Path, str]:
    """Write the page of published values into the folder of all runs. Returns its path and its Markdown."""
    from reports.pages import published_page

    return published_page.write(results)


def write_differences(folder: Path) -> tuple[Path, str]:
    """Write `report.html` and `report.md` of a run of the benchmark `differences`, and the index of all runs.

    Returns the path of the HTML page, and its summary and main table as plain text. Raises `RecordError` if the
    record cannot be read.
    """
    from reports.pages import differences_page, index_page
    from reports.render import terminal

    path, page = differences_page.write(folder)
    index_page.write(folder.parent.parent)
    return path, terminal.render(page, only=("effects", "summary"))


def write_reproduction(folder: Path) -> ReproducibilityCheck:
    """Compare a repeated run with the run that it repeats, and write `reproduction.md` into the repeated run's folder.

    An existing page of the repeated run is written again, with a link to the check.
    Raises `RecordError` if one of the two runs cannot be read, or if the run repeats no other run.
    """
    from reports.analysis.reproduction import check_reproduction
    from reports.analysis.run import Run
    from reports.pages import reproduction_page, run_page
    from reports.render import markdown, terminal

    repeated = Run.read(folder)
    if repeated.manifest.reproduces is None:
        again = repeated.manifest.command_on("reproduce", f"{repeated.manifest.benchmark}/{folder.name}")
        raise RecordError(f"{folder} repeats no other run; repeat it with: {again}")
    original = Path(repeated.manifest.reproduces)
    if not original.exists():  # the whole folder of results was moved
        original = folder.parent / original.name
    check = check_reproduction(Run.read(original), repeated)
    page = reproduction_page.page(check, f"{check.stored.manifest.benchmark}/{original.name}")
    path = folder / run_page.CHECK
    write_text(path, markdown.render(page))
    if (folder / "report.html").exists():
        write(folder)
    conclusion, rows = reproduction_page.conclusion(check), reproduction_page.facts(check)
    return ReproducibilityCheck(path, terminal.render(page), conclusion, rows, check.good)


def certificate_text(certificate: Certificate, backends: Mapping[str, str]) -> str:
    """The table of all checks as plain text, followed by a summary if there are many models or backends.

    backends: the names to show for the backends.
    """
    from reports.render import terminal
    from reports.sections.certificate import certificate_summary, checks_table

    tables = (checks_table(certificate, {}, backends), certificate_summary(certificate, {}, backends))
    return "\n\n".join("\n".join(terminal.titled_table(table)) for table in tables if table.rows)


def compare(first: Path, second: Path) -> RunComparisonReport:
    """The comparison of two stored runs. Raises `RecordError` if one of them cannot be read."""
    from reports.analysis.run import Run
    from reports.analysis.run_comparison import compare_runs
    from reports.pages import comparison_page
    from reports.render import markdown, terminal

    comparison = compare_runs(Run.read(first), Run.read(second))
    if not comparison.common:
        return RunComparisonReport("", "", "", [], common=False)
    names = [
        f"{run.manifest.benchmark}/{path.name}"
        for run, path in ((comparison.first, first), (comparison.second, second))
    ]
    page = comparison_page.page(comparison, *names)
    conclusion, rows = comparison_page.conclusion(comparison), comparison_page.facts(comparison)
    return RunComparisonReport(terminal.render(page), markdown.render(page), conclusion, rows, common=True)
