"""`reproduce` and `compare`, from the command line to the files."""

import json
import shutil

import pytest

from reports.records import Manifest, Trial
from reports.records.store import read_json, read_run, trial_path, write_json
from tests.benchmarks.command_line import REFERENCE, SMALL, benchmarks, in_process


def reproduce(folder, *options):
    return in_process("reproduce", folder, *options, "--results", folder.parents[1], cwd=folder)


def reproduction(folder):
    """The folder of the run that repeats this one."""
    known = (folder.name, "latest")
    (other,) = (path for path in folder.parent.iterdir() if path.is_dir() and path.name not in known)
    return other


def edit(folder, **changes):
    """Change fields in the outcome of the run's first trial."""
    plan = read_json(folder / "manifest.json", Manifest).trials[0]
    trial = read_json(trial_path(folder, plan), Trial)
    other = trial.model_copy(update={"outcome": trial.outcome.model_copy(update=changes)})
    write_json(trial_path(folder, plan), other)


@pytest.mark.slow
def test_a_run_is_reproduced_bit_for_bit(reference_copy):
    """Through the real command line."""
    done = benchmarks("reproduce", reference_copy, "--results", reference_copy.parents[1], cwd=reference_copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reproduced: all 4 trials, bit for bit." in done.stdout
    folder = reproduction(reference_copy)
    plan, certificate, trials = read_run(folder)
    assert plan.reproduces == str(reference_copy)
    assert certificate is None
    assert [trial.plan for trial in trials] == list(read_json(reference_copy / "manifest.json", Manifest).trials)
    assert "Reproduced: all 4" in (folder / "reproduction.md").read_text()
    assert "This run repeats trials of" in (folder / "report.md").read_text()
    assert (reference_copy.parent / "latest").resolve() == reference_copy


def test_a_changed_bit_is_an_error_and_json_names_it(reference_copy):
    """The sample has one trial of each model."""
    edit(reference_copy, final_digest="0" * 64)
    done = reproduce(reference_copy, "--sample", "2", "--json")
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    rows = [line for line in lines if line["event"] == "row" and "verdict" in line]
    assert [row["verdict"] for row in rows] == ["other last bits", "bit for bit"]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["good"] is False
    folder = reproduction(reference_copy)
    plan, _, _ = read_run(folder)
    assert "were not recorded" not in (folder / "report.md").read_text()  # the forecasts of the baselines
    assert [(trial.case, trial.seed) for trial in plan.trials] == [("gru", 1), ("lstm", 1)]


@pytest.mark.slow
def test_an_interrupted_reproduction_is_resumed_to_its_verdict(reference_copy):
    assert reproduce(reference_copy, "--seeds", "2").returncode == 0
    folder = reproduction(reference_copy)
    plan, _, _ = read_run(folder)
    trial_path(folder, plan.trials[0]).unlink()
    (folder / "reproduction.md").unlink()
    done = in_process("resume", folder, "--results", reference_copy.parents[1], cwd=reference_copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reproduced: all 2 trials, bit for bit." in done.stdout
    assert (folder / "reproduction.md").exists()
    assert (reference_copy.parent / "latest").resolve() == reference_copy


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sample", "0"), "--sample: '0' is not a whole number of 1 or more"),
        (("--seeds", "9"), "has no seed 9; it has 1, 2"),
        (("--backends", "flax"), "has no backend flax; it has reference"),
    ],
)
def test_a_wrong_option_is_one_sentence(reference_run, options, words):
    done = reproduce(reference_run, *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_run_without_a_finished_trial_cannot_be_reproduced_or_compared(reference_copy, reference_run):
    shutil.rmtree(reference_copy / "trials")
    assert "has no trial that ended well" in reproduce(reference_copy).stderr
    done = in_process("compare", reference_copy, reference_run, cwd=reference_copy)
    assert done.returncode == 2
    assert "compare" in done.stderr


def test_two_runs_are_compared(reference_copy, reference_run, tmp_path):
    runs = reference_run, reference_copy
    done = in_process("compare", *runs, "--markdown", tmp_path / "both.md", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "identical" in done.stdout
    assert (tmp_path / "both.md").read_text().startswith("# ")
    lines = in_process("compare", *runs, "--json", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["row", "row", "result"]


def test_runs_of_different_series_have_nothing_to_compare(reference_run, written, tmp_path):
    """The error says which series each run has, because the labels of the models are equal."""
    other = written(REFERENCE.replace('"airline"', '"sunspots"').replace("epochs = 3", "epochs = 1"))
    assert in_process("run", other, "--results", tmp_path, cwd=tmp_path).returncode == 0
    done = in_process("compare", reference_run, tmp_path / "small" / "latest", cwd=tmp_path)
    assert done.returncode == 2
    assert "has gru (airline), lstm (airline) in reference; " in done.stderr
    assert "has gru (sunspots) in reference; name two runs of one series" in done.stderr


def test_a_run_is_not_compared_with_itself_or_an_unknown_run(reference_run):
    done = in_process("compare", reference_run, reference_run, cwd=reference_run)
    assert done.returncode == 2
    assert str(reference_run) in done.stderr
    done = in_process("compare", reference_run, "nowhere", "--results", reference_run.parents[1], cwd=reference_run)
    assert done.returncode == 2
    assert "there is no run 'nowhere'" in done.stderr


@pytest.mark.slow
def test_a_framework_reproduces_itself(written, tmp_path):
    """PyTorch with its deterministic settings, in both modes."""
    text = SMALL.replace('["pytorch", "flax"]', '["pytorch"]\nmodes = ["matched", "native"]\nproven = false')
    assert in_process("run", written(text), "--results", tmp_path, cwd=tmp_path).returncode == 0
    done = in_process("reproduce", "small", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reproduced: all 2 trials, bit for bit." in done.stdout


def test_a_run_that_is_compared_with_itself_is_advised_one_with_a_model_in_common(reference_copy, tmp_path):
    """The newest other run has no finished trial, and one before it is damaged."""
    others = [reference_copy.with_name(name) for name in ("2999-01-03", "2999-01-02", "2999-01-01")]
    shutil.copytree(reference_copy, others[0])
    shutil.rmtree(others[0] / "trials")
    shutil.copytree(reference_copy, others[1])
    (others[1] / "manifest.json").write_text("{")
    words = ("compare", reference_copy, reference_copy, "--results", tmp_path)
    assert "has no other run with one of its models yet" in in_process(*words, cwd=tmp_path).stderr
    shutil.copytree(reference_copy, others[2])
    assert "small/2999-01-01 small/" in in_process(*words, cwd=tmp_path).stderr
