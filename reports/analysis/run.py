"""A run as reports see it: its records, grouped by what is repeated over seeds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reports.analysis.consistency import refuse_contradictions, refuse_other_scores
from reports.analysis.intervals import Interval, median_interval
from reports.records import Case, Certificate, Data, Environment, Manifest, Mode, Outcome, Plan, SearchResult, Trial
from reports.records.store import read_run, read_search


@dataclass(frozen=True)
class Group:
    """What is the same but for the seed: one backend in one mode on one case."""

    case: Case
    backend: str
    mode: Mode
    plans: tuple[Plan, ...]
    trials: tuple[Trial, ...]  # the finished ones of `plans`

    @cached_property
    def outcomes(self) -> dict[int, Outcome]:
        """By seed, of the trials that ended well."""
        return {trial.plan.seed: trial.outcome for trial in self.trials if trial.outcome is not None}

    @cached_property
    def environments(self) -> dict[int, Environment | None]:
        """By seed, where each of them ran; None where that was not recorded."""
        return {trial.plan.seed: trial.environment for trial in self.trials if trial.outcome is not None}

    @property
    def failed(self) -> int:
        return sum(trial.outcome is None for trial in self.trials)


@dataclass(frozen=True)
class Run:
    """All records of a run. What is not there yet is missing, never invented."""

    manifest: Manifest
    certificate: Certificate | None
    trials: tuple[Trial, ...]
    search_result: SearchResult | None = None  # by a search that is finished

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Read a run's folder; raises `RecordError` where the records are damaged or contradict each other."""
        manifest, certificate, trials = read_run(folder)
        refuse_contradictions(folder, manifest, trials)
        if (found := read_search(folder)) is not None:
            refuse_other_scores(folder, found, trials)
        return cls(manifest, certificate, trials, found)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Ordered by case, then matched before native, then as the definition lists the backends."""
        finished = {trial.plan.key: trial for trial in self.trials}
        found = []
        for case in self.manifest.cases:
            for mode in self.modes:
                for backend in self.backends:
                    wanted = (case.label, mode, backend)
                    plans = tuple(p for p in self.manifest.trials if (p.case, p.mode, p.backend) == wanted)
                    trials = tuple(finished[p.key] for p in plans if p.key in finished)
                    if plans:
                        found.append(Group(case, backend, mode, plans, trials))
        return tuple(found)

    @cached_property
    def modes(self) -> tuple[Mode, ...]:
        return tuple(sorted({plan.mode for plan in self.manifest.trials}))

    @cached_property
    def backends(self) -> tuple[str, ...]:
        """As the definition lists them; one that only the plan knows comes last."""
        listed = self.manifest.definition.get("backends")
        named = [str(name) for name in listed] if isinstance(listed, list | tuple) else []
        planned = [plan.backend for plan in self.manifest.trials]
        return tuple(name for name in dict.fromkeys((*named, *planned)) if name in planned)

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({plan.seed for plan in self.manifest.trials}))

    @cached_property
    def seed_counts(self) -> tuple[int, int]:
        """Of the mode that the answer is about; other modes may have fewer seeds and say nothing about it."""
        return seed_counts(self.leading)

    @cached_property
    def failed(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.outcome is None)

    @cached_property
    def missing(self) -> tuple[Plan, ...]:
        """Of a search that is not finished these are all that its sampler could yet ask for."""
        finished = {trial.plan.key for trial in self.trials}
        if len(finished) >= self.manifest.expected_trials:
            return ()
        return tuple(plan for plan in self.manifest.trials if plan.key not in finished)

    @property
    def side_by_side(self) -> bool:
        """Whether trials ran at the same time on one machine, so that no time of theirs is comparable."""
        return self.manifest.search is not None and self.manifest.search.at_once > 1

    def mode_of(self, case: Case) -> Mode:
        """The mode that the answer on a case is about: matched, where it was asked."""
        return min((plan.mode for plan in self.manifest.trials if plan.case == case.label), default="matched")

    @cached_property
    def leading(self) -> tuple[Group, ...]:
        """Of each case the groups that the answer is about."""
        modes = {case.label: self.mode_of(case) for case in self.manifest.cases}
        return tuple(group for group in self.groups if group.mode == modes[group.case.label])

    def data(self, case: Case) -> Data:
        return self.manifest.data[case.data]

    def environment(self, trial: Trial) -> Environment:
        """Where a trial ran; the run's own place, where the trial does not say."""
        return trial.environment or self.manifest.environment

    def beats(self, group: Group, naive: str) -> bool:
        """Whether every finished trial of a group has a lower test MSE than a naive forecast."""
        errors = [baseline.scores.mse for baseline in self.data(group.case).baselines if baseline.name == naive]
        return bool(errors) and all(outcome.scores.mse < errors[0] for outcome in group.outcomes.values())

    def exact(self, case: Case, naive: str) -> bool:
        """Whether a naive forecast makes no error at all, so that skill against it has no finite value."""
        return any(b.name == naive and b.scores.mse == 0 for b in self.data(case).baselines)

    @cached_property
    def scaled(self) -> bool:
        """Whether errors of scaled values are known, and others than those in the unit."""
        found = (outcome.scores for group in self.groups for outcome in group.outcomes.values())
        return any(scores.scaled_mse not in (None, scores.mse) for scores in found)

    def targets(self, case: Case) -> int:
        """How many series are forecast at once: a row of truth holds all of them for every step ahead."""
        truth = self.data(case).test_truth
        return len(truth[0]) // case.horizon if truth else 1

    def select(self, case: Case, mode: Mode) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.case == case and group.mode == mode)

    def of(self, case: Case, mode: Mode, backend: str | None) -> Group | None:
        """The group of a backend, or of the first that has finished, where all are equal; None where there is none."""
        groups = [group for group in self.select(case, mode) if group.outcomes and backend in (None, group.backend)]
        return groups[0] if groups else None

    def hosts(self) -> tuple[str, ...]:
        return unique(trial.outcome.host for trial in self.trials if trial.outcome is not None)


def seed_counts(groups: Iterable[Group]) -> tuple[int, int]:
    """The fewest and the most seeds that a group has finished; groups with none are left out."""
    found = [len(group.outcomes) for group in groups if group.outcomes] or [0]
    return min(found), max(found)


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, in order of appearance."""
    return tuple(dict.fromkeys(values))


def over_seeds(group: Group, figure: Callable[[Outcome], float | None]) -> Interval | None:
    """The median of one figure over a group's seeds; seeds that lack it are left out."""
    return median_interval(values([group], figure))


def score_unit(run: Run) -> str:
    """The unit of all series of a run; empty where they differ."""
    units = {data.unit for data in run.manifest.data.values()}
    return units.pop() if len(units) == 1 else ""


def values(groups: Iterable[Group], figure: Callable[[Outcome], float | None]) -> list[float]:
    found = (figure(outcome) for group in groups for outcome in group.outcomes.values())
    return [value for value in found if value is not None]
