"""The main table as plain text, for the end of a run."""

from textwrap import wrap

from reports.grid import Cell, Table
from reports.story import Story

WIDTH = 110
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def render(story: Story) -> str:
    """At most `WIDTH` columns wide as long as names are short; notes are wrapped below."""
    lines = [story.run.manifest.title, *story.answer.state, "", *_table(story.result), ""]
    notes = [f"{_raised(number)} {note}" for number, note in enumerate(story.result.notes, 1)]
    answers = [f"{case}: {words}" for case, words in story.answer.cases]
    for line in (*notes, *answers, *story.answer.limits):
        lines += wrap(line, WIDTH, subsequent_indent="   ")
    return "\n".join(lines)


def _table(table: Table) -> list[str]:
    """Numbers flush right, words flush left, a rule under the head."""
    heads = [column.heading for column in table.columns]
    body = [[_text(table, cell, place) for place, cell in enumerate(row.cells)] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]

    def line(texts: list[str]) -> str:
        aligned = [
            text.rjust(width) if column.numeric else text.ljust(width)
            for text, width, column in zip(texts, widths, table.columns, strict=True)
        ]
        return "  ".join(aligned).rstrip()

    return [line(heads), "  ".join("-" * width for width in widths), *map(line, body)]


def _text(table: Table, cell: Cell, place: int) -> str:
    """Limits are shown for the ratio alone, the last column: elsewhere they would crowd the line."""
    text = cell.text
    if cell.detail and place == len(table.columns) - 1:
        text += f" ({cell.detail})"
    return text + " ".join(map(_raised, table.marks(cell)))


def _raised(number: int) -> str:
    return str(number).translate(_SUPERSCRIPT)
