"""A full disk and a read-only disk, as real file systems."""

import subprocess

import pytest

from reports.records.store import read_run
from tests.benchmarks.command_line import REFERENCE, benchmarks

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path):
    """A small file system, and a function that remounts it with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)

    try:
        mounted = mount("size=76k")
    except FileNotFoundError:
        pytest.skip("this system has no mount")
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    yield place, lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", place], check=True)


def one_sentence(done):
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    return sentence


def test_a_full_disk_keeps_finished_trials(disk, written, tmp_path):
    place, remount = disk
    definition = written(REFERENCE.replace("seeds = [1]", "seeds = [1, 2, 3, 4, 5, 6]"))
    full = one_sentence(benchmarks("run", definition, "--results", place, cwd=tmp_path))
    assert "cannot be written: No space left on device; files written before are kept, and resume" in full
    (folder,) = place.glob("small/2*")
    _, _, kept = read_run(folder)
    assert 0 < len(kept) < 6
    remount("size=9m")
    done = benchmarks("resume", "small", "--results", place, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    _, _, trials = read_run(folder)
    assert len(trials) == 6
    assert all(trial in trials for trial in kept)


def test_a_read_only_disk(disk, written, tmp_path):
    """Starting, resuming and reporting fail with one sentence; existing records can still be read."""
    place, remount = disk
    remount("size=9m")
    assert benchmarks("run", written(REFERENCE), "--results", place, cwd=tmp_path).returncode == 0
    before = read_run(place / "small" / "latest")
    remount("ro")
    for words in (["run", written(REFERENCE)], ["resume", "small"], ["report", "small"]):
        assert "Read-only file system" in one_sentence(benchmarks(*words, "--results", place, cwd=tmp_path))
    assert read_run(place / "small" / "latest") == before
