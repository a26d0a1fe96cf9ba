"""Definitions of benchmarks as files, and finished runs that several files of tests share."""

import shutil

import pytest

from tests.benchmarks.command_line import REFERENCE, SMALL, benchmarks


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
def reference_run(reference_definition, tmp_path_factory):
    """The folder of a finished run of `reference_definition`: four trials. Tests must not change it."""
    home = tmp_path_factory.mktemp("reference")
    done = benchmarks("run", reference_definition, "--results", home, cwd=home)
    assert done.returncode == 0, done.stderr
    return (home / "small" / "latest").resolve()


@pytest.fixture
def reference_copy(reference_run, tmp_path):
    """A copy of that run's folder, with its link `latest`, for one test to change."""
    folder = tmp_path / "small" / reference_run.name
    shutil.copytree(reference_run, folder)
    (folder.parent / "latest").symlink_to(folder.name)
    return folder


@pytest.fixture(scope="session")
def framework_run(written, tmp_path_factory):
    """A finished run of PyTorch and Flax in float64, with dropout: the command's result, and the folder."""
    text = SMALL.replace("units = 4", "units = 4\nrecurrent_dropout = 0.3").replace(
        "batch = 16", 'batch = 16\ndtype = "float64"\nclip_norm = 0.5\nschedule = "cosine"'
    )
    home = tmp_path_factory.mktemp("frameworks")
    done = benchmarks("run", written(text), "--results", home / "results", cwd=home)
    return done, home / "results" / "small" / "latest"
