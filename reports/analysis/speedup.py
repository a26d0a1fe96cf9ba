"""Which trials may be compared, and by how much they differ: the only place where a speed ratio is made.

A ratio exists only between two backends that both hold the certificate for the case, over rounds (trials of the same
case, mode and seed) in which both really used the same windows, the same batches, the same initial weights and the
same dropout masks.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.analysis.intervals import Interval, median_interval, steady_epoch
from reports.analysis.run import Group, Run
from reports.records import Case, Certificate, Outcome
from reports.render.formats import backend_name, listed, plural

DIGESTS = {
    "windows_digest": "the windows",
    "order_digest": "the order of the batches",
    "initial_digest": "the initial weights",
    "masks_digest": "the dropout masks",
}
NO_CERTIFICATE = "there is no certificate yet"
EQUIVALENCE_MARGIN = 0.01  # test errors closer than this, relative, count as the same


@dataclass(frozen=True)
class Speedup:
    """One backend on one case, held against the reference. `reasons` says why there is no ratio, if there is none."""

    backend: str
    reference: str | None
    reasons: tuple[str, ...]
    outcomes: tuple[Outcome, ...] = ()  # of the rounds compared, by rising seed
    reference_outcomes: tuple[Outcome, ...] = ()  # the reference's, of the same rounds
    seeds: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()  # on rounds left out

    @property
    def comparable(self) -> bool:
        return not self.reasons

    @property
    def is_reference(self) -> bool:
        return self.comparable and self.backend == self.reference

    @cached_property
    def epoch_ratios(self) -> tuple[float, ...]:
        """How many times as fast as the reference a steady epoch is, one figure a round."""
        pairs = [
            (steady_epoch(a.times.epochs), steady_epoch(b.times.epochs))
            for a, b in zip(self.outcomes, self.reference_outcomes, strict=True)
        ]
        return tuple(theirs / mine for mine, theirs in pairs if mine and theirs)

    @cached_property
    def epoch(self) -> Interval | None:
        return median_interval(self.epoch_ratios)

    @cached_property
    def training_ratios(self) -> tuple[float, ...]:
        """The same for the whole training, first step included."""
        return tuple(
            b.times.training / a.times.training for a, b in zip(self.outcomes, self.reference_outcomes, strict=True)
        )

    @cached_property
    def training(self) -> Interval | None:
        return median_interval(self.training_ratios)

    @cached_property
    def error_differences(self) -> tuple[float, ...]:
        """Test MSE relative to the reference's, less 1, one figure a round."""
        return tuple(
            a.scores.mse / b.scores.mse - 1 for a, b in zip(self.outcomes, self.reference_outcomes, strict=True)
        )

    @cached_property
    def forecast_difference(self) -> float:
        """The largest difference between two forecasts of the same value in the same round, own unit."""
        pairs = zip(self.outcomes, self.reference_outcomes, strict=True)
        return max(float(np.max(np.abs(np.subtract(a.predictions, b.predictions)))) for a, b in pairs)


@dataclass(frozen=True)
class CaseSpeedups:
    """All backends on one case, in matched mode."""

    case: Case
    reference: str | None
    backends: dict[str, Speedup]

    @property
    def compared(self) -> tuple[Speedup, ...]:
        """Those with a ratio, the fastest first; the reference is none of them."""
        found = [c for c in self.backends.values() if c.comparable and not c.is_reference and c.epoch]
        return tuple(sorted(found, key=lambda c: -c.epoch.estimate if c.epoch else 0.0))

    @property
    def agreement(self) -> float | None:
        """The largest relative difference of a test MSE from the reference's in any round."""
        differences = [abs(value) for rival in self.compared for value in rival.error_differences]
        return max(differences, default=None)


Speedups = dict[str, CaseSpeedups]


def speedups_of(run: Run) -> Speedups:
    """By the case's label. The reference is the first certified backend with a finished trial."""
    return {case.label: _compare_case(run, case) for case in run.manifest.cases}


def _compare_case(run: Run, case: Case) -> CaseSpeedups:
    groups = run.select(case, "matched")
    reasons = {group.backend: timing_problems(run) or certificate_problems(run.certificate, group) for group in groups}
    reference = next((group for group in groups if not reasons[group.backend] and group.outcomes), None)
    name = reference.backend if reference else None
    found = {}
    for group in groups:
        if reasons[group.backend] or reference is None:
            found[group.backend] = Speedup(group.backend, name, reasons[group.backend] or ("no trial has finished",))
        else:
            found[group.backend] = _against(group, reference)
    return CaseSpeedups(case, name, found)


def timing_problems(run: Run) -> tuple[str, ...]:
    """Why no time of a run may stand in a ratio, whatever was proven."""
    return ("trials ran side by side, so its times may have been another's",) if run.side_by_side else ()


def certificate_problems(certificate: Certificate | None, group: Group) -> tuple[str, ...]:
    """Why a group's times may stand in no ratio; empty where the certificate says that they may."""
    if certificate is None:
        return (NO_CERTIFICATE,)
    backend, case = group.backend, group.case.label
    mine = [check for check in certificate.checks if (check.backend, check.case) == (backend, case)]
    if certificate.failures(backend, case):
        failed = tuple(f"in {check.dtype} {check.failure}" for check in mine if check.failure)
        return failed or certificate.failures(backend, case)
    windows = {check.windows_digest for check in mine if check.dtype == group.case.dtype}
    if not windows:
        return (f"it was not checked in {group.case.dtype}, in which it is timed",)
    if any(outcome.windows_digest not in windows for outcome in group.outcomes.values()):
        return ("its certificate was made on other windows than it was trained on",)
    return ()


def _against(group: Group, reference: Group) -> Speedup:
    """The rounds that both finished, or the reason why they cannot be compared."""
    name = backend_name(reference.backend)
    rounds = sorted(group.outcomes.keys() & reference.outcomes.keys())
    if not group.outcomes:
        return Speedup(group.backend, reference.backend, ("no trial has finished",))
    if not rounds:
        return Speedup(group.backend, reference.backend, (f"no seed has finished here and in {name}",))
    for seed in rounds:
        mine, theirs = (len(side.outcomes[seed].train_losses) for side in (group, reference))
        if mine != theirs:  # patience ended them apart
            reason = f"with seed {seed} it trained {mine} epochs and {name} {theirs}"
            return Speedup(group.backend, reference.backend, (reason,))
        unequal = _unequal(group.outcomes[seed], reference.outcomes[seed])
        if unequal:
            reason = f"{listed(unequal)} of seed {seed} were not those of {name}"
            return Speedup(group.backend, reference.backend, (reason,))
    apart = {seed: why for seed in rounds if (why := _apart(group, reference, seed))}
    here = [seed for seed in rounds if seed not in apart]
    if not here:
        return Speedup(group.backend, reference.backend, (apart[rounds[0]],))
    return Speedup(
        group.backend,
        reference.backend,
        (),
        outcomes=tuple(group.outcomes[seed] for seed in here),
        reference_outcomes=tuple(reference.outcomes[seed] for seed in here),
        seeds=tuple(here),
        remarks=_left_out(len(rounds), list(apart.values())),
    )


def _apart(group: Group, reference: Group, seed: int) -> str:
    """Why the two times of a round are of two machines; empty where they are of one.

    One host is two machines where what a time hangs on changed in between, as when a run is resumed after an upgrade.
    """
    name = backend_name(reference.backend)
    if group.outcomes[seed].host != reference.outcomes[seed].host:
        return f"it ran on another machine than {name}"
    mine, theirs = group.environments[seed], reference.environments[seed]
    changed = theirs.differences_in_time(mine) if mine and theirs else ()
    return f"it did not run under the conditions of {name}: {listed(changed)}" if changed else ""


def _left_out(rounds: int, reasons: list[str]) -> tuple[str, ...]:
    """A remark for each reason."""
    return tuple(
        f"left out, {reasons.count(why)} of {plural(rounds, 'round')}: {why}" for why in dict.fromkeys(reasons)
    )


def _unequal(mine: Outcome, theirs: Outcome) -> list[str]:
    return [words for field, words in DIGESTS.items() if getattr(mine, field) != getattr(theirs, field)]
