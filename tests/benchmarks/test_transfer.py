"""A model trained in one framework goes on in another, and its weights can be taken out: through the command line."""

import json
import shutil

import numpy as np
import pytest

from reports.records import Trial
from reports.records.store import read_json, trial_path, weights_path
from tests.benchmarks.command_line import SMALL, benchmarks

DEFINITION = (
    SMALL.replace('["pytorch", "flax"]', '["pytorch"]')
    .replace("units = 4", "units = 4\nrecurrent_dropout = 0.3")
    .replace("batch = 16", 'batch = 16\ndtype = "float64"\nclip_norm = 0.5\nschedule = "cosine"')
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "small.toml").write_text(DEFINITION)
    done = benchmarks("run", folder / "small.toml", "--results", folder / "results", cwd=folder)
    assert done.returncode == 0, done.stderr
    return (folder / "results" / "small" / "latest").resolve()


@pytest.fixture
def copied(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


def trial(folder):
    (path,) = (folder / "trials").glob("*.json")
    return read_json(path, Trial)


def test_a_pytorch_model_goes_on_in_flax_as_if_nothing_had_happened(run, tmp_path):
    """Weights, Adam's moments, the step count, the schedule and the dropout masks all go on, to float64's last bits."""
    done = benchmarks("transfer", run, "--to", "flax", "--epochs", "3", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (crossed,) = map(json.loads, done.stdout.splitlines())
    assert crossed["good"]
    assert crossed["bound"] == 1e-10
    assert 0 < max(crossed["forecast"], crossed["losses"], crossed["later"]) <= 1e-10


def test_weights_or_moments_that_were_changed_are_not_passed_on(copied):
    path = weights_path(copied, trial(copied).plan)
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["first/1.bias"] = arrays["first/1.bias"] + 1e-9
    np.savez(path, **arrays)
    done = benchmarks("transfer", copied, "--to", "reference", cwd=copied)
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
        (lambda path: path.write_text("weights"), "is damaged: it holds no training"),
        (another_array, "is damaged: it holds no training"),
    ],
    ids=["missing", "truncated", "text", "another array"],
)
def test_weights_that_cannot_be_read_are_named(copied, damage, message):
    damage(weights_path(copied, trial(copied).plan))
    done = benchmarks("export", copied, "--weights", "--to", copied / "out", cwd=copied)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_exported_weights_are_those_of_the_record(run, tmp_path):
    """Under canonical names, in the precision that was trained; the record's digest is that of these very arrays."""
    done = benchmarks("export", run, "--weights", "--to", tmp_path / "out", cwd=tmp_path)
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
    "nobody else": (["--to", "pytorch"], "no matched trial of another framework than pytorch"),
    "one that trained nothing": (["--to", "flax", "--from", "keras"], "no such matched trial; known: pytorch"),
    "no epochs": (["--to", "flax", "--epochs", "0"], "1 or more"),
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(run, words, message, tmp_path):
    done = benchmarks("transfer", run, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_weights_are_kept_before_the_record_is(run):
    """A record without its weights would be a finished trial that nobody can go on with."""
    plan = trial(run).plan
    assert weights_path(run, plan).stat().st_mtime_ns <= trial_path(run, plan).stat().st_mtime_ns
