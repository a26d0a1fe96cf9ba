"""Figures without drawing, which takes most of the time of a report: all sentences are made, and each SVG is empty."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
from matplotlib.figure import Figure as Canvas


class Nothing:
    """In place of axes and of what their methods return."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments, **options):
        return self

    def __getitem__(self, place):
        return self

    def __iter__(self):
        return iter((self,))

    def get_legend_handles_labels(self):
        return [self], ["a line"]

    def get_ylim(self):
        return 0.0, 1.0


def subplots(canvas, rows=1, columns=1, *, squeeze=True, **options):
    grid = np.full((rows, columns), Nothing(), object)
    return grid[0, 0] if squeeze and grid.size == 1 else grid.squeeze() if squeeze else grid


def save(canvas, target, **options):
    """Of a text in memory, or of a file."""
    if isinstance(target, Path):
        target.write_text("")
    else:
        target.write("<svg></svg>")


BLANK = {"subplots": subplots, "legend": Nothing(), "savefig": save}
DRAWN = {name: getattr(Canvas, name) for name in BLANK}


def blank_figures():
    """A context in which no figure is drawn."""
    return patch.multiple(Canvas, **BLANK)


def drawn_figures():
    """A context in which figures are drawn, within `blank_figures`."""
    return patch.multiple(Canvas, **DRAWN)
