"""Estimates the duration of a run from short probes.

Each backend is probed on the largest case of each kind. Cases of a kind have the same cell, dtype and threads, which
determine the time of an operation; window, units, layers and batch determine the number of operations. A smaller case's
step takes at most as long as the largest case's step and at least its share of the operations: the estimate is a range.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np

from benchmarks.definition.loading import Benchmark
from benchmarks.runner import certify, environment, processes
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.worker import certification
from benchmarks.worker.jobs import CheckJob, Probed, ProbeJob, TrialJob
from reports.records import Case, Manifest, Mode, Plan

REFERENCE = "reference"
FLOAT64_FACTOR = 2.0  # a float64 step takes at most twice as long as float32: twice the bytes, half the vector lanes
AT_ONCE = 2  # probes, which limits memory
Kind = tuple[str, str, int | None]  # cell, dtype, threads


@dataclass(frozen=True)
class Span:
    """A range of seconds."""

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, times: float) -> "Span":
        return Span(self.low * times, self.high * times)

    __rmul__ = __mul__


def total(spans: Iterable[Span]) -> Span:
    return sum(spans, start=Span())


@dataclass(frozen=True)
class ProbeResult:
    """The result of one probe."""

    operations: int  # of a step
    start: float  # seconds that the process spends outside its job: starting and ending
    probed: Probed

    def step(self, operations: int) -> Span:
        """Return the time of a step with at most as many operations, from the middle half of the repeats."""
        low, high = np.quantile(self.probed.steps, (0.25, 0.75))
        share = operations / self.operations if self.operations else 1.0
        return Span(float(low) * share, float(high))

    @property
    def fixed(self) -> float:
        """The time of a trial without its steady steps and its later forecasts of the validation part."""
        return self.start + self.probed.whole

    @property
    def setup(self) -> float:
        """The time of a check before its steps; the model is traced for a gradient and again for training."""
        return self.probed.prepare + self.probed.build + 2 * self.probed.first_step


Probes = dict[tuple[str, Kind], ProbeResult]  # by backend and kind


@dataclass(frozen=True)
class Estimate:
    """Seconds and bytes. Backends without a successful probe are missing; `failures` has a clause for each."""

    trials: dict[str, Span]  # by backend
    memory: dict[str, int]  # by backend: bytes of a trial's process, at most
    certificate: Span | None  # None if a probe failed
    probes: int
    failures: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return self.certificate is not None

    @property
    def whole(self) -> Span:
        return total((*self.trials.values(), *([self.certificate] if self.certificate else [])))


def estimate(benchmark: Benchmark, plan: Manifest, starting: Callable[[Plan], None], results: Path) -> Estimate:
    """Probe every backend of a planned run and the reference implementation. `starting` is called before each process.

    A process probes all kinds of cases of a backend with equal dtype and threads. Two processes import and compile at a
    time, but each is alone while it times steps. results: the folder of all runs, whose stored checks are not made
    again.
    """
    probes: Probes = {}
    failures: list[str] = []
    checks = _checks_to_make(benchmark, plan, results)
    labels = {
        name: {label for label, matrix in benchmark.matrices.items() if name in matrix.backends}
        for name in benchmark.header.backends
    }
    checked = {label for job in checks for label in job.cases}
    labels[REFERENCE] = labels.get(REFERENCE, set()) | checked
    cases = {name: tuple(case for case in plan.cases if case.label in labels[name]) for name in labels}
    # sorted, so that the last case of each kind is the largest
    largest = {(name, kind_of(case)): case for name in cases for case in sorted(cases[name], key=_operations)}
    together: dict[tuple[str, str, int | None], list[Case]] = {}
    for (backend, _), case in largest.items():
        together.setdefault((backend, case.dtype, case.threads), []).append(case)

    def probe(backend: str, alike: Sequence[Case], turns: str) -> list[ProbeResult] | str:
        starting(_plan(benchmark, backend, alike[0]))
        return _probe(benchmark, plan, backend, alike, turns)

    names = [backend for backend, _, _ in together]
    for backend, alike, result in zip(names, together.values(), _at_once(probe, names, together.values()), strict=True):
        if isinstance(result, str):
            failures.append(f"no estimate from {backend}, {', '.join(case.label for case in alike)}: {result}")
        else:
            probes |= {(backend, kind_of(case)): probe for case, probe in zip(alike, result, strict=True)}
    estimable = {name for name in cases if all((name, kind_of(case)) in probes for case in cases[name])}
    trials = {name: _trials(plan, name, probes) for name in benchmark.header.backends if name in estimable}
    certificate = _certificate(plan, checks, probes) if estimable == set(cases) else None
    memory = {name: max(p.probed.peak_memory for (n, _), p in probes.items() if n == name) for name in trials}
    return Estimate(trials, memory, certificate, len(together), tuple(failures))


def _checks_to_make(benchmark: Benchmark, plan: Manifest, results: Path) -> list[CheckJob]:
    """Return the jobs of the certificate whose cases have no stored check.

    A search certifies the case that it selects, for which the largest case is an upper bound.
    """
    if plan.search is None:
        return certify.lacking(benchmark, results)
    largest = max(plan.cases, key=_operations).label
    jobs = certify.lacking(benchmark, None)
    return [job.model_copy(update={"cases": {largest: job.cases[largest]}}) for job in jobs if largest in job.cases]


def kind_of(case: Case) -> Kind:
    return case.cell, case.dtype, case.threads


def _plan(benchmark: Benchmark, backend: str, case: Case) -> Plan:
    modes = benchmark.matrices[case.label].modes
    mode: Mode = "matched" if "matched" in modes or backend == REFERENCE else modes[0]
    return Plan(key="probe", case=case.label, backend=backend, mode=mode, seed=benchmark.header.seeds[0], place=0)


def _at_once(
    probe: Callable[[str, Sequence[Case], str], list[ProbeResult] | str],
    names: Sequence[str],
    cases: Iterable[list[Case]],
) -> list[list[ProbeResult] | str]:
    """Probe these backends, `AT_ONCE` at a time, while this run holds the cores."""
    alike, pool = list(cases), ThreadPoolExecutor(min(AT_ONCE, len(Conditions.sets(1))))
    cores = Conditions.of(max((of[0].threads for of in alike), key=lambda threads: threads or inf)).cores  # None: all
    with tempfile.NamedTemporaryFile(prefix="like-for-like-turns-") as turns, reserved(cores, alone=True):
        try:
            return list(pool.map(probe, names, alike, [turns.name] * len(names)))
        finally:  # an interrupt reaches this thread alone
            pool.shutdown(wait=False, cancel_futures=True)
            processes.end_all()


def _probe(
    benchmark: Benchmark, plan: Manifest, backend: str, cases: Sequence[Case], turns: str
) -> list[ProbeResult] | str:
    """Probe these cases in a process on the cores of a trial; the reason if it failed."""
    conditions = Conditions.of(cases[0].threads)
    program = benchmark.programs.get(backend)
    trials = tuple(
        TrialJob(
            plan=_plan(benchmark, backend, case),
            case=benchmark.cases[case.label],
            cores=conditions.cores,
            program=program,
        )
        for case in cases
    )
    start = time.perf_counter()
    environment.describe(conditions.cores, conditions.variables)  # as before every trial
    ended = processes.run_job(ProbeJob(trials=trials, turns=turns), conditions.variables, plan.limits)
    seconds = time.perf_counter() - start
    if (probed := ended.answer.probed) is None:
        return ended.answer.reason.rstrip(".")
    outside = seconds - sum(each.elapsed for each in probed)
    return [ProbeResult(_operations(case), outside, each) for case, each in zip(cases, probed, strict=True)]


def _trials(plan: Manifest, backend: str, probes: Probes) -> Span:
    cases = {case.label: case for case in plan.cases}
    return _searched(plan) * total(
        _trial(plan, cases[trial.case], probes[backend, kind_of(cases[trial.case])])
        for trial in plan.trials
        if trial.backend == backend
    )


def _searched(plan: Manifest) -> float:
    """Return the share of all trials' time that a search takes: it runs some, several at once where they fit."""
    if plan.search is None:
        return 1.0
    places = min(len(Conditions.sets(case.threads or 1)) for case in plan.cases)
    return plan.expected_trials / len(plan.trials) / max(1, min(plan.search.at_once, places))


def _trial(plan: Manifest, case: Case, probe: ProbeResult) -> Span:
    steps = case.epochs * case.steps(plan.data[case.data].train_windows) - 1
    fixed = probe.fixed + (case.epochs - 1) * probe.probed.validation
    return probe.step(_operations(case)) * steps + Span(fixed, fixed)


def _certificate(plan: Manifest, jobs: Iterable[CheckJob], probes: Probes) -> Span:
    """Return the time of the reference trajectories and of the checks: all at once, up to one after another."""
    cases, checks = {case.label: case for case in plan.cases}, Span()
    references: dict[tuple[str, str], Span] = {}
    for job in jobs:
        start = 0.0
        for case in map(cases.__getitem__, job.cases):
            probe = probes[job.backend, kind_of(case)]
            start = probe.start + probe.probed.import_framework  # one process for all cases of a job
            checks += _check(probe, case, 1.0 if job.dtype == case.dtype else FLOAT64_FACTOR)
            references[case.label, job.dtype] = _check(probes[REFERENCE, kind_of(case)], case, 1.0)
        checks += Span(start, start)
    return total(references.values()) + Span(checks.low / len(certify.places()), checks.high)


def _check(probe: ProbeResult, case: Case, factor: float) -> Span:
    """Return the time of a check without starting its process. factor: for steps in another dtype, at most."""
    steps = probe.step(_operations(case)) * certification.STEPS
    return Span(probe.setup + steps.low, probe.setup + steps.high * factor)


def _operations(case: Case) -> int:
    return case.step_flops or 0
