"""How long a run would take, from probes of its smallest and its largest cases.

A step's time and a trial's fixed costs are taken as linear in a step's operations, between two cases of the same
cell, precision and threads: those change what an operation costs, while window, units, layers and batch change how
many there are.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.definition.loading import Benchmark
from benchmarks.runner import certify, environment, processes
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.worker import certification
from benchmarks.worker.jobs import Job, Probed, ProbeJob, TrialJob
from reports.records import Case, Manifest, Mode, Plan

ORACLE = "reference"
SLOWER = 2.0  # times as long as in float32 a step takes in float64, at most: twice the bytes, half the vector lanes

Kind = tuple[str, str, int | None]  # cell, precision, threads


@dataclass(frozen=True)
class Span:
    """Seconds, from the least to the most."""

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
class Measured:
    """One probe that went well."""

    operations: int  # of a step
    seconds: float  # of the whole process, started and ended
    probed: Probed

    @property
    def step(self) -> Span:
        """The middle half of the repeats: a training's many steps even out what hit a single repeat."""
        low, high = np.quantile(self.probed.steps, (0.25, 0.75))
        return Span(float(low), float(high))

    @property
    def start(self) -> float:
        """Until the worker began its work, and from its end on."""
        return self.seconds - self.probed.whole

    @property
    def fixed(self) -> float:
        """What a trial takes besides its steady steps and its later forecasts of the validation part."""
        return self.seconds - self.probed.extra

    @property
    def setup(self) -> float:
        """What a check has for each case before its steps: the model is traced for a gradient and for the training."""
        return self.probed.prepare + self.probed.build + 2 * self.probed.first_step


@dataclass(frozen=True)
class Line:
    """One or two probes of the same kind; between them, everything is linear in the operations of a step."""

    ends: tuple[Measured, ...]

    def at(self, operations: int, figure: Callable[[Measured], float]) -> float:
        first, last = self.ends[0], self.ends[-1]
        if first.operations == last.operations:
            return figure(first)
        share = (operations - first.operations) / (last.operations - first.operations)
        return figure(first) + share * (figure(last) - figure(first))

    def step(self, operations: int) -> Span:
        return Span(self.at(operations, lambda m: m.step.low), self.at(operations, lambda m: m.step.high))


@dataclass(frozen=True)
class Estimate:
    """Seconds. A backend that could not be probed is missing, and `failures` says why, a sentence each."""

    trials: dict[str, Span]  # by backend
    certificate: Span | None
    probes: int
    failures: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return self.certificate is not None  # which takes all probes

    @property
    def whole(self) -> Span:
        return total((*self.trials.values(), *([self.certificate] if self.certificate else [])))


def estimate(benchmark: Benchmark, plan: Manifest, starting: Callable[[Plan], None]) -> Estimate:
    """Probe every backend of a run that is laid out, and the oracle. `starting` is told before each probe."""
    lines: dict[tuple[str, Kind], Line] = {}
    failures: list[str] = []
    probes = 0
    asking = {backend: _cases(benchmark, plan, backend) for backend in (*benchmark.header.backends, ORACLE)}
    for backend, wanted in asking.items():
        for kind, cases in _ends(wanted).items():
            found = []
            for case in cases:
                probes += 1
                asked = _plan(benchmark, backend, case)
                starting(asked)
                answer = _probe(benchmark, plan, asked, case)
                if isinstance(answer, str):
                    failures.append(f"no estimate from {backend}, {case.label}: {answer}")
                else:
                    found.append(answer)
            if found:
                lines[backend, kind] = Line(tuple(found))
    trials = {}
    for backend in benchmark.header.backends:
        if all((backend, kind_of(case)) in lines for case in asking[backend]):
            trials[backend] = _trials(plan, backend, lines)
    whole = all((name, kind_of(case)) in lines for name, cases in asking.items() for case in cases)
    return Estimate(trials, _certificate(benchmark, plan, lines) if whole else None, probes, tuple(failures))


def _cases(benchmark: Benchmark, plan: Manifest, backend: str) -> tuple[Case, ...]:
    """Those that a backend is asked; the oracle those that anybody must be proven equal in."""
    if backend == ORACLE:
        wanted = {label for name in benchmark.header.backends for label in benchmark.matched(name)}
    else:
        wanted = {label for label, asked in benchmark.asked.items() if backend in asked.backends}
    return tuple(case for case in plan.cases if case.label in wanted)


def kind_of(case: Case) -> Kind:
    return case.cell, case.dtype, case.threads


def _ends(cases: Iterable[Case]) -> dict[Kind, tuple[Case, ...]]:
    """The cases with the fewest and the most operations a step of each kind; one where they are the same."""
    kinds: dict[Kind, list[Case]] = {}
    for case in sorted(cases, key=_operations):
        kinds.setdefault(kind_of(case), []).append(case)
    return {
        kind: (found[0], found[-1]) if found[0].step_flops != found[-1].step_flops else (found[0],)
        for kind, found in kinds.items()
    }


def _plan(benchmark: Benchmark, backend: str, case: Case) -> Plan:
    modes = benchmark.asked[case.label].modes
    mode: Mode = "matched" if "matched" in modes or backend == ORACLE else modes[0]
    return Plan(key="probe", case=case.label, backend=backend, mode=mode, seed=benchmark.header.seeds[0], place=0)


def _probe(benchmark: Benchmark, plan: Manifest, asked: Plan, case: Case) -> Measured | str:
    """On the cores that the trial would have, which are held meanwhile; a string says why it failed."""
    conditions = Conditions.of(case.threads)
    settings = benchmark.cases[case.label]
    trial = TrialJob(plan=asked, case=settings, cores=conditions.cores, persistence=0.0, seasonal=None)
    with reserved(conditions.cores, alone=True):
        start = time.perf_counter()
        environment.describe(conditions.cores, conditions.variables)  # as before every trial
        ended = processes.work(Job(probe=ProbeJob(trial=trial)), conditions.variables, plan.limits)
        seconds = time.perf_counter() - start
    if ended.answer.probed is None:
        return (ended.answer.failure or "it gave no answer").rstrip(".")
    return Measured(_operations(case), seconds, ended.answer.probed)


def _trials(plan: Manifest, backend: str, lines: dict[tuple[str, Kind], Line]) -> Span:
    cases = {case.label: case for case in plan.cases}
    return _searched(plan) * total(
        _trial(plan, cases[trial.case], lines[backend, kind_of(cases[trial.case])])
        for trial in plan.trials
        if trial.backend == backend
    )


def _searched(plan: Manifest) -> float:
    """The share of all trials' seconds that a search takes: it runs some of them, several at once where they fit."""
    if plan.search is None:
        return 1.0
    fit = min(len(Conditions.sets(case.threads or 1)) for case in plan.cases)
    return plan.expected_trials / len(plan.trials) / max(1, min(plan.search.at_once, fit))


def _trial(plan: Manifest, case: Case, line: Line) -> Span:
    steps = case.epochs * (plan.data[case.data].train_windows // case.batch) - 1
    fixed = line.at(_operations(case), lambda m: m.fixed)
    fixed += (case.epochs - 1) * line.at(_operations(case), lambda m: m.probed.validation)
    return line.step(_operations(case)) * steps + Span(fixed, fixed)


def _certificate(benchmark: Benchmark, plan: Manifest, lines: dict[tuple[str, Kind], Line]) -> Span:
    """The oracle's own steps, then every backend's checks: from all side by side to one after another."""
    oracle, checks = _checks(benchmark, plan, ORACLE, lines), Span()
    for backend in benchmark.header.backends:
        opened: dict[str, float] = {}  # a process a precision
        for case in _proven(benchmark, plan, backend):
            start = lines[backend, kind_of(case)].at(_operations(case), lambda m: m.start + m.probed.import_framework)
            opened |= dict.fromkeys(certify.dtypes(benchmark, case.label), start)
        checks += _checks(benchmark, plan, backend, lines) + Span(sum(opened.values()), sum(opened.values()))
    return oracle + Span(checks.low / len(certify.places()), checks.high)


def _checks(benchmark: Benchmark, plan: Manifest, backend: str, lines: dict[tuple[str, Kind], Line]) -> Span:
    """Every case in every precision, inside the processes."""
    spent = Span()
    for case in _proven(benchmark, plan, backend):
        line = lines[backend, kind_of(case)]
        setup, steps = line.at(_operations(case), lambda m: m.setup), line.step(_operations(case)) * certification.STEPS
        for dtype in certify.dtypes(benchmark, case.label):
            slower = 1.0 if dtype == case.dtype or backend == ORACLE else SLOWER
            spent += Span(setup + steps.low, setup + steps.high * slower)
    return spent


def _proven(benchmark: Benchmark, plan: Manifest, backend: str) -> tuple[Case, ...]:
    """The cases that the certificate holds a backend against the oracle in; the oracle computes them all.

    Of a search it is the one that it selects, which is no larger than this.
    """
    if plan.search is not None:
        return (max(plan.cases, key=_operations),)
    if backend == ORACLE:
        return _cases(benchmark, plan, ORACLE)
    return tuple(case for case in plan.cases if case.label in benchmark.matched(backend))


def _operations(case: Case) -> int:
    return case.step_flops or 0
