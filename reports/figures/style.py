"""What all figures share: style, colours of backends, grids of panels, and SVG that depends on the records alone."""

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import accumulate
from typing import Any, Literal, TypeVar
from unicodedata import east_asian_width

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from reports.analysis.run import Group, Run, seed_counts
from reports.records import Case
from reports.render.formats import names_apart
from reports.render.page import FAINT, INK, PAPER

# Okabe & Ito (2008), then two of Tol (2021): distinguishable for colour-blind readers, on white and on near-black.
COLOURS = ("#D55E00", "#009E73", "#0072B2", "#56B4E9", "#E69F00", "#CC79A7", "#999933", "#AA4499")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("solid", (0, (6, 2)), (0, (1.5, 1.5)), (0, (4, 1, 1, 1)), "dashdot", (0, (8, 2, 2, 2)))
WIDTH = 7.6  # inches; the page scales a figure to its column
PANELS = 4  # a figure draws at most so many cases, so that each stays readable
LABEL_SIZE = 9.5  # points
LEGEND_WIDTH, LEGEND_GAP = 105, 8  # characters of this size
Sharing = bool | Literal["row", "col"]
Point = TypeVar("Point")

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": LABEL_SIZE,
    "text.parse_math": False,  # a title may contain a dollar sign
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
class Palette:
    """The look of each backend, which depends on the position of the backend alone, and its name to show."""

    names: dict[str, str]  # names to show by backend, in the order of the registry

    @classmethod
    def of(cls, *runs: Run) -> "Palette":
        """The palette of one or several runs: the recorded order of the registry, then backends missing from it."""
        recorded = {backend: name for run in runs for backend, name in run.backend_names.items()}
        planned = {plan.backend: plan.backend for run in runs for plan in run.manifest.trials}
        return cls({**recorded, **{name: name for name in planned if name not in recorded}})

    def _place(self, backend: str) -> int:
        return list(self.names).index(backend)

    def name(self, backend: str) -> str:
        return self.names[backend]

    def colour(self, backend: str) -> str:
        return COLOURS[self._place(backend) % len(COLOURS)]

    def marker(self, backend: str) -> str:
        return MARKERS[self._place(backend) % len(MARKERS)]

    def line(self, backend: str) -> dict[str, Any]:
        """Keyword arguments of `Axes.plot`: colour, dashes (for readers who cannot rely on colour) and label."""
        dashes = DASHES[self._place(backend) % len(DASHES)]
        return {"color": self.colour(backend), "linestyle": dashes, "label": self.name(backend)}


@contextmanager
def styled(name: str) -> Iterator[None]:
    """Draw in the style of the reports. Ids inside the SVG derive from `name`, so that figures can share a page."""
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": name}):
        yield


def to_svg(canvas: Canvas) -> str:
    """The drawing as SVG, without a date and without ids that nothing refers to."""
    buffer = StringIO()
    with warnings.catch_warnings():  # the reader's font draws characters that this font lacks
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.savefig(
            buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.06
        )
    svg = buffer.getvalue()
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    return re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)


def panels(
    number: int, columns: int, height: float, sharex: Sharing = False, sharey: Sharing = False
) -> tuple[Canvas, list[Axes]]:
    """A canvas with `number` small axes in a grid, row by row; `height` is in inches per row."""
    rows = -(-number // columns)
    canvas = Canvas(figsize=(WIDTH, 0.6 + height * rows), layout="constrained")
    grid = canvas.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    for place, axes in enumerate(grid.flat):
        axes.set_visible(place < number)
        if place < number <= place + columns:  # the lowest panel of its column
            axes.tick_params(labelbottom=True)
    return canvas, list(grid.flat[:number])


def label_axes(canvas: Canvas, x: str, y: str = "") -> None:
    """Common axis labels of all panels."""
    canvas.supxlabel(x, fontsize=LABEL_SIZE)
    if y:
        canvas.supylabel(y, fontsize=LABEL_SIZE)


def legend(canvas: Canvas, axes: Axes) -> None:
    """One legend above all panels, with the labels of one panel, in as many columns as fit the width."""
    handles, labels = axes.get_legend_handles_labels()

    def width(columns: int) -> int:
        """In characters, with `LEGEND_GAP` for the sample line and the space between two columns."""
        rows = -(-len(labels) // columns)  # matplotlib fills column by column
        return sum(LEGEND_GAP + max(map(len, labels[start : start + rows])) for start in range(0, len(labels), rows))

    columns = next((number for number in range(6, 1, -1) if width(number) <= LEGEND_WIDTH), 1)
    canvas.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=2.2, columnspacing=1.2)


def bars(name: str, labels: Sequence[str], end: float) -> tuple[Canvas, Axes]:
    """A canvas for horizontal bars from 0 to `end`, one per label, the first at the top; `name` labels the x axis."""
    canvas = Canvas(figsize=(WIDTH, 0.9 + 0.3 * len(labels)), layout="constrained")
    axes = canvas.subplots()
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, end)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_xlabel(name)
    return canvas, axes


def bar_labels(palette: Palette, pairs: Iterable[tuple[Case, str]]) -> list[str]:
    """Labels of bars, one per case and backend; only the case's part of a label is shortened."""
    pairs = list(pairs)
    names = names_apart(case for case, _ in pairs)
    return [f"{brief(names[case.label], 40)}: {palette.name(backend)}" for case, backend in pairs]


def brief(text: str, most: int = 60) -> str:
    """The text on one line, shortened to `most` character widths; a wide East Asian character counts as two."""
    line = " ".join(text.split())
    ends = list(accumulate(2 if east_asian_width(letter) in "WF" else 1 for letter in line))
    if not ends or ends[-1] <= most:
        return line
    return line[: sum(end < most for end in ends)].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def medians(groups: Iterable[Group], band: str = "") -> str:
    """A sentence for the caption: which seeds the lines or bars show, with the words on their band if they have one."""
    _, most = seed_counts(groups)
    return f"The median over the seeds{band}." if most > 1 else "A single seed."


def only_first(number: int, noun: str = "cases") -> str:
    """A sentence for the caption if some cases or panels are left out, else nothing."""
    return f" Of {number} {noun}, the first {PANELS} are drawn." if number > PANELS else ""


def spread(values: Sequence[Point], most: int) -> list[Point]:
    """At most `most` of the values, evenly spaced, with the first and the last, so that a figure stays small."""
    if len(values) <= most:
        return list(values)
    return [values[place] for place in np.linspace(0, len(values) - 1, most).round().astype(int)]


def nested(place: int, lines: int, step: float = 1.7) -> dict[str, Any]:
    """Keyword arguments of `Axes.plot`: later lines are narrower, so that lines on top of one another stay visible."""
    return {"linewidth": 1.1 + step * (lines - 1 - place), "linestyle": "solid", "solid_joinstyle": "round"}


def text_colour(background: str) -> str:
    """Black or white, whichever has the higher contrast with the background by WCAG 2."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(background)]
    luminance = sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#ffffff"
