"""reproduce and compare, end to end through the real command line."""

import json
import shutil

import pytest

from reports.records import Manifest, Trial
from reports.records.store import read_json, read_run, trial_path, write_json
from tests.benchmarks.command_line import ORACLE, SMALL, benchmarks


@pytest.fixture(scope="module")
def stored(written, tmp_path_factory):
    """A finished run of four trials: two models, two seeds."""
    home = tmp_path_factory.mktemp("stored")
    text = ORACLE.replace("seeds = [1]", "seeds = [1, 2]").replace('cell = "gru"', 'cell = ["gru", "lstm"]')
    done = benchmarks("run", written(text), "--results", home, cwd=home)
    assert done.returncode == 0, done.stderr
    return (home / "small" / "latest").resolve()


@pytest.fixture
def copied(stored, tmp_path):
    """The same run where nobody else looks, `latest` included."""
    folder = tmp_path / "small" / stored.name
    shutil.copytree(stored, folder)
    (folder.parent / "latest").symlink_to(folder.name)
    return folder


def reproduce(folder, *options):
    return benchmarks("reproduce", folder, *options, "--results", folder.parents[1], cwd=folder)


def repetition(folder):
    known = (folder.name, "latest")
    (found,) = (path for path in folder.parent.iterdir() if path.is_dir() and path.name not in known)
    return found


def edit(folder, **changes):
    """The run's first trial, with other fields in its outcome."""
    plan = read_json(folder / "manifest.json", Manifest).trials[0]
    trial = read_json(trial_path(folder, plan), Trial)
    other = trial.model_copy(update={"outcome": trial.outcome.model_copy(update=changes)})
    write_json(trial_path(folder, plan), other)


def test_a_run_is_reproduced_bit_for_bit(copied):
    done = reproduce(copied)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reproduced: all 4 trials, bit for bit." in done.stdout
    folder = repetition(copied)
    plan, certificate, trials = read_run(folder)
    assert plan.reproduces == str(copied)
    assert certificate is None
    assert [trial.plan for trial in trials] == list(read_json(copied / "manifest.json", Manifest).trials)
    assert "Reproduced: all 4" in (folder / "reproduction.md").read_text()
    assert "This run repeats trials of" in (folder / "report.md").read_text()
    assert (copied.parent / "latest").resolve() == copied


def test_a_changed_bit_is_an_error_and_json_names_it(copied):
    edit(copied, final_digest="0" * 64)
    done = reproduce(copied, "--sample", "2", "--json")
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    rows = [line for line in lines if line["event"] == "row" and "verdict" in line]
    assert [row["verdict"] for row in rows] == ["other last bits", "bit for bit"]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["good"] is False


def test_a_sample_is_spread_over_models(copied):
    assert reproduce(copied, "--sample", "2").returncode == 0
    assert [(plan.case, plan.seed) for plan in read_run(repetition(copied))[0].trials] == [("gru", 1), ("lstm", 1)]


@pytest.mark.slow
def test_a_cut_repetition_is_resumed_to_its_verdict(copied):
    assert reproduce(copied, "--seeds", "2").returncode == 0
    folder = repetition(copied)
    plan, _, _ = read_run(folder)
    trial_path(folder, plan.trials[0]).unlink()
    (folder / "reproduction.md").unlink()
    done = benchmarks("resume", folder, "--results", copied.parents[1], cwd=copied)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reproduced: all 2 trials, bit for bit." in done.stdout
    assert (folder / "reproduction.md").exists()
    assert (copied.parent / "latest").resolve() == copied


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sample", "0"), "--sample 0: write a number of trials"),
        (("--seeds", "9"), "has no seed 9; it has 1, 2"),
        (("--backends", "flax"), "has no backend flax; it has reference"),
    ],
)
def test_a_wrong_option_is_one_sentence(stored, options, words):
    done = reproduce(stored, *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_run_without_a_finished_trial_cannot_be_reproduced_or_compared(copied, stored):
    shutil.rmtree(copied / "trials")
    assert "has no trial that ended well" in reproduce(copied).stderr
    done = benchmarks("compare", copied, stored, cwd=copied)
    assert done.returncode == 2
    assert "cannot be compared" in done.stderr


def test_two_runs_stand_side_by_side(copied, stored, tmp_path):
    done = benchmarks("compare", stored, copied, "--markdown", tmp_path / "both.md", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "identical" in done.stdout
    assert (tmp_path / "both.md").read_text().startswith("# Two runs side by side")
    lines = benchmarks("compare", stored, copied, "--json", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["row", "row", "result"]


def test_a_run_is_not_compared_with_itself_nor_with_none(stored):
    done = benchmarks("compare", stored, stored, cwd=stored)
    assert done.returncode == 2
    assert "both names mean the run" in done.stderr
    done = benchmarks("compare", stored, "nowhere", "--results", stored.parents[1], cwd=stored)
    assert done.returncode == 2
    assert "there is no run 'nowhere'" in done.stderr


@pytest.mark.slow
def test_a_framework_reproduces_itself(written, tmp_path):
    """PyTorch with its deterministic settings, in both modes."""
    text = SMALL.replace('["pytorch", "flax"]', '["pytorch"]\nmodes = ["matched", "native"]')
    assert benchmarks("run", written(text), "--results", tmp_path, cwd=tmp_path).returncode == 0
    done = benchmarks("reproduce", "small", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reproduced: all 2 trials, bit for bit." in done.stdout
