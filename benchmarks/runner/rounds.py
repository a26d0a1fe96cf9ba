"""Further rounds of a run: more seeds, until its speed ratios are precise enough or its time is used up."""

from dataclasses import dataclass
from math import inf
from pathlib import Path

from benchmarks.definition.loading import Benchmark
from benchmarks.runner.run import locked
from datasets.spec import counted
from reports.records import Manifest, Repetition
from reports.records.store import write_json


@dataclass(frozen=True)
class Decision:
    """Whether a run continues. manifest: with the next round; None: the run ends. reason: one sentence."""

    manifest: Manifest | None
    reason: str


def decide(benchmark: Benchmark, folder: Path, rule: Repetition) -> Decision:
    """Plan a further round of a finished run if the 95 % interval of a speed ratio is wider than the rule says.

    The round is written into the manifest, so that an interrupted run resumes with it. A ratio of fewer than six
    rounds has no such interval. No round begins once the trials have taken the rule's minutes.
    """
    from reports.analysis.run import Run  # imports SciPy, so only on use
    from reports.analysis.speedup import speedups_of

    run = Run.read(folder)
    matched = {trial.seed for trial in run.manifest.trials if trial.mode == "matched"}
    rounds = f"after {counted(len(matched), 'round')}"
    precisions = {
        f"{run.backend_name(speedup.backend)}, {label}": speedup.epoch.precision if speedup.epoch else inf
        for label, case in speedups_of(run).items()
        for speedup in case.equal
    }
    if not precisions:
        return Decision(None, "no speed ratio can be compared, so no further round is run")
    name, widest = max(precisions.items(), key=lambda item: item[1])
    if widest <= rule.precision:
        return Decision(None, f"{rounds} every speed ratio is known within ±{100 * rule.precision:g} %")
    state = f"{rounds} the ratio of {name} "
    state += "has no 95 % interval yet" if widest == inf else f"is known within ±{100 * widest:.2g} %"
    spent = sum(trial.seconds or 0.0 for trial in run.trials) / 60
    if spent >= rule.minutes:
        return Decision(None, f"{state}; the budget of {rule.minutes:g} minutes is used up")
    added = benchmark.round(max(matched) + 1, place=len(run.manifest.trials))
    manifest = run.manifest.model_copy(update={"trials": (*run.manifest.trials, *added)})
    with locked(folder):
        write_json(folder / "manifest.json", manifest)
    return Decision(manifest, f"{state}; another round follows")
