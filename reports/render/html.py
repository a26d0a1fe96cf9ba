"""A page as one HTML file that needs no network and no other file."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.render.page import CODE, Figure, Page
from reports.render.table import Cell, Link, Table

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(page: Page) -> str:
    """The page as HTML. All text is escaped; the SVG of figures is not, because matplotlib escapes it."""
    return _ENVIRONMENT.get_template("page.html.j2").render(page=page)


def _prose(text: str) -> Markup:
    """The text with `...` as code, and a no-break space between each number and its per cent sign."""
    parts = CODE.split(text.replace(" %", "\N{NO-BREAK SPACE}%"))
    return Markup().join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def _svg(figure: Figure) -> Markup:
    return Markup(figure.inline)


def _rows(table: Table) -> Markup:
    """The rows of a table. Not a template, because the page of all trials can have 100,000 cells."""
    rows = (
        f'<tr class="{row.kind}">{"".join(_cell(table, place, cell) for place, cell in enumerate(row.cells))}</tr>'
        for row in table.rows
    )
    return Markup("\n".join(rows))


def _cell(table: Table, place: int, cell: Cell) -> str:
    """A cell with its value to sort by; the first cell of a row is the heading of the row."""
    column = table.columns[place]
    tag, scope = ("td", "") if place else ("th", ' scope="row"')
    label = f' data-label="{escape(column.label)}"' if table.stacked else ""
    style = "number " * column.numeric + cell.tone
    kind = f' class="{style}"' if style else ""
    value = "" if cell.value is None else f' data-value="{cell.value}"'
    notes = "".join(
        f'<sup><a href="#{table.name}-{mark}" aria-label="note {mark}">{mark}</a></sup>' for mark in table.marks(cell)
    )
    links = " ".join(map(_link, cell.links))
    detail = f" <small>{escape(cell.detail)}</small>" if cell.detail else ""
    return f"<{tag}{scope}{label}{kind}{value}>{escape(cell.text)}{notes}{links}{detail}</{tag}>"


def _link(link: Link) -> str:
    label = f' aria-label="{escape(link.meaning)}"' if link.meaning else ""
    return f'<a href="{escape(link.target)}"{label}>{escape(link.text)}</a>'


_ENVIRONMENT.globals.update(svg=_svg, prose=_prose, rows=_rows)
