"""Runs a search: the sampler asks for configurations, their trials are run or read, and it is told their scores."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.definition.loading import Benchmark
from benchmarks.definition.settings import SearchSettings
from benchmarks.errors import UserError
from benchmarks.runner import certify, run
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.executors import Executor
from benchmarks.runner.folders import locked
from benchmarks.runner.run import Progress
from benchmarks.runner.sampler import SearchSampler, learns
from reports.records import Configuration, Manifest, Plan, SearchResult, Trial
from reports.records.store import read_json, read_run, read_search, trial_path, write_json


def execute(benchmark: Benchmark, folder: Path, executor: Executor, progress: Progress) -> None:
    """Try what the sampler asks for, write down what was found, and certify the one that was selected.

    A trial that somebody killed has no score, and what a sampler asks next may hang on it: the search then ends there
    as if interrupted. A KeyboardInterrupt passes through once all workers are ended.
    """
    with locked(folder):
        plan, certificate, _ = read_run(folder)
        if (found := read_search(folder)) is None:
            tried = _tried(benchmark, folder, plan, executor, progress)
            if tried is None:
                return
            found = _found(benchmark, tried)
            write_json(folder / "search.json", found)
        if certificate is None and found.selected is not None:
            alone = _alone(benchmark, found.selected)
            with reserved(Conditions.of().cores, alone=False):
                certificate = certify.certify(alone, alone.header.backends, progress.checked)
            write_json(folder / "certificate.json", certificate)


def _alone(benchmark: Benchmark, label: str) -> Benchmark:
    """The benchmark with a single case."""
    return replace(benchmark, cases={label: benchmark.cases[label]}, asked={label: benchmark.asked[label]})


def _tried(
    benchmark: Benchmark, folder: Path, plan: Manifest, executor: Executor, progress: Progress
) -> dict[str, float | None] | None:
    """The score of each case that the sampler asked for, in its order; None where a trial was killed.

    As many are asked for at once as run at once, however many cores this machine has: what is asked must not depend on
    who is faster. A sampler that does not learn is asked for all of them.
    """
    settings = _settings(benchmark)
    wanted = settings.trials or len(benchmark.cases)
    study = SearchSampler(benchmark.space(), settings.sampler, settings.sampler_seed)
    tried: dict[str, float | None] = {}
    while len(tried) < wanted:
        left = wanted - len(tried)
        asked = study.ask(min(left, settings.at_once) if learns(settings.sampler) else left)
        plans = {label: [trial for trial in plan.trials if trial.case == label] for label in asked}
        missing = [trial for trials in plans.values() for trial in trials if not _done(folder, trial)]
        run.run(benchmark, folder, plan, missing, executor, progress, settings.at_once)
        for label, trials in plans.items():
            if not all(_done(folder, trial) for trial in trials):
                return None
            tried[label] = _mean_score(folder, trials)
            study.tell(label, tried[label])
    return tried


def _settings(benchmark: Benchmark) -> SearchSettings:
    if benchmark.search is None:
        raise UserError(f"{benchmark.name} is no search; a table [search] would make it one")
    return benchmark.search


def _done(folder: Path, plan: Plan) -> bool:
    path = trial_path(folder, plan)
    return path.exists() and not read_json(path, Trial).killed


def _mean_score(folder: Path, plans: list[Plan]) -> float | None:
    """Over the seeds; None where a trial failed."""
    outcomes = [read_json(trial_path(folder, plan), Trial).outcome for plan in plans]
    scores = [outcome.kept_loss for outcome in outcomes if outcome is not None]
    return sum(scores) / len(scores) if len(scores) == len(outcomes) else None


def _found(benchmark: Benchmark, tried: Mapping[str, float | None]) -> SearchResult:
    """Of scores that are the same, the first in the definition's order is selected."""
    scores = {label: tried[label] for label in benchmark.cases if label in tried}
    known = {label: value for label, value in scores.items() if value is not None}
    return SearchResult(
        tried=tuple(Configuration(case=label, score=value) for label, value in tried.items()),
        selected=min(known, key=lambda label: known[label]) if known else None,
    )
