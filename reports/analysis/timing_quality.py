"""Quality of timings: variation between epochs and between seeds, and load by other processes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite
from statistics import median

from reports.analysis.intervals import (
    coefficient_of_variation,
    largest_deviation,
    steady_epoch,
    steady_state,
)
from reports.analysis.run import Group, Run, unique
from reports.analysis.speedup import CaseSpeedups, Speedup, Speedups
from reports.records import Outcome
from reports.render.formats import case_name, listed, per_cent, seeds_in_words, significant

MAX_VARIATION = 0.10  # coefficient of variation above which times are called unstable
MAX_DEVIATION = 0.50  # relative distance from the median above which one epoch makes a trial unstable
MAX_UNACCOUNTED = 0.02  # share of a training that no clock measured above which times are called incomplete
MAX_IMPRECISION = 0.25  # half width of a ratio's 95 % interval, relative to the ratio, above which it is unreliable
MAX_BACKGROUND_LOAD = 0.10  # share of the cores used by other processes above which times are called disturbed


@dataclass(frozen=True)
class TimingQuality:
    """What makes times unreliable.

    epochs: by seed, the coefficient of variation and the largest deviation of the epochs of each unstable trial.
    seeds: the coefficient of variation of the steady epoch over seeds; None if it is below `MAX_VARIATION`.
    background_load: the largest share of a trial's cores used by other processes; 0 if unknown or below the limit.
    unaccounted: the largest share of a training's time that no clock measured; 0 if below the limit.
    unsteady: the seeds whose epochs reached no steady state.
    """

    epochs: dict[int, tuple[float, float]]
    seeds: float | None
    background_load: float
    unaccounted: float = 0.0
    unsteady: tuple[int, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """One sentence per kind of problem, without its numbers."""
        limits = f"by more than {per_cent(MAX_VARIATION)}, or one of them is more than {per_cent(MAX_DEVIATION)} off"
        problems = (
            (self.unsteady, "Unstable times: the epochs of a seed reached no steady state"),
            (self.epochs, f"Unstable times: the epochs of a seed vary {limits} the median"),
            (
                self.seeds is not None,
                f"Unstable times: the steady epochs of the seeds vary by more than {per_cent(MAX_VARIATION)}",
            ),
            (
                self.background_load,
                f"Disturbed times: other processes used more than {per_cent(MAX_BACKGROUND_LOAD)} of the cores",
            ),
            (
                self.unaccounted,
                f"Incomplete times: the clocks left out more than {per_cent(MAX_UNACCOUNTED)} of a training",
            ),
        )
        return tuple(
            f'{text}; the table "Times" of the report has the numbers.' for problem, text in problems if problem
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """One clause per problem, with its numbers."""
        unstable = []
        if self.unsteady:
            unstable.append(f"the epochs of {seeds_in_words(self.unsteady)} reached no steady state")
        if self.epochs:
            variations, deviations = zip(*self.epochs.values(), strict=True)
            variation, farthest = max(variations), max(deviations)
            outlier = f", and one of them is {_exact(farthest)} off the median" if farthest > MAX_DEVIATION else ""
            most = "up to " if len(self.epochs) > 1 else ""
            unstable.append(
                f"the epochs of {seeds_in_words(self.epochs)} vary by {most}{_exact(variation)} (standard deviation "
                f"relative to the median){outlier}"
            )
        if self.seeds is not None:
            unstable.append(f"the steady epochs of the seeds vary by {_exact(self.seeds)}")
        warnings = [f"unstable: {'; '.join(unstable)}"] if unstable else []
        if self.background_load:
            warnings.append(
                f"disturbed: other processes used up to {per_cent(self.background_load)} of the cores during training"
            )
        if self.unaccounted:
            warnings.append(
                f"incomplete: the clocks around the steps left out up to {per_cent(self.unaccounted)} of the training"
            )
        return tuple(warnings)


def _exact(share: float) -> str:
    """A share in per cent with three digits, so that one just above its limit is not rounded to it."""
    return f"{significant(100 * share)} %"


def timing_quality(outcomes: dict[int, Outcome]) -> TimingQuality:
    """Return the quality of the times of trials that differ in the seed only."""
    states = {seed: state for seed, outcome in outcomes.items() if (state := steady_state(outcome.times.epochs))}
    variations = {
        seed: (coefficient_of_variation(state.seconds), largest_deviation(state.seconds))
        for seed, state in states.items()
    }
    medians = _steady_epochs(outcomes.values())
    unstable = coefficient_of_variation(medians) > MAX_VARIATION
    load = largest_background_load(outcomes.values())
    return TimingQuality(
        {
            seed: (variation, deviation)
            for seed, (variation, deviation) in variations.items()
            if variation > MAX_VARIATION or deviation > MAX_DEVIATION
        },
        coefficient_of_variation(medians) if unstable else None,
        load if load > MAX_BACKGROUND_LOAD else 0.0,
        unaccounted if (unaccounted := largest_unaccounted(outcomes.values())) > MAX_UNACCOUNTED else 0.0,
        tuple(seed for seed, state in states.items() if not state.reached),
    )


@lru_cache(maxsize=256)  # each time and ratio of a group has them as footnotes
def timing_warnings(group: Group) -> tuple[str, ...]:
    """Return a sentence with all warnings about a group's times and their numbers; empty if they are reliable."""
    warnings = timing_quality(group.outcomes).warnings
    name = f"{group.backend_name}, {case_name(group.case)}, {group.mode}"
    return (f"{name}: {'; '.join(warnings)}.",) if warnings else ()


@lru_cache(maxsize=256)
def timing_kinds(group: Group) -> tuple[str, ...]:
    """Return a sentence for each kind of problem of a group's times, equal for all groups that have it."""
    return timing_quality(group.outcomes).kinds


def whole_first_epoch(group: Group) -> bool:
    """Return whether the first step's time is that of the first epoch, because its program trains one in each call."""
    several = group.case.steps(group.data.train_windows) > 1
    return several and bool(group.outcomes) and not any(o.times.epochs[0] for o in group.outcomes.values())


def largest_background_load(outcomes: Iterable[Outcome]) -> float:
    """Return the largest share of a trial's cores that other processes used during training; 0 if unknown."""
    return max((outcome.background_load or 0.0 for outcome in outcomes), default=0.0)


def largest_unaccounted(outcomes: Iterable[Outcome]) -> float:
    """Return the largest share of a training's time that no clock measured."""
    return max((outcome.times.unaccounted for outcome in outcomes), default=0.0)


def unreliable_because(run: Run, speedups: Iterable[Speedup]) -> str:
    """Return why speedups are not reliable, as clauses; empty if they are.

    The interval of a ratio covers what differs between its rounds. So with enough rounds for a 95 % interval, a ratio
    is unreliable if the interval is wide or if most rounds are bad; with fewer rounds, if one of them is.
    """
    compared = tuple(speedups)
    load = max((_typical(s, lambda o: o.background_load or 0.0) for s in compared), default=0.0)
    unaccounted = max((_typical(s, lambda o: o.times.unaccounted) for s in compared), default=0.0)
    sides = [(speedup, *side) for speedup in compared for side in _sides(speedup)]
    varying = unique(backend for speedup, backend, outcomes in sides if _vary(speedup, outcomes))
    unsteady = unique(backend for _, backend, outcomes in sides if _unsteady(outcomes))
    imprecise = {s.backend: s.epoch.precision for s in compared if s.epoch and isfinite(s.epoch.precision)}
    imprecise = {backend: value for backend, value in imprecise.items() if value > MAX_IMPRECISION}
    clauses = [f"other processes used up to {per_cent(load)} of the cores"] if load > MAX_BACKGROUND_LOAD else []
    if varying:
        between = f"vary by more than {per_cent(MAX_VARIATION)} between the seeds"
        clauses.append(f"the steady epochs of {run.backend_phrases(varying)} {between}")
    if unsteady:
        clauses.append(f"most processes of {run.backend_phrases(unsteady)} reach no steady state")
    if imprecise:
        within = per_cent(max(imprecise.values()))
        single = "interval of the steady epoch's ratio is"
        intervals = single if len(compared) == 1 else "intervals of the steady epoch's ratios are up to"
        clauses.append(f"the 95 % {intervals} ±{within}, wider than ±{per_cent(MAX_IMPRECISION)}")
    if unaccounted > MAX_UNACCOUNTED:
        clauses.append(f"the clocks left out up to {per_cent(unaccounted)} of a training")
    return listed(clauses)


def _typical(speedup: Speedup, value: Callable[[Outcome], float]) -> float:
    """Return the median over both sides if the ratio has a 95 % interval, else the largest value."""
    values = [value(outcome) for outcome in (*speedup.outcomes, *speedup.reference_outcomes)]
    return (median if _has_interval(speedup) else max)(values) if values else 0.0


def _has_interval(speedup: Speedup) -> bool:
    return speedup.epoch is not None and speedup.epoch.is_confidence_interval


def withhold_unreliable(run: Run, speedups: Speedups) -> Speedups:
    """Return the speedups with the reason in each that is not reliable, so that its ratios are not shown."""
    return {label: replace(case, backends=_withheld(run, case)) for label, case in speedups.items()}


def _withheld(run: Run, case: CaseSpeedups) -> dict[str, Speedup]:
    return {
        backend: speedup if speedup.is_reference else replace(speedup, withheld=unreliable_because(run, [speedup]))
        for backend, speedup in case.backends.items()
    }


def _sides(speedup: Speedup) -> tuple[tuple[str, Sequence[Outcome]], ...]:
    """Return the backends of a speedup with their outcomes, the reference first."""
    return (speedup.reference or "", speedup.reference_outcomes), (speedup.backend, speedup.outcomes)


def _vary(speedup: Speedup, outcomes: Sequence[Outcome]) -> bool:
    """Return whether the steady epochs vary between rounds that are too few for an interval of the ratio."""
    return not _has_interval(speedup) and coefficient_of_variation(_steady_epochs(outcomes)) > MAX_VARIATION


def _unsteady(outcomes: Sequence[Outcome]) -> bool:
    """Return whether most processes reached no steady state."""
    states = [state for outcome in outcomes if (state := steady_state(outcome.times.epochs))]
    return 2 * sum(not state.reached for state in states) > len(states)


def _steady_epochs(outcomes: Iterable[Outcome]) -> Sequence[float]:
    epochs = (steady_epoch(outcome.times.epochs) for outcome in outcomes)
    return [epoch for epoch in epochs if epoch is not None]
