"""What every worker process does around its job: `python -m MODULE JOB ANSWER PARENT`.

JOB and ANSWER are the paths of JSON files; PARENT is the id of the process that waits for the answer. Standard output
belongs to the frameworks and carries no data.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks.worker.timing import pin
from reports.records import Record
from reports.records.store import write_text

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def serve(kind: Any, answer: Callable[[Any], Record], job_path: str, answer_path: str, parent: str) -> None:  # noqa: ANN401
    """Read the job, of type `kind`, and write the answer. The job names the cores on which this process runs."""
    job = TypeAdapter(kind).validate_json(Path(job_path).read_text(encoding="utf-8"))
    _die_with_parent(int(parent))
    pin(job.cores)  # before any framework counts the cores
    write_text(Path(answer_path), answer(job).model_dump_json())


def _die_with_parent(parent: int) -> None:
    """On Linux, have the kernel kill this process when its parent ends. Exit if the parent has already ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the call to prctl
        sys.exit("the process that started this worker has ended")
