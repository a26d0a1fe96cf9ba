"""The report as one HTML page that needs nothing else: no network, no other file."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.figures.style import Figure
from reports.pages.run_page import Story
from reports.sections.glossary import HOW_TO_READ, WORDS
from reports.sections.summary import environment_line

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(story: Story) -> str:
    """The page as text. Whatever the records hold is escaped; only our own drawings go in as they are."""
    manifest = story.run.manifest
    return fill(
        "page.html.j2",
        story=story,
        manifest=manifest,
        machine=environment_line(story.run),
        definition=json.dumps(manifest.definition, indent=2, ensure_ascii=False, default=str),
        how_to_read=HOW_TO_READ,
        words=WORDS,
    )


def fill(template: str, **values: object) -> str:
    return _ENVIRONMENT.get_template(template).render(**values)


def _prose(text: str) -> str:
    """A line must not break between a number and its per cent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _svg(figure: Figure) -> Markup:
    """matplotlib escapes the text in its drawings, so they are safe as markup."""
    return Markup(figure.inline)


_ENVIRONMENT.globals.update(svg=_svg, prose=_prose)
