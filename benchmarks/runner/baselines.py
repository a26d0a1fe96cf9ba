"""Fits the baselines of a run, each windowing in a process of its own, and keeps the result for later runs.

A result is stored under the digest of everything that it depends on, as those of the checks are: the code of this
checkout, the versions of the packages, the processor, the settings, and the data.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import datasets
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import certificate_cache, processes
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.machine import memory_bytes
from benchmarks.worker import baselines
from benchmarks.worker.jobs import BaselineJob
from reports.records import AbsentBaseline, Baselines, DataBaselines, Limits, Manifest
from reports.records.store import RecordError, baselines_path, read_json, write_json

FOLDER = ".baselines"  # in the results folder; deleting it makes the next run fit everything again
KEY = "data"  # of the only entry of a stored file


def add(benchmark: Benchmark, folder: Path, plan: Manifest, report: Callable[[DataBaselines], None]) -> None:
    """Write the baselines of a run unless they are there. The caller holds the folder; `report` gets each result."""
    if baselines_path(folder).exists():
        return
    cases = {case.data: benchmark.cases[case.label] for case in plan.cases if case.label in benchmark.cases}
    jobs = {
        key: BaselineJob(
            data=case.data, window=case.window, dtype=case.training.dtype, names=benchmark.header.baselines
        )
        for key, case in cases.items()
    }
    made: dict[str, DataBaselines] = {}
    for key, job in jobs.items():
        made[key] = _fitted(job, folder.parent.parent, benchmark.header.limits(memory_bytes()))
        report(made[key])
    write_json(baselines_path(folder), Baselines(data=made))


def _fitted(job: BaselineJob, results: Path, limits: Limits) -> DataBaselines:
    """Raises UserError if the process was killed from outside."""
    if not job.names:  # the naive forecasts take no time and import little
        return baselines.fit(job)
    path = results / FOLDER / f"{digest(job)}.json"
    try:
        return read_json(path, Baselines).data[KEY]
    except (RecordError, KeyError):  # not there, damaged or of another version: fitted again and replaced
        pass
    conditions = Conditions.of(1)  # these models are small: further threads would wait for each other
    with reserved(conditions.cores, alone=False):
        pinned = job.model_copy(update={"cores": conditions.cores})
        ended = processes.run_job(pinned, conditions.variables, limits)
    if ended.killed:
        raise UserError("the process that fits the baselines was killed; resume the run to repeat it")
    if ended.answer.baselines is None:  # a time or memory limit: the run continues with the naive forecasts
        reason = ended.answer.reason
        made = baselines.fit(job.model_copy(update={"names": ()}))
        return made.model_copy(update={"absent": tuple(AbsentBaseline(name=n, reason=reason) for n in job.names)})
    certificate_cache.sweep(path.parent)
    write_json(path, Baselines(data={KEY: ended.answer.baselines}))
    return ended.answer.baselines


def digest(job: BaselineJob) -> str:
    """Return the SHA-256 of all that determines the baselines of a job."""
    windows = datasets.prepare(job.data, job.window, job.dtype)
    inputs = [certificate_cache.software(), windows.digest, job.model_dump_json(exclude={"cores"})]
    key = hashlib.sha256(json.dumps(inputs).encode())
    key.update(windows.series.values.tobytes())  # the windows are scaled, statistical models see the values
    return key.hexdigest()
