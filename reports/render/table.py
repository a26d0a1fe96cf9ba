"""A table as data: the one form from which HTML, Markdown and the terminal are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Literal

from reports.analysis.intervals import Interval
from reports.render.formats import MINUS, significant

Tone = Literal["", "good", "bad", "muted"]
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Column:
    """`unit` stands in the header, so cells hold bare numbers. `vital`: limits are shown in the terminal too."""

    label: str
    unit: str = ""
    numeric: bool = True
    vital: bool = False

    @property
    def heading(self) -> str:
        return f"{self.label}, {self.unit}" if self.unit else self.label


@dataclass(frozen=True)
class Link:
    """`meaning` is for a reader who hears a link out of its table."""

    text: str
    target: str  # relative to the run's folder
    meaning: str = ""


@dataclass(frozen=True)
class Cell:
    """What is shown; `value` is what a column is sorted by, `detail` what stands small beside it."""

    text: str
    value: float | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()  # footnotes
    links: tuple[Link, ...] = ()
    tone: Tone = ""


@dataclass(frozen=True)
class Row:
    cells: tuple[Cell, ...]
    kind: str = "model"  # or "baseline"


@dataclass(frozen=True)
class Table:
    """`name` is its anchor in the page. The first cell of a row is its header."""

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = field(default=())
    source: str = ""  # the record it was made from, where that is one for all rows

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Each footnote once, numbered from 1 in order of appearance."""
        return tuple(dict.fromkeys(note for row in self.rows for cell in row.cells for note in cell.notes))

    def marks(self, cell: Cell) -> tuple[int, ...]:
        return tuple(self.notes.index(note) + 1 for note in cell.notes)


def text(label: str) -> Column:
    return Column(label, numeric=False)


def row(*cells: Cell, kind: str = "model") -> Row:
    return Row(cells, kind)


Format = Callable[[float], str]


def number(value: float | None, form: Format = significant, *, tone: Tone = "", factor: float = 1.0) -> Cell:
    """A single figure, or a dash where there is none."""
    if value is None:
        return Cell(NONE, tone="muted")
    return Cell(form(value * factor), value if isfinite(value) else None, tone=tone)


def measured(
    found: Interval | None,
    form: Format = significant,
    *,
    factor: float = 1.0,
    notes: Sequence[str] = (),
    tone: Tone = "",
) -> Cell:
    """A median with its limits beside it, or a dash where nothing was measured."""
    if found is None:
        return Cell(NONE, notes=tuple(notes), tone="muted")
    low, high = form(found.low * factor), form(found.high * factor)
    dash = " to " if MINUS in low + high else "\N{EN DASH}"
    detail = "" if low == high else f"{low}{dash}{high}".replace("+", "")
    return Cell(form(found.estimate * factor), found.estimate, detail, tuple(notes), tone=tone)
