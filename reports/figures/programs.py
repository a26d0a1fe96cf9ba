"""Total time of a training against the number of epochs, a line for each program."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reports.analysis.programs import CasePrograms
from reports.analysis.run import Run
from reports.figures.style import PANELS, Palette, brief, label_axes, legend, only_first, panels, styled, to_svg
from reports.render.formats import case_name, names_apart, plain, significant
from reports.render.page import Figure

EPOCHS = np.geomspace(1, 1000, 61)


def total_times(run: Run, cases: Sequence[CasePrograms]) -> Figure | None:
    """A panel for each model, with the programs that have a certificate."""
    compared = [case for case in cases if case.frameworks]
    if not compared:
        return None
    names, drawn = names_apart(case.case for case in compared), compared[:PANELS]
    with styled("programs"):
        canvas, grid = panels(len(drawn), min(2, len(drawn)), 2.9, sharex=True)
        for axes, case in zip(grid, drawn, strict=True):
            _draw(axes, Palette.of(run), case)
            axes.set_title(brief(names[case.case.label], 36))
        label_axes(canvas, "epochs", "seconds in total")
        legend(canvas, grid[0])
        svg = to_svg(canvas)
    caption = (
        "Start of the framework, compilation and epochs, from the medians over the seeds. Both axes are logarithmic. "
        "Where two lines cross, the slower start has paid for itself. Beyond the epochs that were trained, a line "
        f"assumes that every further epoch takes as long as a steady one.{only_first(len(compared), 'models')}"
    )
    alt = "Total time against epochs. " + " ".join(map(_order, drawn))
    return Figure("programs", "Total time against the number of epochs", caption, alt, svg)


def _draw(axes: Axes, palette: Palette, case: CasePrograms) -> None:
    for programs in case.frameworks.values():
        for program in programs:
            seconds = [program.total(epochs) for epochs in EPOCHS]
            marker = palette.marker(program.backend)  # at every twentieth point: 1, 10, 100 and 1,000 epochs
            axes.plot(EPOCHS, seconds, marker=marker, markevery=20, ms=3.5, **palette.line(program.backend))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(EPOCHS[0], EPOCHS[-1])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: significant(value, 1)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="both")


def _order(case: CasePrograms) -> str:
    """A sentence on the shortest totals at both ends of the axis."""
    programs = [program for of_framework in case.frameworks.values() for program in of_framework]
    first, last = (min(programs, key=lambda p: p.total(epochs)).group.backend_phrase for epochs in EPOCHS[[0, -1]])
    return f"{case_name(case.case)}: {first} has the shortest total time of 1 epoch, and {last} that of 1,000 epochs."
