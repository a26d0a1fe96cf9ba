"""`transfer` and `export --weights`: a model trained in one framework continues in another."""

import json
import shutil

import numpy as np
import pytest

from benchmarks.commands.transfer import first_trials
from reports.records.store import read_run, trial_path, weights_path
from tests.benchmarks.command_line import in_process


@pytest.fixture(scope="module")
def run(framework_run):
    return framework_run[1]


@pytest.fixture
def copied(run, tmp_path):
    """A copy of the run in which only PyTorch has trials."""
    folder = shutil.copytree(run, tmp_path / "run")
    for trial in read_run(folder)[2]:
        if trial.plan.backend != "pytorch":
            trial_path(folder, trial.plan).unlink()
    return folder


def pytorch_plan(folder):
    return next(plan for plan in read_run(folder)[0].trials if plan.backend == "pytorch")


@pytest.mark.slow
def test_a_pytorch_model_continues_in_flax(run, tmp_path):
    """Weights, Adam's moments, the step count, schedule and dropout masks agree up to float64 rounding."""
    done = in_process("transfer", run, "--from", "pytorch", "--to", "flax", "--epochs", "3", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (transferred,) = map(json.loads, done.stdout.splitlines())
    assert transferred["good"]
    assert transferred["bound"] == 1e-10
    assert 0 < max(transferred["forecast"], transferred["losses"], transferred["later"]) <= 1e-10


def test_changed_moments_are_not_transferred(copied):
    path = weights_path(copied, pytorch_plan(copied))
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["first/1.bias"] = arrays["first/1.bias"] + 1e-9
    np.savez(path, **arrays)
    done = in_process("transfer", copied, "--to", "reference", cwd=copied)
    assert done.returncode == 2
    assert "does not hold the weights of its record" in done.stderr


def another_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "the run kept no weights"),
        (lambda path: path.write_bytes(path.read_bytes()[:99]), "is damaged"),
        (lambda path: path.write_text("weights"), "is damaged: the file is not a checkpoint"),
        (another_array, "is damaged: the file is not a checkpoint"),
    ],
    ids=["missing", "truncated", "text", "another array"],
)
def test_unreadable_weights_are_named(copied, damage, message):
    damage(weights_path(copied, pytorch_plan(copied)))
    done = in_process("export", copied, "--weights", "--to", copied / "out", cwd=copied)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_exported_weights_have_canonical_names_and_the_trained_precision(run, tmp_path):
    done = in_process("export", run, "--weights", "--to", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "out" / "weights" / "gru-pytorch-matched-seed1.npz"
    assert str(path) in done.stdout
    with np.load(path) as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
        assert {arrays[name].dtype.name for name in arrays.files} == {"float64"}
    gates = {"0.kernel": (1, 12), "0.recurrent_kernel": (4, 12), "0.bias": (12,)}
    assert shapes == gates | {"1.kernel": (4, 1), "1.bias": (1,)}


MISTAKES = {
    "an unknown backend": (["--to", "flux"], "there is no backend 'flux'; did you mean 'flax'"),
    "no other framework": (["--to", "pytorch"], "has no finished matched trial of another backend"),
    "an origin without trials": (
        ["--to", "flax", "--from", "keras"],
        "no finished matched trial of it; known: pytorch",
    ),
    "one backend twice": (["--to", "flax", "--from", "flax"], "--from and --to both name flax; name two different"),
    "no epochs": (["--to", "flax", "--epochs", "0"], "of 1 or more; write one, as in --epochs 2"),
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(copied, words, message):
    done = in_process("transfer", copied, *words, cwd=copied)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_an_origin_the_first_backend_of_the_definition_is_taken(run):
    """Whatever the order in which the trials ran, which is drawn."""
    trials = read_run(run)[2]
    for order in (["pytorch", "flax"], ["flax", "pytorch"]):
        for recorded in (trials, trials[::-1]):
            (chosen,) = first_trials(recorded, order, None, "reference", run)
            assert chosen.plan.backend == order[0]


def test_weights_are_written_before_the_record(run):
    """A record without weights would be a finished trial that cannot be transferred."""
    for plan in read_run(run)[0].trials:
        assert weights_path(run, plan).stat().st_mtime_ns <= trial_path(run, plan).stat().st_mtime_ns
