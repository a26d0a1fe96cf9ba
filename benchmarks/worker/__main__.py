"""The process that all work with a framework runs in: `python -m benchmarks.worker JOB ANSWER PARENT`.

The paths of two JSON files, and the process that waits for the answer: it ends with that one. Nothing is said on
standard output, which belongs to the frameworks.
"""

import sys
import traceback
from pathlib import Path

from backends.contract import BackendError
from backends.layers import ModelError
from benchmarks.runner.environment import die_with_parent, pin
from benchmarks.worker.jobs import Answer, CheckJob, Job, ProbeJob, TransferJob, TrialJob
from reports.records.store import write_text


def main(job_path: str, answer_path: str, parent: str) -> None:
    job = Job.model_validate_json(Path(job_path).read_text(encoding="utf-8"))
    work = job.trial or job.check or job.probe or job.transfer
    if work is None:
        raise ValueError(f"{job_path} holds no work")
    die_with_parent(int(parent))
    pin(work.cores)  # before any framework counts the cores
    write_text(Path(answer_path), answer(work).model_dump_json())


def answer(work: TrialJob | CheckJob | ProbeJob | TransferJob) -> Answer:
    """Do the work; whatever goes wrong in it becomes the failure's reason, its traceback goes to standard error."""
    from benchmarks.worker import certification, probe, training, transfer, trial

    try:
        if isinstance(work, TrialJob):
            outcome, trained = trial.run(work)
            return Answer(outcome=outcome, trained=trained)
        if isinstance(work, ProbeJob):
            return Answer(probed=probe.run(work))
        if isinstance(work, TransferJob):
            return Answer(transferred=transfer.go_on(work))
        return Answer(checks=certification.check(work))
    except (training.TrialError, BackendError, ModelError) as reason:
        return Answer(failure=str(reason))
    except Exception as error:
        traceback.print_exc()
        first_line = (str(error).strip().splitlines() or ["no message"])[0]
        return Answer(failure=f"{type(error).__name__}: {first_line[:300]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
