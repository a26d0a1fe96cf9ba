"""The worker of the benchmark `differences`: `python -m benchmarks.differences.worker JOB ANSWER PARENT`.

A worker runs the experiments of one framework, or the trainings, in one process, so that imports are paid once.
"""

import importlib
import sys
import traceback

import numpy as np

from benchmarks.differences import probe
from benchmarks.differences.jobs import Answer, Job, Observation, TrainingResult
from benchmarks.differences.rows import FRAMEWORKS, Framework, Row, read, select
from benchmarks.errors import error_clause
from benchmarks.worker.serving import serve

MODULES: dict[Framework, str] = {"keras-jax": "keras.float64", "keras-torch": "keras.float64"}


def answer(job: Job) -> Answer:
    rows = select(read(), job.rows)
    if job.work == "training":
        return _trained(job, rows)
    return Answer(observations={row.name: observe(job.work, row) for row in rows})


def observe(framework: Framework, row: Row) -> Observation:
    """Run a row's experiment in a framework. An exception becomes the observation's failure."""
    assert framework in FRAMEWORKS
    probe.SHOWN.clear()
    try:
        module = importlib.import_module(f"benchmarks.differences.{MODULES.get(framework, f'{framework}.{row.group}')}")
        result: probe.Probe = getattr(module, row.function)(probe.Case())
    except Exception as error:
        traceback.print_exc()
        return Observation(failure=error_clause(error))
    arrays = (np.ravel(array).astype(float).tolist() for array in (result.default, result.equal))
    lines = probe.SHOWN.get(f"equal_{row.function}", "")
    default, equal = map(tuple, arrays)
    return Observation(observed=result.observed, default=default, equal=equal, lines=lines)


def _trained(job: Job, rows: tuple[Row, ...]) -> Answer:
    """Train the two models of each row; rows with the same settings share a training."""
    from benchmarks.differences import trainer
    from datasets import prepare

    windows = prepare(job.data, job.window, "float64")
    done: dict[object, TrainingResult] = {}
    pairs = {}
    for row in rows:
        for setup in row.setups:
            if setup not in done:
                trained = trainer.train(setup, windows, job.seeds, job.steps)
                done[setup] = TrainingResult(
                    **{name: getattr(trained, name).tolist() for name in ("outputs", "loss", "error")}
                )
        off, on = (done[setup] for setup in row.setups)
        pairs[row.name] = (off, on)
    naive = float(np.mean((windows.last_observed(windows.test) - windows.truth(windows.test)) ** 2))
    return Answer(trainings=pairs, persistence=naive)


if __name__ == "__main__":
    serve(Job, answer, *sys.argv[1:])
