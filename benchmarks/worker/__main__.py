"""The worker's entry point: `python -m benchmarks.worker JOB ANSWER PARENT`, see serving."""

import sys
import traceback
from typing import assert_never

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
    TrialJob,
)
from benchmarks.worker.serving import serve
from datasets import DataError


def answer(job: Job) -> Answer:
    """Do a job. An exception becomes the answer's failure; an unexpected one is also traced on standard error."""
    from benchmarks.worker import baselines, certification, training, trial

    try:
        if isinstance(job, CheckJob):
            return Answer(checks=certification.check(job))
        if isinstance(job, ReferenceJob):
            certification.store_references(job)
            return Answer()
        if isinstance(job, ProbeJob):
            return Answer(probed=trial.probe(job))
        if isinstance(job, BaselineJob):
            return Answer(baselines=baselines.fit(job))
        if isinstance(job, TransferJob):
            return Answer(transferred=trial.continue_training(job))
        if isinstance(job, ForecastJob):
            from benchmarks.worker import next_rows  # it reads files, by pandas, whose import takes long

            return Answer(next_rows=next_rows.run(job))
        if isinstance(job, TrialJob):
            outcome, trained = trial.run(job)
            return Answer(outcome=outcome, trained=trained)
        assert_never(job)
    except (training.TrialError, BackendError, ModelError, DataError) as reason:
        return Answer(failure=str(reason))
    except Exception as error:
        traceback.print_exc()
        return Answer(failure=error_clause(error))


if __name__ == "__main__":
    serve(Job, answer, *sys.argv[1:])
