"""Starts a worker process, enforces its limits, and turns its answer into a record."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import psutil
from pydantic import ValidationError

from benchmarks.runner import environment
from benchmarks.runner.cores import Conditions
from benchmarks.worker.checkpoints import digest_bytes
from benchmarks.worker.jobs import Answer, Job, TrialJob, WorkerAnswer
from reports.records import Limits, Plan, Record, Trial

LOG_CHARACTERS = 4000
POLL = 0.25  # seconds between two checks of a worker's time and memory
GIB = 2**30
AnswerType = TypeVar("AnswerType", bound=WorkerAnswer)
LIVE: set[subprocess.Popen[bytes]] = set()  # the workers that are running, of all threads


class Task(Record):
    """A trial to run on some host, which assigns the cores, with everything that the host needs for it."""

    job: TrialJob  # its cores are still empty
    threads: int
    limits: Limits

    @property
    def plan(self) -> Plan:
        return self.job.plan


def run_trial(task: Task, conditions: Conditions) -> Trial:
    """Run a trial on the cores of `conditions`, which the caller holds. Any error becomes the trial's failure."""
    job = task.job.model_copy(update={"cores": conditions.cores})
    machine = environment.describe(conditions.cores, conditions.variables)
    layout = {"PYTHONHASHSEED": str(task.plan.hash_seed), "LIKE_FOR_LIKE_PADDING": "x" * task.plan.padding}
    ended = run_job(job, conditions.variables | layout, task.limits)
    answer = ended.answer
    failure = None if answer.outcome else answer.reason
    return Trial(
        plan=task.plan,
        outcome=answer.outcome,
        failure=failure,
        log=ended.log if failure else "",
        killed=ended.killed,
        seconds=ended.seconds,
        environment=machine,
        trained=answer.trained,
        trained_digest=None if answer.trained is None else digest_bytes(answer.trained),
    )


@dataclass(frozen=True)
class Ended(Generic[AnswerType]):
    """How a worker ended. killed: by a signal from outside, which says nothing about the worker's job."""

    answer: AnswerType
    log: str  # the end of the worker's standard error
    seconds: float
    killed: bool = False


@contextmanager
def _started(command: Sequence[str], variables: dict[str, str], log_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker that writes its output to a file; it has ended when the context ends."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=environment.ROOT,
            env=environment.worker_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal reaches the parent alone
        )
        LIVE.add(process)
        try:
            yield process
        finally:
            _end(process)
            LIVE.discard(process)


def run_job(job: Job, variables: dict[str, str], limits: Limits | None = None) -> Ended[Answer]:
    """Run a job of a run in a new process, see `run_worker`."""
    return run_worker("benchmarks.worker", job, Answer, variables, limits)


def run_worker(
    module: str, job: Record, kind: type[AnswerType], variables: dict[str, str], limits: Limits | None = None
) -> Ended[AnswerType]:
    """Run a job in a new process of a module. A process that ends without an answer gives one with that failure.

    If this process is interrupted, the worker is killed before the interrupt is raised.
    """
    with tempfile.TemporaryDirectory(prefix="like-for-like-") as folder:
        job_path, answer_path, log_path = (Path(folder) / name for name in ("job.json", "answer.json", "log"))
        job_path.write_text(job.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", module, str(job_path), str(answer_path), str(os.getpid())]
        start = time.perf_counter()
        with _started(command, variables, log_path) as process:
            excess = _wait(process, limits)
        seconds = time.perf_counter() - start
        output = log_path.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:]
        if excess:
            return Ended(kind(failure=excess), output, seconds)
        answer = _answer(kind, answer_path, process.returncode, output)
        return Ended(answer, output, seconds, killed=_killed(process.returncode))


def end_all() -> None:
    """Kill every running worker."""
    for process in list(LIVE):
        _end(process)


def _wait(process: subprocess.Popen[bytes], limits: Limits | None) -> str | None:
    """Wait until the worker ends by itself, then return None; or return a clause naming the limit that it exceeds."""
    if limits is None:
        process.wait()
        return None
    start = time.monotonic()
    while True:
        try:
            process.wait(timeout=POLL)
            return None
        except subprocess.TimeoutExpired:
            if time.monotonic() - start > limits.seconds:
                return f"it did not finish within {limits.seconds:g} seconds (time_limit) and was ended"
            if (memory := _memory(process.pid)) > limits.memory_bytes:
                limit = limits.memory_bytes / GIB
                return f"it took {memory / GIB:.2f} GiB of memory, more than memory_limit = {limit:.2f}, and was ended"


def _memory(pid: int) -> int:
    """Return the resident bytes of a worker, which starts no child processes; 0 if it has just ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _killed(status: int) -> bool:
    """Return whether the signal was sent from outside, unlike a signal such as SIGSEGV that a fault raises."""
    return -status in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _answer(kind: type[AnswerType], path: Path, status: int, output: str) -> AnswerType:
    if status < 0:
        return kind(failure=f"its process was killed by {signal.Signals(-status).name}")
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        last = (output.strip().splitlines() or ["nothing"])[-1][:300]
        return kind(failure=f"its process ended with status {status} and no answer; its last output: {last}")
