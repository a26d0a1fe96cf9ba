"""What is told of a run: a page, a Markdown report, figures and a table for the terminal, from records alone."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.runner.storage import write_text
from reports import html, markdown, terminal
from reports.run import Run
from reports.story import tell

__all__ = ["Report", "write"]


@dataclass(frozen=True)
class Report:
    html: Path
    markdown: Path
    summary: str  # the main table and the answer, as plain text


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
