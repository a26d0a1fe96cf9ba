"""How many parameters each model trains: one count where the frameworks are equal, each its own where they are not."""

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from reports.analysis.run import Run
from reports.figures.style import INK, WIDTH, Figure, bar_axes, brief, colour, styled, to_svg
from reports.render.formats import backend_name, case_name, whole

MOST = 24  # bars: a page has room for no more, and the table has them all


@dataclass(frozen=True)
class Count:
    """Of one model; `backend` is None where several frameworks train as many."""

    model: str
    whose: str
    backend: str | None
    parameters: int


def parameters(run: Run) -> Figure | None:
    """None where all models have one size, so that there is nothing to see."""
    found = list(_counts(run))
    if len({count.parameters for count in found}) < 2:
        return None
    drawn = found[:MOST]
    with styled("parameters"):
        canvas = Canvas(figsize=(WIDTH, 0.9 + 0.3 * len(drawn)), layout="constrained")
        axes = canvas.subplots()
        for place, count in enumerate(drawn):
            own = colour(count.backend) if count.backend else INK
            axes.barh(place, count.parameters, 0.62, color=own, alpha=1 if count.backend else 0.45, linewidth=0)
            end = (count.parameters, place)
            axes.annotate(whole(count.parameters), end, (7, 0), textcoords="offset points", va="center", fontsize=9)
        bar_axes(
            axes,
            [f"{brief(c.model, 40)}  {brief(c.whose, 22)}" for c in drawn],
            max(count.parameters for count in drawn) * 1.15,
        )
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: whole(value)))
        axes.set_xlabel("trained parameters")
        svg = to_svg(canvas)
    left_out = f" Of {len(found)} bars, the first {MOST} are drawn." if len(found) > MOST else ""
    caption = f"As each framework itself counts them; grey where all that were asked train as many.{left_out}"
    said = "; ".join(f"{count.model}, {count.whose}, {whole(count.parameters)}" for count in drawn)
    return Figure("parameters", "Parameter counts", caption, f"Trained parameters: {said}.", svg)


def _counts(run: Run) -> Iterator[Count]:
    """Case by case and mode by mode; frameworks that train as many share a bar."""
    for case in run.manifest.cases:
        for mode in run.modes:
            groups = [group for group in run.select(case, mode) if group.outcomes]
            sizes = {g.backend: next(iter(g.outcomes.values())).parameter_count for g in groups}
            if len(set(sizes.values())) == 1 and len(sizes) > 1:
                yield Count(case_name(case), mode, None, next(iter(sizes.values())))
                continue
            for backend, size in sizes.items():
                told = backend_name(backend) if mode == "matched" else f"{mode}, {backend_name(backend)}"
                yield Count(case_name(case), told, backend, size)
