"""Whatever a worker does, it becomes an answer."""

import sys

import pytest

from benchmarks.runner import process
from benchmarks.runner.jobs import Job


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """Replaces the worker's interpreter by a script that does something else."""

    def install(body):
        script = tmp_path / "worker"
        script.write_text(f"#!{sys.executable}\nimport os, sys, time\n{body}\n")
        script.chmod(0o755)
        monkeypatch.setattr(process.sys, "executable", str(script))

    return install


def test_a_killed_worker(worker):
    worker("os.kill(os.getpid(), 9)")
    answer, _ = process.work(Job(), {})
    assert answer.failure == "its process was killed by SIGKILL"


def test_a_worker_that_dies_without_a_word(worker):
    worker("sys.exit(3)")
    assert "status 3 and no answer" in process.work(Job(), {})[0].failure


def test_a_crashes_last_words_are_kept(worker):
    worker("raise MemoryError('no room for the kernel')")
    answer, log = process.work(Job(), {})
    assert "no room for the kernel" in answer.failure
    assert "Traceback" in log


def test_a_worker_that_hangs_is_ended(worker):
    worker("time.sleep(600)")
    assert process.work(Job(), {}, limit=0.5)[0].failure == "it did not finish within 0 seconds and was ended"
    assert not process.LIVE


def test_half_an_answer_is_none(worker):
    worker("open(sys.argv[4], 'w').write('{\"outcome\": ')")
    assert "no answer" in process.work(Job(), {})[0].failure
