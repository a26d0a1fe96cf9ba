"""A page as data: pages fill it, and `html`, `markdown` and `terminal` write it.

A page is a tuple of sections, a section a tuple of blocks: prose, tables, figures, code and further sections.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from reports.render.table import Link, Table

CODE = re.compile("`([^`]+)`")  # code in a sentence

# Placeholder colours in a figure's SVG; `Figure.inline` and `Figure.standalone` replace them.
INK, FAINT, PAPER = "#010203", "#a1a2a3", "#fafbfc"


@dataclass(frozen=True)
class Figure:
    """A drawing. `alt` describes the drawing to a reader who cannot see it."""

    kind: ClassVar[str] = "figure"
    name: str
    title: str
    caption: str
    alt: str
    svg: str

    @property
    def inline(self) -> str:
        """The SVG for use inside a page: text and axes take the colours of the page's theme."""
        svg = self.svg[self.svg.index("<svg") :].replace(INK, "currentColor").replace(FAINT, "var(--faint)")
        return svg.replace(PAPER, "none")

    @property
    def standalone(self) -> str:
        """The SVG for use as a file: dark on white, whatever the theme of the page that shows it."""
        return self.svg.replace(INK, "#333333").replace(FAINT, "#999999").replace(PAPER, "#ffffff")


@dataclass(frozen=True)
class Paragraph:
    """One paragraph. The style `lead` marks a main statement, `layers` the layers of a model."""

    kind: ClassVar[str] = "paragraph"
    text: str
    style: str = ""  # or "lead", "layers"
    links: tuple[Link, ...] = ()  # after the text


@dataclass(frozen=True)
class Bullets:
    kind: ClassVar[str] = "bullets"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Preformatted text. `command`: a shell command, which the page offers to copy."""

    kind: ClassVar[str] = "code"
    text: str
    language: str = ""
    command: bool = False


@dataclass(frozen=True)
class Terms:
    """Words with their definitions."""

    kind: ClassVar[str] = "terms"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Section:
    """A heading with the blocks below it. `name` is the anchor of the section in the page."""

    kind: ClassVar[str] = "section"
    name: str
    title: str
    blocks: tuple["Block", ...]
    folded: bool = False  # the HTML page shows only the title until the reader opens the section
    style: str = ""  # a class for the style sheet


Block = Paragraph | Bullets | Code | Terms | Table | Figure | Section


def table_section(table: Table, *more: Block, folded: bool = False, style: str = "") -> Section:
    """A section with the title and the anchor of `table`, which it contains, followed by the blocks `more`."""
    return Section(table.name, table.title, (replace(table, title=""), *more), folded, style)


@dataclass(frozen=True)
class Page:
    """A whole page. `eyebrow` links lead to other pages; `footer` is shown in HTML only."""

    title: str
    sections: tuple[Section, ...]
    description: str = ""
    facts: tuple[str, ...] = ()  # in one line under the title: when, where, how much
    eyebrow: tuple[Link, ...] = ()
    notices: tuple[str, ...] = ()  # what is missing or wrong
    footer: Paragraph = Paragraph("Written by Like for Like from the records of these runs.")

    @property
    def blocks(self) -> Iterator[Block]:
        """All blocks of the page, depth first, sections before their contents."""
        yield from _walk(self.sections)

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Figure))

    def table(self, name: str) -> Table | None:
        """The table with this name, None if the page has no such table."""
        return next((block for block in self.blocks if isinstance(block, Table) and block.name == name), None)

    def section(self, name: str) -> Section | None:
        """The section with this name, None if the page has no such section."""
        return next((block for block in self.blocks if isinstance(block, Section) and block.name == name), None)


def _walk(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Section):
            yield from _walk(block.blocks)
