"""Reports of many trials and many runs: sizes of pages and numbers of records read; times decide nothing."""

import json
import os
import subprocess
import sys

import pytest
import synthetic_run

import reports
from benchmarks.runner import run as runner
from reports.pages import index_entries, index_page
from reports.records import store

MEASURE = """
import json, sys
from pathlib import Path
import reports
from benchmarks.worker.timing import peak_memory_bytes
written = reports.write(Path(sys.argv[1]))
print(json.dumps({"peak": peak_memory_bytes(), "page": written.html.stat().st_size}))
"""


@pytest.fixture(autouse=True)
def unflushed(monkeypatch):
    """Write files without waiting for the disk."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def reads(monkeypatch):
    """The names of the files of records that are read."""
    names = []

    def read(path, kind, *, original=store.read_json):
        names.append(path.name)
        return original(path, kind)

    monkeypatch.setattr(store, "read_json", read)
    return names


def many(seeds, **options):
    return synthetic_run.records(cells=("gru",), seeds=tuple(range(1, seeds + 1)), epochs=4, weeks=10, **options)


@pytest.mark.slow
def test_the_page_does_not_grow_with_the_number_of_trials(drawn, tmp_path):
    """With three times as many trials, the page of all trials grows and the report does not."""
    few, more = (synthetic_run.store(tmp_path / str(seeds), *many(seeds)) for seeds in (45, 135))
    sizes = [reports.write(folder).html.stat().st_size for folder in (few, more)]
    assert sizes[1] < 1.1 * sizes[0]
    listings = [(folder / "trials.html").stat().st_size for folder in (few, more)]
    assert listings[1] > 2.5 * listings[0]
    text = (more / "report.md").read_text("utf-8")
    assert "(40 of 135 rounds are drawn)" in text
    assert "(10 of 135 seeds are drawn)" in text
    assert "[all 135](trials.html)" in text
    assert "with seeds 1 to 135," in text


def test_failures_for_one_reason_have_one_log(run_of):
    manifest, certificate, trials = many(20, modes=("matched",))
    failed = tuple(synthetic_run.fail(t, log=f"log of {t.plan.seed}") if t.plan.seed > 2 else t for t in trials)
    text = reports.write(run_of(manifest, certificate, failed)).markdown.read_text("utf-8")
    assert ", GRU, matched, seeds 3 to 20" in text
    assert text.count("log of 3") == 3  # a log for each backend
    assert "log of 4" not in text


def test_every_record_is_read_once_for_a_report_and_for_what_is_missing(run_of, reads):
    manifest, certificate, trials = many(12)
    folder = run_of(manifest, certificate, trials[1:])
    keys = sorted(f"{trial.plan.key}.json" for trial in trials[1:])
    for read in (reports.write, runner.left):
        reads.clear()
        read(folder)
        assert sorted(name for name in reads if name in keys) == keys
    assert runner.left(folder) == 1


@pytest.fixture
def runs(tmp_path):
    """Three runs with certificate and trials."""
    records = many(2)
    for start in ("a", "b", "c"):
        synthetic_run.store(tmp_path / "co2" / start, *records)
    return tmp_path


def test_the_index_reads_a_run_again_only_after_a_change(runs, reads):
    first = index_page.write(runs).read_bytes()
    assert reads.count("manifest.json") == 3
    reads.clear()
    assert index_page.write(runs).read_bytes() == first
    assert reads == []
    next((runs / "co2" / "b" / "trials").iterdir()).unlink()
    assert b"unfinished, 11 of 12 trials" in index_page.write(runs).read_bytes()
    assert reads.count("manifest.json") == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text("{"),
        lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"code": "of another version"})),
    ],
)
def test_entries_that_are_missing_damaged_or_of_other_code_are_made_again(runs, reads, damage):
    first = index_page.write(runs).read_bytes()
    stored = (runs / index_entries.NAME).read_bytes()
    damage(runs / index_entries.NAME)
    reads.clear()
    assert index_page.write(runs).read_bytes() == first
    assert reads.count("manifest.json") == 3
    assert (runs / index_entries.NAME).read_bytes() == stored


@pytest.mark.slow
def test_a_report_of_4800_trials_stays_within_its_limits(tmp_path):
    folder = synthetic_run.store(tmp_path / "run", *synthetic_run.records(seeds=tuple(range(1, 401))))
    done = subprocess.run([sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    assert measured["page"] < 2_000_000
    assert measured["peak"] < 400 * 2**20
