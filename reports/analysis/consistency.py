"""Records that are valid one by one and yet contradict each other: told in one sentence before anything is drawn."""

from math import isfinite
from pathlib import Path

from reports.records import Case, Data, Manifest, Outcome, Plan, SearchResult, Trial
from reports.records.store import RecordError


def refuse_contradictions(folder: Path, manifest: Manifest, trials: tuple[Trial, ...]) -> None:
    """Raise a `RecordError` that names the first file whose content the others, or itself, gainsay."""
    path = folder / "manifest.json"
    if wrong := _in_manifest(manifest):
        raise RecordError(f"{path} is damaged: {wrong}.")
    cases = {case.label: case for case in manifest.cases}
    plans = {plan.key: plan for plan in manifest.trials}
    for trial in trials:
        if wrong := _in_trial(trial, plans, cases, manifest):
            path = folder / "trials" / f"{trial.plan.key}.json"
            raise RecordError(f"{path} is damaged: {wrong}; run the benchmark again.")


def refuse_other_scores(folder: Path, found: SearchResult, trials: tuple[Trial, ...]) -> None:
    """Raise a `RecordError` where a search was decided by other scores than its trials have."""
    for one in found.tried:
        outcomes = [trial.outcome for trial in trials if trial.plan.case == one.case]
        losses = [outcome.kept_loss for outcome in outcomes if outcome and outcome.validation_losses]
        mean = sum(losses) / len(losses) if losses and len(losses) == len(outcomes) else None
        if mean != one.score:
            raise RecordError(f"{folder / 'search.json'} is damaged: the trials of '{one.case}' have another score.")


def _in_manifest(manifest: Manifest) -> str:
    labels = {case.label for case in manifest.cases}
    for case in manifest.cases:
        if case.data not in manifest.data:
            return f"case '{case.label}' uses data '{case.data}', which it lacks"
        if wrong := _in_data(case, manifest.data[case.data]):
            return f"data '{case.data}' {wrong}"
    for plan in manifest.trials:
        if plan.case not in labels:
            return f"trial {plan.key} is of case '{plan.case}', which it lacks"
    return ""


def _in_data(case: Case, data: Data) -> str:
    truth = data.test_truth
    if not truth or len(truth) != data.stored_windows or len(data.test_times) != data.stored_windows:
        return (
            f"has {len(truth)} rows of test_truth and {len(data.test_times)} of test_times "
            f"for {data.test_windows} test windows"
        )
    widths = {len(row) for row in truth}
    if len(widths) > 1 or case.horizon < 1 or not min(widths) or min(widths) % case.horizon:
        return f"has rows of test_truth that do not hold as many values for each of {case.horizon} steps"
    return ""


def _in_trial(trial: Trial, plans: dict[str, Plan], cases: dict[str, Case], manifest: Manifest) -> str:
    planned = plans.get(trial.plan.key)
    if planned is None or _meaning(planned) != _meaning(trial.plan):
        return "its plan is not the manifest's"
    if trial.outcome is None:
        return "" if trial.failure else "it has neither an outcome nor a failure"
    case = cases[planned.case]
    return _in_forecast(trial.outcome, manifest.data[case.data]) or _in_epochs(trial.outcome, case)


def _meaning(plan: Plan) -> tuple[str, str, str, int]:
    return plan.case, plan.backend, plan.mode, plan.seed


def _in_forecast(outcome: Outcome, data: Data) -> str:
    found, wanted = outcome.predictions, data.test_truth
    if len(found) != len(wanted):
        return f"it has predictions for {len(found)} of {len(wanted)} test windows"
    if {len(row) for row in found} != {len(wanted[0])}:
        return f"its predictions do not have {len(wanted[0])} values a window"
    return ""


def _in_epochs(outcome: Outcome, case: Case) -> str:
    """A training that keeps its best epoch may end early, but not before that epoch."""
    epochs = outcome.times.epochs
    fewest = case.epochs if outcome.best_epoch is None else outcome.best_epoch
    if not fewest <= len(epochs) <= case.epochs or len(outcome.train_losses) != len(epochs):
        losses = len(outcome.train_losses)
        return f"it has the times of {len(epochs)} and the losses of {losses} epochs, where {case.epochs} were planned"
    if len(outcome.validation_losses) not in (0, len(epochs)):
        return f"it has {len(outcome.validation_losses)} validation losses for {len(epochs)} epochs"
    steady = (outcome.times.training, *epochs[1:])
    if not all(isfinite(seconds) and seconds > 0 for seconds in steady):
        return "its times are not all above 0"
    return ""
