"""Starts a worker, watches what it takes, ends it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import ValidationError

from benchmarks.runner.environment import ROOT, worker_environment
from benchmarks.worker.jobs import Answer, Job
from reports.records import Limits

LOG_CHARACTERS = 4000
LOOK = 0.25  # seconds between two looks at what a worker takes
GIB = 2**30
LIVE: set[subprocess.Popen[bytes]] = set()  # workers under way, in whichever thread


@dataclass(frozen=True)
class Ended:
    """What became of a worker. `killed`: by somebody else, so that its end says nothing about its work."""

    answer: Answer
    log: str  # the end of what it said on standard error
    seconds: float
    killed: bool = False


def work(job: Job, variables: dict[str, str], limits: Limits | None = None) -> Ended:
    """Run a job in a fresh process. A process that dies without an answer is an answer with that failure.

    An interrupt of this process ends the worker before it is passed on.
    """
    with tempfile.TemporaryDirectory(prefix="like-for-like-") as folder:
        job_path, answer_path, log_path = (Path(folder) / name for name in ("job.json", "answer.json", "log"))
        job_path.write_text(job.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.worker", str(job_path), str(answer_path), str(os.getpid())]
        start = time.perf_counter()
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=worker_environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal reaches the parent alone
            )
            LIVE.add(process)
            try:
                excess = _watch(process, limits)
            finally:
                _end(process)
                LIVE.discard(process)
        seconds = time.perf_counter() - start
        said = log_path.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:]
        if excess:
            return Ended(Answer(failure=excess), said, seconds)
        return Ended(_answer(answer_path, process.returncode, said), said, seconds, killed=_killed(process.returncode))


def end_all() -> None:
    """End every worker that is under way."""
    for process in list(LIVE):
        _end(process)


def _watch(process: subprocess.Popen[bytes], limits: Limits | None) -> str | None:
    """Wait for the worker's own end, None, or for the limit that it goes beyond, a sentence."""
    if limits is None:
        process.wait()
        return None
    start = time.monotonic()
    while True:
        try:
            process.wait(timeout=LOOK)
            return None
        except subprocess.TimeoutExpired:
            if time.monotonic() - start > limits.seconds:
                return f"it did not finish within time_limit = {limits.seconds:g} seconds and was ended"
            if (taken := _memory(process.pid)) > limits.memory_bytes:
                allowed = limits.memory_bytes / GIB
                return f"it took {taken / GIB:.2f} GiB of memory, more than memory_limit = {allowed:.2f}, and was ended"


def _memory(pid: int) -> int:
    """Resident bytes of a worker, which starts no processes of its own; 0 if it has just ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _killed(status: int) -> bool:
    """By a signal that is sent, not by one that a process earns by its own mistakes."""
    return -status in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _answer(path: Path, status: int, said: str) -> Answer:
    if status < 0:
        return Answer(failure=f"its process was killed by {signal.Signals(-status).name}")
    try:
        return Answer.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        last = (said.strip().splitlines() or ["nothing"])[-1][:300]
        return Answer(failure=f"its process ended with status {status} and no answer; its last words: {last}")
