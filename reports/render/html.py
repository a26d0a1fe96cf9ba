"""A page as one HTML file that needs no network and no other file."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.render.page import Figure, Page

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


def _prose(text: str) -> str:
    """The text with a no-break space between each number and its per cent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _svg(figure: Figure) -> Markup:
    return Markup(figure.inline)


_ENVIRONMENT.globals.update(svg=_svg, prose=_prose)
