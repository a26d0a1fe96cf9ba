"""The look of figures: colours, labels, ticks and characters."""

import warnings

import numpy as np
import pandas as pd
import pytest
import synthetic_run
from matplotlib.figure import Figure as Canvas

from backends.registry import REGISTRY
from reports.analysis.context import Context
from reports.analysis.run import Run
from reports.figures.forecast import forecasts
from reports.figures.speed import MOST_TICKS, _ratio_axis
from reports.figures.style import COLOURS, MARKERS, Palette, bar_labels, brief, panels
from reports.pages.run_page import figures

DRAWS = True
PALETTE = Palette({name: entry.display_name for name, entry in REGISTRY.items()})


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=4, weeks=30)


def test_characters_that_the_font_lacks_are_left_to_the_reader_s_font(records):
    manifest, certificate, trials = records
    data = {key: series.model_copy(update={"title": "気温", "unit": "度"}) for key, series in manifest.data.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (figure,) = forecasts(Run(manifest.model_copy(update={"data": data}), certificate, trials))
    assert "気温, 度" in figure.svg


@pytest.mark.parametrize(
    ("text", "most", "short"),
    [
        ("GRU", 3, "GRU"),
        ("a longer name", 8, "a longe…"),
        ("気温の予測", 10, "気温の予測"),
        ("気温の予測", 7, "気温の…"),
        ("", 4, ""),
    ],
)
def test_long_text_is_shortened(text, most, short):
    assert brief(text, most) == short


def test_a_long_case_name_does_not_shorten_the_backend_name(records):
    case = records[0].cases[0].model_copy(update={"label": "a model with a name that has no end at all"})
    assert bar_labels(PALETTE, [(case, "keras-torch")])[0].endswith("…: Keras (PyTorch), eager loop")


def test_bar_labels_of_a_grid_name_the_differences(records):
    """Shortened at the end, `batch 32` and `batch 256` would be equal."""
    labels = [f"gru, length 10, units 16, batch {batch}" for batch in (32, 256)]
    cases = [records[0].cases[0].model_copy(update={"label": label}) for label in labels]
    assert bar_labels(PALETTE, ((case, "flax") for case in cases)) == [
        "batch 32: Flax, compiled epoch",
        "batch 256: Flax, compiled epoch",
    ]
    assert bar_labels(PALETTE, ((case, "flax") for case in cases[:1])) == [
        "GRU, length 10, units 16, batch 32: Flax, compiled epoch"
    ]


@pytest.mark.parametrize("slowest", [0.9, 0.3, 0.05, 0.011])
def test_ticks_of_a_ratio_do_not_overlap(slowest):
    axes = Canvas().subplots()
    _ratio_axis(axes, [slowest, 1.0, 12.0])
    ticks = axes.get_xticks()
    assert 2 <= len(ticks) <= MOST_TICKS
    assert 1 in ticks


def test_a_single_epoch_is_drawn_as_a_marker():
    records = synthetic_run.records(cells=("gru",), epochs=1, weeks=30, seeds=(1,), backends=("flax",))
    run = Run(*records)
    drawn = {figure.name: figure.svg for figure in figures(Context.of(run))}
    for name in ("losses-matched", "progress"):
        marks = [line for line in drawn[name].splitlines() if "<use" in line and COLOURS[2].lower() in line]
        assert len(marks) >= 2  # of the legend, and of the plot


def test_every_backend_has_a_colour_and_a_marker_of_its_own():
    """Also a sixth and a seventh backend; the order of the registry decides, not the name."""
    palette = Palette({**PALETTE.names, "another": "Another", "seventh": "Seventh"})
    names = list(palette.names)[:7]
    looks = {(palette.colour(name), palette.marker(name)) for name in names}
    assert len(looks) == len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 7
    assert len({str(palette.line(name)["linestyle"]) for name in names[:6]}) == 6
    assert len(set(COLOURS)) == len(COLOURS) > len(MARKERS) == len(set(MARKERS))
    registry = Palette(dict.fromkeys(REGISTRY, ""))
    assert len({(registry.colour(name), registry.marker(name)) for name in REGISTRY}) == len(REGISTRY)


def test_a_backend_that_no_list_names_has_a_colour(records):
    manifest, certificate, trials = records
    plans = tuple(plan.model_copy(update={"backend": "another"}) for plan in manifest.trials)
    run = Run(manifest.model_copy(update={"trials": plans}), certificate, trials)
    palette = Palette.of(run)
    assert tuple(palette.names) == (*run.backend_names, "another")
    assert palette.colour("another") == COLOURS[len(run.backend_names)]


def test_a_panel_above_an_empty_place_keeps_its_tick_labels():
    _, grid = panels(3, 2, 1.0, sharex=True)
    assert [axes.xaxis.get_tick_params()["labelbottom"] for axes in grid] == [False, True, True]


@pytest.mark.parametrize(
    ("missing", "step", "pieces"),
    [
        ((), "day", 1),
        ((11,), "day", 2),
        ((3, 4, 5, 20), "day", 3),
        ((), "business day", 1),
        ((10, 11), "business day", 2),
    ],
)
def test_the_lines_of_a_forecast_end_where_windows_are_missing(records, monkeypatch, missing, step, pieces):
    """A line across them would show values that nothing forecast. A weekend is no gap of business days."""
    manifest, certificate, trials = records
    (key,) = manifest.data
    calendar = pd.bdate_range("2021-01-04", periods=40) if step == "business day" else pd.date_range("2021", periods=40)
    times = calendar.delete(list(missing))[:30].strftime("%Y-%m-%d")
    data = manifest.data[key].model_copy(update={"test_times": tuple(times), "step": step})
    drawn = []
    monkeypatch.setattr("reports.figures.forecast.to_svg", lambda canvas: drawn.append(canvas) or "<svg></svg>")
    (figure,) = forecasts(Run(manifest.model_copy(update={"data": {key: data}}), certificate, trials))
    assert ("Lines end where" in figure.caption) == (pieces > 1)
    (canvas,) = drawn
    lines = [line for axes in canvas.axes for line in axes.lines if len(line.get_xdata()) > 2]
    assert len(lines) == 7
    for line in lines:
        values = line.get_ydata()
        assert np.isnan(values).sum() == pieces - 1
        assert len(values) == 30 + pieces - 1
