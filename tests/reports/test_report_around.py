"""Links from the page of a run to other pages, and what writing the pages imports."""

import subprocess
import sys

import pytest
import synthetic_run

import reports
from reports.analysis.run import Run
from reports.pages.run_page import links_of

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "flax", "optax", "backends", "datasets")
REBUILD = f"""
import sys
from pathlib import Path
import reports
folder = Path(sys.argv[1])
reports.write(folder), reports.write_overviews(folder)
print(*sorted(set({FRAMEWORKS!r}) & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(backends=("pytorch", "flax"), cells=("gru",), seeds=(1, 2), epochs=4, weeks=30)


def stored(home, records, day="2026-03-01", **changes):
    manifest, certificate, trials = records
    return synthetic_run.store(home / "co2" / day, manifest.model_copy(update=changes), certificate, trials)


def test_a_page_leads_back_to_all_runs_and_to_its_history(visit, records, tmp_path):
    folder = stored(tmp_path, records)
    page = reports.write(folder)
    reports.write_overviews(folder)
    assert "[all runs](../../index.html) · [history of this benchmark](../history.html)" in page.markdown.read_text()
    for words, title in (("all runs", "All runs"), ("history of this", "Weekly CO2 at Mauna Loa, history")):
        seen = visit(page.html, viewport={"width": 360, "height": 800})
        assert seen.overflowing() == []
        seen.page.locator("header a", has_text=words).click()
        assert seen.page.title().startswith(title)
        assert seen.errors == []


def test_a_copy_elsewhere_leads_nowhere(records, run_of):
    folder = run_of(*records)
    assert links_of(Run.read(folder), folder) == ()
    assert "index.html" not in reports.write(folder).html.read_text()


def test_the_reproducibility_check_is_linked_once_it_exists(visit, records, tmp_path):
    original = stored(tmp_path, records)
    folder = stored(tmp_path, records, day="2026-03-02", reproduces=str(original))
    page = reports.write(folder).html
    assert visit(page).page.locator("header a", has_text="check").count() == 0
    reports.write_reproduction(folder)
    link = visit(page).page.locator("header a", has_text="reproducibility check")
    assert (folder / link.get_attribute("href")).is_file()


def test_pages_are_written_without_importing_a_framework(records, tmp_path):
    folder = stored(tmp_path, records)
    loaded = subprocess.run([sys.executable, "-c", REBUILD, str(folder)], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
    assert (tmp_path / "index.html").exists()
