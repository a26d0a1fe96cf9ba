"""The next rows of one or several series after their recent past, with the band."""

from datetime import UTC, datetime

import numpy as np
from matplotlib.axes import Axes

from reports.figures.style import COLOURS, PANELS, brief, legend, only_first, panels, styled, to_svg
from reports.records import Band, NextRows, SeriesForecast
from reports.render.formats import per_cent, plural
from reports.render.page import FAINT, INK, Figure

COLOUR = COLOURS[2]


def next_rows(forecast: NextRows, model: str) -> Figure:
    """A panel for each series and target. model: a sentence on the model, for the caption."""
    pairs = [(series, target) for series in forecast.series for target in range(len(forecast.targets))]
    drawn = pairs[:PANELS]
    with styled("next-rows"):
        canvas, grid = panels(len(drawn), 1, 2.9)
        for axes, (series, target) in zip(grid, drawn, strict=True):
            _draw(axes, forecast, series, target)
        offset = ", UTC" if _has_offset(forecast.series[0].times[0]) else ""
        grid[-1].set_xlabel(brief(f"one point per {forecast.step}") + offset)
        legend(canvas, grid[0])
        svg = to_svg(canvas)
    steps = len(forecast.series[0].times)
    caption = f"{model} {' '.join(band_sentences(forecast))}{only_first(len(pairs), 'panels')}"
    alt = f"A line of the last known values, then a line of {plural(steps, 'forecast')} inside its band."
    return Figure("next-rows", f"The next rows of {forecast.title}", caption, alt, svg)


def _draw(axes: Axes, forecast: NextRows, series: SeriesForecast, target: int) -> None:
    past, times = (_times(texts, forecast.stamped) for texts in (series.past_times, series.times))
    known, values = (np.array([row[target] for row in rows]) for rows in (series.past, series.values))
    filled = np.array(series.past_filled)
    axes.plot(past, np.where(filled, np.nan, known), color=INK, label="known")
    if filled.any():
        axes.plot(past[filled], known[filled], ".", color=FAINT, markersize=5, label="missing, filled")
    joined = np.append(past[-1:], times)  # the line starts at the last known value
    axes.plot(joined, np.append(known[-1:], values), color=COLOUR, marker="o", markersize=3, label="forecast")
    if forecast.band and series.lower and series.upper:
        low, high = (np.array([row[target] for row in rows]) for rows in (series.lower, series.upper))
        label = f"{per_cent(forecast.band.level)} band, {forecast.band.method}"
        axes.fill_between(times, low, high, color=COLOUR, alpha=0.2, linewidth=0, label=label)
    axes.axvline(past[-1], color=FAINT, linewidth=0.8)
    unit = f", {brief(forecast.unit, 20)}" if forecast.unit else ""
    several = f"{forecast.targets[target]} of " if len(forecast.targets) > 1 else ""
    axes.set_title(brief(several + (series.name or forecast.title)) + unit)
    axes.grid(axis="y")


def _times(texts: tuple[str, ...], stamped: bool) -> np.ndarray:
    """Row numbers or time stamps; those with an offset in UTC, so that no hour occurs twice."""
    if not stamped:
        return np.array(texts, dtype=np.int64)
    if not _has_offset(texts[0]):
        return np.array(texts, dtype="datetime64[us]")
    moments = [datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) for text in texts]
    return np.array(moments, dtype="datetime64[us]")


def _has_offset(text: str) -> bool:
    return len(text) > len("2000-01-01") and text[-6] in "+-"


def _counts(band: Band) -> str:
    """The windows whose errors a conformal band is from: at the first and at the last step with limits."""
    first, last = band.windows[0], band.windows[band.steps - 1]
    return plural(first, "window") if first == last else f"{plural(first, 'window')} (at step {band.steps}: {last:,})"


def _extremes(band: Band) -> str:
    """The lowest and the highest coverage of a step with limits; empty if there is a single step."""
    known = [(share, step) for step, share in enumerate(band.coverage_by_step[: band.steps], 1) if share is not None]
    if len(known) < 2:
        return ""
    (low, first), (high, second) = min(known), max(known)
    if per_cent(low) == per_cent(high):
        return f"; {per_cent(low)} at every step"
    return f"; {per_cent(low)} at step {first} (the lowest), {per_cent(high)} at step {second} (the highest)"


def band_sentences(forecast: NextRows) -> list[str]:
    """How the band was made and what it contains on the test part; or why there is none; and what is left out."""
    band, steps = forecast.band, len(forecast.series[0].times)
    sentences = [*forecast.notes]
    if band is None:
        sentences.append(
            "There is no band: the model forecasts no quantiles of these rows, and its validation part has too few "
            "windows for a band from its errors."
        )
    else:
        source = (
            "the outer quantiles of the model"
            if band.method == "quantiles"
            else f"split conformal, from the errors on {_counts(band)} of the validation part"
        )
        sentences.append(f"The {per_cent(band.level)} band is {source}.")
        if band.steps < steps:
            sentences.append(f"The validation part is too short for limits beyond step {band.steps}.")
        if band.coverage is not None:
            sentences.append(
                f"On the test part it contains {per_cent(band.coverage)} of the true values "
                f"({plural(band.test_windows, 'window')}){_extremes(band)}."
            )
    if steps > forecast.horizon:
        sentences.append(
            f"The model forecasts {plural(forecast.horizon, 'row')} from known ones; later rows use its forecasts as "
            "inputs."
        )
    if forecast.left_out:
        names = ", ".join(forecast.left_out[:10])
        sentences.append(f"Series without a forecast, because they are too short or absent: {names}.")
    return sentences
