"""Starts a worker, waits for it, ends it."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import ValidationError

from benchmarks.runner.environment import ROOT, worker_environment
from benchmarks.runner.jobs import Answer, Job

LOG_CHARACTERS = 4000
LIVE: set[subprocess.Popen[bytes]] = set()  # workers under way, in whichever thread


def work(job: Job, variables: dict[str, str], *, limit: float | None = None) -> tuple[Answer, str]:
    """Run a job in a fresh process; the answer, and the end of what the process said on standard error.

    limit: seconds after which it is ended. A process that dies without an answer is an answer with that failure.
    An interrupt of this process ends the worker before it is passed on.
    """
    with tempfile.TemporaryDirectory(prefix="like-for-like-") as folder:
        job_path, answer_path, log_path = (Path(folder) / name for name in ("job.json", "answer.json", "log"))
        job_path.write_text(job.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.runner.worker", str(job_path), str(answer_path)]
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
                status: int | None = process.wait(timeout=limit)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                _end(process)
                LIVE.discard(process)
        said = log_path.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:]
        if status is None:
            return Answer(failure=f"it did not finish within {limit:.0f} seconds and was ended"), said
        return _answer(answer_path, status, said), said


def end_all() -> None:
    """End every worker that is under way."""
    for process in list(LIVE):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answer(path: Path, status: int, said: str) -> Answer:
    if status < 0:
        return Answer(failure=f"its process was killed by {signal.Signals(-status).name}")
    try:
        return Answer.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        last = (said.strip().splitlines() or ["nothing"])[-1][:300]
        return Answer(failure=f"its process ended with status {status} and no answer; its last words: {last}")
