"""The fastest backend at each point of a swept grid of settings, and by how much it is ahead."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from reports.analysis.fastest_by_setting import SettingMap, setting_maps
from reports.analysis.run import Run
from reports.analysis.speedup import Fastest, Speedups
from reports.figures.style import PANELS, Palette, brief, only_first, panels, styled, text_colour, to_svg
from reports.render.formats import significant
from reports.render.page import FAINT, INK, Figure

CELL = 0.62  # inches


def fastest_by_setting(run: Run, speedups: Speedups) -> Figure | None:
    """A map per group of cases that differ in the swept settings alone; a cell per point."""
    grids = setting_maps(run, speedups)
    if not grids:
        return None
    drawn, palette = grids[:PANELS], Palette.of(run)
    columns = 2 if len(drawn) > 1 and max(len(grid.columns) for grid in drawn) <= 4 else 1
    height = 0.4 + CELL * max(len(grid.rows) for grid in drawn)
    with styled("fastest-by-setting"):
        canvas, all_axes = panels(len(drawn), columns, height)
        for axes, grid in zip(all_axes, drawn, strict=True):
            _draw(axes, grid, palette)
        svg = to_svg(canvas)
    single = any(winner.lead.single for grid in drawn for winner in grid.fastest.values())
    rounds = " A question mark means that a single round was run, which cannot show a difference." if single else ""
    caption = (
        "The fastest backend by the steady epoch, and how many times as fast as the second: the median over the "
        "rounds. A hatched cell without a question mark is a tie: the interval of the ratio to at least one other "
        f"backend contains 1. Comparable backends only.{rounds}{only_first(len(grids))}"
    )
    cells = "; ".join(
        f"{grid.title}, {_point(grid, *place)}: {_words(run, winner)}"
        for grid in drawn
        for place, winner in grid.fastest.items()
    )
    alt = f"Map of the fastest backend at each setting. {cells}."
    return Figure("fastest-by-setting", "Fastest backend by setting", caption, alt, svg)


def _words(run: Run, fastest: Fastest) -> str:
    if not fastest.clear:
        return f"{run.backend_phrases((fastest.backend, fastest.second))} tie"
    return f"{run.backend_phrase(fastest.backend)}, {significant(fastest.lead.estimate)} times as fast as the next"


def _point(grid: SettingMap, column: int, row: int) -> str:
    return f"{grid.across} {column}" + (f", {grid.up} {row}" if grid.up else "")


def _draw(axes: Axes, grid: SettingMap, palette: Palette) -> None:
    for column, across in enumerate(grid.columns):
        for row, up in enumerate(grid.rows):
            _cell(axes, column, row, grid.fastest.get((across, up)), palette)
    axes.set_xlim(-0.5, len(grid.columns) - 0.5)
    axes.set_ylim(-0.5, len(grid.rows) - 0.5)
    axes.set_xticks(range(len(grid.columns)), [f"{value:,}" for value in grid.columns])
    axes.set_yticks(range(len(grid.rows)) if grid.up else [], [f"{value:,}" for value in grid.rows] if grid.up else [])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel(grid.across)
    axes.set_ylabel(grid.up)
    axes.set_title(brief(grid.title, 44))


def _cell(axes: Axes, column: int, row: int, winner: Fastest | None, palette: Palette) -> None:
    """The name of the fastest on its colour; hatched if no backend is clearly the fastest; a dash without data."""
    if winner is None:
        axes.text(column, row, "\N{EN DASH}", ha="center", va="center")
        return
    corner, colour = (column - 0.47, row - 0.46), palette.colour(winner.backend)
    clear = winner.clear and not winner.lead.single
    if clear:
        axes.add_patch(Rectangle(corner, 0.94, 0.92, facecolor=colour, linewidth=0))
    else:
        axes.add_patch(
            Rectangle(corner, 0.94, 0.92, facecolor="none", edgecolor=FAINT, hatch="//", linewidth=0.5, alpha=0.6)
        )
    name = palette.name(winner.backend).replace(", ", ",\n") if winner.clear else "tie"
    name += "?" if winner.lead.single else ""
    words = f"{name}\n{significant(winner.lead.estimate)}\N{MULTIPLICATION SIGN}"
    axes.text(column, row, words, ha="center", va="center", fontsize=8.5, color=text_colour(colour) if clear else INK)
