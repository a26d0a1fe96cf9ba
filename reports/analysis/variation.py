"""Levels of variation of the steady epoch: between epochs, processes and rounds, and the repetitions that are needed.

Each trial is a process; a round is the trials of one case and seed in all backends. Variances are those of the
logarithm of the seconds, so that their roots are relative: 0.03 is 3 %. The levels, the optimal number of epochs and
the ratio of means are those of Kalibera and Jones (2013), "Rigorous benchmarking in reasonable time".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import ceil, exp, log, sqrt

import numpy as np
from scipy import special

from reports.analysis.intervals import (
    CONFIDENCE,
    MIN_FOR_INTERVAL,
    TARGET_PRECISION,
    Interval,
    SteadyState,
    steady_state,
)
from reports.analysis.run import Group, Observation, Run
from reports.analysis.speedup import CaseSpeedups, Speedup, Speedups

MOST_EPOCHS = 200  # of a process, and MOST_PROCESSES of a backend: no larger numbers are recommended
MOST_PROCESSES = 1_000


@dataclass(frozen=True)
class Levels:
    """Variances of the logarithm of the steady epoch of one backend; None where the processes are too few.

    epochs: between the epochs of a process. processes: between processes, beyond what epochs and rounds explain.
    rounds: common to all backends of a round.
    """

    epochs: float | None
    processes: float | None
    rounds: float | None


@dataclass(frozen=True)
class Cost:
    """Seconds of a process: `start` for all that happens once, `epoch` for each epoch with its validation."""

    start: float
    epoch: float


@dataclass(frozen=True)
class Repetitions:
    """Processes of each backend and epochs of each process, with the seconds of all processes."""

    processes: int
    epochs: int
    seconds: float


@dataclass(frozen=True)
class Variation:
    """The variation of one backend's steady epoch in one case, and its ratios to the reference backend.

    needed: the repetitions that bring the 95 % interval of the ratio, or of the backend's time if it is the reference,
    within 5 % at the lowest cost; None if unknown or beyond `MOST_PROCESSES`. needed_as_planned: the same with as many
    epochs as were trained.
    """

    group: Group
    states: dict[int, SteadyState]  # by seed
    levels: Levels
    speedup: Speedup | None
    needed: Repetitions | None
    needed_as_planned: Repetitions | None

    @cached_property
    def ratio_of_means(self) -> Interval | None:
        return mean_ratio(self.speedup) if self.speedup and not self.speedup.is_reference else None


def variations(run: Run, speedups: Speedups) -> tuple[Variation, ...]:
    """Return the variation of each backend in matched mode with a steady state in at least two processes."""
    return tuple(
        variation
        for case in run.manifest.cases
        for variation in _of_case(run.select(case, "matched"), speedups[case.label])
    )


def _of_case(groups: Sequence[Group], case: CaseSpeedups) -> list[Variation]:
    states = {group.backend: _states(group.observations.values()) for group in groups}
    levels = levels_of({name: by_seed for name, by_seed in states.items() if len(by_seed) > 1})
    reference = next((group for group in groups if group.backend == case.reference), None)
    return [
        _variation([group] if group is reference or not reference else [reference, group], states, levels, case)
        for group in groups
        if group.backend in levels
    ]


def _variation(
    pair: Sequence[Group],
    states: Mapping[str, dict[int, SteadyState]],
    levels: Mapping[str, Levels],
    case: CaseSpeedups,
) -> Variation:
    """The variation of the last group of `pair`; the first is the reference, if the last is another one."""
    group, speedup = pair[-1], case.backends[pair[-1].backend]
    if not speedup.comparable:
        pair = [group]
    parts = [(levels[g.backend], cost) for g in pair if g.backend in levels and (cost := cost_of(g))]
    warm_up = max(state.start for g in pair for state in states[g.backend].values()) - 1
    planned, cheapest = (
        required(parts, counts, paired=len(pair) > 1, warm_up=warm_up) if len(parts) == len(pair) else None
        for counts in ([group.case.epochs - warm_up], range(2, MOST_EPOCHS + 1))
    )
    return Variation(
        group, states[group.backend], levels[group.backend], speedup if speedup.comparable else None, cheapest, planned
    )


def _states(observations: Iterable[Observation]) -> dict[int, SteadyState]:
    """Return the steady states by seed; processes with a single epoch have none."""
    states = ((o.trial.plan.seed, steady_state(o.outcome.times.epochs)) for o in observations)
    return {seed: state for seed, state in states if state}


def levels_of(states: Mapping[str, Mapping[int, SteadyState]]) -> dict[str, Levels]:
    """Return the variance components of each backend of a case, from the mean logarithms of its processes.

    That of the rounds is the mean covariance of two backends over the rounds that all have. Estimates below 0 are set
    to 0, as usual for variance components.
    """
    means = {
        backend: {seed: float(np.mean(np.log(state.seconds))) for seed, state in by_seed.items()}
        for backend, by_seed in states.items()
    }
    rounds = _covariance_of_rounds(list(means.values()))
    levels = {}
    for backend, by_seed in states.items():
        inner = [float(np.var(np.log(s.seconds), ddof=1)) for s in by_seed.values() if len(s.seconds) > 1]
        epochs = float(np.mean(inner)) if inner else None
        # A mean of m epochs has their variance / m; processes may differ in m.
        shares = float(np.mean([1 / len(state.seconds) for state in by_seed.values()]))
        between = float(np.var(list(means[backend].values()), ddof=1)) if len(by_seed) > 1 else None
        processes = None if between is None else max(0.0, between - (epochs or 0.0) * shares - (rounds or 0.0))
        levels[backend] = Levels(epochs, processes, rounds)
    return levels


def _covariance_of_rounds(means: Sequence[Mapping[int, float]]) -> float | None:
    """Return the mean covariance of two backends over their common rounds; None with fewer than two of either."""
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in means))) if means else []
    if len(means) < 2 or len(seeds) < 2:
        return None
    covariances = np.cov([[by_seed[seed] for seed in seeds] for by_seed in means])
    upper = covariances[np.triu_indices(len(means), 1)]
    return max(0.0, float(np.mean(upper)))


def cost_of(group: Group) -> Cost | None:
    """Return the mean cost of a process of a group; None if the time of whole processes was not recorded."""
    times = [(o.trial.seconds, o.outcome.times) for o in group.observations.values() if o.trial.seconds]
    if not times:
        return None
    loops = [(sum(t.epochs) + sum(t.validation), len(t.epochs)) for _, t in times]
    starts = [max(0.0, (seconds or 0.0) - loop) for (seconds, _), (loop, _) in zip(times, loops, strict=True)]
    return Cost(float(np.mean(starts)), float(np.mean([loop / count for loop, count in loops])))


def required(
    parts: Sequence[tuple[Levels, Cost]], epochs: Iterable[int], *, paired: bool, warm_up: int = 1
) -> Repetitions | None:
    """Return the cheapest repetitions whose 95 % interval lies within 5 % of its middle; None if there are none.

    parts: the backends of a ratio, or one backend. epochs: the numbers of steady epochs to choose from. paired: the
    backends are compared within rounds, so that what a round has in common cancels. warm_up: epochs before the steady
    state.
    """
    options = []
    for count in (count for count in epochs if count > 1):
        variance = sum(
            (levels.processes or 0.0) + (levels.epochs or 0.0) / count + (0.0 if paired else levels.rounds or 0.0)
            for levels, _ in parts
        )
        processes = _processes(sqrt(variance))
        if parts and processes is not None:
            seconds = processes * sum(cost.start + (warm_up + count) * cost.epoch for _, cost in parts)
            options.append(Repetitions(processes, warm_up + count, seconds))
    return min(options, key=lambda option: option.seconds, default=None)


def _processes(deviation: float) -> int | None:
    """Return the processes for a t interval of the mean logarithm within 5 %; at least those of a median's interval."""
    target = log(1 + TARGET_PRECISION)
    count = MIN_FOR_INTERVAL
    while count <= MOST_PROCESSES:
        needed = ceil((_t_quantile(count) * deviation / target) ** 2)
        if needed <= count:
            return count
        count = max(count + 1, min(needed, 2 * count))
    return None


@cache
def _t_quantile(count: int) -> float:
    """Return the quantile for the 95 % t interval of a mean of `count` values."""
    return float(special.stdtrit(count - 1, (1 + CONFIDENCE) / 2))


def mean_ratio(speedup: Speedup) -> Interval | None:
    """Return the mean steady epoch of the reference / that of the backend, over rounds, with its 95 % t interval.

    The interval is that of a ratio estimator for pairs (Cochran 1977), on the logarithm. None for fewer than 2 rounds.
    """
    sides = [
        [state.mean if (state := steady_state(outcome.times.epochs)) else None for outcome in outcomes]
        for outcomes in (speedup.reference_outcomes, speedup.outcomes)
    ]
    pairs = [(above, below) for above, below in zip(*sides, strict=True) if above and below]
    if len(pairs) < 2:
        return None
    above, below = np.array(pairs).T
    ratio = float(above.mean() / below.mean())
    residuals = above / above.mean() - below / below.mean()
    error = float(np.std(residuals, ddof=1)) / sqrt(len(pairs))
    width = _t_quantile(len(pairs)) * error
    return Interval(ratio, ratio * exp(-width), ratio * exp(width), len(pairs), "mean")
