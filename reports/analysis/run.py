"""A run: its records, checked for consistency, and grouped by what is repeated over seeds."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import TypeVar

import numpy as np

from reports.records import (
    Baselines,
    Case,
    Certificate,
    Data,
    Environment,
    HarnessOverhead,
    Manifest,
    Mode,
    Outcome,
    Plan,
    SearchResult,
    Trial,
)
from reports.records.store import RecordError, read_baselines, read_overhead, read_run, read_search
from reports.render.formats import case_name, listed

T = TypeVar("T")


@dataclass(frozen=True)
class Observation:
    """A finished trial with its case and data: the input of a metric."""

    case: Case
    data: Data
    trial: Trial
    outcome: Outcome


@dataclass(frozen=True)
class PlannedTrial:
    """A planned trial with its record; None if it has not ended."""

    plan: Plan
    case: Case
    data: Data
    trial: Trial | None

    @property
    def outcome(self) -> Outcome | None:
        return self.trial.outcome if self.trial else None

    @property
    def observation(self) -> Observation | None:
        """The trial's observation, if it finished successfully."""
        if self.trial is None or self.trial.outcome is None:
            return None
        return Observation(self.case, self.data, self.trial, self.trial.outcome)


@dataclass(frozen=True, eq=False)
class Group:
    """The trials of one backend in one mode on one case, which differ in the seed only.

    Two groups are equal only if they are the same object, so that numbers of a group can be cached.
    """

    case: Case
    data: Data
    backend: str
    backend_name: str  # in tables
    backend_phrase: str  # in sentences
    mode: Mode
    plans: tuple[Plan, ...]
    trials: tuple[Trial, ...]  # the trials of `plans` that ended, successful or not

    @cached_property
    def observations(self) -> dict[int, Observation]:
        """The successful trials by seed."""
        return {
            trial.plan.seed: Observation(self.case, self.data, trial, trial.outcome)
            for trial in self.trials
            if trial.outcome is not None
        }

    @cached_property
    def outcomes(self) -> dict[int, Outcome]:
        """The outcomes of the successful trials by seed."""
        return {seed: observation.outcome for seed, observation in self.observations.items()}

    @property
    def failed(self) -> int:
        return sum(trial.outcome is None for trial in self.trials)


Origins = tuple[Group, ...]  # a model with one backend at each origin, in order of time; of a single split one group


@dataclass(frozen=True)
class Run:
    """All records of a run. Trials that have not ended are missing."""

    manifest: Manifest
    certificate: Certificate | None
    trials: tuple[Trial, ...]
    search_result: SearchResult | None = None  # of a finished search
    overhead: HarnessOverhead | None = None  # None: not measured

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Read a run's folder. Raises `RecordError` if records are damaged or contradict each other."""
        manifest, certificate, trials = read_run(folder)
        if (stored := read_baselines(folder)) is not None:
            manifest = _with_baselines(manifest, stored)
        check_consistency(folder, manifest, trials)
        search_result = read_search(folder)
        if search_result is not None:
            check_search_scores(folder, manifest, search_result, trials)
        return cls(manifest, certificate, trials, search_result, read_overhead(folder))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All groups, ordered by case, then matched before native, then by backend as in the definition."""
        ended = {trial.plan.key: trial for trial in self.trials}
        plans: dict[tuple[str, Mode, str], list[Plan]] = {}
        for plan in self.manifest.trials:
            plans.setdefault((plan.case, plan.mode, plan.backend), []).append(plan)
        return tuple(
            Group(
                case,
                self.data(case),
                backend,
                self.backend_name(backend),
                self.backend_phrase(backend),
                mode,
                tuple(planned),
                tuple(ended[p.key] for p in planned if p.key in ended),
            )
            for case in self.manifest.cases
            for mode in self.modes
            for backend in self.backends
            if (planned := plans.get((case.label, mode, backend)))
        )

    @cached_property
    def planned(self) -> tuple[PlannedTrial, ...]:
        """All planned trials in the order of execution."""
        cases = {case.label: case for case in self.manifest.cases}
        ended = {trial.plan.key: trial for trial in self.trials}
        return tuple(
            PlannedTrial(plan, cases[plan.case], self.data(cases[plan.case]), ended.get(plan.key))
            for plan in sorted(self.manifest.trials, key=lambda plan: plan.place)
        )

    @cached_property
    def modes(self) -> tuple[Mode, ...]:
        return tuple(sorted({plan.mode for plan in self.manifest.trials}))

    @cached_property
    def backends(self) -> tuple[str, ...]:
        """The planned backends in the order of the definition; backends that it does not list are last."""
        listed = self.manifest.definition.get("backends")
        named = [str(name) for name in listed] if isinstance(listed, list | tuple) else []
        planned = [plan.backend for plan in self.manifest.trials]
        return tuple(name for name in dict.fromkeys((*named, *planned)) if name in planned)

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({plan.seed for plan in self.manifest.trials}))

    @cached_property
    def seed_counts(self) -> tuple[int, int]:
        """The fewest and the most seeds of the groups in the leading mode; other modes may have fewer seeds."""
        return seed_counts(self.leading)

    @cached_property
    def failed(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.outcome is None)

    @cached_property
    def missing(self) -> tuple[Plan, ...]:
        """Planned trials that have not ended; of an unfinished search, all that its sampler can still choose."""
        ended = {trial.plan.key for trial in self.trials}
        if len(ended) >= self.manifest.expected_trials:
            return ()
        return tuple(plan for plan in self.manifest.trials if plan.key not in ended)

    @property
    def concurrent(self) -> bool:
        """Whether trials ran at the same time on one machine, so that their times are not comparable."""
        return self.manifest.search is not None and self.manifest.search.at_once > 1

    def mode_of(self, case: Case) -> Mode:
        """Return the leading mode of a case: matched if it was planned, else native."""
        return min((plan.mode for plan in self.manifest.trials if plan.case == case.label), default="matched")

    @cached_property
    def leading(self) -> tuple[Group, ...]:
        """The groups in the leading mode of their case, which summaries are about."""
        modes = {case.label: self.mode_of(case) for case in self.manifest.cases}
        return tuple(group for group in self.groups if group.mode == modes[group.case.label])

    @cached_property
    def models(self) -> tuple[Origins, ...]:
        """The groups in the leading mode with an outcome; those that differ in the origin only are together."""
        return unique(self.over_origins(group) for group in self.leading if group.outcomes)

    def over_origins(self, group: Group) -> Origins:
        """Return the groups with an outcome that differ from a group in the origin only; without any, the group."""
        return self._over_origins.get(self._without_origin(group), (group,))

    @cached_property
    def _over_origins(self) -> dict[tuple[str, Mode, str], Origins]:
        groups: dict[tuple[str, Mode, str], Origins] = {}
        for group in (group for group in self.groups if group.outcomes):
            groups[self._without_origin(group)] = (*groups.get(self._without_origin(group), ()), group)
        return groups

    def _without_origin(self, group: Group) -> tuple[str, Mode, str]:
        return configuration(self.manifest, group.case), group.mode, group.backend

    def model_name(self, case: Case) -> str:
        """Return the name of a case without its origin."""
        return case_name(case.model_copy(update={"label": configuration(self.manifest, case)}))

    def data(self, case: Case) -> Data:
        return self.manifest.data[case.data]

    def environment(self, trial: Trial) -> Environment:
        """Return the environment of a trial; that of the run if the trial has none."""
        return trial.environment or self.manifest.environment

    def exact(self, case: Case, naive: str) -> bool:
        """Whether a naive forecast has no error, so that the skill against it has no finite value."""
        return any(b.name == naive and b.scores.mse == 0 for b in self.data(case).baselines)

    @cached_property
    def scaled(self) -> bool:
        """Whether errors of scaled values are recorded and differ from the errors in the unit."""
        scores = (outcome.scores for group in self.groups for outcome in group.outcomes.values())
        return any(score.scaled_mse not in (None, score.mse) for score in scores)

    def select(self, case: Case, mode: Mode) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.case == case and group.mode == mode)

    def finished(self, case: Case, mode: Mode | None = None) -> tuple[Group, ...]:
        """Return the groups of a case with an outcome, in the case's leading mode unless another mode is given."""
        return tuple(group for group in self.select(case, mode or self.mode_of(case)) if group.outcomes)

    def of(self, case: Case, mode: Mode, backend: str | None) -> Group | None:
        """Return the group of a backend, or of the first backend with an outcome; None if there is none."""
        return next((group for group in self.finished(case, mode) if backend in (None, group.backend)), None)

    @property
    def backend_names(self) -> dict[str, str]:
        """The names of backends in tables, from the facts in the manifest."""
        return {name: facts.name for name, facts in self.manifest.backends.items()}

    def backend_name(self, backend: str) -> str:
        """Return the name of a backend in tables; for a naive forecast or an unknown backend, `backend` itself."""
        return self.backend_names.get(backend, backend)

    def backend_phrase(self, backend: str) -> str:
        """Return the name of a backend in sentences: "the eager loop in PyTorch"; an unknown one as `backend_name`."""
        facts = self.manifest.backends.get(backend)
        return facts.phrase if facts else backend

    def backend_phrases(self, backends: Iterable[str]) -> str:
        """Return a list of backends for a sentence, each of them once."""
        return listed(unique(map(self.backend_phrase, backends)))

    def hosts(self) -> tuple[str, ...]:
        return unique(trial.outcome.host for trial in self.trials if trial.outcome is not None)


def configuration(manifest: Manifest, case: Case) -> str:
    """Return the label of a case without its origin: equal for the cases that differ in the origin only."""
    origin = manifest.data[case.data].origin
    return case.label if origin is None else case.label.removesuffix(f", origin {origin.number}")


def seed_counts(groups: Iterable[Group]) -> tuple[int, int]:
    """Return the fewest and the most seeds with an outcome; groups without outcomes are left out."""
    counts = [len(group.outcomes) for group in groups if group.outcomes] or [0]
    return min(counts), max(counts)


def unique(values: Iterable[T]) -> tuple[T, ...]:
    """Return each value once, in order of appearance."""
    return tuple(dict.fromkeys(values))


def score_unit(run: Run) -> str:
    """Return the unit of all series of a run; empty if they differ."""
    units = {data.unit for data in run.manifest.data.values()}
    return units.pop() if len(units) == 1 else ""


def _with_baselines(manifest: Manifest, stored: Baselines) -> Manifest:
    """The manifest with the baselines of a run that fitted them, which have forecasts."""
    data = {
        key: data.model_copy(update={"baselines": of.baselines, "absent": of.absent})
        if (of := stored.data.get(key))
        else data
        for key, data in manifest.data.items()
    }
    return manifest.model_copy(update={"data": data})


def check_consistency(folder: Path, manifest: Manifest, trials: tuple[Trial, ...]) -> None:
    """Raise a `RecordError` that names the first file that contradicts itself or another file."""
    if problem := _manifest_problem(manifest):
        raise RecordError(f"{folder / 'manifest.json'} is damaged: {problem}.")
    cases = {case.label: case for case in manifest.cases}
    plans = {plan.key: plan for plan in manifest.trials}
    for trial in trials:
        if problem := _trial_problem(trial, plans, cases, manifest):
            path = folder / "trials" / f"{trial.plan.key}.json"
            raise RecordError(f"{path} is damaged: {problem}; run the benchmark again.")


def check_search_scores(folder: Path, manifest: Manifest, result: SearchResult, trials: tuple[Trial, ...]) -> None:
    """Raise a `RecordError` if the scores of a search are not those of its trials."""
    names = {case.label: configuration(manifest, case) for case in manifest.cases}
    for tried in result.tried:
        outcomes = [trial.outcome for trial in trials if names[trial.plan.case] == tried.case]
        losses = [outcome.kept_loss for outcome in outcomes if outcome and outcome.validation_losses]
        mean = sum(losses) / len(losses) if losses and len(losses) == len(outcomes) else None
        if mean != tried.score:
            raise RecordError(f"{folder / 'search.json'} is damaged: the trials of '{tried.case}' have another score.")


def _manifest_problem(manifest: Manifest) -> str:
    labels = {case.label for case in manifest.cases}
    for case in manifest.cases:
        if case.data not in manifest.data:
            return f"case '{case.label}' uses data '{case.data}', which it lacks"
        if problem := _data_problem(case, manifest.data[case.data]):
            return f"data '{case.data}' {problem}"
    for plan in manifest.trials:
        if plan.case not in labels:
            return f"trial {plan.key} is of case '{plan.case}', which it lacks"
    return ""


def _data_problem(case: Case, data: Data) -> str:
    truth = data.test_truth
    if not truth or len(truth) != data.stored_windows or len(data.test_times) != data.stored_windows:
        return (
            f"has {len(truth)} rows of test_truth and {len(data.test_times)} of test_times "
            f"for {data.test_windows} test windows"
        )
    widths = {len(row) for row in truth}
    for baseline in data.baselines:
        shape = np.shape(baseline.predictions)
        if len(baseline.predictions) and shape != np.shape(truth):
            return f"has forecasts of {baseline.name} of shape {shape} for test_truth of shape {np.shape(truth)}"
    if len(widths) > 1 or case.horizon < 1 or not min(widths) or min(widths) % case.horizon:
        return f"has rows of test_truth whose lengths are not the same multiple of {case.horizon} steps"
    return ""


def _trial_problem(trial: Trial, plans: dict[str, Plan], cases: dict[str, Case], manifest: Manifest) -> str:
    planned = plans.get(trial.plan.key)
    if planned is None or planned.model_copy(update={"place": trial.plan.place}) != trial.plan:
        return "its plan is not the manifest's"
    if trial.outcome is None:
        return "" if trial.failure else "it has neither an outcome nor a failure"
    case = cases[planned.case]
    return _forecast_problem(trial.outcome, manifest.data[case.data]) or _epochs_problem(trial.outcome, case)


def _forecast_problem(outcome: Outcome, data: Data) -> str:
    predictions, truth = outcome.predictions, data.test_truth
    if len(predictions) != len(truth):
        return f"it has predictions for {len(predictions)} of {len(truth)} test windows"
    if len(predictions[0]) != len(truth[0]):
        return f"its predictions do not have {len(truth[0])} values a window"
    return ""


def _epochs_problem(outcome: Outcome, case: Case) -> str:
    """Early stopping may end a training early, but not before its best epoch."""
    epochs = outcome.times.epochs
    fewest = case.epochs if outcome.best_epoch is None else outcome.best_epoch
    if not fewest <= len(epochs) <= case.epochs or len(outcome.train_losses) != len(epochs):
        losses = len(outcome.train_losses)
        return f"it has the times of {len(epochs)} and the losses of {losses} epochs, where {case.epochs} were planned"
    if len(outcome.validation_losses) not in (0, len(epochs)):
        return f"it has {len(outcome.validation_losses)} validation losses for {len(epochs)} epochs"
    if not all(isfinite(seconds) and seconds > 0 for seconds in (outcome.times.training, *epochs[1:])):
        return "its times are not all above 0"
    return ""
