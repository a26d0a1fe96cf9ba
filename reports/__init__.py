"""What is told of a run: a page, a Markdown report, figures and a table for the terminal, from records alone."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.runner.records import Certificate, Manifest
from benchmarks.runner.storage import RecordError, read_json, write_text
from reports import audits, beside, document, glance, html, index, markdown, terminal, timeline, verdict
from reports.reproduction import reproduce
from reports.run import Run
from reports.side_by_side import side_by_side
from reports.story import tell

__all__ = [
    "Beside",
    "Report",
    "Verdict",
    "certificate_overview",
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
    story = tell(Run.read(folder))
    page, text, summary = html.render(story), markdown.render(story), terminal.render(story)
    drawings = {folder / "figures" / f"{figure.name}.svg": figure.standalone for figure in story.figures}
    for path, drawing in drawings.items():
        write_text(path, drawing)
    report = Report(folder / "report.html", folder / "report.md", summary)
    write_text(report.markdown, text)
    write_text(report.html, page)
    for stale in set((folder / "figures").glob("*.svg")) - drawings.keys():
        stale.unlink()
    return report


def write_overviews(folder: Path) -> Path | None:
    """Write its benchmark's history and the page over all runs, which is returned.

    Only where a run's folder lies among others: results/<benchmark>/<start>.
    None where it does not, as a copy elsewhere: nothing is written into folders that are not ours.
    """
    if read_json(folder / "manifest.json", Manifest).benchmark != folder.parent.name:
        return None
    timeline.write(folder.parent)
    return index.write(folder.parent.parent)


def write_audits(results: Path) -> tuple[Path, str]:
    """Write the page that ties all benchmarks together into the folder of all runs; its path, and it as Markdown."""
    return audits.write(results)


def write_reproduction(folder: Path) -> Verdict:
    """Hold a repetition against the run it repeats, and write `reproduction.md` into its folder.

    Raises `RecordError` where one of the two cannot be read.
    """
    repeated = Run.read(folder)
    if repeated.manifest.reproduces is None:
        raise RecordError(f"{folder} repeats no other run; reproduce makes one that does.")
    original = Path(repeated.manifest.reproduces)
    if not original.exists():  # the results were moved as a whole
        original = folder.parent / original.name
    found = reproduce(Run.read(original), repeated)
    told = verdict.document(found, f"{found.stored.manifest.benchmark}/{original.name}")
    path = folder / "reproduction.md"
    write_text(path, document.markdown(told))
    return Verdict(path, document.plain(told), verdict.conclusion(found), verdict.facts(found), found.good)


def certificate_overview(certificate: Certificate) -> str:
    """A certificate of many models or backends as one table, as plain text; empty of few."""
    table = glance.matrix(certificate, {})
    notes = [f"{terminal.raised(number)} {note}" for number, note in enumerate(table.notes, 1)]
    return "\n".join([table.title, "", *terminal.table_lines(table), *notes]) if table.rows else ""


def compare(first: Path, second: Path) -> Beside:
    """Two stored runs side by side. Raises `RecordError` where one of them cannot be read."""
    found = side_by_side(Run.read(first), Run.read(second))
    names = [f"{side.manifest.benchmark}/{path.name}" for side, path in ((found.first, first), (found.second, second))]
    if not found.common:
        return Beside("", "", "", [], common=False)
    told = beside.document(found, *names)
    return Beside(document.plain(told), document.markdown(told), beside.conclusion(found), beside.facts(found), True)
