"""The worker's entry point: `python -m benchmarks.worker JOB ANSWER PARENT`.

JOB and ANSWER are the paths of JSON files; PARENT is the id of the process that waits for the answer. Standard output
belongs to the frameworks and carries no data.
"""

import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path

from backends.contract import BackendError
from backends.layers import ModelError
from benchmarks.errors import error_clause
from benchmarks.worker.jobs import (
    Answer,
    BaselineJob,
    CheckJob,
    ForecastJob,
    Job,
    ProbeJob,
    ReferenceJob,
    TransferJob,
    Work,
)
from benchmarks.worker.timing import pin
from datasets import DataError
from reports.records.store import write_text

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main(job_path: str, answer_path: str, parent: str) -> None:
    job = Job.model_validate_json(Path(job_path).read_text(encoding="utf-8"))
    if (work := job.work) is None:
        raise ValueError(f"{job_path} contains no work")
    die_with_parent(int(parent))
    pin(work.cores)  # before any framework counts the cores
    write_text(Path(answer_path), answer(work).model_dump_json())


def die_with_parent(parent: int) -> None:
    """On Linux, have the kernel kill this process when its parent ends. Exit if the parent has already ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the call to prctl
        sys.exit("the process that started this worker has ended")


def answer(work: Work) -> Answer:
    """Do the work. An exception becomes the answer's failure; an unexpected one is also traced on standard error."""
    from benchmarks.worker import baselines, certification, training, trial

    try:
        if isinstance(work, CheckJob):
            return Answer(checks=certification.check(work))
        if isinstance(work, ReferenceJob):
            certification.store_references(work)
            return Answer()
        if isinstance(work, ProbeJob):
            return Answer(probed=trial.probe(work))
        if isinstance(work, BaselineJob):
            return Answer(baselines=baselines.fit(work))
        if isinstance(work, TransferJob):
            return Answer(transferred=trial.continue_training(work))
        if isinstance(work, ForecastJob):
            from benchmarks.worker import next_rows  # it reads files, by pandas, whose import takes long

            return Answer(next_rows=next_rows.run(work))
        outcome, trained = trial.run(work)
        return Answer(outcome=outcome, trained=trained)
    except (training.TrialError, BackendError, ModelError, DataError) as reason:
        return Answer(failure=str(reason))
    except Exception as error:
        traceback.print_exc()
        return Answer(failure=error_clause(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
