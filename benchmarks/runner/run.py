"""Runs a benchmark: makes the run's folder, certifies the backends, then runs the trials and stores each result.

A run lives in results/<benchmark>/<start time>/, and the link `latest` beside it points to the newest finished run.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import backends
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import baselines, certify, environment, manifest
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.executors import Executor
from benchmarks.runner.machine import memory_bytes
from benchmarks.runner.processes import Task
from benchmarks.worker.jobs import TrialJob
from reports.records import DataBaselines, Manifest, Plan, Session, Trial
from reports.records.base import folder_name
from reports.records.store import RecordError, read_run, trial_path, weights_path, write_bytes, write_json


@dataclass(frozen=True)
class Progress:
    """Functions that are called while a run makes progress."""

    checked: Callable[[certify.Checked], None]
    fitted: Callable[[DataBaselines], None]
    starting: Callable[[Plan], None]
    finished: Callable[[Trial], None]


@dataclass(frozen=True)
class Invocation:
    """The command line of a run and the executor that it names."""

    command: str
    executor: Executor

    def session(self, benchmark: Benchmark) -> Session:
        """Return the record of a session that starts now.

        Raises UserError where no machine has the cores that a case needs.
        """
        threads = max(case.training.threads or self.executor.threads() for case in benchmark.cases.values())
        self.executor.require(threads)
        conditions = Conditions.of(threads) if self.executor.name == "local" else Conditions.of()
        at_once = benchmark.search.at_once if benchmark.search else 1
        cores = max(conditions.cores, Conditions.of().cores[: threads * at_once], key=len)
        return Session(
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            command=self.command,
            executor=self.executor.name,
            environment=environment.describe(cores, conditions.variables),
        )


def begin(
    benchmark: Benchmark,
    results: Path,
    invocation: Invocation,
    *,
    trials: tuple[Plan, ...] | None = None,
    reproduces: Path | None = None,
) -> tuple[Path, Manifest]:
    """Make the run's folder and write its manifest.

    Everything is validated first, so that a UserError or DataError leaves no files behind. trials: run these instead
    of all; reproduces: the run whose trials are repeated.
    """
    from reports.analysis.run_store import newest_null_test  # imports SciPy, so only on use

    plan = lay_out(benchmark, invocation)
    plan = plan.model_copy(
        update={
            "trials": trials or plan.trials,
            "null_test": newest_null_test(results, plan.environment),
        }
        # a reproduction repeats the configurations that a search has chosen, and does not search
        | ({"reproduces": str(reproduces), "search": None} if reproduces else {})
    )
    folder = new_folder(results / benchmark.name, datetime.fromisoformat(plan.started))
    write_json(folder / "manifest.json", plan)
    return folder, plan


def lay_out(benchmark: Benchmark, invocation: Invocation) -> Manifest:
    """Return the manifest that a run would write. Raises UserError or DataError if the run is impossible."""
    require(benchmark.header.backends)
    session = invocation.session(benchmark)
    return manifest.describe(benchmark, manifest.prepare(benchmark), session, invocation.executor.threads())


def missing(plan: Manifest, trials: Iterable[Trial]) -> tuple[Plan, ...]:
    """Return the trials of a run without a result. A killed trial has none: its end says nothing about its model."""
    done = {trial.plan.key for trial in trials if not trial.killed}
    return tuple(trial for trial in plan.trials if trial.key not in done)


def left(folder: Path) -> int:
    """Return the number of trials still to be run; a search runs only some of its manifest's trials."""
    plan, _, trials = read_run(folder)
    return plan.expected_trials - (len(plan.trials) - len(missing(plan, trials)))


def execute(benchmark: Benchmark, folder: Path, executor: Executor, progress: Progress) -> None:
    """Certify, then run every missing trial. A KeyboardInterrupt is raised again once all workers have ended."""
    with locked(folder):
        plan, certificate, trials = read_run(folder)
        if certificate is None and plan.reproduces is None:
            with reserved(Conditions.of().cores, alone=False):
                certificate = certify.certify(
                    benchmark, benchmark.header.backends, progress.checked, folder.parent.parent
                )
            write_json(folder / "certificate.json", certificate)
        baselines.add(benchmark, folder, plan, progress.fitted)
        run(benchmark, folder, plan, missing(plan, trials), executor, progress)


def run(
    benchmark: Benchmark,
    folder: Path,
    plan: Manifest,
    trials: Iterable[Plan],
    executor: Executor,
    progress: Progress,
    at_once: int = 1,
) -> None:
    """Run these trials and store each result before the next starts. The caller holds the folder.

    at_once: see Executor.run.
    """
    gemm = _measuring_gemm(benchmark, plan, executor)
    tasks = [_task(benchmark, plan, trial, executor, gemm=trial.key in gemm) for trial in trials]
    for finished in executor.run(tasks, progress.starting, at_once):
        if finished.trained is not None:
            write_bytes(weights_path(folder, finished.plan), finished.trained)
        write_json(trial_path(folder, finished.plan), finished)
        progress.finished(finished)


def require(names: Iterable[str]) -> None:
    """Raise UserError, with the command that installs it, if a framework of these backends is not installed."""
    for name in names:
        if lacking := backends.missing(name):
            install = f"{environment.python()} -m pip install -c constraints.txt {' '.join(lacking)}"
            raise UserError(f"backend '{name}' needs {' and '.join(lacking)}; install it with: {install}")


def _task(benchmark: Benchmark, plan: Manifest, trial: Plan, executor: Executor, *, gemm: bool) -> Task:
    case = benchmark.cases[trial.case]
    header = benchmark.header
    measured = {"gradient_flow": header.gradient_flow, "step_parts": header.step_parts, "gemm": gemm}
    program = benchmark.programs.get(trial.backend)
    job = TrialJob(plan=trial, case=case, cores=(), program=program, **measured)
    return Task(
        job=job,
        threads=case.training.threads or executor.threads(),
        limits=plan.limits or header.limits(memory_bytes()),
    )


def _measuring_gemm(benchmark: Benchmark, plan: Manifest, executor: Executor) -> set[str]:
    """Return the keys of the trials that time a matrix product: the first of each backend, dtype and threads.

    On a cluster these are all trials, because its hosts may differ.
    """
    if executor.name != "local":
        return {trial.key for trial in plan.trials}
    first: dict[tuple[str, str, int | None], str] = {}
    for trial in plan.trials:
        training = benchmark.cases[trial.case].training
        first.setdefault((trial.backend, training.dtype, training.threads), trial.key)
    return set(first.values())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run's folder for this process and remove left-over temporary files.

    The system releases the lock when the process ends, however it ends. Raises RecordError if another process holds
    the folder.
    """
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RecordError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecordError(f"{folder} is being written by another run; wait until it has finished") from None
        for temporary in folder.rglob(".*.tmp"):
            temporary.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def point_latest(folder: Path) -> None:
    """Atomically point the link `latest`, beside a run's folder, to the folder."""
    link = folder.with_name("latest")
    with tempfile.TemporaryDirectory(dir=link.parent) as scratch:
        temporary = Path(scratch) / link.name
        temporary.symlink_to(folder.name)
        os.replace(temporary, link)


def new_folder(parent: Path, started: datetime) -> Path:
    """Make a folder named by the start time, with a number added if another run has the name."""
    stamp = folder_name(started)
    path, number = parent / stamp, 1
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                path.mkdir()
                return path
            except FileExistsError:
                number += 1
                path = parent / f"{stamp}-{number}"
    except OSError as error:
        raise UserError(
            f"{parent} cannot be created for the results ({error.strerror}); name another place with --results"
        ) from None
