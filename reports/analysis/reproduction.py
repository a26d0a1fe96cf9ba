"""Reproducibility check: a repeated run compared with the stored run, trial by trial, and their times.

Results must be equal bit for bit if nothing differs that can change the last bit (`Environment.differences_in_bits`).
Otherwise they must agree within the certificate's bound on losses for the dtype: two machines may round differently,
but no more than two frameworks on one machine. Times do not affect the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.analysis.intervals import PairedEffect, ratio_effect, repeats_effect, steady_epoch, steady_state
from reports.analysis.run import Run, unique
from reports.analysis.speedup import DIGESTS
from reports.records import Case, Data, Outcome, Plan, Trial
from reports.render.formats import listed, one_digit, scientific

BOUNDS = {"float32": 1e-3, "float64": 1e-10}  # for a stored run without a certificate
INPUTS = {
    "windows_digest": "other windows",
    "order_digest": "other batches",
    "initial_digest": "other initial weights",
    "masks_digest": "other dropout masks",
}
RESULTS = {
    "first_loss": "the first loss",
    "train_losses": "the training losses",
    "validation_losses": "the validation losses",
    "predictions": "the predictions",
    "final_digest": "the trained weights",
}


@dataclass(frozen=True)
class TrialReproduction:
    """A stored trial and its repetition. Differences are relative; None if the repetition has no outcome.

    verdict: "bit for bit", "within 1e-3", "differs by 2.1e-3", "other windows", "failed" or "missing".
    exact: results must be equal bit for bit.
    losses: the largest difference of a loss, relative to the stored loss.
    predictions: the largest difference of a prediction, relative to the standard deviation of the truth.
    reason: a clause if the trial was not reproduced.
    """

    plan: Plan
    case: Case
    verdict: str
    reproduced: bool
    exact: bool
    losses: float | None = None
    predictions: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class TimeRatio:
    """The steady epoch of a backend relative to the stored run; `effect` is None if a single epoch was trained."""

    backend: str
    trials: int
    effect: PairedEffect | None


@dataclass(frozen=True)
class Reproduction:
    """The reproducibility check of a run.

    differences: clauses on differences between the environments; decisive: those that can change the last bit.
    skipped: stored trials without a result, which cannot be repeated, with the reason.
    """

    stored: Run
    repeated: Run
    rows: tuple[TrialReproduction, ...]
    times: tuple[TimeRatio, ...]
    differences: tuple[str, ...]
    decisive: tuple[str, ...]
    skipped: tuple[tuple[Plan, str], ...]

    @property
    def good(self) -> bool:
        return bool(self.rows) and all(row.reproduced for row in self.rows)

    @cached_property
    def nondeterministic(self) -> tuple[TrialReproduction, ...]:
        """The trials with other results although their inputs and all that can change a bit are equal."""
        failed = (row for row in self.rows if row.exact and not row.reproduced and row.losses is not None)
        return tuple(row for row in failed if row.verdict not in INPUTS.values())


def check_reproduction(stored: Run, repeated: Run) -> Reproduction:
    """Compare every trial planned in `repeated` with the stored trial of the same key."""
    before = {trial.plan.key: trial for trial in stored.trials}
    after = {trial.plan.key: trial for trial in repeated.trials}
    cases = {case.label: case for case in stored.manifest.cases}
    pairs = [(before[plan.key], after.get(plan.key)) for plan in repeated.manifest.trials if plan.key in before]
    rows = tuple(_compare_trials(stored, repeated, cases[old.plan.case], old, new) for old, new in pairs)
    environments = [(stored.environment(old), repeated.environment(new)) for old, new in pairs if new is not None]
    return Reproduction(
        stored,
        repeated,
        rows,
        () if stored.concurrent else _time_ratios(repeated, pairs),
        unique(clause for then, now in environments for clause in then.differences(now)),
        unique(clause for then, now in environments for clause in then.differences_in_bits(now)),
        (
            *((trial.plan, f"it failed: {trial.failure}") for trial in stored.failed),
            *((plan, "it has not finished") for plan in stored.missing),
        ),
    )


def _compare_trials(stored: Run, repeated: Run, case: Case, old: Trial, new: Trial | None) -> TrialReproduction:
    if new is None:
        return TrialReproduction(old.plan, case, "missing", False, False, reason="its repetition has not finished")
    exact = not stored.environment(old).differences_in_bits(repeated.environment(new))
    if old.outcome is None or new.outcome is None:
        reason = (new.failure or "no reason was recorded").rstrip(".")
        return TrialReproduction(old.plan, case, "failed", False, exact, reason=reason)
    losses = _loss_difference(old.outcome, new.outcome)
    predictions = _prediction_difference(old.outcome, new.outcome, stored.data(case))
    bound = _bound(stored, old.plan, case)
    verdict, reproduced, reason = _verdict(old.outcome, new.outcome, max(losses, predictions), exact, bound)
    return TrialReproduction(old.plan, case, verdict, reproduced, exact, losses, predictions, reason)


def _verdict(then: Outcome, now: Outcome, difference: float, exact: bool, bound: float) -> tuple[str, bool, str]:
    """Return the verdict, whether the trial is reproduced, and why not."""
    if inputs := [field for field in DIGESTS if getattr(then, field) != getattr(now, field)]:
        return INPUTS[inputs[0]], False, f"{listed([DIGESTS[field] for field in inputs])} are not the stored run's"
    changed = [words for field, words in RESULTS.items() if not _same_bits(getattr(then, field), getattr(now, field))]
    if not changed:
        return "bit for bit", True, ""
    size = f"differs by {scientific(difference)}" if difference else "other last bits"
    if exact:
        must = "results must be equal bit for bit on the same machine and versions"
        return size, False, f"{must}, but {listed(changed)} differ"
    if difference <= bound:
        return f"within {one_digit(bound)}", True, ""
    return size, False, f"that is more than {one_digit(bound)}, the bound between two machines"


def _same_bits(then: object, now: object) -> bool:
    """Compare bytes, so that the sign of a zero counts; records keep every digit of a number."""
    if isinstance(then, str):
        return then == now
    before, after = np.asarray(then, np.float64), np.asarray(now, np.float64)
    return before.shape == after.shape and before.tobytes() == after.tobytes()


def _loss_difference(then: Outcome, now: Outcome) -> float:
    """Return the largest difference of a loss, relative to the stored loss."""
    before = np.array([then.first_loss, *then.train_losses, *then.validation_losses])
    after = np.array([now.first_loss, *now.train_losses, *now.validation_losses])
    if before.shape != after.shape:
        return np.inf
    return float(np.max(np.abs(after - before) / np.where(before == 0, 1.0, np.abs(before))))


def _prediction_difference(then: Outcome, now: Outcome, data: Data) -> float:
    """Return the largest difference of a prediction, relative to the standard deviation of the truth."""
    before, after = np.array(then.predictions), np.array(now.predictions)
    if before.shape != after.shape:
        return np.inf
    return float(np.max(np.abs(after - before)) / (np.std(data.test_truth) or 1.0))


def _bound(stored: Run, plan: Plan, case: Case) -> float:
    for check in stored.certificate.checks if stored.certificate else ():
        if (check.backend, check.case, check.dtype) == (plan.backend, case.label, case.dtype):
            return check.bounds.get("losses", BOUNDS[case.dtype])  # a program may report no losses of steps
    return BOUNDS[case.dtype]


def _time_ratios(repeated: Run, pairs: Sequence[tuple[Trial, Trial | None]]) -> tuple[TimeRatio, ...]:
    """Return a ratio per backend over all its cases, modes and seeds; trials on other windows are left out."""
    outcomes: dict[str, list[tuple[Outcome, Outcome]]] = {backend: [] for backend in repeated.backends}
    for old, new in pairs:
        if new and old.outcome and new.outcome and old.outcome.windows_digest == new.outcome.windows_digest:
            outcomes[old.plan.backend].append((old.outcome, new.outcome))
    return tuple(TimeRatio(backend, len(both), _time_effect(both)) for backend, both in outcomes.items() if both)


def _time_effect(pairs: Sequence[tuple[Outcome, Outcome]]) -> PairedEffect | None:
    if len(pairs) == 1:
        then, now = (steady_state(outcome.times.epochs) for outcome in pairs[0])
        return repeats_effect(then.seconds, now.seconds) if then and now else None
    epochs = [(steady_epoch(then.times.epochs), steady_epoch(now.times.epochs)) for then, now in pairs]
    known = [(before, after) for before, after in epochs if before and after]
    return ratio_effect([before for before, _ in known], [after for _, after in known])
