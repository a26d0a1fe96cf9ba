"""Runs a benchmark: certificate, then one trial after another, each result on the disk before the next begins."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import backends
from benchmarks.errors import UserError
from benchmarks.runner import certify, environment, manifest, process
from benchmarks.runner.conditions import Conditions, machine
from benchmarks.runner.jobs import CheckJob, Job, TrialJob
from benchmarks.runner.records import Certificate, Manifest, Plan, Trial
from benchmarks.runner.storage import write_json
from benchmarks.suite import Benchmark


@dataclass(frozen=True)
class Progress:
    """What is told to whoever watches."""

    checked: Callable[[CheckJob], None]
    starting: Callable[[Plan], None]
    finished: Callable[[Trial], None]


def begin(benchmark: Benchmark, results: Path, command: str) -> tuple[Path, Manifest]:
    """Make the run's folder and write its manifest.

    Everything that can be wrong with the question is found first: until then a UserError or DataError leaves
    nothing behind.
    """
    require(benchmark.header.backends)
    threads = {case.training.threads for case in benchmark.cases.values()}
    if len(threads) > 1:
        raise UserError(f"{benchmark.name}: training.threads is a list; a run has one number of threads: run it twice")
    conditions = Conditions.of(*threads)
    prepared = manifest.prepare(benchmark)
    started = datetime.now(UTC)
    described = environment.describe(conditions.cores, conditions.variables)
    plan = manifest.describe(benchmark, prepared, described, command, started)
    folder = _new_folder(results / benchmark.name, started)
    write_json(folder / "manifest.json", plan)
    return folder, plan


def execute(benchmark: Benchmark, folder: Path, plan: Manifest, progress: Progress) -> None:
    """Certify, then run every trial. A KeyboardInterrupt passes through once the worker is ended."""
    with machine(alone=False):
        certificate = certify.certify(benchmark, benchmark.header.backends, progress.checked)
    write_json(folder / "certificate.json", certificate)
    for trial in plan.trials:
        progress.starting(trial)
        finished = _trial(benchmark, plan, trial)
        write_json(folder / "trials" / f"{trial.key}.json", finished)
        progress.finished(finished)


def certified(certificate: Certificate) -> bool:
    return all(check.failure is None for check in certificate.checks)


def require(names: tuple[str, ...]) -> None:
    """Every framework must be installed before the first is started."""
    for name in names:
        if lacking := backends.missing(name):
            install = f"{environment.python()} -m pip install -c constraints.txt {' '.join(lacking)}"
            raise UserError(f"backend '{name}' needs {' and '.join(lacking)}, not installed here; try: {install}")


def _trial(benchmark: Benchmark, plan: Manifest, trial: Plan) -> Trial:
    case = benchmark.cases[trial.case]
    described = next(entry for entry in plan.cases if entry.label == trial.case)
    persistence, seasonal = manifest.naive_errors(plan.data[described.data])
    conditions = Conditions.of(case.training.threads)
    job = TrialJob(
        plan=trial,
        case=case,
        cores=conditions.cores,
        threads=len(conditions.cores),
        persistence=persistence,
        seasonal=seasonal,
    )
    with machine(alone=True):
        answer, log = process.work(Job(trial=job), conditions.variables)
    failure = answer.failure or (None if answer.outcome else "it gave no answer")
    return Trial(plan=trial, outcome=answer.outcome, failure=failure, log=log if failure else "")


def _new_folder(parent: Path, started: datetime) -> Path:
    """A folder that no other run has, named by the start."""
    stamp = started.strftime("%Y-%m-%dT%H-%M-%SZ")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = next(path for path in _candidates(parent / stamp) if _made(path))
    except OSError as error:
        raise UserError(
            f"{parent} cannot hold the results: {error.strerror}; name another place with --results"
        ) from None
    return folder


def _candidates(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 100))]


def _made(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def point_latest(folder: Path) -> None:
    """Let `latest`, beside a run's folder, point at it, without a moment in which there is none."""
    link = folder.with_name("latest")
    with tempfile.TemporaryDirectory(dir=link.parent) as scratch:
        temporary = Path(scratch) / link.name
        temporary.symlink_to(folder.name)
        os.replace(temporary, link)
