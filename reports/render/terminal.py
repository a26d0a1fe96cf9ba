"""The main table as plain text, for the end of a run."""

from textwrap import wrap

from reports.pages.run_page import Story
from reports.render.table import Cell, Column, Table
from reports.sections.group_cells import failure_notes

WIDTH = 110
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def render(story: Story) -> str:
    """At most `WIDTH` columns wide as long as names are short; notes are wrapped below."""
    lines = [story.run.manifest.title]
    for line in story.answer.state:
        lines += wrap(line, WIDTH)
    lines += ["", *table_lines(story.result), ""]
    notes = [f"{raised(number)} {note}" for number, note in enumerate(story.result.notes, 1)]
    notes += [note for group in story.run.groups if group not in story.run.leading for note in failure_notes(group)]
    answers = story.answer.overview or [f"{case.name}: {case.lead}" for case in story.answer.cases]
    for line in (*notes, *story.answer.audited, *answers, *story.answer.limits):
        lines += wrap(line, WIDTH, subsequent_indent="   ")
    return "\n".join(lines)


def table_lines(table: Table) -> list[str]:
    """Numbers flush right, words flush left; a column that holds nothing but links is left out."""
    kept = [place for place in range(len(table.columns)) if any(row.cells[place].text for row in table.rows)]
    columns = [table.columns[place] for place in kept]
    heads = [column.heading for column in columns]
    body = [[_text(table, row.cells[place], table.columns[place]) for place in kept] for row in table.rows]
    widths = [max(map(len, texts)) for texts in zip(heads, *body, strict=True)]

    def line(texts: list[str]) -> str:
        aligned = [
            text.rjust(width) if column.numeric else text.ljust(width)
            for text, width, column in zip(texts, widths, columns, strict=True)
        ]
        return "  ".join(aligned).rstrip()

    return [line(heads), "  ".join("-" * width for width in widths), *map(line, body)]


def _text(table: Table, cell: Cell, column: Column) -> str:
    text = f"{cell.text} ({cell.detail})" if cell.detail and column.vital else cell.text
    return text + " ".join(map(raised, table.marks(cell)))


def raised(number: int) -> str:
    return str(number).translate(_SUPERSCRIPT)
