"""Speedups between backends: which trials may be compared, and how many times as fast one backend is as another.

Every ratio of times between backends is computed here. Two backends are compared only if both hold the certificate
for the case, and only over rounds (trials of the same case, mode and seed) in which both used the same windows,
batches, initial weights and dropout masks.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.analysis.intervals import Interval, median_interval, steady_epoch
from reports.analysis.run import Group, Run
from reports.records import Case, Certificate, Outcome
from reports.render.formats import listed, plural

DIGESTS = {
    "windows_digest": "the windows",
    "order_digest": "the order of the batches",
    "initial_digest": "the initial weights",
    "masks_digest": "the dropout masks",
}
NO_CERTIFICATE = "there is no certificate"
EQUIVALENCE_MARGIN = 0.01  # relative difference of test errors below which they count as equal


@dataclass(frozen=True)
class Speedup:
    """One backend compared with the reference backend of a case. `reasons` states why the two cannot be compared."""

    backend: str
    reference: str | None
    reasons: tuple[str, ...]
    outcomes: tuple[Outcome, ...] = ()  # of the compared rounds, in the order of `seeds`
    reference_outcomes: tuple[Outcome, ...] = ()
    seeds: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()  # on rounds that were left out
    withheld: str = ""  # why the times are unreliable, if statements, tables and figures leave its ratios out

    @property
    def comparable(self) -> bool:
        return not self.reasons

    @property
    def is_reference(self) -> bool:
        return self.comparable and self.backend == self.reference

    @cached_property
    def _epoch_ratios(self) -> dict[int, float]:
        """By seed: how many times as fast as the reference a steady epoch is, without rounds that have none."""
        pairs = {
            seed: (steady_epoch(outcome.times.epochs), steady_epoch(reference.times.epochs))
            for seed, outcome, reference in zip(self.seeds, self.outcomes, self.reference_outcomes, strict=True)
        }
        return {seed: reference / seconds for seed, (seconds, reference) in pairs.items() if seconds and reference}

    @property
    def epoch_ratios(self) -> tuple[float, ...]:
        """How many times as fast as the reference a steady epoch is, one ratio per round that has one."""
        return tuple(self._epoch_ratios.values())

    @cached_property
    def epoch(self) -> Interval | None:
        """The median of `epoch_ratios`."""
        return median_interval(self.epoch_ratios)

    @cached_property
    def training_ratios(self) -> tuple[float, ...]:
        """How many times as fast as the reference a whole training is, including the first step."""
        pairs = zip(self.outcomes, self.reference_outcomes, strict=True)
        return tuple(reference.times.training / outcome.times.training for outcome, reference in pairs)

    @cached_property
    def training(self) -> Interval | None:
        """The median of `training_ratios`."""
        return median_interval(self.training_ratios)

    def epoch_over(self, other: "Speedup") -> Interval | None:
        """Return how many times as fast as another backend a steady epoch is, over the rounds that both have."""
        ratios, others = self._epoch_ratios, other._epoch_ratios
        return median_interval([ratios[seed] / others[seed] for seed in sorted(ratios.keys() & others.keys())])

    @cached_property
    def error_differences(self) -> tuple[float, ...]:
        """The test MSE relative to that of the reference, minus 1, one value per round.

        The MSE is that of scaled values if recorded: for one target its ratio is the same, and for several targets
        with different units it is the only ratio that has a meaning.
        """
        pairs = zip(self.outcomes, self.reference_outcomes, strict=True)
        return tuple(_scaled_mse(outcome) / _scaled_mse(reference) - 1 for outcome, reference in pairs)

    @cached_property
    def forecast_difference(self) -> float:
        """The largest absolute difference between the two forecasts of a value in a round, unit of the series."""
        pairs = zip(self.outcomes, self.reference_outcomes, strict=True)
        return max(float(np.max(np.abs(np.subtract(a.predictions, b.predictions)))) for a, b in pairs)


def _scaled_mse(outcome: Outcome) -> float:
    scores = outcome.scores
    return scores.mse if scores.scaled_mse is None else scores.scaled_mse


@dataclass(frozen=True)
class Fastest:
    """The fastest backend of a case.

    lead: how many times as fast as `second` its steady epoch is.
    clear: it is faster than each other backend, by intervals that exclude 1.
    """

    backend: str
    second: str
    lead: Interval
    clear: bool


@dataclass(frozen=True)
class CaseSpeedups:
    """The speedups of all backends on one case, in matched mode."""

    case: Case
    reference: str | None
    backends: dict[str, Speedup]

    @property
    def equal(self) -> tuple[Speedup, ...]:
        """The backends with comparable steady epochs, the fastest first, without the reference."""
        speedups = [s for s in self.backends.values() if s.comparable and not s.is_reference and s.epoch]
        return tuple(sorted(speedups, key=lambda speedup: -speedup.epoch.estimate if speedup.epoch else 0.0))

    @property
    def compared(self) -> tuple[Speedup, ...]:
        """The backends with a ratio to show, the fastest first, without the reference."""
        return tuple(speedup for speedup in self.equal if not speedup.withheld)

    @property
    def withheld(self) -> tuple[Speedup, ...]:
        """The backends whose ratio is withheld."""
        return tuple(speedup for speedup in self.equal if speedup.withheld)

    @property
    def fastest(self) -> Fastest | None:
        """The fastest backend by the steady epoch; None if fewer than two backends can be compared.

        None also if a ratio is withheld, because that backend may be the fastest.
        """
        if self.withheld:
            return None
        speedups = [s for s in self.backends.values() if s.comparable and s.epoch]
        speedups.sort(key=lambda speedup: -speedup.epoch.estimate if speedup.epoch else 0.0)
        leads = [(other.backend, lead) for other in speedups[1:] if (lead := speedups[0].epoch_over(other))]
        if not leads:
            return None
        second, lead = min(leads, key=lambda pair: pair[1].estimate)
        return Fastest(speedups[0].backend, second, lead, all(lead.low > 1 for _, lead in leads))

    @property
    def largest_error_difference(self) -> float | None:
        """The largest relative difference of a test MSE from that of the reference in any round."""
        differences = [abs(value) for speedup in self.equal for value in speedup.error_differences]
        return max(differences, default=None)


Speedups = dict[str, CaseSpeedups]  # by the label of the case


def speedups_of(run: Run) -> Speedups:
    """Return the speedups of a run. The reference is the first certified backend with a finished trial."""
    return {case.label: _case_speedups(run, case) for case in run.manifest.cases}


def _case_speedups(run: Run, case: Case) -> CaseSpeedups:
    groups = run.select(case, "matched")
    problems = {group.backend: timing_problems(run) or certificate_problems(run.certificate, group) for group in groups}
    reference = next((group for group in groups if not problems[group.backend] and group.outcomes), None)
    name = reference.backend if reference else None
    speedups = {}
    for group in groups:
        if problems[group.backend] or reference is None:
            reasons = problems[group.backend] or ("no trial has finished",)
            speedups[group.backend] = Speedup(group.backend, name, reasons)
        else:
            speedups[group.backend] = _speedup(group, reference)
    return CaseSpeedups(case, name, speedups)


def timing_problems(run: Run) -> tuple[str, ...]:
    """Return why no times of a run can be compared, whatever is certified; empty if they can."""
    return ("trials ran at the same time, so they may have slowed each other down",) if run.concurrent else ()


def certificate_problems(certificate: Certificate | None, group: Group) -> tuple[str, ...]:
    """Return why the certificate does not allow a comparison of a group's times; empty if it does."""
    if certificate is None:
        return (NO_CERTIFICATE,)
    checks = certificate.of(group.backend, group.case.label)
    if not checks:
        return ("it was not checked against the reference implementation",)
    if failures := tuple(f"in {check.dtype} {check.failure}" for check in checks if check.failure):
        return failures
    windows = {check.windows_digest for check in checks if check.dtype == group.case.dtype}
    if not windows:
        return (f"it was not checked in {group.case.dtype}, in which it is timed",)
    if any(outcome.windows_digest not in windows for outcome in group.outcomes.values()):
        return ("its certificate was made on other windows than it was trained on",)
    return ()


def _speedup(group: Group, reference: Group) -> Speedup:
    """Compare the rounds that both groups finished, or state why they cannot be compared."""
    rounds = sorted(group.outcomes.keys() & reference.outcomes.keys())
    if reason := _incomparable(group, reference, rounds):
        return Speedup(group.backend, reference.backend, (reason,))
    left_out = {seed: reason for seed in rounds if (reason := _different_machine(group, reference, seed))}
    seeds = [seed for seed in rounds if seed not in left_out]
    if not seeds:
        return Speedup(group.backend, reference.backend, (left_out[rounds[0]],))
    reasons = list(left_out.values())
    return Speedup(
        group.backend,
        reference.backend,
        (),
        outcomes=tuple(group.outcomes[seed] for seed in seeds),
        reference_outcomes=tuple(reference.outcomes[seed] for seed in seeds),
        seeds=tuple(seeds),
        remarks=tuple(
            f"left out, {reasons.count(reason)} of {plural(len(rounds), 'round')}: {reason}"
            for reason in dict.fromkeys(reasons)
        ),
    )


def _incomparable(group: Group, reference: Group, rounds: list[int]) -> str:
    """Return why no round can be compared; empty if rounds can."""
    name = reference.backend_phrase
    if not group.outcomes:
        return "no trial has finished"
    if not rounds:
        return f"no seed has finished here and in {name}"
    for seed in rounds:
        outcome, other = group.outcomes[seed], reference.outcomes[seed]
        if len(outcome.train_losses) != len(other.train_losses):  # because of early stopping
            epochs = len(outcome.train_losses), len(other.train_losses)
            return f"with seed {seed} it trained {epochs[0]} epochs and {name} {epochs[1]}"
        unequal = [words for field, words in DIGESTS.items() if getattr(outcome, field) != getattr(other, field)]
        if unequal:
            return f"{listed(unequal)} of seed {seed} were not those of {name}"
    return ""


def _different_machine(group: Group, reference: Group, seed: int) -> str:
    """Return why the two trials of a round count as run on two machines; empty if they ran on one.

    One host counts as two machines if hardware or software that affects times changed between the trials, as when a
    run is resumed after an upgrade.
    """
    name = reference.backend_phrase
    if group.outcomes[seed].host != reference.outcomes[seed].host:
        return f"it ran on another machine than {name}"
    before, now = (side.observations[seed].trial.environment for side in (reference, group))
    differences = before.differences_in_time(now) if before and now else ()
    return f"it did not run under the conditions of {name}: {listed(differences)}" if differences else ""


@dataclass(frozen=True)
class NullPair:
    """A program and the same program as a second contestant, on one case.

    ratio: how many times as fast the second is in a steady epoch; None: they cannot be compared.
    """

    case: Case
    backend: str
    ratio: Interval | None

    @property
    def equal(self) -> bool:
        """Whether the ratio's interval contains 1, as it should."""
        return self.ratio is not None and self.ratio.low <= 1 <= self.ratio.high

    @property
    def smallest(self) -> float | None:
        """The smallest relative difference that lies outside the interval: 0.06 for 0.96 to 1.06."""
        return None if self.ratio is None else max(self.ratio.high, 1 / self.ratio.low) - 1


def null_pairs(run: Run, speedups: Speedups) -> tuple[NullPair, ...]:
    """Return the pairs of a run, case by case; empty if no backend takes part twice."""
    return tuple(
        NullPair(case, facts.repeats, _ratio(speedups, case.label, name, facts.repeats))
        for case in run.manifest.cases
        for name in run.backends
        if (facts := run.manifest.backends.get(name)) and facts.repeats in run.backends
    )


def _ratio(speedups: Speedups, case: str, second: str, first: str) -> Interval | None:
    sides = speedups[case].backends
    if second not in sides or first not in sides or not (sides[second].comparable and sides[first].comparable):
        return None
    return sides[second].epoch_over(sides[first])
