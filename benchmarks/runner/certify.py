"""Compares every backend with the reference implementation, each in a process of its own, before anything is timed."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from backends.contract import Dtype
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import certificate_cache, processes
from benchmarks.runner.cores import Conditions
from benchmarks.runner.machine import memory_bytes
from benchmarks.worker import certification
from benchmarks.worker.jobs import CheckJob, Job
from reports.records import Certificate, Check, Limits

Key = tuple[str, Dtype, str]  # backend, dtype and label of a case

AT_ONCE = 4  # checks at most that run at the same time, which limits memory; nothing is timed here


@dataclass(frozen=True)
class Checked:
    """A finished job, with a check for each of its cases. earlier: the cases whose check is that of an earlier run."""

    job: CheckJob
    checks: tuple[Check, ...]
    earlier: frozenset[str]

    @property
    def results(self) -> dict[str, list[str]]:
        """The cases by the result of their checks, a clause in one line."""
        cases: dict[str, list[str]] = {}
        for check in self.checks:
            cases.setdefault(self._result(check), []).append(check.case)
        return cases

    def _result(self, check: Check) -> str:
        if check.failure is None:
            return (
                "certified earlier, same inputs"
                if check.case in self.earlier
                else "equal to the reference implementation"
            )
        reason = " ".join(check.failure.removeprefix(certification.UNMADE).split())
        return f"not equal: {reason}" if check.compared else f"failed: {reason}"


def certify(
    benchmark: Benchmark, backends: Iterable[str], report: Callable[[Checked], None], results: Path | None = None
) -> Certificate:
    """Check every backend and case, in float64 and in the dtype that is timed.

    Each check runs with one thread on a core of its own, whatever the number of threads of a trial. That number affects
    only the order of additions, and the threads of several checks on the same cores would mostly wait for each other.

    report: called after each job, from another thread.
    results: the results folder, from which checks of equal inputs are taken; None: check everything.
    """
    free: SimpleQueue[Conditions] = SimpleQueue()
    for conditions in places():
        free.put(conditions)
    jobs = [job for backend in backends for job in _jobs(benchmark, backend)]
    stored = _stored_checks(jobs, results) if results else {}
    with tempfile.TemporaryDirectory(prefix="like-for-like-reference-") as folder:
        paths = _store_references([_without(job, stored) for job in jobs], Path(folder))

        def run(whole: CheckJob) -> dict[Key, Check]:
            made: tuple[Check, ...] = ()
            job = _without(whole, stored)
            if job.cases:
                conditions = free.get()
                references = {label: paths[label, job.dtype] for label in job.cases}
                try:
                    update = {"cores": conditions.cores, "references": references}
                    pinned = Job(check=job.model_copy(update=update))
                    ended = processes.run_job(pinned, conditions.variables, _limits(benchmark, job))
                finally:
                    free.put(conditions)
                if ended.killed:  # which says nothing about the backend and must not be recorded
                    raise UserError(
                        f"the check of {job.backend} in {job.dtype} was killed; resume the run to repeat it"
                    )
                reason = ended.answer.failure or "the worker gave no answer"
                made = ended.answer.checks or tuple(certification.unmade(job, label, reason) for label in job.cases)
                if results:
                    _store_checks(job, made, results)
            every = stored | {(job.backend, job.dtype, check.case): check for check in made}
            checks = {(job.backend, job.dtype, label): every[job.backend, job.dtype, label] for label in whole.cases}
            report(Checked(whole, tuple(checks.values()), frozenset(whole.cases) - frozenset(job.cases)))
            return checks

        pool = ThreadPoolExecutor(len(places()))
        try:
            every = {key: check for checks in pool.map(run, jobs) for key, check in checks.items()}
        finally:  # an interrupt reaches this thread alone
            pool.shutdown(wait=False, cancel_futures=True)
            processes.end_all()
    return Certificate(checks=tuple(every[job.backend, job.dtype, label] for job in jobs for label in job.cases))


def _stored_checks(jobs: Iterable[CheckJob], results: Path) -> dict[Key, Check]:
    checks = {}
    for job in jobs:
        for label in job.cases:
            digest = certificate_cache.digest(job, label)
            if check := certificate_cache.read(results, digest, label):
                checks[job.backend, job.dtype, label] = check
    return checks


def _store_checks(job: CheckJob, checks: Iterable[Check], results: Path) -> None:
    for check in checks:
        digest = certificate_cache.digest(job, check.case)
        certificate_cache.write(results, digest, check)


def _without(job: CheckJob, checks: Mapping[Key, Check]) -> CheckJob:
    """Return the job without the cases that have a check already."""
    cases = {label: case for label, case in job.cases.items() if (job.backend, job.dtype, label) not in checks}
    return job.model_copy(update={"cases": cases})


def _limits(benchmark: Benchmark, job: CheckJob) -> Limits:
    """Return the limits of a job: for each of its cases the time of a trial."""
    limits = benchmark.header.limits(memory_bytes())
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


def _store_references(jobs: Iterable[CheckJob], folder: Path) -> dict[tuple[str, Dtype], str]:
    """Compute the reference trajectories of all cases of these jobs; return their files by case and dtype."""
    paths: dict[tuple[str, Dtype], str] = {}
    for job in jobs:
        for label, case in job.cases.items():
            if (label, job.dtype) not in paths:
                path = folder / f"{len(paths)}.npz"
                certification.store_reference(case, job.dtype, job.seed, path)
                paths[label, job.dtype] = str(path)
    return paths


def _jobs(benchmark: Benchmark, backend: str) -> Iterable[CheckJob]:
    for (dtype, tf32), labels in groups(benchmark, backend).items():
        yield CheckJob(
            backend=backend,
            dtype=dtype,
            seed=benchmark.header.seeds[0],
            cases={label: benchmark.cases[label] for label in labels},
            references={},  # set when the job starts, as its cores are
            program=benchmark.programs.get(backend),
            cores=(),
            threads=1,
            tf32=tf32,
        )
