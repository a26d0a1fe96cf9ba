"""How figures look: one colour a framework, calm axes, and SVG that is the same for the same records."""

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import accumulate
from typing import Any
from unicodedata import east_asian_width

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from reports.records import Case
from reports.render.formats import backend_name, names_apart

# Okabe & Ito (2008): told apart by colour-blind readers, and clear on white and on near-black alike.
COLOURS = {
    "pytorch": "#D55E00",
    "keras": "#009E73",
    "flax": "#0072B2",
    "keras-jax": "#56B4E9",
    "keras-torch": "#E69F00",
}
OTHER = "#CC79A7"
DASHES = {"pytorch": "solid", "keras": (0, (6, 2)), "flax": (0, (1.5, 1.5)), "keras-jax": (0, (4, 1, 1, 1))}

# Stand-ins for what depends on the reader's theme; `inline` and `standalone` put the real ones in.
INK, FAINT, PAPER = "#010203", "#a1a2a3", "#fafbfc"
WIDTH = 7.6  # inches; the page scales a figure to its column
PANELS = 4  # cases a figure shows: more would be too small to read

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.parse_math": False,  # a title may hold a dollar sign
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "grid.alpha": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "date.converter": "concise",
}


@dataclass(frozen=True)
class Figure:
    """`alt` says what a reader who cannot see it needs to know."""

    name: str
    title: str
    caption: str
    alt: str
    svg: str

    @property
    def inline(self) -> str:
        """To stand inside a page: takes its colours from the text around it."""
        svg = self.svg[self.svg.index("<svg") :].replace(INK, "currentColor").replace(FAINT, "var(--faint)")
        return svg.replace(PAPER, "none")

    @property
    def standalone(self) -> str:
        """To stand alone: dark on white, whatever the theme of the page that shows it."""
        return self.svg.replace(INK, "#333333").replace(FAINT, "#999999").replace(PAPER, "#ffffff")


@contextmanager
def styled(name: str) -> Iterator[None]:
    """The house style; ids inside the SVG are made from `name`, so that figures may share a page."""
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": name}):
        yield


def to_svg(canvas: Canvas) -> str:
    """The drawing as SVG without date, and without the ids that nothing in it refers to."""
    buffer = StringIO()
    with warnings.catch_warnings():  # letters that this font lacks are drawn by the reader's own
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.savefig(
            buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.06
        )
    svg = buffer.getvalue()
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    return re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", svg)


def colour(backend: str) -> str:
    return COLOURS.get(backend, OTHER)


def on(tone: str) -> str:
    """Black or white, whichever stands out more from a framework's colour, by the contrast of WCAG 2."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(tone)]
    luminance = sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#ffffff"


def legend(canvas: Canvas, axes: Axes) -> None:
    """One legend above all panels, from one panel's labels."""
    handles, labels = axes.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside upper left", ncols=6, handlelength=2.6, columnspacing=1.6)


def brief(text: str, most: int = 60) -> str:
    """On one line and no longer than a drawing has room for, in letters; one of East Asia is as wide as two."""
    line = " ".join(text.split())
    ends = list(accumulate(2 if east_asian_width(letter) in "WF" else 1 for letter in line))
    if not ends or ends[-1] <= most:
        return line
    return line[: sum(end < most for end in ends)].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def bar_axes(axes: Axes, labels: Sequence[str], end: float) -> None:
    """Of horizontal bars from 0 to `end`, the first on top, each with its label and no axis beside it."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, end)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def bar_labels(bars: Iterable[tuple[Case, str]]) -> list[str]:
    """Of bars of a case in a backend: a long name of a model must not cost the framework's."""
    bars = list(bars)
    names = names_apart(case for case, _ in bars)
    return [f"{brief(names[case.label], 40)}  {backend_name(backend)}" for case, backend in bars]


def shown(number: int, what: str = "cases") -> str:
    """A word on the cases, or panels, for which there is no room."""
    return f" Of {number} {what}, the first {PANELS} are drawn." if number > PANELS else ""


def nested(place: int, lines: int, step: float = 1.7) -> dict[str, Any]:
    """The first line wide, each later one narrower: lines that lie on one another all stay in sight."""
    return {"linewidth": 1.1 + step * (lines - 1 - place), "linestyle": "solid", "solid_joinstyle": "round"}


def line_style(backend: str) -> dict[str, Any]:
    """Colour and dashes, so that no reader depends on colour alone."""
    return {"color": colour(backend), "linestyle": DASHES.get(backend, "dashdot"), "label": backend_name(backend)}
