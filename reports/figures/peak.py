"""How much of the machine's pace each framework reaches, a bar a framework and case."""

from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from reports.analysis.run import Run
from reports.figures.style import INK, WIDTH, Figure, bar_axes, bar_labels, colour, styled, to_svg
from reports.render.formats import backend_name, case_name
from reports.sections.resources import Pace, paces, share_words

MOST = 24  # bars: a page has room for no more, and the table has them all


def peak(run: Run) -> Figure | None:
    """Of the mode that the answer is about; None where operations or the machine's pace were not recorded."""
    found = [(pace, pace.share) for pace in paces(run) if pace.group in run.leading and pace.share]
    if not found:
        return None
    drawn = found[:MOST]
    highest = max(share.high for _, share in drawn)
    with styled("peak"):
        canvas = Canvas(figsize=(WIDTH, 0.9 + 0.3 * len(drawn)), layout="constrained")
        axes = canvas.subplots()
        for place, (pace, share) in enumerate(drawn):
            axes.barh(place, share.median, 0.62, color=colour(pace.group.backend), linewidth=0)
            axes.plot([share.low, share.high], [place, place], color=INK, linewidth=1.2, marker="|", markersize=5)
            words, end = share_words(share.median), max(share.median, share.high)
            axes.annotate(words, (end, place), (7, 0), textcoords="offset points", va="center", fontsize=9)
        bar_axes(axes, bar_labels((p.group.case, p.group.backend) for p, _ in drawn), highest * 1.15)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g} %"))
        axes.set_xlabel("share of the best matrix product's operations a second, at least")
        svg = to_svg(canvas)
    left_out = f" Of {len(found)} bars, the first {MOST} are drawn." if len(found) > MOST else ""
    caption = (
        "Operations a second in a steady epoch, over those of the fastest large matrix product of this run in the same "
        "precision, on the same host with as many threads. A bar is the median over the seeds, the line from lowest to "
        "highest or its interval. A recurrence multiplies small matrices one after another, so a small share is no "
        f"waste by itself.{left_out}"
    )
    said = "; ".join(f"{_name(pace)} {share_words(share.median)}" for pace, share in drawn)
    return Figure("peak", "Share of the machine's peak", caption, f"Share of the machine's pace: {said}.", svg)


def _name(pace: Pace) -> str:
    return f"{case_name(pace.group.case)}, {backend_name(pace.group.backend)},"
