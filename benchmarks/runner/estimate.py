"""Estimates the duration of a run from short probes.

Each backend is probed on the largest case of each kind. Cases of a kind have the same cell, dtype and threads, which
determine the time of an operation; window, units, layers and batch determine the number of operations. A smaller case's
step takes at most as long as the largest case's step and at least its share of the operations: the estimate is a range.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.definition.loading import Benchmark
from benchmarks.runner import certify, environment, processes
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.worker import certification
from benchmarks.worker.jobs import Job, Probed, ProbeJob, TrialJob
from reports.records import Case, Manifest, Mode, Plan

REFERENCE = "reference"
FLOAT64_FACTOR = 2.0  # a float64 step takes at most twice as long as float32: twice the bytes, half the vector lanes

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
class Probe:
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
        return self.start + self.probed.whole - self.probed.extra

    @property
    def setup(self) -> float:
        """The time of a check before its steps; the model is traced for a gradient and again for training."""
        return self.probed.prepare + self.probed.build + 2 * self.probed.first_step


Probes = dict[tuple[str, Kind], Probe]  # by backend and kind


@dataclass(frozen=True)
class Estimate:
    """Seconds. Backends without a successful probe are missing; `failures` has a clause for each failed probe."""

    trials: dict[str, Span]  # by backend
    certificate: Span | None  # None if a probe failed
    probes: int
    failures: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return self.certificate is not None

    @property
    def whole(self) -> Span:
        return total((*self.trials.values(), *([self.certificate] if self.certificate else [])))


def estimate(benchmark: Benchmark, plan: Manifest, starting: Callable[[Plan], None]) -> Estimate:
    """Probe every backend of a planned run and the reference implementation. `starting` is called before each process.

    A process probes all kinds of cases of a backend with equal dtype and threads.
    """
    probes: Probes = {}
    failures: list[str] = []
    cases = {name: _cases(benchmark, plan, name) for name in (*benchmark.header.backends, REFERENCE)}
    # sorted, so that the last case of each kind is the largest
    largest = {(name, kind_of(case)): case for name in cases for case in sorted(cases[name], key=_operations)}
    together: dict[tuple[str, str, int | None], list[Case]] = {}
    for (backend, _), case in largest.items():
        together.setdefault((backend, case.dtype, case.threads), []).append(case)
    for (backend, _, _), alike in together.items():
        starting(_plan(benchmark, backend, alike[0]))
        result = _probe(benchmark, plan, backend, alike)
        if isinstance(result, str):
            failures.append(f"no estimate from {backend}, {', '.join(case.label for case in alike)}: {result}")
        else:
            probes |= {(backend, kind_of(case)): probe for case, probe in zip(alike, result, strict=True)}
    estimable = {name for name in cases if all((name, kind_of(case)) in probes for case in cases[name])}
    trials = {name: _trials(plan, name, probes) for name in benchmark.header.backends if name in estimable}
    certificate = _certificate(benchmark, plan, probes) if estimable == set(cases) else None
    return Estimate(trials, certificate, len(together), tuple(failures))


def _cases(benchmark: Benchmark, plan: Manifest, backend: str) -> tuple[Case, ...]:
    """Return a backend's cases; for the reference implementation, all cases that any backend is certified on."""
    if backend == REFERENCE:
        labels = {label for name in benchmark.header.backends for label in benchmark.matched(name)}
    else:
        labels = {label for label, matrix in benchmark.matrices.items() if backend in matrix.backends}
    return tuple(case for case in plan.cases if case.label in labels)


def kind_of(case: Case) -> Kind:
    return case.cell, case.dtype, case.threads


def _plan(benchmark: Benchmark, backend: str, case: Case) -> Plan:
    modes = benchmark.matrices[case.label].modes
    mode: Mode = "matched" if "matched" in modes or backend == REFERENCE else modes[0]
    return Plan(key="probe", case=case.label, backend=backend, mode=mode, seed=benchmark.header.seeds[0], place=0)


def _probe(benchmark: Benchmark, plan: Manifest, backend: str, cases: Sequence[Case]) -> list[Probe] | str:
    """Probe these cases in a process on the cores of a trial, which are held meanwhile; the reason if it failed."""
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
    with reserved(conditions.cores, alone=True):
        start = time.perf_counter()
        environment.describe(conditions.cores, conditions.variables)  # as before every trial
        ended = processes.run_job(Job(probe=ProbeJob(trials=trials)), conditions.variables, plan.limits)
        seconds = time.perf_counter() - start
    if (probed := ended.answer.probed) is None:
        return (ended.answer.failure or "the worker gave no answer").rstrip(".")
    imported_again = (len(probed) - 1) * probed[0].import_framework
    outside = seconds - (sum(each.whole for each in probed) - imported_again)
    return [Probe(_operations(case), outside, each) for case, each in zip(cases, probed, strict=True)]


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


def _trial(plan: Manifest, case: Case, probe: Probe) -> Span:
    steps = case.epochs * (plan.data[case.data].train_windows // case.batch) - 1
    fixed = probe.fixed + (case.epochs - 1) * probe.probed.validation
    return probe.step(_operations(case)) * steps + Span(fixed, fixed)


def _certificate(benchmark: Benchmark, plan: Manifest, probes: Probes) -> Span:
    """Return the time of the reference trajectories and of the checks: all at once, up to one after another."""
    reference, checks = _checks(benchmark, plan, REFERENCE, probes), Span()
    for backend in benchmark.header.backends:
        starts: dict[str, float] = {}  # one process for each dtype
        for case in _certified(benchmark, plan, backend):
            probe = probes[backend, kind_of(case)]
            start = probe.start + probe.probed.import_framework
            starts |= dict.fromkeys(certify.dtypes(benchmark, case.label), start)
        checks += _checks(benchmark, plan, backend, probes) + Span(sum(starts.values()), sum(starts.values()))
    return reference + Span(checks.low / len(certify.places()), checks.high)


def _checks(benchmark: Benchmark, plan: Manifest, backend: str, probes: Probes) -> Span:
    """Return the time of all cases in all dtypes, without starting the processes."""
    spent = Span()
    for case in _certified(benchmark, plan, backend):
        probe = probes[backend, kind_of(case)]
        steps = probe.step(_operations(case)) * certification.STEPS
        for dtype in certify.dtypes(benchmark, case.label):
            factor = 1.0 if dtype == case.dtype or backend == REFERENCE else FLOAT64_FACTOR
            spent += Span(probe.setup + steps.low, probe.setup + steps.high * factor)
    return spent


def _certified(benchmark: Benchmark, plan: Manifest, backend: str) -> tuple[Case, ...]:
    """Return the cases that a backend is certified on; the reference implementation computes them all.

    A search certifies the case that it selects, for which the largest case is an upper bound.
    """
    if plan.search is not None:
        return (max(plan.cases, key=_operations),)
    if backend == REFERENCE:
        return _cases(benchmark, plan, REFERENCE)
    return tuple(case for case in plan.cases if case.label in benchmark.matched(backend))


def _operations(case: Case) -> int:
    return case.step_flops or 0
