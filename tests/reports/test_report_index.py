"""The index of all runs."""

import pytest
import synthetic_run
from synthetic_run import change, fail

import reports
from reports.analysis.run import Run
from reports.pages import index_entries, index_page
from reports.records.store import write_json

NASTY = '<script>document.title="owned"</script><img src="https://example.org/x.png" onerror="alert(1)">'


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A finished run with its report, one that is under way with a failed trial, and a damaged one."""
    home = tmp_path_factory.mktemp("results")
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), epochs=4, weeks=30)
    first = synthetic_run.store(home / "co2" / "2026-03-01T09-30-00Z", manifest, certificate, trials)
    (home / "co2" / "latest").symlink_to(first.name)
    reports.write(first)
    later = manifest.model_copy(update={"started": "2026-03-02T09:30:00Z", "title": NASTY})
    synthetic_run.store(home / "co2" / "2026-03-02T09-30-00Z", later, None, (fail(trials[0]), *trials[1:5]))
    other = manifest.model_copy(update={"benchmark": "else where", "title": "Elsewhere", "trials": ()})
    write_json(home / "else where" / "2026-01-01T00-00-00Z" / "manifest.json", other)
    broken = home / "co2" / "2026-03-03T09-30-00Z"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    return home


def test_each_run_has_a_line_with_state_result_machine_and_versions(results):
    page = index_page.page(results)
    assert page.facts[0] == "3 runs of 2 benchmarks, the newest first"
    newest, oldest = (row.cells for row in page.table("benchmark-1").rows)
    assert [newest[0].links[0].text, oldest[0].links[0].text] == ["2026-03-02 09:30", "2026-03-01 09:30"]
    assert oldest[0].links[0].target == "co2/2026-03-01T09-30-00Z/report.html"
    assert oldest[1].text == "finished, 18 trials"
    assert oldest[2].text.startswith("the compiled epoch in Flax is 2.95 times as fast as the eager loop in PyTorch; ")
    assert oldest[2].text.endswith("3 of 3 forecasts beat persistence, and none beats the best baseline")
    assert oldest[3].text == "AMD EPYC 9R14, 2 cores (bench-1)"
    assert "torch 2.13.0" in oldest[5].text


def test_an_unfinished_run_is_shown_as_such(results):
    cells = index_page.page(results).table("benchmark-1").rows[0].cells
    assert (cells[1].text, cells[1].detail, cells[1].tone) == ("unfinished, 5 of 18 trials", "1 failed", "bad")
    assert cells[0].detail == "no report yet"
    assert cells[0].links[0].target.endswith("manifest.json")


def test_a_damaged_run_is_named_and_breaks_nothing(results):
    (words,) = index_page.page(results).notices
    assert words.startswith("The run co2/2026-03-03T09-30-00Z cannot be shown: ")
    assert "is damaged" in words


def test_a_repeated_run_names_the_original(tmp_path):
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), epochs=4, weeks=30)
    again = manifest.model_copy(update={"reproduces": "/elsewhere/co2/2026-03-01T09-30-00Z"})
    synthetic_run.store(tmp_path / "co2" / "a", again, certificate, trials)
    (row,) = index_page.page(tmp_path).table("benchmark-1").rows
    assert row.cells[2].text == "repeats trials of 2026-03-01T09-30-00Z"


def test_a_run_of_many_models_counts_them():
    run = Run(*synthetic_run.records(units=(16, 32), modes=("matched",), epochs=4, weeks=30))
    assert index_entries.headline(run) == (
        "fastest: the compiled epoch in Flax for 4 of 4 models; 12 of 12 forecasts beat persistence, and none "
        "beats the best baseline"
    )


def test_unreliable_timings_are_withheld():
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), modes=("matched",), epochs=4, weeks=30)
    run = Run(manifest, certificate, tuple(change(trial, background_load=0.5) for trial in trials))
    assert index_entries.headline(run) == (
        "3 of 3 forecasts beat persistence, and none beats the best baseline; unreliable speed ratios are withheld"
    )


def test_without_a_run_the_page_has_the_first_command(tmp_path):
    assert ".venv/bin/python -m benchmarks run co2" in index_page.write(tmp_path).read_text("utf-8")


def test_the_index_is_written_among_results_only(results, run_of, tmp_path):
    assert reports.write_overviews(results / "co2" / "2026-03-01T09-30-00Z") == results / "index.html"
    copied = run_of(*synthetic_run.records(cells=("gru",), epochs=4, weeks=30))
    assert reports.write_overviews(copied) is None
    assert not (tmp_path.parent / "index.html").exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_whole_in_a_browser(visit, results, width, scheme):
    page = index_page.write(results)
    seen = visit(page, viewport={"width": width, "height": 800}, color_scheme=scheme)
    seen.page.wait_for_timeout(100)
    assert seen.errors == []
    assert seen.requests == [page.as_uri()]
    assert seen.page.title() == "All runs · Like for Like"
    assert seen.page.locator("main img").count() == 0
    assert seen.value("document.documentElement.scrollWidth") <= width
    assert seen.overflowing() == []
    assert seen.faint() == []


def test_the_target_of_every_link_exists(visit, results):
    page = index_page.write(results)
    seen = visit(page)
    targets = seen.value("[...document.querySelectorAll('main a')].map((link) => decodeURI(link.getAttribute('href')))")
    assert len(targets) >= 3
    assert all((results / target).is_file() for target in targets)


def test_the_theme_can_be_chosen_with_the_keyboard(visit, results):
    seen = visit(index_page.write(results))
    seen.page.locator("#theme").focus()
    seen.page.keyboard.press("Enter")
    assert seen.page.locator("#theme").inner_text() == "theme: light"
