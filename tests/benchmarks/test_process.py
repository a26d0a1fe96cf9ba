"""Worker processes: every way to end becomes an answer."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.definition import loading
from benchmarks.errors import UserError
from benchmarks.runner import certify, processes
from benchmarks.worker.jobs import Answer, ReferenceJob
from reports.records import Limits
from tests.benchmarks.command_line import REFERENCE, ROOT, environment

NOTHING = ReferenceJob(dtype="float32", seed=0, cases={}, cores=())


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """Replaces the worker by a script with the given body."""

    def install(body):
        script = tmp_path / "worker"
        script.write_text(f"#!{sys.executable}\nimport os, sys, time\n{body}\n")
        script.chmod(0o755)
        monkeypatch.setattr(processes.sys, "executable", str(script))

    return install


def test_a_worker_imports_no_library_that_it_does_not_use():
    """Each trial is a process: what every worker imports, a run imports dozens of times."""
    libraries = (
        "pandas",
        "scipy",
        "sklearn",
        "statsmodels",
        "matplotlib",
        "optuna",
        "rich",
        "torch",
        "jax",
        "tensorflow",
    )
    code = f"""
import sys
from benchmarks.worker.__main__ import answer
answer(None)  # no job, after the imports for any kind
print([name for name in {libraries} if name in sys.modules])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


SERVED = """
import os, sys
from benchmarks.worker.serving import serve
from reports.records import Record

class Cores(Record):
    cores: tuple[int, ...]

serve(Cores, lambda job: Cores(cores=tuple(os.sched_getaffinity(0))), *sys.argv[1:])
"""


def served(folder, parent):
    """Run SERVED for a job on one core; return how it ended and the file of its answer."""
    job, answer = folder / "job.json", folder / "answer.json"
    job.write_text(json.dumps({"cores": [max(os.sched_getaffinity(0))]}))
    command = [sys.executable, "-c", SERVED, str(job), str(answer), str(parent)]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False), answer


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot pin a process to a core")
def test_a_worker_runs_on_the_cores_of_its_job_alone(tmp_path):
    """Before the job begins, so that every framework starts one thread for each of these cores."""
    done, answer = served(tmp_path, os.getpid())
    assert done.returncode == 0, done.stderr
    assert json.loads(answer.read_text()) == {"cores": [max(os.sched_getaffinity(0))]}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot pin a process to a core")
def test_a_worker_whose_parent_has_ended_does_nothing(tmp_path):
    """It would disturb the times of the next run."""
    done, answer = served(tmp_path, -1)
    assert (done.returncode, answer.exists()) == (1, False)
    assert done.stderr == "the process that started this worker has ended\n"


def test_a_killed_worker(worker):
    worker("os.kill(os.getpid(), 9)")
    ended = processes.run_job(NOTHING, {})
    assert ended.answer.failure == "its process was killed by SIGKILL"
    assert ended.killed


def test_a_worker_that_exits_without_an_answer(worker):
    worker("sys.exit(3)")
    assert "status 3 and no answer" in processes.run_job(NOTHING, {}).answer.failure


def test_the_last_output_of_a_crash_is_kept(worker):
    worker("raise MemoryError('not enough memory for the kernel')")
    ended = processes.run_job(NOTHING, {})
    assert "not enough memory for the kernel" in ended.answer.failure
    assert "Traceback" in ended.log
    assert not ended.killed


def test_a_worker_beyond_the_time_limit_is_ended(worker):
    """The trial failed for a stated reason, so that a resumed run does not repeat it."""
    worker("time.sleep(600)")
    ended = processes.run_job(NOTHING, {}, Limits(seconds=0.5, memory_bytes=2**40))
    assert ended.answer.failure == "it did not finish within 0.5 seconds (time_limit) and was ended"
    assert not ended.killed
    assert not processes.LIVE


def test_a_worker_beyond_the_memory_limit_is_ended(worker):
    worker("memory = []\nwhile True: memory.append(b'x' * 2**20); time.sleep(0.001)")
    ended = processes.run_job(NOTHING, {}, Limits(seconds=60, memory_bytes=2**27))
    assert "GiB of memory, more than memory_limit = 0.12, and was ended" in ended.answer.failure
    assert not ended.killed


def test_a_truncated_answer_is_no_answer(worker):
    worker("open(sys.argv[4], 'w').write('{\"outcome\": ')")
    assert "no answer" in processes.run_job(NOTHING, {}).answer.failure


def test_a_killed_check_is_not_recorded(monkeypatch, written):
    """A check that was killed, for example for lack of memory, says nothing about equality."""
    ended = processes.Ended(Answer(failure="its process was killed by SIGKILL"), "", 1.0, killed=True)
    run_job = processes.run_job
    monkeypatch.setattr(
        certify.processes, "run_job", lambda job, *more: ended if job.kind == "check" else run_job(job, *more)
    )
    with pytest.raises(
        UserError, match=r"the check of reference in float64 was killed, maybe for lack of memory; resume"
    ):
        certify.certify(loading.read(str(written(REFERENCE))), ["reference"], lambda job: None)
