"""What is told of a run: a page, a Markdown report, figures and a table for the terminal, from records alone."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

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
        _replace(path, drawing)
    report = Report(folder / "report.html", folder / "report.md", summary)
    _replace(report.markdown, text)
    _replace(report.html, page)
    for stale in set((folder / "figures").glob("*.svg")) - drawings.keys():
        stale.unlink()
    return report


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
