"""Runs whose parent or workers are killed at random and resumed: no finished trial is lost and none runs twice."""

import logging
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from benchmarks.runner import certificate_cache
from reports.records import Trial
from reports.records.store import read_json, read_run
from tests.benchmarks.command_line import COMMAND, REFERENCE, benchmarks, environment, in_process

KILLS = int(os.environ.get("KILLS", "6"))  # number of kills
SEEDS = 6
LONGEST = 6.0  # seconds until a kill, at most: about the duration of the run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent"),
]


def records(results):
    """Inode and bytes of every finished trial's file. A trial that ran twice would have another inode."""
    files = {}
    for path in results.glob("small/2*/trials/*.json"):  # not through `latest`, which moves
        if not read_json(path, Trial).killed:
            files[path] = (path.stat().st_ino, path.read_bytes())
    return files


def newest(results):
    runs = sorted(path.parent for path in results.glob("small/*/manifest.json") if path.parent.name != "latest")
    return runs[-1] if runs else None


def complete(folder):
    plan, _, trials = read_run(folder)
    return len([trial for trial in trials if trial.outcome]) == len(plan.trials)


def next_command(definition, results):
    """Resume the newest run if it is incomplete; otherwise start one."""
    folder = newest(results)
    if folder is None or complete(folder):
        return ["run", str(definition)]
    return ["resume", str(folder)]


def kill_somewhere(words, results, chance):
    """Run a command and kill it or its workers after a random time. Return which."""
    with subprocess.Popen(
        [*COMMAND, *words, "--results", str(results)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        time.sleep(chance.uniform(0.3, LONGEST))
        workers = [p for p in psutil.Process(run.pid).children() if run.poll() is None]
        if chance.random() < 0.5 and workers:
            for worker in workers:
                worker.kill()
            run.wait(timeout=120)  # the parent records the failure and continues
            return "worker"
        run.kill()
        run.wait(timeout=30)
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive, "an orphan would disturb all later times"
        return "parent"


def test_no_trial_is_lost_and_none_runs_twice(written, tmp_path):
    text = REFERENCE.replace("seeds = [1]", f"seeds = {list(range(1, SEEDS + 1))}")
    definition, chance, hits = written(text), random.Random(2026), []
    for _ in range(KILLS):
        before = records(tmp_path)
        hits.append(kill_somewhere(next_command(definition, tmp_path), tmp_path, chance))
        after = records(tmp_path)
        assert before.items() <= after.items()
    kept = records(tmp_path)
    if (folder := newest(tmp_path)) is not None and not complete(folder):
        done = benchmarks("resume", folder, "--results", tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert complete(folder)
        assert kept.items() <= records(tmp_path).items()
    assert not [path for path in tmp_path.rglob("*.tmp") if path.parent.name != certificate_cache.FOLDER]
    logging.info("kills: %d of a run, %d of a worker", hits.count("parent"), hits.count("worker"))


def test_a_power_cut_between_write_and_rename(reference_copy, tmp_path):
    """The run ends with a record under its temporary name: the trial runs again, and no temporary file is left."""
    cut = "import os, signal; os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
    folder = reference_copy
    record = next((folder / "trials").iterdir())
    record.unlink()
    words = ["resume", str(folder), "--results", str(tmp_path)]
    code = f"""
import sys
from benchmarks.runner import run
write_json = run.write_json
def torn(path, record):
    if path.parent.name == "trials":
        {cut}
    write_json(path, record)
run.write_json = torn
from benchmarks.__main__ import main
sys.exit(main({words!r}))
"""
    torn = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, check=False)
    assert torn.returncode == -signal.SIGKILL
    assert list((folder / "trials").glob(".*.tmp"))
    assert not record.exists()
    done = in_process(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert complete(folder)
    assert not list(folder.rglob("*.tmp"))
