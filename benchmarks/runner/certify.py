"""Compares every backend with the reference implementation, each in a process of its own, before anything is timed."""

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from backends.contract import Dtype
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import processes
from benchmarks.runner.cores import Conditions
from benchmarks.worker import certification
from benchmarks.worker.jobs import CheckJob, Job
from reports.records import Certificate, Check, Limits

AT_ONCE = 4  # checks at most that run at the same time, which limits memory; nothing is timed here


def certify(benchmark: Benchmark, backends: Iterable[str], report: Callable[[CheckJob], None]) -> Certificate:
    """Check every backend and case, in float64 and in the dtype that is timed.

    Each check runs with one thread on a core of its own, whatever the number of threads of a trial. That number affects
    only the order of additions, and the threads of several checks on the same cores would mostly wait for each other.

    report: called after each job, from another thread.
    """
    free: SimpleQueue[Conditions] = SimpleQueue()
    for conditions in places():
        free.put(conditions)
    with tempfile.TemporaryDirectory(prefix="like-for-like-reference-") as folder:
        paths = _store_references(benchmark, Path(folder))
        jobs = [job for backend in backends for job in _jobs(benchmark, backend, paths)]

        def run(job: CheckJob) -> tuple[Check, ...]:
            conditions = free.get()
            try:
                pinned = Job(check=job.model_copy(update={"cores": conditions.cores}))
                ended = processes.run_job(pinned, conditions.variables, _limits(benchmark, job))
            finally:
                free.put(conditions)
            if ended.killed:  # which says nothing about the backend and must not be recorded
                raise UserError(f"the check of {job.backend} in {job.dtype} was killed; resume the run to repeat it")
            report(job)
            reason = ended.answer.failure or "the worker gave no answer"
            return ended.answer.checks or tuple(certification.unmade(job, label, reason) for label in job.cases)

        pool = ThreadPoolExecutor(len(places()))
        try:
            return Certificate(checks=tuple(check for checks in pool.map(run, jobs) for check in checks))
        finally:  # an interrupt reaches this thread alone
            pool.shutdown(wait=False, cancel_futures=True)
            processes.end_all()


def _limits(benchmark: Benchmark, job: CheckJob) -> Limits:
    """Return the limits of a job: for each of its cases the time of a trial."""
    limits = benchmark.header.limits()
    return limits.model_copy(update={"seconds": limits.seconds * len(job.cases)})


def places() -> tuple[Conditions, ...]:
    """Return the cores and variables of the checks that run at the same time."""
    return Conditions.sets(1)[:AT_ONCE]


def count(benchmark: Benchmark) -> int:
    """Return the number of jobs that `certify` reports for the benchmark's own backends."""
    return sum(len(groups(benchmark, backend)) for backend in benchmark.header.backends)


def dtypes(benchmark: Benchmark, label: str) -> tuple[Dtype, ...]:
    """Return the dtypes of a case's checks: float64, which shows equality, and the dtype that is timed."""
    exact: Dtype = "float64"
    return tuple(dict.fromkeys([exact, benchmark.cases[label].training.dtype]))


def groups(benchmark: Benchmark, backend: str) -> dict[tuple[Dtype, bool], list[str]]:
    """Return a backend's cases by the settings of a process, dtype and TF32: the checks that share a process."""
    labels: dict[tuple[Dtype, bool], list[str]] = {}
    for label in benchmark.matched(backend):
        for dtype in dtypes(benchmark, label):
            tf32 = dtype == "float32" and benchmark.cases[label].training.tf32
            labels.setdefault((dtype, tf32), []).append(label)
    return labels


def _store_references(benchmark: Benchmark, folder: Path) -> dict[tuple[str, Dtype], Path]:
    """Compute the reference trajectories of all matched cases; return their files by case and dtype."""
    paths: dict[tuple[str, Dtype], Path] = {}
    needed = {label for backend in benchmark.header.backends for label in benchmark.matched(backend)}
    for number, (label, case) in enumerate(benchmark.cases.items()):
        if label not in needed:
            continue
        for dtype in dtypes(benchmark, label):
            paths[label, dtype] = folder / f"{number}-{dtype}.npz"
            certification.store_reference(case, dtype, benchmark.header.seeds[0], paths[label, dtype])
    return paths


def _jobs(benchmark: Benchmark, backend: str, paths: dict[tuple[str, Dtype], Path]) -> Iterable[CheckJob]:
    for (dtype, tf32), labels in groups(benchmark, backend).items():
        yield CheckJob(
            backend=backend,
            dtype=dtype,
            seed=benchmark.header.seeds[0],
            cases={label: benchmark.cases[label] for label in labels},
            references={label: str(paths[label, dtype]) for label in labels},
            program=benchmark.programs.get(backend),
            cores=(),  # set when the job starts
            threads=1,
            tf32=tf32,
        )
