"""Who is fastest where: the winner's map over one or two swept axes."""

import pytest
import synthetic_run
from synthetic_run import fail
from synthetic_several import over_series
from synthetic_sweep import swept

import reports
from reports.analysis.fastest_by_setting import maps
from reports.analysis.run import Run
from reports.analysis.speedup import compare
from reports.figures.fastest_by_setting import fastest_by_setting
from reports.figures.scaling import scaling
from reports.figures.style import COLOURS, text_colour


def crossing(case, backend):
    """Flax wins above 64 units, PyTorch below; at 64 they need the same time."""
    return {"pytorch": case.units / 64 / 0.140, "keras": 9.0, "flax": 1 / 0.047}[backend] * 50 / case.units * 0.1


def told(manifest, certificate, trials):
    run = Run(manifest, certificate, tuple(trials))
    return run, compare(run)


def test_one_axis_has_a_row_of_winners():
    (found,) = maps(*told(*swept(pace=crossing)))
    assert (found.across, found.up, found.columns, found.title) == ("units", "", (16, 64, 256), "GRU")
    low, middle, high = (found.winners[units, 1] for units in found.columns)
    assert (low.backend, low.sure, high.backend, high.sure) == ("pytorch", True, "flax", True)
    assert low.lead.median == pytest.approx(4, rel=0.1)
    assert not middle.sure


def test_two_axes_have_a_map():
    (found,) = maps(*told(*swept(windows=(10, 20), pace=crossing)))
    assert (found.across, found.up, found.rows) == ("units", "window", (10, 20))
    assert len(found.winners) == 6


def test_a_third_axis_has_a_map_a_value():
    found = maps(*told(*swept(windows=(10, 20, 40), batches=(16, 32), pace=crossing)))
    assert [one.title for one in found] == ["GRU, batch 16", "GRU, batch 32"]


@pytest.mark.parametrize("options", [{"units": (16, 64)}, {"units": (50,)}, {"modes": ("native",)}])
def test_too_few_values_have_no_map(options):
    assert maps(*told(*swept(**options))) == ()


def test_only_what_is_certified_can_win():
    manifest, certificate, trials = swept(pace=crossing)
    checks = [
        check.model_copy(update={"failure": "weights differ"}) if check.backend == "flax" else check
        for check in certificate.checks
    ]
    (found,) = maps(*told(manifest, certificate.model_copy(update={"checks": tuple(checks)}), trials))
    assert "flax" not in {won.backend for won in found.winners.values()}
    assert maps(*told(manifest, None, trials)) == ()


def test_a_point_that_is_missing_stays_empty():
    manifest, certificate, trials = swept(pace=crossing)
    trials = [fail(trial) if "units 64" in trial.plan.case else trial for trial in trials]
    (found,) = maps(*told(manifest, certificate, trials))
    assert set(found.winners) == {(16, 1), (256, 1)}
    assert fastest_by_setting(*told(manifest, certificate, trials)).svg


def test_the_figure_says_who_wins_and_what_one_round_cannot_tell():
    figure = fastest_by_setting(*told(*swept(pace=crossing)))
    assert "GRU, units 16: PyTorch, 4" in figure.alt
    assert "units 64: Flax and PyTorch tie" in figure.alt or "units 64: PyTorch and Flax tie" in figure.alt
    assert "single round" not in figure.caption
    assert "single round" in fastest_by_setting(*told(*swept(pace=crossing, seeds=(1,)))).caption


def test_series_are_not_mixed_along_an_axis():
    run, comparisons = told(*over_series(2, units=(16, 32, 64), cells=("gru",), better=(1, 1, 1)))
    (figure,) = scaling(run, comparisons)
    assert [one.title for one in maps(run, comparisons)] == ["GRU, co2", "GRU, cet"]
    assert [f"GRU, {name}, window" in figure.svg for name in ("co2", "cet")] == [True, True]


@pytest.mark.parametrize("tone", COLOURS)
def test_letters_stand_out_from_every_framework_s_colour(tone):
    def luminance(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    low, high = sorted((luminance(tone), luminance(text_colour(tone))))
    assert high / low >= 4.5


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_the_map_is_on_the_page(visit, run_of, width, scheme):
    page = reports.write(run_of(*swept(windows=(10, 20), pace=crossing))).html
    seen = visit(page, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert seen.errors == []
    assert seen.overflowing() == []
    assert seen.page.locator("#figure-fastest-by-setting svg").is_visible()
    assert seen.page.locator("#figure-fastest-by-setting svg text", has_text="Flax").count() >= 1


def test_a_run_without_a_sweep_has_no_map():
    assert fastest_by_setting(*told(*synthetic_run.records(epochs=4, weeks=30))) is None
