"""A repeated run held against the stored one: trial by trial, bit for bit or within a bound, and times by interval.

Bit for bit is due where nothing differs that a bit may hang on (`Environment.differences_in_bits`). Elsewhere the
bound is the certificate's on losses, for the case's dtype: two machines may round otherwise, but no further apart
than two frameworks on one machine. Times never decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.analysis.effect_size import EffectSize, ratio_effect, single_trial_effect
from reports.analysis.intervals import steady_epoch
from reports.analysis.run import Run, unique
from reports.analysis.speedup import DIGESTS
from reports.records import Case, Certificate, Data, Outcome, Plan, Trial
from reports.render.formats import listed, scientific

BOUNDS = {"float32": 1e-3, "float64": 1e-10}  # of a stored run without a certificate, as the certificate has them
OTHERS = {
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
    """One trial and its repetition. Differences are relative; None where there is no repetition to measure."""

    plan: Plan
    case: Case
    verdict: str  # "bit for bit", "within 1e-3", "differs by 2.1e-3", "other windows", "failed", "missing"
    reproduced: bool
    exact: bool  # bit for bit was due
    losses: float | None = None  # the largest, each relative to the stored loss
    predictions: float | None = None  # the largest, relative to the spread of the truth
    reason: str = ""  # where it was not reproduced, a clause


@dataclass(frozen=True)
class TimeRatio:
    """How long a backend's steady epochs took, relative to the stored run's."""

    backend: str
    trials: int
    effect: EffectSize | None  # None: a single epoch was trained


@dataclass(frozen=True)
class Reproduction:
    stored: Run
    repeated: Run
    rows: tuple[TrialReproduction, ...]
    paces: tuple[TimeRatio, ...]
    differences: tuple[str, ...]  # between the machines, a clause each
    decisive: tuple[str, ...]  # those of them that a bit may hang on
    skipped: tuple[tuple[Plan, str], ...]  # stored trials that cannot be repeated, and why

    @property
    def good(self) -> bool:
        return bool(self.rows) and all(row.reproduced for row in self.rows)

    @cached_property
    def wavering(self) -> tuple[TrialReproduction, ...]:
        """Those whose results differ although their inputs do not, nor anything else that a bit may hang on."""
        inputs = OTHERS.values()
        bad = (row for row in self.rows if row.exact and not row.reproduced and row.losses is not None)
        return tuple(row for row in bad if row.verdict not in inputs)


def check_reproduction(stored: Run, repeated: Run) -> Reproduction:
    """Hold every trial that `repeated` planned against the stored one of the same key."""
    before = {trial.plan.key: trial for trial in stored.trials}
    after = {trial.plan.key: trial for trial in repeated.trials}
    cases = {case.label: case for case in stored.manifest.cases}
    pairs = [(before[plan.key], after.get(plan.key)) for plan in repeated.manifest.trials if plan.key in before]
    rows = tuple(_row(stored, repeated, cases[old.plan.case], old, new) for old, new in pairs)
    places = [(stored.environment(old), repeated.environment(new)) for old, new in pairs if new is not None]
    return Reproduction(
        stored,
        repeated,
        rows,
        () if stored.side_by_side else _paces(repeated, pairs),
        unique(clause for then, now in places for clause in then.differences(now)),
        unique(clause for then, now in places for clause in then.differences_in_bits(now)),
        (
            *((trial.plan, f"it failed: {trial.failure}") for trial in stored.failed),
            *((plan, "it has not finished") for plan in stored.missing),
        ),
    )


def _row(stored: Run, repeated: Run, case: Case, old: Trial, new: Trial | None) -> TrialReproduction:
    if new is None:
        return TrialReproduction(old.plan, case, "missing", False, False, reason="its repetition has not finished")
    exact = not stored.environment(old).differences_in_bits(repeated.environment(new))
    then, now = old.outcome, new.outcome
    if then is None or now is None:
        return TrialReproduction(
            old.plan, case, "failed", False, exact, reason=(new.failure or "no reason was recorded").rstrip(".")
        )
    losses, predictions = _losses(then, now), _predictions(then, now, stored.data(case))
    verdict, reproduced, reason = _judge(then, now, max(losses, predictions), exact, _bound(stored, old.plan, case))
    return TrialReproduction(old.plan, case, verdict, reproduced, exact, losses, predictions, reason)


def _judge(then: Outcome, now: Outcome, difference: float, exact: bool, bound: float) -> tuple[str, bool, str]:
    """The verdict, whether that is a reproduction, and why not."""
    if strange := [field for field in DIGESTS if getattr(then, field) != getattr(now, field)]:
        return OTHERS[strange[0]], False, f"{listed([DIGESTS[field] for field in strange])} are not the stored run's"
    moved = [words for field, words in RESULTS.items() if not _same_bits(getattr(then, field), getattr(now, field))]
    if not moved:
        return "bit for bit", True, ""
    size = f"differs by {scientific(difference)}" if difference else "other last bits"
    if exact:
        return size, False, f"bit for bit was due, on the same machine and versions, and {listed(moved)} are others"
    if difference <= bound:
        return f"within {_power(bound)}", True, ""
    return size, False, f"that is beyond {_power(bound)}, the bound between two machines"


def _same_bits(then: object, now: object) -> bool:
    """Records keep every digit of a number, so that equal bytes are equal bits, a zero's sign included."""
    if isinstance(then, str):
        return then == now
    mine, theirs = np.asarray(then, np.float64), np.asarray(now, np.float64)
    return mine.shape == theirs.shape and mine.tobytes() == theirs.tobytes()


def _losses(then: Outcome, now: Outcome) -> float:
    """The largest difference of a loss, relative to the stored one."""
    before = np.array([then.first_loss, *then.train_losses, *then.validation_losses])
    after = np.array([now.first_loss, *now.train_losses, *now.validation_losses])
    if before.shape != after.shape:
        return np.inf
    return float(np.max(np.abs(after - before) / np.where(before == 0, 1.0, np.abs(before))))


def _predictions(then: Outcome, now: Outcome, data: Data) -> float:
    """The largest difference of a prediction, relative to the truth's standard deviation: no offset hides it."""
    before, after = np.array(then.predictions), np.array(now.predictions)
    if before.shape != after.shape:
        return np.inf
    return float(np.max(np.abs(after - before)) / (np.std(data.test_truth) or 1.0))


def _bound(stored: Run, plan: Plan, case: Case) -> float:
    checks = (stored.certificate or Certificate(checks=())).checks
    wanted = (plan.backend, case.label, case.dtype)
    mine = [check.bounds["losses"] for check in checks if (check.backend, check.case, check.dtype) == wanted]
    return mine[0] if mine else BOUNDS[case.dtype]


def _power(bound: float) -> str:
    return f"{bound:.0e}".replace("e-0", "e-")


def _paces(repeated: Run, pairs: Sequence[tuple[Trial, Trial | None]]) -> tuple[TimeRatio, ...]:
    """Over all cases, modes and seeds of a backend: a ratio has no unit. Other windows would be other work."""
    found: dict[str, list[tuple[Outcome, Outcome]]] = {name: [] for name in repeated.backends}
    for old, new in pairs:
        if new and old.outcome and new.outcome and old.outcome.windows_digest == new.outcome.windows_digest:
            found[old.plan.backend].append((old.outcome, new.outcome))
    return tuple(TimeRatio(backend, len(both), _shift(both)) for backend, both in found.items() if both)


def _shift(pairs: Sequence[tuple[Outcome, Outcome]]) -> EffectSize | None:
    if len(pairs) == 1:
        ((then, now),) = pairs
        return single_trial_effect(then.times.epochs[1:], now.times.epochs[1:])
    steady = [(steady_epoch(then.times.epochs), steady_epoch(now.times.epochs)) for then, now in pairs]
    return ratio_effect([after / before for before, after in steady if before and after])
