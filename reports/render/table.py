"""A table as data: columns with a function for their cells, and the rows that these functions give."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import ClassVar, Generic, Literal, TypeVar

from reports.render.formats import significant

Tone = Literal["", "good", "bad", "muted"]
Format = Callable[[float], str]
NONE = "\N{EN DASH}"
Item = TypeVar("Item")


@dataclass(frozen=True)
class Column:
    """A heading. `unit` is printed in the heading, so that the cells hold bare numbers."""

    label: str
    unit: str = ""
    numeric: bool = True
    vital: bool = False  # the terminal prints the limits too

    @property
    def heading(self) -> str:
        return f"{self.label}, {self.unit}" if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Link:
    """A link. `meaning` describes the target to a reader who hears the link out of its table."""

    text: str
    target: str  # relative to the folder of the page
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, the value to sort by, and a detail in small print."""

    text: str
    value: float | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()  # footnotes
    links: tuple[Link, ...] = ()
    tone: Tone = ""


BLANK = Cell("")
DASH = Cell(NONE, tone="muted")


@dataclass(frozen=True, slots=True)
class Row:
    cells: tuple[Cell, ...]
    kind: str = "model"  # or "baseline"


@dataclass(frozen=True)
class TableColumn(Generic[Item]):
    """A column and the function that gives its cell for one item: a trial, a group of trials, a configuration."""

    label: str
    cell: Callable[[Item], Cell]
    unit: str = ""
    numeric: bool = True
    vital: bool = False
    optional: bool = False  # left out if every cell is a dash or empty

    @property
    def column(self) -> Column:
        return Column(self.label, self.unit, self.numeric, self.vital)


@dataclass(frozen=True)
class Table:
    """A table. `name` is the anchor in the page; the first cell of a row is the heading of the row."""

    kind: ClassVar[str] = "table"
    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = field(default=())
    source: str = ""  # the file that all rows were read from, if there is one
    stacked: bool = False  # a narrow screen shows the cells of a row below each other

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Each footnote once, numbered from 1 in order of appearance."""
        return tuple(dict.fromkeys(note for row in self.rows for cell in row.cells for note in cell.notes))

    def marks(self, cell: Cell) -> tuple[int, ...]:
        """The numbers of a cell's footnotes, in ascending order."""
        return tuple(sorted(self.notes.index(note) + 1 for note in cell.notes))


def tabulate(
    name: str,
    title: str,
    caption: str,
    columns: Iterable[TableColumn[Item]],
    items: Iterable[Item],
    *,
    kind: Callable[[Item], str] = lambda item: "model",
    source: str = "",
    stacked: bool = False,
) -> Table:
    """The table with one row for each item. An optional column without content is left out."""
    items = tuple(items)
    filled = [(column, [column.cell(item) for item in items]) for column in columns]
    kept = [
        (column, cells)
        for column, cells in filled
        if not column.optional or any(cell.text not in ("", NONE) or cell.links for cell in cells)
    ]
    rows = tuple(Row(tuple(cells[place] for _, cells in kept), kind(item)) for place, item in enumerate(items))
    return Table(name, title, caption, tuple(column.column for column, _ in kept), rows, source, stacked)


def text(label: str) -> Column:
    return Column(label, numeric=False)


def words(
    label: str, cell: Callable[[Item], Cell | str], *, vital: bool = False, optional: bool = False
) -> TableColumn[Item]:
    """A column of words; `cell` gives a cell or its text."""

    def as_cell(item: Item) -> Cell:
        content = cell(item)
        return content if isinstance(content, Cell) else Cell(content)

    return TableColumn(label, as_cell, numeric=False, vital=vital, optional=optional)


def numbers(
    label: str,
    value: Callable[[Item], float | None],
    unit: str = "",
    form: Format = significant,
    *,
    factor: float = 1.0,
    optional: bool = False,
) -> TableColumn[Item]:
    """A column of single numbers, multiplied by `factor` before they are formatted."""
    return TableColumn(label, lambda item: number(value(item), form, factor=factor), unit, optional=optional)


def row(*cells: Cell, kind: str = "model") -> Row:
    return Row(cells, kind)


def number(value: float | None, form: Format = significant, *, tone: Tone = "", factor: float = 1.0) -> Cell:
    """A cell with one number, or a dash for None."""
    if value is None:
        return DASH
    return Cell(form(value * factor), value if isfinite(value) else None, tone=tone)
