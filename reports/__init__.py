"""What is told of a run: a page, a Markdown report, figures and a table for the terminal, from records alone.

What draws and computes is imported where it is needed: a worker reads and writes records without pandas or matplotlib.
"""

from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from reports.records import Certificate, Manifest
from reports.records.store import RecordError, read_json, write_text

__all__ = [
    "Beside",
    "Report",
    "Verdict",
    "certificate_text",
    "compare",
    "write",
    "write_audits",
    "write_overviews",
    "write_reproduction",
]


@dataclass(frozen=True)
class Report:
    html: Path
    markdown: Path
    summary: str  # the main table and the answer, as plain text


@dataclass(frozen=True)
class Verdict:
    """On a repeated run."""

    markdown: Path
    summary: str  # as plain text
    sentence: str
    rows: list[dict[str, object]]  # for programs
    good: bool  # every trial was reproduced


@dataclass(frozen=True)
class Beside:
    """Two runs side by side."""

    summary: str  # as plain text
    markdown: str
    sentence: str
    rows: list[dict[str, object]]  # for programs
    common: bool  # whether there is anything to compare


def write(folder: Path) -> Report:
    """Write `report.html`, `report.md` and `figures/` into a run's folder, from its records.

    Everything is rendered before anything is written, and each file is replaced whole: whatever goes wrong, an older
    report stays readable. Raises `RecordError` where the records cannot be read.
    """
    from reports.analysis.run import Run
    from reports.pages import run_page
    from reports.pages.links import around
    from reports.render import html, markdown, terminal

    run = Run.read(folder)
    page = run_page.page(run, around(run, folder))
    content, text = html.render(page), markdown.render(page)
    summary = terminal.render(page, only=("result", "summary"))
    drawings = {folder / "figures" / f"{figure.name}.svg": figure.standalone for figure in page.figures}
    for path, drawing in drawings.items():
        write_text(path, drawing)
    report = Report(folder / "report.html", folder / "report.md", summary)
    write_text(report.markdown, text)
    write_text(report.html, content)
    for stale in set((folder / "figures").glob("*.svg")) - drawings.keys():
        stale.unlink()
    return report


def write_overviews(folder: Path) -> Path | None:
    """Write its benchmark's history and the page over all runs, which is returned.

    Only where a run's folder lies among others: results/<benchmark>/<start>.
    None where it does not, as a copy elsewhere: nothing is written into folders that are not ours.
    """
    from reports.pages import history_page, index_page
    from reports.pages.links import among_others

    if not among_others(read_json(folder / "manifest.json", Manifest).benchmark, folder):
        return None
    history_page.write(folder.parent)
    return index_page.write(folder.parent.parent)


def write_audits(results: Path) -> tuple[Path, str]:
    """Write the page that ties all benchmarks together into the folder of all runs; its path, and it as Markdown."""
    from reports.pages import published_page

    return published_page.write(results)


def write_reproduction(folder: Path) -> Verdict:
    """Hold a repetition against the run it repeats, and write `reproduction.md` into its folder.

    The page of the repetition, where there is one, is written again, to lead there.
    Raises `RecordError` where one of the two cannot be read.
    """
    from reports.analysis.reproduction import check_reproduction
    from reports.analysis.run import Run
    from reports.pages import reproduction_page
    from reports.render import markdown, terminal

    repeated = Run.read(folder)
    if repeated.manifest.reproduces is None:
        raise RecordError(f"{folder} repeats no other run; reproduce makes one that does.")
    original = Path(repeated.manifest.reproduces)
    if not original.exists():  # the results were moved as a whole
        original = folder.parent / original.name
    found = check_reproduction(Run.read(original), repeated)
    told = reproduction_page.page(found, f"{found.stored.manifest.benchmark}/{original.name}")
    path = folder / "reproduction.md"
    write_text(path, markdown.render(told))
    if (folder / "report.html").exists():
        write(folder)
    return Verdict(
        path, terminal.render(told), reproduction_page.conclusion(found), reproduction_page.facts(found), found.good
    )


def certificate_text(certificate: Certificate) -> str:
    """The table of all checks as plain text, followed by a summary if there are many models or backends."""
    from reports.render import terminal
    from reports.sections import certificate as checks
    from reports.sections import certificate_summary

    tables = (checks.checks_table(certificate.checks, {}), certificate_summary.matrix(certificate, {}))
    texts = [
        [
            table.title,
            *wrap(table.caption, terminal.WIDTH),
            "",
            *terminal.plain_table(table),
            *terminal.footnotes(table),
        ]
        for table in tables
        if table.rows
    ]
    return "\n\n".join(map("\n".join, texts))


def compare(first: Path, second: Path) -> Beside:
    """Two stored runs side by side. Raises `RecordError` where one of them cannot be read."""
    from reports.analysis.run import Run
    from reports.analysis.run_comparison import compare_runs
    from reports.pages import comparison_page
    from reports.render import markdown, terminal

    found = compare_runs(Run.read(first), Run.read(second))
    names = [f"{side.manifest.benchmark}/{path.name}" for side, path in ((found.first, first), (found.second, second))]
    if not found.common:
        return Beside("", "", "", [], common=False)
    told = comparison_page.page(found, *names)
    return Beside(
        terminal.render(told),
        markdown.render(told),
        comparison_page.conclusion(found),
        comparison_page.facts(found),
        True,
    )
