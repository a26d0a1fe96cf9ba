"""The history of a benchmark: changes between its runs, and what cannot be distinguished from noise."""

import re

import pytest
import synthetic_run
from synthetic_run import change

import reports
from reports.pages import history_page

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03")


def slower(trial, factor):
    times = trial.outcome.times
    epochs = tuple(epoch * factor for epoch in times.epochs)
    return change(trial, times=times.model_copy(update={"epochs": epochs}))


def store_runs(home, factors=(1.0, 1.0, 2.0), alter=lambda manifest, day: manifest, **options):
    """Store one run a day of one benchmark; `factors` slow Flax down, `alter` changes the manifest of a day."""
    options = {"cells": ("gru",), "modes": ("matched",), "epochs": 4, "weeks": 30} | options
    manifest, certificate, trials = synthetic_run.records(**options)
    for day, (date, factor) in enumerate(zip(DAYS, factors, strict=False)):
        slowed = [slower(trial, factor) if trial.plan.backend == "flax" else trial for trial in trials]
        dated = alter(manifest.model_copy(update={"started": f"{date}T09:30:00Z"}), day)
        synthetic_run.store(home / "co2" / f"{date}T09-30-00Z", dated, certificate, slowed)
    return home / "co2"


def other_machine(manifest, day):
    environment = manifest.environment.model_copy(update={"processor": f"processor {day}"})
    return manifest.model_copy(update={"environment": environment})


def other_batch(manifest, day):
    cases = tuple(case.model_copy(update={"batch": 32 + day}) for case in manifest.cases)
    return manifest.model_copy(update={"cases": cases})


def newer_flax(manifest, day):
    packages = manifest.environment.packages | {"flax": f"0.12.{day}"}
    definition = manifest.definition | {"training": {"epochs": 4, "batch": 32 + day}}
    environment = manifest.environment.model_copy(update={"packages": packages})
    return manifest.model_copy(update={"environment": environment, "definition": definition})


@pytest.fixture(scope="module")
def slowed(tmp_path_factory):
    """The page of three runs, in the last of which Flax is half as fast; versions change from run to run."""
    return history_page.page(store_runs(tmp_path_factory.mktemp("slowed"), alter=newer_flax))


@pytest.fixture(scope="module")
def overviews(tmp_path_factory):
    """The folder of all results with the pages of `slowed`."""
    folder = store_runs(tmp_path_factory.mktemp("overviews"), alter=newer_flax)
    reports.write_overviews(folder / "2026-03-01T09-30-00Z")
    return folder.parent


def summary(page):
    return page.section("summary").blocks[0].text


def test_only_changes_beyond_noise_are_listed(slowed):
    rows = [[cell.text for cell in row.cells] for row in slowed.table("changes").rows]
    assert [row[:4] for row in rows] == [
        ["3", "GRU", "Flax, compiled epoch", "steady epoch"],
        ["3", "GRU", "Flax, compiled epoch", "training"],
    ]
    assert (rows[0][6], rows[0][7]) == ("+100", "2")
    sentence = (
        r"2 of (\d+) pairs of successive values differ beyond noise, of the compiled epoch in Flax; about (\d\.\d+) of "
        r"them would differ by chance alone\."
    )
    pairs, chance = map(float, re.fullmatch(sentence, summary(slowed)).groups())
    assert chance == pytest.approx(0.05 * pairs, abs=0.01)
    assert pairs % (2 * 3) == 0  # two changes of run, three backends


def test_without_a_change_the_page_says_so(tmp_path):
    page = history_page.page(store_runs(tmp_path, (1.0, 1.0)))
    assert re.match(r"No change beyond noise in \d+ pairs of successive values; ", summary(page))
    assert page.table("changes") is None


@pytest.mark.parametrize(
    "options",
    [{"alter": other_machine}, {"alter": other_batch}, {"seeds": (1,)}],
    ids=["machine", "definition", "single seed"],
)
def test_runs_that_are_not_comparable_have_no_changes(tmp_path, options):
    page = history_page.page(store_runs(tmp_path, **options))
    assert summary(page).startswith("No change can be distinguished from noise yet")
    assert page.table("changes") is None


def test_newer_versions_stay_comparable_and_are_named(slowed):
    newest, *_, oldest = (row.cells[2].text for row in slowed.table("runs").rows)
    assert newest == "flax was 0.12.1 and is 0.12.2; training.batch was 33 and is 34"
    assert oldest == "–"


def test_all_values_are_listed(slowed):
    rows = slowed.table("values").rows
    assert len(rows) == 3 * len(DAYS)
    assert all(cell.value for row in rows for cell in row.cells[2:])


def test_an_unfinished_run_and_one_without_trials_are_shown(tmp_path):
    folder = store_runs(tmp_path, (1.0, 1.0))
    for record in (folder / "2026-03-02T09-30-00Z" / "trials").glob("*.json"):
        record.unlink()
    newest = history_page.page(folder).table("runs").rows[0].cells
    assert newest[3].text == "unfinished, 0 of 9 trials"


def test_a_damaged_run_and_a_repeated_run_are_left_out(tmp_path):
    def repeated(manifest, day):
        return manifest.model_copy(update={"reproduces": "elsewhere"}) if day == 1 else manifest

    folder = store_runs(tmp_path, alter=repeated)
    (folder / "2026-03-03T09-30-00Z" / "manifest.json").write_text("{")
    page = history_page.page(folder)
    assert page.facts[0].startswith("1 run, ")
    assert "The run co2/2026-03-03T09-30-00Z cannot be shown" in page.notices[0]


def test_a_single_run_has_no_figure_and_nothing_to_compare(tmp_path):
    page = history_page.page(store_runs(tmp_path, (1.0,)))
    assert page.figures == ()
    assert summary(page) == "There is only one run so far, and nothing to compare it with."
    assert page.facts[0] == "1 run, 2026-03-01 09:30 UTC"
    assert "figure" not in page.table("runs").caption


def test_settings_are_written_as_in_a_definition(tmp_path):
    def switched(manifest, day):
        definition = {"data": {"difference": day == 1}, "backends": ["pytorch", "flax"][: day + 1]}
        return manifest.model_copy(update={"definition": definition})

    page = history_page.page(store_runs(tmp_path, (1.0, 1.0), alter=switched))
    changed = page.table("runs").rows[0].cells[2].text
    assert changed == "data.difference was false and is true; backends was pytorch and is pytorch; flax"


def test_the_figure_marks_changes(slowed):
    (figure,) = slowed.figures
    assert figure.alt.endswith(
        "over 3 runs, of PyTorch, eager loop; Keras, compiled epoch; Flax, compiled epoch. 2 changes beyond noise."
    )


def test_without_a_readable_run_there_is_a_page(tmp_path):
    (tmp_path / "co2").mkdir()
    assert "There is no run yet." in history_page.write(tmp_path / "co2").read_text("utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_whole_in_a_browser(visit, overviews, width, scheme):
    page = overviews / "co2" / "history.html"
    seen = visit(page, viewport={"width": width, "height": 800}, color_scheme=scheme)
    seen.page.wait_for_timeout(100)
    assert seen.errors == []
    assert seen.requests == [page.as_uri()]
    assert seen.value("document.documentElement.scrollWidth") <= width
    assert seen.overflowing() == []
    assert seen.faint() == []
    assert seen.page.locator("[role=img] svg").count() == 1
    targets = seen.value("[...document.querySelectorAll('header a, main a')].map((a) => a.getAttribute('href'))")
    assert all((page.parent / target).is_file() for target in targets if not target.startswith("#"))


def test_a_phone_shows_the_name_of_each_column(visit, overviews):
    for page in (overviews / "co2" / "history.html", overviews / "index.html"):
        seen = visit(page, viewport={"width": 360, "height": 800})
        labels = seen.value(
            "[...document.querySelectorAll('.stacked tr:first-child [data-label]')].map((cell) => "
            "getComputedStyle(cell, '::before').content)"
        )
        assert {'"versions"', '"machine"'} <= set(labels)
        wide = visit(page, viewport={"width": 1280, "height": 800})
        assert wide.value("getComputedStyle(document.querySelector('[data-label]'), '::before').content") == "none"


def test_the_index_links_to_the_history(visit, overviews):
    seen = visit(overviews / "index.html")
    seen.page.locator("main p a").click()
    assert seen.page.title() == "Weekly CO2 at Mauna Loa, history · Like for Like"
