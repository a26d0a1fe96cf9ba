"""Whatever is typed wrong: one sentence, status 2, and nothing half written."""

import pytest

import backends
from benchmarks.errors import UserError
from benchmarks.runner import run
from tests.benchmarks.command_line import SMALL, benchmarks

COMMANDS = {
    "no command": ([], "required"),
    "an unknown command": (["rnu"], "there is no command 'rnu'; did you mean 'run'"),
    "an unknown benchmark": (["run", "co3"], "there is no benchmark 'co3'; did you mean 'co2'"),
    "a file that is not there": (["run", "mine.toml"], "mine.toml does not exist"),
    "an unknown backend": (["run", "co2", "--backends", "pytorhc"], "did you mean 'pytorch'"),
    "an empty backend": (["run", "co2", "--backends", "flax,"], "none empty"),
    "a seed that is no number": (["run", "co2", "--seeds", "one"], "write whole numbers"),
    "a negative seed": (["run", "co2", "--seeds=-1"], "seeds.0 = -1"),
    "an unknown option": (["run", "co2", "--sedes", "1"], "--sedes"),
    "an unknown run": (["report", "nothing"], "there is no run 'nothing'"),
    "an unknown series": (["data", "show", "co3"], "co2"),
}


@pytest.mark.parametrize(("words", "message"), COMMANDS.values(), ids=COMMANDS)
def test_a_wrong_command_is_one_sentence(words, message, tmp_path):
    results = ["--results", tmp_path / "results"] if words[:1] in (["run"], ["report"]) else []
    done = benchmarks(*words, *results, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


DEFINITIONS = {
    "a window longer than the series": ("length = 6", "length = 600", "airline"),
    "a horizon longer than the series": ("length = 6", "length = 6\nhorizon = 500", "horizon = 500"),
    "a batch larger than the training part": ("batch = 16", "batch = 1600", "batch = 1600 is more than the"),
    "more threads than cores": ("batch = 16", "batch = 16\nthreads = 4000", "threads = 4000"),
    "an unknown series": ('"airline"', '"airlin"', "airline"),
    "a split that leaves nothing to test": (
        "difference = true",
        "train = 0.9\nvalidation = 0.1",
        "left for the test part",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_a_question_that_cannot_be_asked_leaves_nothing_behind(old, new, message, written, tmp_path):
    done = benchmarks("run", written(SMALL.replace(old, new)), "--results", tmp_path / "results", cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_cannot_be_made(written, tmp_path):
    (tmp_path / "file").write_text("")
    done = benchmarks("run", written(), "--results", tmp_path / "file", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot hold the results" in done.stderr


def test_a_missing_framework_comes_with_its_install_command(monkeypatch):
    monkeypatch.setattr(backends.util, "find_spec", lambda name: None if name == "optax" else object())
    run.require(("pytorch", "keras"))
    with pytest.raises(UserError, match=r"'flax' needs optax, not installed here; .*pip install .* optax$"):
        run.require(("pytorch", "flax"))
    with pytest.raises(backends.BackendError, match="optax"):
        backends.load("flax", dtype="float32", threads=1)
