"""The winner's map: which framework is fastest at each point of a swept grid, and by how much."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from reports.analysis.fastest_by_setting import Map, Winner, maps
from reports.analysis.run import Run
from reports.analysis.speedup import Comparisons
from reports.figures.style import FAINT, INK, PANELS, WIDTH, Figure, brief, colour, on, shown, styled, to_svg
from reports.render.formats import backend_name, significant

CELL = 0.62  # inches


def winners(run: Run, comparisons: Comparisons) -> Figure | None:
    """A panel for what is alike but for the swept axes, a cell a point."""
    found = maps(run, comparisons)
    if not found:
        return None
    drawn = found[:PANELS]
    columns = 2 if len(drawn) > 1 and max(len(one.columns) for one in drawn) <= 4 else 1
    rows = -(-len(drawn) // columns)
    height = sum(0.75 + CELL * max(len(one.rows) for one in part) for part in _parts(drawn, columns))
    with styled("winners"):
        canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
        grid = canvas.subplots(rows, columns, squeeze=False)
        for axes, one in zip(grid.flat, drawn, strict=False):
            _draw(axes, one)
        for axes in grid.flat[len(drawn) :]:
            axes.set_visible(False)
        svg = to_svg(canvas)
    single = any(won.lead.single for one in drawn for won in one.winners.values())
    rounds = " With a question mark: a single round was run, which cannot tell a lead from a tie." if single else ""
    caption = (
        "The fastest by the steady epoch, and how many times as fast as the next: the median over the rounds. Hatched "
        "without a question mark is a tie: against at least one other the interval of the ratio holds 1. Only backends "
        f"that may be compared.{rounds}{shown(len(found))}"
    )
    told = "; ".join(
        f"{one.title}, {_point(one, *place)}: {won.words}" for one in drawn for place, won in one.winners.items()
    )
    return Figure("winners", "Who is fastest where", caption, f"The fastest framework. {told}.", svg)


def _parts(drawn: Sequence[Map], columns: int) -> list[Sequence[Map]]:
    return [drawn[start : start + columns] for start in range(0, len(drawn), columns)]


def _point(one: Map, column: int, row: int) -> str:
    return f"{one.across} {column}" + (f", {one.up} {row}" if one.up else "")


def _draw(axes: Axes, one: Map) -> None:
    for column, across in enumerate(one.columns):
        for row, up in enumerate(one.rows):
            _cell(axes, column, row, one.winners.get((across, up)))
    axes.set_xlim(-0.5, len(one.columns) - 0.5)
    axes.set_ylim(-0.5, len(one.rows) - 0.5)
    axes.set_xticks(range(len(one.columns)), [f"{value:,}" for value in one.columns])
    axes.set_yticks(range(len(one.rows)) if one.up else [], [f"{value:,}" for value in one.rows] if one.up else [])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel(one.across)
    axes.set_ylabel(one.up)
    axes.set_title(brief(one.title, 44))


def _cell(axes: Axes, column: int, row: int, won: Winner | None) -> None:
    """The winner's colour with its name; paper and hatching where nobody clearly won."""
    if won is None:
        axes.text(column, row, "\N{EN DASH}", ha="center", va="center")
        return
    corner, tone = (column - 0.47, row - 0.46), colour(won.backend)
    told = won.sure and not won.lead.single
    if told:
        axes.add_patch(Rectangle(corner, 0.94, 0.92, facecolor=tone, linewidth=0))
    else:
        axes.add_patch(
            Rectangle(corner, 0.94, 0.92, facecolor="none", edgecolor=FAINT, hatch="//", linewidth=0.5, alpha=0.6)
        )
    name = backend_name(won.backend).replace(" on ", "\non ") if won.sure else "tie"
    name += "?" if won.lead.single else ""
    words = f"{name}\n{significant(won.lead.median)}\N{MULTIPLICATION SIGN}"
    axes.text(column, row, words, ha="center", va="center", fontsize=8.5, color=on(tone) if told else INK)
