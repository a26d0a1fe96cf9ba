"""The command line as a user types it, and a benchmark small enough for a test."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import chdir, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil
from pydantic import TypeAdapter

from benchmarks.__main__ import main
from benchmarks.runner import processes
from benchmarks.worker.__main__ import answer
from benchmarks.worker.jobs import BaselineJob, CheckJob, Job, ModelJob, ReferenceJob
from tests.blank_figures import blank_figures

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "benchmarks"]

SMALL = """
title = "Small"
backends = ["pytorch", "flax"]
seeds = [1]
baselines = []

[data]
series = "airline"
difference = true

[window]
length = 6

[model]
cell = "gru"
units = 4

[training]
epochs = 3
batch = 16
"""
REFERENCE = SMALL.replace('["pytorch", "flax"]', '["reference"]')  # trains in NumPy, which is the fastest to start


SCRATCH = tempfile.TemporaryDirectory(prefix="like-for-like-tests-")  # of this test process; removed at its end


def environment():
    """The environment of a command: locks of its own, and threads that sleep while they wait.

    Tests share a machine and time nothing, so runs need not wait for the cores of other runs.
    """
    return os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": SCRATCH.name, "OMP_WAIT_POLICY": "PASSIVE"}


def benchmarks(*words, cwd):
    """Run `python -m benchmarks` with these words in another folder than the checkout."""
    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )


_run_job = processes.run_job


def work_here(job, variables, limits=None):
    """Like `processes.run_job`, but in this process if the job needs no framework, which saves a worker's imports."""
    work = TypeAdapter(Job).validate_json(job.model_dump_json())
    match work:
        case ReferenceJob() | BaselineJob():
            needs_no_framework = True
        case ModelJob():
            needs_no_framework = work.plan.backend == "reference"
        case CheckJob():
            needs_no_framework = work.backend == "reference"
        case _:
            needs_no_framework = False
    if not needs_no_framework:
        return _run_job(job, variables, limits)
    start = time.perf_counter()
    with np.errstate(all="ignore"):  # of trials that fail on purpose; a worker writes its warnings into its log
        result = answer(work)
    return processes.Ended(result, "", time.perf_counter() - start)


def in_process(*words, cwd, figures=False, workers=False):
    """Like `benchmarks`, but in this process, which saves the start of an interpreter and all imports.

    figures: they are drawn; otherwise each is an empty drawing. workers: each job has a process of its own; otherwise
    those of the reference implementation run here.
    """
    output, errors = io.StringIO(), io.StringIO()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    with (
        patch.dict(os.environ, environment()),
        patch.object(tempfile, "tempdir", SCRATCH.name),
        chdir(cwd),
        redirect_stdout(output),
        redirect_stderr(errors),
        nullcontext() if workers else patch.object(processes, "run_job", work_here),
        nullcontext() if figures else blank_figures(),
    ):
        try:
            status = main(list(map(str, words)))
        finally:
            for number, handler in zip(numbers, handlers, strict=True):
                signal.signal(number, handler)
    return subprocess.CompletedProcess(words, status, output.getvalue(), errors.getvalue())


def is_worker(process):
    """Whether a process is the worker of a trial; False also if it ends while it is looked at."""
    try:
        return "benchmarks.worker" in process.cmdline()
    except psutil.Error:
        return False
