"""The report as Markdown: the same tables and sentences as the page, as GitHub renders them."""

import json
import re
from collections.abc import Iterable

from reports.pages.run_page import Story
from reports.render.table import Cell, Table
from reports.sections.glossary import HOW_TO_READ, WORDS
from reports.sections.summary import environment_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def render(story: Story) -> str:
    """Everything that the page says, in its order."""
    manifest = story.run.manifest
    parts = [
        f"# {escape(manifest.title)}",
        escape(manifest.description),
        escape(f"{manifest.started} on {environment_line(story.run)}. {story.progress}"),
        *_leads_on(story),
        *(f"> {escape(words)}" for words in story.answer.state),
        *(f"**{escape(words)}**" for words in (*story.answer.audited, *story.answer.overview)),
        *(
            f"**{escape(case.name)} ({escape(case.layers)}): {escape(case.lead)}** {escape(case.more)}".strip()
            for case in story.answer.cases
        ),
        bullets(story.answer.limits),
        table_text(story.result),
        f"Repeat it: {code(manifest.command)}",
        *_figures(story),
        *(_with_reasons(story, table) for table in story.details),
        *_failures(story),
        "## Definition",
        fenced(json.dumps(manifest.definition, indent=2, ensure_ascii=False, default=str), "json"),
        "## How to read this",
        *map(escape, HOW_TO_READ),
        "\n".join(f"- **{escape(word)}**: {escape(meaning)}" for word, meaning in WORDS.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _leads_on(story: Story) -> Iterable[str]:
    links = [f"[{escape(link.text)}]({link.target})" for link in story.around.overviews]
    links += [f"[The verdict on this repetition]({story.around.verdict})"] if story.around.verdict else []
    return [" · ".join(links)] if links else []


def escape(text: str) -> str:
    """Text as text: whatever a title holds, it is neither Markdown nor HTML, and stays on its line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Inline code that may hold backticks."""
    ticks = _ticks(text, 1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"`{text}`"


def fenced(text: str, language: str = "") -> str:
    ticks = _ticks(text, 3)
    return f"{ticks}{language}\n{text}\n{ticks}"


def _ticks(text: str, least: int) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)


def table_text(table: Table) -> str:
    heads = [escape(column.heading) for column in table.columns]
    rules = ["---:" if column.numeric else "---" for column in table.columns]
    rows = [heads, rules, *([_cell(table, cell) for cell in row.cells] for row in table.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in rows] if table.rows else []
    notes = [f"<sup>{number}</sup> {escape(note)}  " for number, note in enumerate(table.notes, 1)]
    source = f"[{table.source}]({table.source})" if table.source else ""
    caption = f"{escape(table.caption)} {source}".strip()
    blocks = (f"## {escape(table.title)}", caption, "\n".join(lines), "\n".join(notes))
    return "\n\n".join(block for block in blocks if block)


def _with_reasons(story: Story, table: Table) -> str:
    """A table, and under the one of native mode why it differs."""
    if table is not story.native:
        return table_text(table)
    return "\n\n".join((table_text(table), "### Why native differs", bullets(story.native_reasons)))


def _cell(table: Table, cell: Cell) -> str:
    marks = ",".join(map(str, table.marks(cell)))
    links = ", ".join(f"[{escape(link.text)}]({link.target})" for link in cell.links)
    detail = f"({escape(cell.detail)})" if cell.detail else ""
    return " ".join(filter(None, (escape(cell.text), links, detail, f"<sup>{marks}</sup>" if marks else "")))


def _figures(story: Story) -> Iterable[str]:
    for figure in story.figures:
        yield f"## {escape(figure.title)}"
        yield f"![{escape(figure.alt)}](figures/{figure.name}.svg)"
        yield escape(figure.caption)


def _failures(story: Story) -> Iterable[str]:
    if story.failures:
        yield "## Failed trials"
    for failure in story.failures:
        yield f"**{escape(failure.name)}** ([record]({failure.record})): {escape(failure.reason)}"
        if failure.log:
            yield fenced(failure.log)


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)
