"""Definitions of benchmarks as files, and finished runs that several files of tests share."""

import fcntl
import os
import pickle
import shutil

import pytest

from tests.benchmarks.command_line import REFERENCE, SMALL, benchmarks, in_process


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """A function that writes a definition to a file, SMALL if no other text is given, and returns the path."""

    def write(text=SMALL):
        path = tmp_path_factory.mktemp("definition") / "small.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def reference_definition(written):
    """Two models that forecast two rows, two seeds, and the reference implementation, which trains in NumPy."""
    text = REFERENCE.replace("seeds = [1]", "seeds = [1, 2]").replace("length = 6", "length = 6\nhorizon = 2")
    return written(text.replace('cell = "gru"', 'cell = ["gru", "lstm"]'))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A function that calls `make(folder)` in one of the test processes and gives its result in all of them.

    The others wait. They share the folder, so tests must not change it.
    """
    parts = tmp_path_factory.getbasetemp()
    common = parts.parent if "PYTEST_XDIST_WORKER" in os.environ else parts  # each process has a folder in this one

    def result(name, make):
        home, stored = common / name, common / f"{name}.pickle"
        with (common / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not stored.exists():
                shutil.rmtree(home, ignore_errors=True)  # of a process that failed in it
                home.mkdir()
                stored.write_bytes(pickle.dumps(make(home)))
        return pickle.loads(stored.read_bytes())

    return result


@pytest.fixture(scope="session")
def reference_run(reference_definition, made_once):
    """The folder of a finished run of `reference_definition`: four trials. Tests must not change it."""

    def make(home):
        done = in_process("run", reference_definition, "--results", home, cwd=home, figures=True)
        assert done.returncode == 0, done.stderr
        return (home / "small" / "latest").resolve()

    return made_once("reference", make)


@pytest.fixture
def reference_copy(reference_run, tmp_path):
    """A copy of that run's folder, with its link `latest`, for one test to change."""
    folder = tmp_path / "small" / reference_run.name
    shutil.copytree(reference_run, folder)
    (folder.parent / "latest").symlink_to(folder.name)
    return folder


@pytest.fixture(scope="session")
def framework_run(written, made_once):
    """A finished run of PyTorch and Flax in float64, with dropout: the command's result, and the folder.

    Tests must not change it.
    """
    text = SMALL.replace("units = 4", "units = 4\nrecurrent_dropout = 0.3").replace(
        "batch = 16", 'batch = 16\ndtype = "float64"\nclip_norm = 0.5\nschedule = "cosine"'
    )

    def make(home):
        done = benchmarks("run", written(text), "--results", home / "results", cwd=home)
        return done, (home / "results" / "small" / "latest").resolve()

    return made_once("frameworks", make)
