"""Whatever a worker does, it becomes an answer."""

import sys

import pytest

from benchmarks.definition import loading
from benchmarks.errors import UserError
from benchmarks.runner import certify, processes
from benchmarks.worker.jobs import Answer, Job
from reports.records import Limits
from tests.benchmarks.command_line import ORACLE


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """Replaces the worker's interpreter by a script that does something else."""

    def install(body):
        script = tmp_path / "worker"
        script.write_text(f"#!{sys.executable}\nimport os, sys, time\n{body}\n")
        script.chmod(0o755)
        monkeypatch.setattr(processes.sys, "executable", str(script))

    return install


def test_a_killed_worker(worker):
    worker("os.kill(os.getpid(), 9)")
    ended = processes.work(Job(), {})
    assert ended.answer.failure == "its process was killed by SIGKILL"
    assert ended.killed


def test_a_worker_that_dies_without_a_word(worker):
    worker("sys.exit(3)")
    assert "status 3 and no answer" in processes.work(Job(), {}).answer.failure


def test_a_crashes_last_words_are_kept(worker):
    worker("raise MemoryError('no room for the kernel')")
    ended = processes.work(Job(), {})
    assert "no room for the kernel" in ended.answer.failure
    assert "Traceback" in ended.log
    assert not ended.killed


def test_a_worker_that_hangs_is_ended(worker):
    """By us, for a stated reason: a resumed run need not try it again."""
    worker("time.sleep(600)")
    ended = processes.work(Job(), {}, Limits(seconds=0.5, memory_bytes=2**40))
    assert ended.answer.failure == "the trial did not finish within time_limit = 0.5 seconds and was ended"
    assert not ended.killed
    assert not processes.LIVE


def test_a_worker_that_takes_too_much_memory_is_ended(worker):
    worker("taken = []\nwhile True: taken.append(b'x' * 2**20); time.sleep(0.001)")
    ended = processes.work(Job(), {}, Limits(seconds=60, memory_bytes=2**27))
    assert "GiB of memory, more than memory_limit = 0.12, and was ended" in ended.answer.failure
    assert not ended.killed


def test_half_an_answer_is_none(worker):
    worker("open(sys.argv[4], 'w').write('{\"outcome\": ')")
    assert "no answer" in processes.work(Job(), {}).answer.failure


def test_a_killed_check_is_no_verdict_on_its_backend(monkeypatch, written):
    """Out of memory is no inequality: the certificate must not say so for good, and the run can be resumed."""
    ended = processes.Ended(Answer(failure="its process was killed by SIGKILL"), "", 1.0, killed=True)
    monkeypatch.setattr(certify.processes, "work", lambda job, variables: ended)
    with pytest.raises(UserError, match=r"the check of reference in float64 was killed; resume the run to repeat it"):
        certify.certify(loading.read(str(written(ORACLE))), ["reference"], lambda job: None)
