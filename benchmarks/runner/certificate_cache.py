"""Checks of earlier runs, so that equal inputs are compared with the reference implementation only once.

A check is stored under the digest of everything that it depends on: the code of this checkout, the versions of the
packages, the processor, the settings of the case, and the windows. Only passed checks are stored.
"""

import contextlib
import hashlib
import json
import time
from functools import cache
from pathlib import Path

import datasets
from benchmarks.runner import environment
from benchmarks.worker.jobs import CheckJob
from reports.records import Certificate, Check
from reports.records.store import RecordError, read_json, write_json

FOLDER = ".certificates"  # in the results folder; deleting it makes the next run check everything again
OLD = 3600.0  # seconds after which a temporary file is left over
CODE = ("backends", "benchmarks", "datasets")


def digest(job: CheckJob, label: str) -> str:
    """Return the SHA-256 of all that determines the check of the job's case `label`."""
    case = job.cases[label]
    windows = datasets.prepare(case.data, case.window, job.dtype)
    inputs = [software(), job.backend, job.program, job.tf32, case.model_dump_json(), windows.digest, job.dtype]
    return hashlib.sha256(json.dumps([*inputs, job.seed]).encode()).hexdigest()


def read(results: Path, key: str, label: str) -> Check | None:
    """Return the stored check for the case `label`; None if there is none or its file cannot be used."""
    path = _path(results, key)
    try:
        stored = read_json(path, Certificate) if path.exists() else None
    except RecordError:  # damaged or of another version: the check is made again and replaces the file
        return None
    return stored.checks[0].model_copy(update={"case": label}) if stored and len(stored.checks) == 1 else None


def write(results: Path, key: str, check: Check) -> None:
    """Store a check that passed. Raises RecordError if the file cannot be written."""
    if not check.passed:
        return
    sweep(results / FOLDER)
    write_json(_path(results, key), Certificate(checks=(check,)))


def sweep(folder: Path) -> None:
    """Remove the temporary files that a killed run has left in the folder of a cache."""
    for left_over in folder.glob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):  # another run's file, which has just got its name
            if time.time() - left_over.stat().st_mtime > OLD:
                left_over.unlink()


def _path(results: Path, key: str) -> Path:
    return results / FOLDER / f"{key}.json"


@cache
def software() -> str:
    """Return the digest of this checkout's code, the installed packages and the processor."""
    machine = environment.describe((), environment.worker_variables(1))
    parts = [machine.python, machine.system, machine.processor, *sorted(machine.packages.items())]
    parts += sorted(machine.variables.items())
    files = sorted(path for folder in CODE for path in (environment.ROOT / folder).rglob("*.py"))
    code = [(str(path.relative_to(environment.ROOT)), _file_digest(path)) for path in files]
    return hashlib.sha256(json.dumps([parts, code]).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
