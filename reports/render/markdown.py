"""A page as Markdown: the same tables and sentences as the HTML page, in the form that GitHub displays."""

import re
from collections.abc import Iterable, Iterator

from reports.render.page import CODE, Block, Bullets, Code, Figure, Page, Paragraph, Section, Terms
from reports.render.table import Cell, Link, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def render(page: Page) -> str:
    """The page as Markdown, with figures linked from the folder `figures`."""
    parts = [
        f"# {escape(page.title)}",
        escape(page.description),
        escape(" · ".join(page.facts)),
        " · ".join(map(_link, page.eyebrow)),
        *(f"> {_prose(notice)}" for notice in page.notices),
        *(part for section in page.sections for part in _block(section, 2)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """The text on one line, with every character escaped that Markdown or HTML would interpret."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _prose(text: str) -> str:
    """The sentences with every character escaped but those of code, `...`."""
    parts = CODE.split(" ".join(text.split()))
    return "".join(f"`{part}`" if place % 2 else _SPECIAL.sub(r"\\\1", part) for place, part in enumerate(parts))


def _block(block: Block, level: int) -> Iterator[str]:
    """The Markdown paragraphs of a block; `level` is that of a heading at this place."""
    if isinstance(block, Section):
        if block.title:
            yield f"{'#' * level} {escape(block.title)}"
        for inner in block.blocks:
            yield from _block(inner, level + bool(block.title))
    elif isinstance(block, Table):
        yield from _table(block, level)
    elif isinstance(block, Figure):
        yield f"{'#' * level} {escape(block.title)}"
        yield f"![{escape(block.alt)}](figures/{block.name}.svg)"
        yield escape(block.caption)
    elif isinstance(block, Paragraph):
        text = f"**{_prose(block.text)}**" if block.style == "lead" else _prose(block.text)
        yield " ".join((text, *map(_link, block.links))).strip()
    elif isinstance(block, Bullets):
        yield "\n".join(f"- {_prose(item)}" for item in block.items)
    elif isinstance(block, Code):
        yield _inline(block.text) if block.command else _fenced(block.text, block.language)
    elif isinstance(block, Terms):
        yield "\n".join(f"- **{escape(word)}**: {escape(meaning)}" for word, meaning in block.items)


def _table(table: Table, level: int) -> Iterable[str]:
    """Title, caption, rows and footnotes, each if there is one."""
    heads = [escape(column.heading) for column in table.columns]
    rules = ["---:" if column.numeric else "---" for column in table.columns]
    rows = [heads, rules, *([_cell(table, cell) for cell in row.cells] for row in table.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in rows] if table.rows else []
    notes = [f"<sup>{number}</sup> {_prose(note)}  " for number, note in enumerate(table.notes, 1)]
    source = f"[{table.source}]({table.source})" if table.source else ""
    title = f"{'#' * level} {escape(table.title)}" if table.title else ""
    caption = f"{_prose(table.caption)} {source}".strip()
    return [part for part in (title, caption, "\n".join(lines), "\n".join(notes)) if part]


def _cell(table: Table, cell: Cell) -> str:
    marks = ",".join(map(str, table.marks(cell)))
    links = ", ".join(map(_link, cell.links))
    detail = f"({escape(cell.detail)})" if cell.detail else ""
    return " ".join(filter(None, (escape(cell.text), links, detail, f"<sup>{marks}</sup>" if marks else "")))


def _link(link: Link) -> str:
    return f"[{escape(link.text)}]({link.target})"


def _inline(text: str) -> str:
    """Inline code that may contain backticks."""
    ticks = _ticks(text, 1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"`{text}`"


def _fenced(text: str, language: str) -> str:
    ticks = _ticks(text, 3)
    return f"{ticks}{language}\n{text}\n{ticks}"


def _ticks(text: str, least: int) -> str:
    """Backticks enough to enclose the text: one more than its longest run of backticks, and at least `least`."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
