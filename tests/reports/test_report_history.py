"""A benchmark's history: what moved between its runs, and what is said of noise."""

import pytest
import synthetic_run
from synthetic_run import change

import reports
from reports.pages import history_page

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03")


def paced(trial, factor):
    times = trial.outcome.times
    epochs = tuple(epoch * factor for epoch in times.epochs)
    return change(trial, times=times.model_copy(update={"epochs": epochs}))


def past(home, factors=(1.0, 1.0, 2.0), alter=lambda manifest, day: manifest, **options):
    """A run a day of one benchmark; `factors` slow Flax down, `alter` changes a day's manifest."""
    options = {"cells": ("gru",), "modes": ("matched",), "epochs": 4, "weeks": 30} | options
    manifest, certificate, trials = synthetic_run.records(**options)
    for day, (date, factor) in enumerate(zip(DAYS, factors, strict=False)):
        told = [paced(trial, factor) if trial.plan.backend == "flax" else trial for trial in trials]
        dated = alter(manifest.model_copy(update={"started": f"{date}T09:30:00Z"}), day)
        synthetic_run.store(home / "co2" / f"{date}T09-30-00Z", dated, certificate, told)
    return home / "co2"


def table(page, name):
    return page.table(name)


def lead(page):
    return page.section("summary").blocks[0].text


def elsewhere(manifest, day):
    environment = manifest.environment.model_copy(update={"processor": f"processor {day}"})
    return manifest.model_copy(update={"environment": environment})


def otherwise(manifest, day):
    cases = tuple(case.model_copy(update={"batch": 32 + day}) for case in manifest.cases)
    return manifest.model_copy(update={"cases": cases})


def newer(manifest, day):
    packages = manifest.environment.packages | {"flax": f"0.12.{day}"}
    definition = manifest.definition | {"training": {"epochs": 4, "batch": 32 + day}}
    environment = manifest.environment.model_copy(update={"packages": packages})
    return manifest.model_copy(update={"environment": environment, "definition": definition})


def test_a_change_beyond_noise_is_found_and_the_rest_is_not(tmp_path):
    told = history_page.page(past(tmp_path))
    rows = [[cell.text for cell in row.cells] for row in table(told, "changes").rows]
    assert [row[:4] for row in rows] == [["3", "GRU", "Flax", "epoch"], ["3", "GRU", "Flax", "training"]]
    assert (rows[0][6], rows[0][7]) == ("+100", "2")
    assert lead(told).startswith("2 of 18 pairs of neighbouring figures differ beyond noise, in Flax; ")
    assert lead(told).endswith("part by chance alone in about 1.8 of them.")


def test_what_did_not_move_is_said_not_to_have(tmp_path):
    told = history_page.page(past(tmp_path, (1.0, 1.0)))
    assert lead(told).startswith("Nothing moved beyond noise: 9 pairs of neighbouring figures were compared")
    assert table(told, "changes") is None


@pytest.mark.parametrize(
    "options", [{"alter": elsewhere}, {"alter": otherwise}, {"seeds": (1,)}], ids=["machine", "definition", "one seed"]
)
def test_nothing_is_marked_that_is_not_like_for_like(tmp_path, options):
    told = history_page.page(past(tmp_path, **options))
    assert lead(told).startswith("No change can be told from noise yet")
    assert table(told, "changes") is None


def test_newer_versions_stay_comparable_and_are_named(tmp_path):
    told = history_page.page(past(tmp_path, alter=newer))
    assert table(told, "changes")
    newest, *_, oldest = (row.cells[2].text for row in table(told, "runs").rows)
    assert newest == "flax was 0.12.1 and is 0.12.2; training.batch was 33 and is 34"
    assert oldest == "–"


def test_every_figure_is_listed(tmp_path):
    rows = table(history_page.page(past(tmp_path)), "values").rows
    assert len(rows) == 3 * len(DAYS)
    assert all(cell.value for row in rows for cell in row.cells[2:])


def test_an_unfinished_run_and_one_without_trials_are_shown(tmp_path):
    folder = past(tmp_path, (1.0, 1.0))
    for record in (folder / "2026-03-02T09-30-00Z" / "trials").glob("*.json"):
        record.unlink()
    newest = table(history_page.page(folder), "runs").rows[0].cells
    assert newest[3].text == "unfinished, 0 of 9 trials"


def test_a_damaged_run_and_a_repetition_are_left_out(tmp_path):
    def repeated(manifest, day):
        return manifest.model_copy(update={"reproduces": "elsewhere"}) if day == 1 else manifest

    folder = past(tmp_path, alter=repeated)
    (folder / "2026-03-03T09-30-00Z" / "manifest.json").write_text("{")
    told = history_page.page(folder)
    assert told.facts[0].startswith("1 run, ")
    assert "The run co2/2026-03-03T09-30-00Z cannot be shown" in told.notices[0]


def test_a_single_run_has_no_figure_and_nothing_to_compare(tmp_path):
    told = history_page.page(past(tmp_path, (1.0,)))
    assert told.figures == ()
    assert lead(told) == "There is only one run so far, so nothing to compare it with."
    assert told.facts[0] == "1 run, 2026-03-01 09:30 UTC"
    assert "figure" not in table(told, "runs").caption


def test_settings_are_told_as_a_definition_writes_them(tmp_path):
    def switched(manifest, day):
        definition = {"data": {"difference": day == 1}, "backends": ["pytorch", "flax"][: day + 1]}
        return manifest.model_copy(update={"definition": definition})

    told = history_page.page(past(tmp_path, (1.0, 1.0), alter=switched))
    changed = table(told, "runs").rows[0].cells[2].text
    assert changed == "data.difference was false and is true; backends was pytorch and is pytorch; flax"


def test_the_figure_rings_what_moved(tmp_path):
    (figure,) = history_page.page(past(tmp_path)).figures
    assert figure.alt.endswith("of PyTorch, Keras and Flax over 3 runs; 2 changes beyond noise.")


def test_without_a_readable_run_there_is_a_page(tmp_path):
    (tmp_path / "co2").mkdir()
    assert "There is no run to show yet." in history_page.write(tmp_path / "co2").read_text("utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_whole_in_a_browser(visit, tmp_path, width, scheme):
    folder = past(tmp_path, alter=newer)
    reports.write_overviews(folder / "2026-03-01T09-30-00Z")
    page = folder / "history.html"
    seen = visit(page, viewport={"width": width, "height": 800}, color_scheme=scheme)
    seen.page.wait_for_timeout(100)
    assert seen.errors == []
    assert seen.requests == [page.as_uri()]
    assert seen.value("document.documentElement.scrollWidth") <= width
    assert seen.overflowing() == []
    assert seen.faint() == []
    assert seen.page.locator("[role=img] svg").count() == 1
    targets = seen.value("[...document.querySelectorAll('header a, main a')].map((a) => a.getAttribute('href'))")
    assert all((folder / target).is_file() for target in targets if not target.startswith("#"))


def test_a_phone_shows_the_name_of_each_column(visit, tmp_path):
    folder = past(tmp_path, alter=newer)
    reports.write_overviews(folder / "2026-03-01T09-30-00Z")
    for page in (folder / "history.html", tmp_path / "index.html"):
        seen = visit(page, viewport={"width": 360, "height": 800})
        labels = seen.value(
            "[...document.querySelectorAll('.wrapped tr:first-child [data-label]')].map((cell) => "
            "getComputedStyle(cell, '::before').content)"
        )
        assert '"versions"' in labels
        assert '"where"' in labels
        wide = visit(page, viewport={"width": 1280, "height": 800})
        assert wide.value("getComputedStyle(document.querySelector('[data-label]'), '::before').content") == "none"


def test_the_page_over_all_runs_leads_there(visit, tmp_path):
    folder = past(tmp_path, (1.0, 1.0))
    seen = visit(reports.write_overviews(folder / "2026-03-01T09-30-00Z"))
    seen.page.locator("main p a").click()
    assert seen.page.title() == "Weekly CO2 at Mauna Loa, history · Like for Like"
