"""Cells and columns that several tables share."""

from collections.abc import Sequence

from reports.analysis.intervals import Interval
from reports.render.formats import MINUS, significant
from reports.render.table import NONE, Cell, Format, Tone


def measured(
    found: Interval | None,
    form: Format = significant,
    *,
    factor: float = 1.0,
    notes: Sequence[str] = (),
    tone: Tone = "",
) -> Cell:
    """A cell with the middle of an interval and its limits as detail, or a dash for None."""
    if found is None:
        return Cell(NONE, notes=tuple(notes), tone="muted")
    low, high = form(found.low * factor), form(found.high * factor)
    dash = " to " if MINUS in low + high else "\N{EN DASH}"
    detail = "" if low == high else f"{low}{dash}{high}".replace("+", "")
    return Cell(form(found.estimate * factor), found.estimate, detail, tuple(notes), tone=tone)
