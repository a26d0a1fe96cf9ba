"""A page, or a table alone, as plain text for the terminal."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from reports.render.page import Block, Bullets, Page, Paragraph, Section
from reports.render.table import Cell, Column, Table

WIDTH = 110
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def render(page: Page, only: Sequence[str] = ()) -> str:
    """The page as plain text, wrapped at `WIDTH` columns; tables are as wide as they need.

    only: the names of the sections to print, in this order, with nothing but the main statements of their prose;
    by default all sections are printed. Figures, code and folded sections are left out.
    """
    named = [section for name in only if (section := page.section(name))]
    lines = [page.title]
    for notice in page.notices:
        lines += wrap(notice, WIDTH)
    for section in named or page.sections:
        lines += _section(section, brief=bool(only))
    return "\n".join(lines).rstrip("\n")


def plain_table(table: Table) -> list[str]:
    """The lines of a table: headings, a rule and the rows. A column without text, as of links, is left out.

    The headings of a table that is wider than `WIDTH` are wrapped, so that they are not wider than the cells.
    """
    kept = [place for place in range(len(table.columns)) if any(row.cells[place].text for row in table.rows)]
    columns = [table.columns[place] for place in kept]
    body = [[_text(table, row.cells[place], table.columns[place]) for place in kept] for row in table.rows]
    heads = [[column.heading] for column in columns]
    if sum(_widths(heads, body)) + 2 * (len(columns) - 1) > WIDTH:
        narrow = _widths([column.heading.split() for column in columns], body)
        heads = [wrap(column.heading, width) for column, width in zip(columns, narrow, strict=True)]
    widths, height = _widths(heads, body), max(map(len, heads), default=0)

    def line(texts: Sequence[str]) -> str:
        aligned = [
            text.rjust(width) if column.numeric else text.ljust(width)
            for text, width, column in zip(texts, widths, columns, strict=True)
        ]
        return "  ".join(aligned).rstrip()

    headings = zip(*([""] * (height - len(head)) + head for head in heads), strict=True)
    return [*map(line, headings), "  ".join("-" * width for width in widths), *map(line, body)]


def _widths(heads: Sequence[Sequence[str]], body: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column: of its longest cell or line of its heading."""
    cells = zip(*body, strict=True) if body else [()] * len(heads)
    return [max(map(len, (*head, *column)), default=0) for head, column in zip(heads, cells, strict=True)]


def titled_table(table: Table) -> list[str]:
    """The lines of a table with its title, if there is one, its caption and its footnotes."""
    title = [table.title] if table.title else []
    return [*title, *wrap(table.caption, WIDTH), "", *plain_table(table), *footnotes(table)]


def footnotes(table: Table) -> list[str]:
    """The numbered footnotes of a table, wrapped."""
    notes = [f"{_raised(number)} {note}" for number, note in enumerate(table.notes, 1)]
    return [line for note in notes for line in wrap(note, WIDTH, subsequent_indent="  ")]


def _section(section: Section, *, brief: bool) -> Iterator[str]:
    if section.folded:
        return
    yield ""
    if section.title and not brief:
        yield section.title
    for block in section.blocks:
        yield from _block(block, brief=brief)


def _block(block: Block, *, brief: bool) -> Iterator[str]:
    if isinstance(block, Table):
        if not brief:
            yield from ("", *titled_table(block))
        elif not block.title:  # the table that the section is named after
            yield from (*plain_table(block), *footnotes(block))
    elif isinstance(block, Section):
        if brief:
            leads = [inner.text for inner in block.blocks if isinstance(inner, Paragraph) and inner.style == "lead"]
            yield from wrap(f"{block.title}: {' '.join(leads)}", WIDTH, subsequent_indent="  ")
        else:
            yield from _section(block, brief=brief)
    elif isinstance(block, Paragraph):
        if not brief or block.style == "lead":
            yield from wrap(block.text, WIDTH)
    elif isinstance(block, Bullets):
        for item in block.items:
            yield from wrap(f"- {item}", WIDTH, subsequent_indent="  ")


def _text(table: Table, cell: Cell, column: Column) -> str:
    text = f"{cell.text} ({cell.detail})" if cell.detail and column.vital else cell.text
    return text + " ".join(map(_raised, table.marks(cell)))


def _raised(number: int) -> str:
    return str(number).translate(_SUPERSCRIPT)
