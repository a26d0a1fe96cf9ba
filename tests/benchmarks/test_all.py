"""The command `all`: run every benchmark, also after one has failed, then write the page of published values."""

import shutil

import pytest

from benchmarks import __main__ as command_line
from benchmarks.definition import loading
from reports.records.store import read_run, trial_path
from tests.benchmarks.command_line import REFERENCE

ABSENT = REFERENCE.replace('series = "airline"\ndifference = true', 'series = "temperatures"')


@pytest.fixture
def absent(monkeypatch, tmp_path):
    """A checkout with two benchmarks that work, and one whose series is missing and cannot be downloaded."""
    (tmp_path / "checkout").mkdir()
    for name, text in (("a", REFERENCE), ("b", ABSENT), ("c", REFERENCE)):
        (tmp_path / "checkout" / f"{name}.toml").write_text(text)
    monkeypatch.setattr(loading, "FOLDER", tmp_path / "checkout")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "empty"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    return tmp_path / "empty"


@pytest.mark.slow
def test_a_missing_series_stops_no_other_benchmark_and_resume_runs_only_what_is_missing(absent, tmp_path, capfd):
    """Finished trials are kept. A benchmark whose definition has changed gets a new run."""
    results = tmp_path / "results"
    again = ["all", "--quick", "--results", str(results)]
    status = command_line.main(again)
    output, errors = capfd.readouterr()
    assert status == 1
    assert "daily-min-temperatures.csv" in errors
    assert str(absent) in errors
    assert "Traceback" not in errors
    assert "2 of 3 benchmarks succeeded" in output
    assert {path.parent.parent.name for path in results.glob("*/*/report.html")} >= {"a", "c"}
    assert (results / "published.html").is_file()
    begun = {name: next((results / name).glob("2*")) for name in "ac"}
    lost, whole = (trial_path(begun[name], read_run(begun[name])[0].trials[0]) for name in "ca")
    lost.unlink()
    kept = whole.stat().st_mtime_ns
    assert command_line.main([*again, "--resume"]) == 1  # the series of b is still missing
    assert capfd.readouterr().out.count("records are written to") == 1  # only c is run; a is only reported
    assert lost.exists()
    assert whole.stat().st_mtime_ns == kept
    damaged = results / "c" / "2999-01-01T00-00-00Z"
    damaged.mkdir()
    (damaged / "manifest.json").write_text('{"a":')
    command_line.main([*again, "--resume"])
    assert f"skipped: {damaged}" in capfd.readouterr().err
    shutil.rmtree(damaged)
    (tmp_path / "checkout" / "a.toml").write_text(REFERENCE.replace("epochs = 3", "epochs = 4"))
    command_line.main([*again, "--resume"])
    assert {name: len(list((results / name).glob("2*"))) for name in "ac"} == {"a": 2, "c": 1}


def test_an_unknown_backend_is_refused_before_the_first_run(tmp_path, capfd):
    assert command_line.main(["all", "--backends", "flx", "--results", str(tmp_path / "results")]) == 2
    assert "there is no backend 'flx'; did you mean 'flax'" in capfd.readouterr().err
    assert not (tmp_path / "results").exists()
