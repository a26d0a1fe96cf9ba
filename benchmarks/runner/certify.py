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
from benchmarks.worker.jobs import Answer, CheckJob, ReferenceJob
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
    jobs = [job for backend in backends for job in _jobs(benchmark, backend)]
    stored = _stored_checks(jobs, results)
    to_make = [_without(job, stored) for job in jobs]
    workers = _Workers(benchmark.header.limits(memory_bytes()))
    with tempfile.TemporaryDirectory(prefix="like-for-like-reference-") as folder:
        try:
            paths = _references(to_make, Path(folder), workers)

            def checks_of(whole: CheckJob, job: CheckJob) -> dict[Key, Check]:
                made = _make(job, paths, workers) if job.cases else ()
                if results:
                    _store_checks(job, made, results)
                every = stored | {(job.backend, job.dtype, check.case): check for check in made}
                checks = {
                    (job.backend, job.dtype, label): every[job.backend, job.dtype, label] for label in whole.cases
                }
                report(Checked(whole, tuple(checks.values()), frozenset(whole.cases) - frozenset(job.cases)))
                return checks

            every = {key: made for checks in workers.map(checks_of, jobs, to_make) for key, made in checks.items()}
        finally:  # an interrupt reaches this thread alone
            workers.end()
    return Certificate(checks=tuple(every[job.backend, job.dtype, label] for job in jobs for label in job.cases))


class _Workers:
    """Runs jobs in worker processes, each on a core of its own, as many at once as there are places."""

    def __init__(self, limits: Limits) -> None:
        """limits: those of a trial; a check has this time for each of its cases."""
        self._limits = limits
        self._free: SimpleQueue[Conditions] = SimpleQueue()
        for conditions in places():
            self._free.put(conditions)
        self._pool = ThreadPoolExecutor(len(places()))
        self.map = self._pool.map

    def answer(self, job: CheckJob | ReferenceJob) -> Answer:
        """Raises UserError if the process was killed, which says nothing about the backend and must not be recorded."""
        conditions = self._free.get()
        try:
            pinned = job.model_copy(update={"cores": conditions.cores})
            if isinstance(pinned, CheckJob):
                limits = self._limits.model_copy(update={"seconds": self._limits.seconds * len(job.cases)})
                ended = processes.run_job(pinned, conditions.variables, limits)
            else:
                ended = processes.run_job(pinned, conditions.variables)
        finally:
            self._free.put(conditions)
        if ended.killed:
            name = job.backend if isinstance(job, CheckJob) else "the reference implementation"
            raise UserError(
                f"the check of {name} in {job.dtype} was killed, maybe for lack of memory; resume the run, or repeat "
                "the command"
            )
        return ended.answer

    def end(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        processes.end_all()


def _references(jobs: Iterable[CheckJob], folder: Path, workers: _Workers) -> dict[tuple[str, Dtype], str]:
    """Store the reference trajectories of all cases of these jobs; return their files by case and dtype."""
    wanted = {(label, job.dtype): job for job in jobs for label in job.cases}
    paths = {key: str(folder / f"{number}.npz") for number, key in enumerate(wanted)}
    shares: list[ReferenceJob] = []
    for dtype in dict.fromkeys(dtype for _, dtype in wanted):
        keys = [key for key in wanted if key[1] == dtype]
        for share in filter(None, (keys[place :: len(places())] for place in range(len(places())))):
            cases = {paths[key]: wanted[key].cases[key[0]] for key in share}
            shares.append(ReferenceJob(dtype=dtype, seed=wanted[share[0]].seed, cases=cases, cores=()))
    for answer in workers.map(workers.answer, shares):
        if answer.failure:
            raise UserError(f"the reference implementation failed, so nothing can be certified: {answer.failure}")
    return paths


def _make(job: CheckJob, paths: Mapping[tuple[str, Dtype], str], workers: _Workers) -> tuple[Check, ...]:
    references = {label: paths[label, job.dtype] for label in job.cases}
    answer = workers.answer(job.model_copy(update={"references": references}))
    return answer.checks or tuple(certification.unmade(job, label, answer.reason) for label in job.cases)


def lacking(benchmark: Benchmark, results: Path | None) -> list[CheckJob]:
    """Return the jobs of the benchmark's own backends, with the cases that have no stored check."""
    jobs = [job for backend in benchmark.header.backends for job in _jobs(benchmark, backend)]
    stored = _stored_checks(jobs, results)
    return [job for whole in jobs if (job := _without(whole, stored)).cases]


def _stored_checks(jobs: Iterable[CheckJob], results: Path | None) -> dict[Key, Check]:
    checks: dict[Key, Check] = {}
    if results is None:
        return checks
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
