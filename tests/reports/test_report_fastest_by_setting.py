"""The fastest backend by setting: the map over one or two swept settings, and its figure."""

import pytest
import synthetic_run
from synthetic_run import fail
from synthetic_several import over_series
from synthetic_sweep import swept

import reports
from reports.analysis.fastest_by_setting import setting_maps
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.figures.fastest_by_setting import fastest_by_setting
from reports.figures.scaling import scaling
from reports.figures.style import COLOURS, text_colour

DRAWS = True


def crossing(case, backend):
    """Time factors: Flax is fastest above 64 units, PyTorch below; at 64 units they are equally fast."""
    return {"pytorch": case.units / 64 / 0.140, "keras": 9.0, "flax": 1 / 0.047}[backend] * 50 / case.units * 0.1


def compared(manifest, certificate, trials):
    run = Run(manifest, certificate, tuple(trials))
    return run, speedups_of(run)


def test_one_swept_setting_gives_a_row():
    (grid,) = setting_maps(*compared(*swept(pace=crossing)))
    assert (grid.across, grid.up, grid.columns, grid.title) == ("units", "", (16, 64, 256), "GRU")
    low, middle, high = (grid.fastest[units, 1] for units in grid.columns)
    assert (low.backend, low.clear, high.backend, high.clear) == ("pytorch", True, "flax", True)
    assert low.lead.estimate == pytest.approx(4, rel=0.1)
    assert not middle.clear


def test_two_swept_settings_give_a_map():
    (grid,) = setting_maps(*compared(*swept(windows=(10, 20), pace=crossing)))
    assert (grid.across, grid.up, grid.rows) == ("units", "window", (10, 20))
    assert len(grid.fastest) == 6


def test_a_third_swept_setting_gives_a_map_per_value():
    grids = setting_maps(*compared(*swept(windows=(10, 20, 40), batches=(16, 32), pace=crossing)))
    assert [grid.title for grid in grids] == ["GRU, batch 16", "GRU, batch 32"]


@pytest.mark.parametrize("options", [{"units": (16, 64)}, {"units": (50,)}, {"modes": ("native",)}])
def test_too_few_values_give_no_map(options):
    assert setting_maps(*compared(*swept(**options))) == ()


def test_only_certified_backends_can_be_fastest():
    manifest, certificate, trials = swept(pace=crossing)
    checks = [
        check.model_copy(update={"failure": "weights differ"}) if check.backend == "flax" else check
        for check in certificate.checks
    ]
    (grid,) = setting_maps(*compared(manifest, certificate.model_copy(update={"checks": tuple(checks)}), trials))
    assert "flax" not in {winner.backend for winner in grid.fastest.values()}
    assert setting_maps(*compared(manifest, None, trials)) == ()


def test_a_missing_point_stays_empty():
    manifest, certificate, trials = swept(pace=crossing)
    trials = [fail(trial) if "units 64" in trial.plan.case else trial for trial in trials]
    (grid,) = setting_maps(*compared(manifest, certificate, trials))
    assert set(grid.fastest) == {(16, 1), (256, 1)}
    assert fastest_by_setting(*compared(manifest, certificate, trials)).svg


def test_the_figure_names_the_fastest_and_marks_single_rounds():
    figure = fastest_by_setting(*compared(*swept(pace=crossing)))
    assert "GRU, units 16: the eager loop in PyTorch, 4" in figure.alt
    assert "units 64: the compiled epoch in Flax and the eager loop in PyTorch tie" in figure.alt
    assert "single round" not in figure.caption
    assert "single round" in fastest_by_setting(*compared(*swept(pace=crossing, seeds=(1,)))).caption


def test_series_are_not_mixed_along_a_setting():
    run, comparisons = compared(*over_series(2, units=(16, 32, 64), cells=("gru",), better=(1, 1, 1)))
    (figure,) = scaling(run, comparisons)
    assert [grid.title for grid in setting_maps(run, comparisons)] == ["GRU, co2", "GRU, cet"]
    assert [f"GRU, {name}, window" in figure.svg for name in ("co2", "cet")] == [True, True]


@pytest.mark.parametrize("tone", COLOURS)
def test_text_has_contrast_on_every_colour(tone):
    def luminance(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    low, high = sorted((luminance(tone), luminance(text_colour(tone))))
    assert high / low >= 4.5


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    records = swept(windows=(10, 20), pace=crossing)
    return reports.write(synthetic_run.store(tmp_path_factory.mktemp("sweep") / "run", *records)).html


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_the_map_is_on_the_page(visit, page, width, scheme):
    seen = visit(page, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert seen.errors == []
    assert seen.overflowing() == []
    assert seen.page.locator("#figure-fastest-by-setting svg").is_visible()
    assert seen.page.locator("#figure-fastest-by-setting svg text", has_text="compiled epoch").count() >= 1


def test_a_run_without_a_sweep_has_no_map():
    assert fastest_by_setting(*compared(*synthetic_run.records(epochs=4, weeks=30))) is None
