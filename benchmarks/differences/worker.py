"""The worker of the benchmark `differences`: `python -m benchmarks.differences.worker JOB ANSWER PARENT`.

A worker runs the experiments of one framework, or the trainings, in one process, so that imports are paid once.
"""

import importlib
import sys
import traceback
from pathlib import Path

import numpy as np

from benchmarks.differences import probe
from benchmarks.differences.jobs import Answer, Job, Observation, Training
from benchmarks.differences.rows import FRAMEWORKS, Framework, Row, read, select
from benchmarks.errors import error_clause
from benchmarks.worker.__main__ import die_with_parent
from benchmarks.worker.timing import pin
from reports.records.store import write_text

MODULES: dict[Framework, str] = {"keras-jax": "keras.float64", "keras-torch": "keras.float64"}


def main(job_path: str, answer_path: str, parent: str) -> None:
    job = Job.model_validate_json(Path(job_path).read_text(encoding="utf-8"))
    die_with_parent(int(parent))
    pin(job.cores)  # before any framework counts the cores
    rows = select(read(), job.rows)
    answer = _trained(job, rows) if job.work == "training" else _observed(job.work, rows)
    write_text(Path(answer_path), answer.model_dump_json())


def _observed(framework: Framework, rows: tuple[Row, ...]) -> Answer:
    return Answer(observations={row.name: observe(framework, row) for row in rows})


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
    done: dict[object, Training] = {}
    pairs = {}
    for row in rows:
        for setup in row.setups:
            if setup not in done:
                trained = trainer.train(setup, windows, job.seeds, job.steps)
                done[setup] = Training(
                    **{name: getattr(trained, name).tolist() for name in ("outputs", "loss", "error")}
                )
        off, on = (done[setup] for setup in row.setups)
        pairs[row.name] = (off, on)
    naive = float(np.mean((windows.last_observed(windows.test) - windows.truth(windows.test)) ** 2))
    return Answer(trainings=pairs, persistence=naive)


if __name__ == "__main__":
    main(*sys.argv[1:])
