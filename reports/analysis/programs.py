"""Programs of one framework: what each costs at its start and in each epoch, and when a slower start has paid off.

The total time of n epochs is a line: `start + compilation + n * epoch`, from medians over the seeds. Only programs with
a certificate are compared, so only these have a ratio, a break-even and a place among the fastest.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import log
from statistics import median

from reports.analysis.intervals import Interval, median_interval, steady_epoch
from reports.analysis.run import Group, Run, unique
from reports.analysis.speedup import CaseSpeedups, Speedup, Speedups, timing_problems
from reports.analysis.timing_quality import MAX_VARIATION, whole_first_epoch
from reports.records import Case, Outcome


@dataclass(frozen=True)
class StepComposition:
    """Seconds of a steady step and of its parts, medians over the seeds.

    backward: of both passes, less that of the forward pass. loop: of a steady step, less those of both passes and of
    the optimizer. It is below 0 where the program as a whole is faster than its parts one by one.
    """

    step: float
    forward: float
    backward: float
    optimizer: float

    @property
    def loop(self) -> float:
        return self.step - self.forward - self.backward - self.optimizer


@dataclass(frozen=True)
class Program:
    """A program that trained a model, with the seconds of its parts: medians over the seeds.

    start: importing the framework and building a model, before the first step; over all programs and models of the
        framework, which import the same packages, so that the noise of single imports decides nothing.
    compilation: of the first step, less a steady step; of a program that is called once an epoch, of the first epoch,
        less a steady epoch.
    step, epoch: a steady step and a steady epoch.
    user_program: whether it is a user's file, with layers that are not the framework's.
    speedup: to the reference backend of the run.
    """

    group: Group
    framework: str
    speedup: Speedup
    start: float
    compilation: float
    step: float
    epoch: Interval
    composition: StepComposition | None
    user_program: bool

    @property
    def backend(self) -> str:
        return self.group.backend

    @property
    def comparable(self) -> bool:
        return self.speedup.comparable

    @property
    def first_epoch(self) -> float:
        """Seconds from the first step until the end of the first epoch, which every program reaches."""
        return self.compilation + self.epoch.estimate

    def total(self, epochs: float) -> float:
        """Seconds from the import of the framework until the end of so many epochs."""
        return self.start + self.compilation + epochs * self.epoch.estimate

    def seconds(self, epochs: int | None) -> float:
        """What programs are ranked by: the total of so many epochs, or for None a steady epoch."""
        return self.epoch.estimate if epochs is None else self.total(epochs)

    def break_even(self, other: "Program") -> float | None:
        """Number of epochs after which this program's total is below that of one with an earlier first epoch.

        None: never, because an epoch takes as long or longer.
        """
        gain = other.epoch.estimate - self.epoch.estimate
        return (self.total(0) - other.total(0)) / gain if gain > 0 else None

    def times_as_long(self, other: "Program") -> Interval | None:
        """How many times as long as in another program an epoch takes, over the rounds that both have."""
        return other.speedup.epoch_over(self.speedup)


@dataclass(frozen=True)
class CasePrograms:
    """The programs that trained one model, framework by framework, in the order of the definition."""

    case: Case
    programs: tuple[Program, ...]

    @cached_property
    def frameworks(self) -> dict[str, tuple[Program, ...]]:
        """The comparable programs of each framework."""
        by_framework: dict[str, list[Program]] = {}
        for program in self.programs:
            if program.comparable:
                by_framework.setdefault(program.framework, []).append(program)
        return {framework: tuple(programs) for framework, programs in by_framework.items()}

    @cached_property
    def fastest(self) -> Program | None:
        """The program with the shortest steady epoch."""
        return min((p for p in self.programs if p.comparable), key=lambda p: p.epoch.estimate, default=None)

    def fastest_in(self, framework: str) -> Program:
        """The framework's program with the shortest steady epoch."""
        return min(self.frameworks[framework], key=lambda program: program.epoch.estimate)

    def earliest_in(self, framework: str) -> Program:
        """The framework's program that finishes its first epoch earliest."""
        return min(self.frameworks[framework], key=lambda program: program.first_epoch)

    def best_in(self, framework: str, epochs: int | None) -> tuple[Program, ...]:
        """The framework's programs with the shortest `Program.seconds`, the shortest first.

        A program that takes at most `MAX_VARIATION` longer than the first counts as equally good, because times of a
        program vary by as much.
        """
        ranked = sorted(self.frameworks[framework], key=lambda program: program.seconds(epochs))
        most = (1 + MAX_VARIATION) * ranked[0].seconds(epochs)
        return tuple(program for program in ranked if program.seconds(epochs) <= most)


def programs_of(run: Run, speedups: Speedups) -> tuple[CasePrograms, ...]:
    """The programs of each model in matched mode, without second contestants, which are no programs of their own.

    Empty unless a framework trained a model with two programs or more, and empty if times are not comparable.
    """
    starts: dict[str, list[float]] = {}
    for group in run.groups:
        times = [outcome.times for outcome in group.outcomes.values()]
        starts.setdefault(_framework(run, group), []).extend(part.import_framework + part.build for part in times)
    cases = tuple(_programs(run, speedups[case.label], starts) for case in run.manifest.cases)
    if timing_problems(run) or not any(_several(case.programs) for case in cases):
        return ()
    return tuple(case for case in cases if case.programs)


@dataclass(frozen=True)
class Advice:
    """The backend whose program is among the best of its framework for the most models, and their number."""

    backend: str
    models: int


def advice(cases: Iterable[CasePrograms], framework: str, epochs: int | None) -> Advice:
    """Return the advice for so many epochs; of equally frequent programs, the one whose times are the shortest."""
    counts: Counter[str] = Counter()
    excess: defaultdict[str, float] = defaultdict(float)  # logarithms of the times relative to the best ones
    for case in cases:
        best = case.best_in(framework, epochs)
        counts.update(program.backend for program in best)
        for program in case.frameworks[framework]:
            excess[program.backend] += log(program.seconds(epochs) / best[0].seconds(epochs))
    backend = min(counts, key=lambda name: (-counts[name], excess[name]))
    return Advice(backend, counts[backend])


def _several(programs: Iterable[Program]) -> bool:
    frameworks = [program.framework for program in programs]
    return len(set(frameworks)) < len(frameworks)


def _is_second(run: Run, group: Group) -> bool:
    facts = run.manifest.backends.get(group.backend)
    return facts is not None and bool(facts.repeats)


def _framework(run: Run, group: Group) -> str:
    facts = run.manifest.backends.get(group.backend)
    return facts.framework if facts else group.backend


def _programs(run: Run, speedups: CaseSpeedups, starts: dict[str, list[float]]) -> CasePrograms:
    groups = [group for group in run.select(speedups.case, "matched") if not _is_second(run, group)]
    timed = (_program(run, group, speedups.backends[group.backend], starts) for group in groups)
    programs = [program for program in timed if program]
    frameworks = unique(program.framework for program in programs)
    programs.sort(key=lambda program: frameworks.index(program.framework))
    return CasePrograms(speedups.case, tuple(programs))


def _program(run: Run, group: Group, speedup: Speedup, starts: dict[str, list[float]]) -> Program | None:
    """None without a trial that has a steady epoch."""
    outcomes = [outcome for outcome in group.outcomes.values() if steady_epoch(outcome.times.epochs)]
    epoch = median_interval([steady_epoch(outcome.times.epochs) or 0.0 for outcome in outcomes])
    if epoch is None:
        return None
    first_step = median(outcome.times.first_step for outcome in outcomes)
    steps = group.case.steps(group.data.train_windows)
    step, framework = epoch.estimate / steps, _framework(run, group)
    facts = run.manifest.backends.get(group.backend)
    return Program(
        group=group,
        framework=framework,
        speedup=speedup,
        start=median(starts[framework]),
        compilation=first_step - (epoch.estimate if whole_first_epoch(group) else step),
        step=step,
        epoch=epoch,
        composition=_composition(step, outcomes),
        user_program=facts is not None and facts.user_program,
    )


def _composition(step: float, outcomes: Iterable[Outcome]) -> StepComposition | None:
    """None if no trial has the times of the parts of a step."""
    parts = [outcome.step_parts for outcome in outcomes if outcome.step_parts]
    if not parts:
        return None
    forward, both, optimizer = (
        median(median(times) for times in column)
        for column in zip(*((part.forward, part.gradients, part.optimizer) for part in parts), strict=True)
    )
    return StepComposition(step, forward, both - forward, optimizer)
