"""Trials of the local executor that run at the same time: each has cores of its own, and an interrupt ends all."""

import itertools
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from benchmarks.runner import cores as conditions
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.executors import local
from benchmarks.runner.machine import available_cores
from tests.benchmarks.command_line import environment

pytestmark = pytest.mark.skipif(len(available_cores()) < 2, reason="two trials at the same time need two cores")


@pytest.fixture(autouse=True)
def own_locks(monkeypatch, tmp_path):
    """A folder of locks for each test, so that these tests and other runs do not wait for each other."""
    monkeypatch.setattr("benchmarks.runner.cores.tempfile.gettempdir", lambda: str(tmp_path))


def tasks(count, threads=1):
    return [SimpleNamespace(plan=number, threads=threads) for number in range(count)]


def attempts(monkeypatch, seconds=0.1):
    """Replaces trials by a pause. Returns a list that receives number, cores, start and end of each."""
    seen = []

    def attempt(task, conditions):
        begun = time.monotonic()
        time.sleep(seconds)
        seen.append((task.plan, conditions.cores, begun, time.monotonic()))
        return task.plan

    monkeypatch.setattr(local, "run_trial", attempt)
    return seen


def test_trials_at_the_same_time_never_share_a_core(monkeypatch):
    seen, started = attempts(monkeypatch), []
    done = list(local.Local().run(tasks(6), started.append, at_once=2))
    assert sorted(done) == list(range(6))
    assert started == list(range(6))
    assert all(len(cores) == 1 for _, cores, _, _ in seen)
    overlaps = [
        (first[1], second[1])
        for first, second in itertools.combinations(seen, 2)
        if first[2] < second[3] and second[2] < first[3]
    ]
    assert overlaps
    assert all(first != second for first, second in overlaps)


def test_a_trial_on_all_cores_runs_alone(monkeypatch):
    seen = attempts(monkeypatch, seconds=0.02)
    every = len(available_cores())
    list(local.Local().run(tasks(3, threads=every), lambda plan: None, at_once=2))
    assert all(first[3] <= second[2] for first, second in itertools.pairwise(seen))


def test_waiting_for_another_run_is_reported_once(monkeypatch, caplog):
    """The user of a second run sees why it waits, and does not see the message again at every trial."""
    conditions._log_waiting.cache_clear()
    attempts(monkeypatch, seconds=0.02)
    for _ in range(2):
        with ExitStack() as other:
            other.enter_context(reserved(Conditions.of().cores, alone=True))
            threading.Timer(0.1, other.pop_all().close).start()
            list(local.Local().run(tasks(1, threads=len(available_cores())), lambda plan: None))
    assert [record.message[:7] for record in caplog.records] == ["waiting"]


def test_the_run_that_holds_the_cores_is_named(monkeypatch, caplog, tmp_path):
    """A run that was forgotten in the background can be found and ended."""
    conditions._log_waiting.cache_clear()
    attempts(monkeypatch)
    hold = (
        "from benchmarks.runner.cores import Conditions, reserved\n"
        "with reserved(Conditions.of().cores, alone=True):\n"
        "    print(flush=True)\n"
        "    input()\n"
    )
    words, pipe = [sys.executable, "-c", hold], subprocess.PIPE
    variables = environment() | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(words, env=variables, stdin=pipe, stdout=pipe, text=True) as other:
        other.stdout.readline()

        def release():
            while not caplog.records:
                time.sleep(0.01)
            other.stdin.write("\n")
            other.stdin.flush()

        threading.Thread(target=release, daemon=True).start()
        list(local.Local().run(tasks(1, threads=len(available_cores())), lambda plan: None))
    (record,) = caplog.records
    assert f"(process {other.pid}, {sys.executable} -c " in record.message


def test_a_core_that_another_run_holds_is_not_used(monkeypatch):
    seen = attempts(monkeypatch, seconds=0.02)
    held = Conditions.sets(1)[0].cores
    with reserved(held, alone=True):
        list(local.Local().run(tasks(3), lambda plan: None, at_once=len(available_cores())))
    assert not {cores for _, cores, _, _ in seen} & {held}


def test_an_interrupt_ends_running_trials_and_releases_the_cores(monkeypatch):
    ended = threading.Event()

    def attempt(task, conditions):
        if task.plan:  # runs until its worker is ended
            ended.wait(30)
        return task.plan

    monkeypatch.setattr(local, "run_trial", attempt)
    monkeypatch.setattr(local.processes, "end_all", ended.set)
    running = local.Local().run(tasks(4), lambda plan: None, at_once=2)
    assert next(running) == 0
    running.close()
    assert ended.is_set()
    with reserved(available_cores(), alone=True):
        pass
