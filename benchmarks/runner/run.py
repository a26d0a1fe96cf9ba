"""Runs a benchmark: certificate, then the trials, each result on the disk before the next begins."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import backends
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import certify, environment, manifest
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.executors import Executor
from benchmarks.runner.folders import locked, new_folder
from benchmarks.runner.run_trial import Task
from benchmarks.worker.jobs import CheckJob
from reports.records import Certificate, Manifest, Plan, Session, Trial
from reports.records.store import read_run, trial_path, weights_path, write_bytes, write_json


@dataclass(frozen=True)
class Progress:
    """What is told to whoever watches."""

    checked: Callable[[CheckJob], None]
    starting: Callable[[Plan], None]
    finished: Callable[[Trial], None]


@dataclass(frozen=True)
class Invocation:
    """Who asks, and how: what a session's record says besides the environment."""

    command: str
    executor: Executor

    def session(self, benchmark: Benchmark, differences: tuple[str, ...] = ()) -> Session:
        """Raises UserError where no machine has the cores that a case asks for."""
        wanted = max(case.training.threads or self.executor.threads() for case in benchmark.cases.values())
        self.executor.require(wanted)
        conditions = Conditions.of(wanted) if self.executor.name == "local" else Conditions.of()
        beside = benchmark.search.at_once if benchmark.search else 1
        cores = max(conditions.cores, Conditions.of().cores[: wanted * beside], key=len)
        return Session(
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            command=self.command,
            executor=self.executor.name,
            environment=environment.describe(cores, conditions.variables),
            differences=differences,
        )


def begin(
    benchmark: Benchmark,
    results: Path,
    asked: Invocation,
    *,
    trials: tuple[Plan, ...] | None = None,
    reproduces: Path | None = None,
) -> tuple[Path, Manifest]:
    """Make the run's folder and write its manifest.

    Everything that can be wrong with the question is found first: until then a UserError or DataError leaves
    nothing behind. trials: these of the benchmark's instead of all; reproduces: the run that they repeat.
    """
    plan = lay_out(benchmark, asked)
    plan = plan.model_copy(
        update={"trials": trials or plan.trials}
        | ({"reproduces": str(reproduces), "search": None} if reproduces else {})  # which repeats what was chosen
    )
    folder = new_folder(results / benchmark.name, datetime.fromisoformat(plan.started))
    write_json(folder / "manifest.json", plan)
    return folder, plan


def lay_out(benchmark: Benchmark, asked: Invocation) -> Manifest:
    """What a run would write down before its first trial; a UserError or DataError says what is wrong with it."""
    require(benchmark.header.backends)
    session = asked.session(benchmark)
    return manifest.describe(benchmark, manifest.prepare(benchmark), session, asked.executor.threads())


def missing(folder: Path) -> tuple[Plan, ...]:
    """The trials of a run without a result. One that was killed has none: that says nothing about its model."""
    plan, _, trials = read_run(folder)
    done = {trial.plan.key for trial in trials if not trial.killed}
    return tuple(trial for trial in plan.trials if trial.key not in done)


def left(folder: Path) -> int:
    """How many trials are still to be run; a search runs some of its manifest's."""
    plan, _, _ = read_run(folder)
    return plan.expected_trials - (len(plan.trials) - len(missing(folder)))


def execute(benchmark: Benchmark, folder: Path, executor: Executor, progress: Progress) -> None:
    """Certify, then run every trial that is missing. A KeyboardInterrupt passes through once all workers are ended."""
    with locked(folder):
        plan, certificate, _ = read_run(folder)
        if certificate is None and plan.reproduces is None:
            with reserved(Conditions.of().cores, alone=False):
                certificate = certify.certify(benchmark, benchmark.header.backends, progress.checked)
            write_json(folder / "certificate.json", certificate)
        run(benchmark, folder, plan, missing(folder), executor, progress)


def run(
    benchmark: Benchmark,
    folder: Path,
    plan: Manifest,
    trials: Iterable[Plan],
    executor: Executor,
    progress: Progress,
    at_once: int = 1,
) -> None:
    """Run some of a run's trials, whose folder the caller holds; at_once: as the executor has it."""
    timed = at_once == 1
    tasks = [_task(benchmark, plan, trial, executor).model_copy(update={"timed": timed}) for trial in trials]
    for finished in executor.run(tasks, progress.starting, at_once):
        if finished.trained is not None:
            write_bytes(weights_path(folder, finished.plan), finished.trained)
        write_json(trial_path(folder, finished.plan), finished)
        progress.finished(finished)


def certified(certificate: Certificate) -> bool:
    return all(check.failure is None for check in certificate.checks)


def require(names: Iterable[str]) -> None:
    """Every framework must be installed before the first is started."""
    for name in names:
        if lacking := backends.missing(name):
            install = f"{environment.python()} -m pip install -c constraints.txt {' '.join(lacking)}"
            raise UserError(f"backend '{name}' needs {' and '.join(lacking)}, not installed here; try: {install}")


def _task(benchmark: Benchmark, plan: Manifest, trial: Plan, executor: Executor) -> Task:
    case = benchmark.cases[trial.case]
    described = next(entry for entry in plan.cases if entry.label == trial.case)
    persistence, seasonal = manifest.naive_errors(plan.data[described.data])
    return Task(
        plan=trial,
        case=case,
        threads=case.training.threads or executor.threads(),
        persistence=persistence,
        seasonal=seasonal,
        limits=plan.limits or benchmark.header.limits(),
        gradient_flow=benchmark.header.gradient_flow,
    )
