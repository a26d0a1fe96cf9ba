"""Runs a search: a sampler names configurations, their trials are run, and the sampler gets their scores.

The sampler stores nothing. It is seeded and the trials' scores are recorded, so that a resumed search asks for the same
configurations and reads the recorded scores: no second store exists that could disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.definition.loading import Benchmark
from benchmarks.definition.search_space import SearchSpace
from benchmarks.definition.settings import Sampler
from benchmarks.errors import UserError
from benchmarks.runner import baselines, certify, run
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.executors import Executor
from benchmarks.runner.run import Progress, locked
from reports.records import Configuration, Manifest, Plan, SearchResult, Trial
from reports.records.store import read_json, read_run, read_search, trial_path, write_json

STARTUP = 5  # random trials before TPE learns; Optuna's default of ten is much of a grid with a few dozen cases
REPEATS = 20  # TPE's suggestions in a row that were tried before, after which a random other configuration is taken


class SearchSampler(Protocol):
    """Names each configuration at most once. The same seed and the same scores give the same configurations."""

    def ask(self, most: int) -> tuple[str, ...]:
        """Return the next cases to try: `most`, or as many as are left. The scores of earlier ones must be known."""

    def tell(self, label: str, score: float | None) -> None:
        """Report the score of a case: lower is better, None if the case failed."""


def sampler(space: SearchSpace, name: Sampler, seed: int) -> SearchSampler:
    """Return the sampler of this name: "grid", "random" or "tpe"."""
    if name == "grid":
        return OrderedSampler(space.labels)
    if name == "random":
        return OrderedSampler(
            [space.labels[index] for index in np.random.default_rng(seed).permutation(len(space.labels))]
        )
    return TpeSampler(space, seed)


def learns(name: Sampler | str) -> bool:
    """Return whether the sampler's choice depends on earlier scores."""
    return name == "tpe"


class OrderedSampler:
    """Goes through all cases in a fixed order: a grid search, or a random search without repetition."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._left = tuple(labels)

    def ask(self, most: int) -> tuple[str, ...]:
        labels, self._left = self._left[:most], self._left[most:]
        return labels

    def tell(self, label: str, score: float | None) -> None:
        """Scores do not change the order."""


class TpeSampler:
    """Optuna's tree-structured Parzen estimator. Its repeated suggestions are answered with the known scores."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._distributions = {
            axis: optuna.distributions.CategoricalDistribution(tuple(range(size))) for axis, size in space.axes.items()
        }
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP))
        self._failed = optuna.trial.TrialState.FAIL
        self._trials: dict[str, Any] = {}
        self._scores: dict[str, float | None] = {}
        self._random = np.random.default_rng(seed)

    def ask(self, most: int) -> tuple[str, ...]:
        labels: list[str] = []
        repeats = 0
        while len(labels) < most and len(self._trials) < len(self._space.labels):
            trial = self._study.ask(self._distributions)
            label = self._space.label([trial.params[axis] for axis in self._space.axes])
            if label not in self._trials:
                self._trials[label] = trial
                labels.append(label)
                repeats = 0
                continue
            self._report(trial, self._scores.get(label))
            repeats += 1
            if repeats == REPEATS:
                self._study.enqueue_trial(self._random_untried())
                repeats = 0
        return tuple(labels)

    def tell(self, label: str, score: float | None) -> None:
        self._scores[label] = score
        self._report(self._trials[label], score)

    def _report(self, trial: object, score: float | None) -> None:
        if score is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, score)

    def _random_untried(self) -> dict[str, int]:
        untried = [label for label in self._space.labels if label not in self._trials]
        places = self._space.places(untried[int(self._random.integers(len(untried)))])
        return dict(zip(self._space.axes, places, strict=True))


def execute(benchmark: Benchmark, folder: Path, executor: Executor, progress: Progress) -> None:
    """Run the configurations that the sampler names, store the search's result, and certify the selected configuration.

    A killed trial has no score, and the sampler's next choice may depend on it: the search then ends there as if it
    were interrupted. A KeyboardInterrupt is raised again once all workers have ended.
    """
    with locked(folder):
        plan, certificate, _ = read_run(folder)
        if (result := read_search(folder)) is None:
            scores = _scores(benchmark, folder, plan, executor, progress)
            if scores is None:
                return
            result = _result(benchmark, scores)
            write_json(folder / "search.json", result)
        baselines.add(benchmark, folder, plan, progress.fitted)
        if certificate is None and result.selected is not None:
            labels = benchmark.configurations[result.selected]
            alone = replace(
                benchmark,
                cases={label: benchmark.cases[label] for label in labels},
                matrices={label: benchmark.matrices[label] for label in labels},
            )
            with reserved(Conditions.of().cores, alone=False):
                certificate = certify.certify(alone, alone.header.backends, progress.checked)
            write_json(folder / "certificate.json", certificate)


def _scores(
    benchmark: Benchmark, folder: Path, plan: Manifest, executor: Executor, progress: Progress
) -> dict[str, float | None] | None:
    """Return the score of each configuration that the sampler named, in its order; None where a trial was killed.

    A sampler that learns names `at_once` cases at a time, whatever the number of cores: its choice must not depend on
    which trial ends first. Another sampler names all cases at once.
    """
    settings = benchmark.search
    if settings is None:
        raise UserError(f"{benchmark.name} is not a search; add a table [search] to its definition")
    configurations = benchmark.configurations
    wanted = settings.trials or len(configurations)
    chooser = sampler(benchmark.search_space(), settings.sampler, settings.sampler_seed)
    scores: dict[str, float | None] = {}
    while len(scores) < wanted:
        left = wanted - len(scores)
        labels = chooser.ask(min(left, settings.at_once) if learns(settings.sampler) else left)
        plans = {label: [trial for trial in plan.trials if trial.case in configurations[label]] for label in labels}
        missing = [trial for trials in plans.values() for trial in trials if not _done(folder, trial)]
        run.run(benchmark, folder, plan, missing, executor, progress, settings.at_once)
        for label, trials in plans.items():
            if not all(_done(folder, trial) for trial in trials):
                return None
            scores[label] = _mean_score(folder, trials)
            chooser.tell(label, scores[label])
    return scores


def _done(folder: Path, plan: Plan) -> bool:
    path = trial_path(folder, plan)
    return path.exists() and not read_json(path, Trial).killed


def _mean_score(folder: Path, plans: list[Plan]) -> float | None:
    """Return the mean over seeds and origins; None where a trial failed."""
    outcomes = [read_json(trial_path(folder, plan), Trial).outcome for plan in plans]
    scores = [outcome.kept_loss for outcome in outcomes if outcome is not None]
    return sum(scores) / len(scores) if len(scores) == len(outcomes) else None


def _result(benchmark: Benchmark, scores: Mapping[str, float | None]) -> SearchResult:
    """Among equal scores, the first case in the definition's order is selected."""
    known = {label: score for label in benchmark.configurations if (score := scores.get(label)) is not None}
    return SearchResult(
        tried=tuple(Configuration(case=label, score=score) for label, score in scores.items()),
        selected=min(known, key=lambda label: known[label]) if known else None,
    )
