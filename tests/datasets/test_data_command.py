"""`python -m benchmarks data`, and the memory that windows of a long series take."""

import argparse
import os

import pytest

import datasets
from benchmarks.commands import data
from benchmarks.microbenchmarks import windowing


def run(*words: str) -> int:
    """Run the command as the command line does; returns the exit status."""
    parser = argparse.ArgumentParser()
    data.add(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["data", *words])
    return arguments.execute(arguments)


def test_the_list_says_which_series_are_cached(capsys, monkeypatch, tmp_path):
    """A user sees in the list whether a run needs the network."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert run() == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()[2:]}  # after heading and rule
    assert tuple(lines) == datasets.names()
    assert "to download" in lines["cet"]
    (tmp_path / "cet-daily.txt").touch()
    run()
    assert "in the cache" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("cet"))


@pytest.mark.parametrize("name", datasets.names())
def test_show_prints_facts_and_draws_a_picture(name, capsys, tmp_path):
    """For every series; downloaded series need a filled cache folder."""
    origin = datasets.describe(name).origin
    if origin.kind == "downloaded" and not (os.environ.get("BENCH_DATA") and origin.is_cached()):
        pytest.skip(f"{name} is downloaded: set BENCH_DATA to a folder that holds it")
    assert run("show", name, "--folder", str(tmp_path / "pictures")) == 0
    output = capsys.readouterr().out
    for fact in ("rows", "span", "gaps", "mean", "from", "licence", "train", "validation", "test", f"{name}.png"):
        assert fact in output
    assert (tmp_path / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_fetch_reports_a_series_that_needs_no_download(capsys):
    """The error for an unknown name contains the closest name."""
    assert run("fetch", "co2") == 0
    assert "needs no download" in capsys.readouterr().out
    with pytest.raises(datasets.DataError, match="did you mean 'airline'"):
        run("fetch", "airlin")


def test_fetch_all_continues_after_a_failure(capsys, monkeypatch, tmp_path):
    """A failed download must not prevent the downloads of other series."""

    def offline(origin):
        raise datasets.DataError(f"{origin.file} could not be downloaded.")

    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setattr("datasets.sources.origins.Downloaded.fetch", offline)
    monkeypatch.setattr("datasets.sources.origins.Housing.fetch", lambda _: tmp_path / "housing")
    assert run("fetch", "--all") == 2
    output = capsys.readouterr()
    failed = [line.split(":")[1].strip() for line in output.err.splitlines()]
    assert failed == ["temperatures", "seatac", "cet", "etth1"]
    fetched = [line.split()[0] for line in output.out.splitlines()]
    assert sorted(fetched + failed) == sorted(datasets.names())


def test_a_picture_that_cannot_be_written_is_an_error_of_one_sentence(tmp_path):
    """The folder cannot be created, because a file has its name."""
    (tmp_path / "pictures").touch()
    with pytest.raises(
        datasets.DataError, match=r"airline\.png cannot be written \(.*\): name another folder with --folder"
    ):
        run("show", "airline", "--folder", str(tmp_path / "pictures"))


def test_series_and_windows_take_at_most_twice_the_memory_of_the_series():
    """Copies of all windows, also for the hash, need 48 times the memory of the series."""
    series = windowing.walk(1_000_000)
    most = windowing.peak_bytes(lambda: windowing.cut(series).digest)
    assert series.values.nbytes + most <= 2 * series.values.nbytes
