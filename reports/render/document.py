"""A short text with tables, for the terminal and as Markdown: what two runs held against each other come to."""

from dataclasses import dataclass
from textwrap import wrap

from reports.render.markdown import bullets, escape, table_text
from reports.render.table import Table
from reports.render.terminal import raised, table_lines

WIDTH = 100


@dataclass(frozen=True)
class Document:
    title: str
    opening: tuple[str, ...]  # paragraphs above the tables
    facts: tuple[str, ...]  # a list under them
    tables: tuple[Table, ...]
    closing: tuple[str, ...]  # paragraphs below; the last is the verdict


def plain(document: Document) -> str:
    """At most `WIDTH` columns wide as long as names are short."""
    lines = [document.title, ""]
    for paragraph in document.opening:
        lines += wrap(paragraph, WIDTH)
    for fact in document.facts:
        lines += wrap(f"- {fact}", WIDTH, subsequent_indent="  ")
    for table in document.tables:
        notes = [f"{raised(number)} {note}" for number, note in enumerate(table.notes, 1)]
        lines += ["", table.title, *wrap(table.caption, WIDTH), "", *table_lines(table)]
        lines += [part for note in notes for part in wrap(note, WIDTH, subsequent_indent="  ")]
    for paragraph in document.closing:
        lines += ["", *wrap(paragraph, WIDTH)]
    return "\n".join(lines)


def markdown(document: Document) -> str:
    parts = [
        f"# {escape(document.title)}",
        *map(escape, document.opening),
        bullets(document.facts),
        *map(table_text, document.tables),
        *map(escape, document.closing),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
