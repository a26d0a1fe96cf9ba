"""`python -m benchmarks data`, and what windows of a long series cost."""

import argparse
import os

import pytest

import datasets
from benchmarks.commands import data
from benchmarks.microbenchmarks import windowing


def run(*words: str) -> int:
    """The command as the command line runs it."""
    parser = argparse.ArgumentParser()
    data.add(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["data", *words])
    return arguments.execute(arguments)


def test_every_series_is_listed_with_its_state(capsys, monkeypatch, tmp_path):
    """Whether a run will need the network is what the list is for."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert run() == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert tuple(lines) == datasets.names()
    assert "not cached" in lines["cet"]
    (tmp_path / "cet-daily.txt").touch()
    run()
    assert "not cached" not in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("cet"))


@pytest.mark.parametrize("name", datasets.names())
def test_show_tells_facts_and_draws_a_picture(name, capsys, tmp_path):
    """For every series, offline where the cache is filled."""
    origin = datasets.describe(name).origin
    if origin.kind == "downloaded" and not (os.environ.get("BENCH_DATA") and origin.is_cached()):
        pytest.skip(f"{name} is downloaded: set BENCH_DATA to a folder that holds it")
    assert run("show", name, "--folder", str(tmp_path / "pictures")) == 0
    told = capsys.readouterr().out
    for fact in ("rows", "span", "gaps", "mean", "from", "licence", "train", "validation", "test", f"{name}.png"):
        assert fact in told
    assert (tmp_path / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_fetching_what_needs_no_download_says_so(capsys):
    """And an unknown name gets the near one."""
    assert run("fetch", "co2") == 0
    assert "needs no download" in capsys.readouterr().out
    with pytest.raises(datasets.DataError, match="did you mean 'airline'"):
        run("fetch", "airlin")


def test_fetching_all_goes_on_after_a_failure(capsys, monkeypatch, tmp_path):
    """One server that is down must not keep the other series away."""

    def offline(remote):
        raise datasets.DataError(f"{remote.file} could not be downloaded.")

    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setattr("datasets.sources.download.fetch", offline)
    monkeypatch.setattr("datasets.sources.housing.Housing.fetch", lambda _: tmp_path / "housing")
    assert run("fetch", "--all") == 2
    said = capsys.readouterr()
    failed = [line.split(":")[1].strip() for line in said.err.splitlines()]
    assert failed == ["temperatures", "seatac", "cet", "etth1"]
    fetched = [line.split()[0] for line in said.out.splitlines()]
    assert sorted(fetched + failed) == sorted(datasets.names())


def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path):
    """A file where the folder should be."""
    (tmp_path / "pictures").touch()
    with pytest.raises(datasets.DataError, match=r"airline\.png cannot be written \(.*\): give another --folder"):
        run("show", "airline", "--folder", str(tmp_path / "pictures"))


def test_windows_and_series_together_take_at_most_twice_the_series():
    """A window written out would take 48 times the series; so would a hash over windows written out."""
    series = windowing.walk(1_000_000)
    most = windowing.peak(lambda: windowing.ours(series).digest)
    assert series.values.nbytes + most <= 2 * series.values.nbytes
