"""Two runs side by side: what changed beyond noise, and what cannot be compared, and why."""

from collections.abc import Callable
from dataclasses import dataclass

from reports.analysis.case_matching import CaseMatch, match_cases
from reports.analysis.effect_size import EffectSize, difference_effect, ratio_effect
from reports.analysis.intervals import steady_epoch, tost_p
from reports.analysis.run import Group, Run
from reports.analysis.speedup import EQUIVALENCE_MARGIN, certificate_problems, timing_problems
from reports.records import Case, Mode, Outcome
from reports.render.formats import listed, plural

Measure = Callable[[Outcome], float | None]
FIGURES: dict[str, Measure] = {
    "mse": lambda o: o.scores.mse,
    "epoch": lambda o: steady_epoch(o.times.epochs),
    "training": lambda o: o.times.training,
    "memory": lambda o: float(o.peak_memory_bytes),
}


@dataclass(frozen=True)
class MetricComparison:
    """One figure on both sides, over the seeds that both finished: the second's ratio to the first's, or of an error
    the difference. `reason` says why there is none."""

    first: tuple[float, ...]
    second: tuple[float, ...]
    effect: EffectSize | None
    reason: str
    equal: bool = False  # of an error: shown to be the same within 1 %


@dataclass(frozen=True)
class GroupComparison:
    """One backend in one mode on one model, in both runs."""

    match: CaseMatch
    backend: str
    mode: Mode
    seeds: tuple[int, ...]
    figures: dict[str, MetricComparison]

    @property
    def case(self) -> Case:
        return self.match.case


@dataclass(frozen=True)
class RunComparison:
    first: Run
    second: Run
    matches: tuple[CaseMatch, ...]
    pairs: tuple[GroupComparison, ...]

    @property
    def common(self) -> bool:
        """Whether the two have anything at all in common."""
        return any(pair.seeds for pair in self.pairs)


def compare_runs(first: Run, second: Run) -> RunComparison:
    matches = match_cases(first, second)
    pairs = []
    for found in matches:
        mine, theirs = _groups(first, found.first), _groups(second, found.second)
        for mode, backend in dict.fromkeys((*mine, *theirs)):
            one, other = mine.get((mode, backend)), theirs.get((mode, backend))
            pairs.append(_pair(first, second, found, mode, backend, one, other))
    return RunComparison(first, second, matches, tuple(pairs))


def _groups(run: Run, case: Case | None) -> dict[tuple[Mode, str], Group]:
    return {(group.mode, group.backend): group for group in run.groups if case and group.case == case}


def _pair(
    first: Run, second: Run, found: CaseMatch, mode: Mode, backend: str, one: Group | None, other: Group | None
) -> GroupComparison:
    mine, theirs = (side.outcomes if side else {} for side in (one, other))
    seeds = tuple(sorted(mine.keys() & theirs.keys()))
    neither = _neither(found, one, other, seeds)
    scores = neither or (_scores(first, second, found, one, other, seeds) if one and other else "")
    times = neither or (_times(first, second, found, one, other) if one and other else "")
    figures = {}
    for name, measure in FIGURES.items():
        reason = scores if name == "mse" else times
        if seeds:
            before, after = _paired([(mine[seed], theirs[seed]) for seed in seeds], measure)
        else:  # shown, although there is nothing on the other side to hold them against
            before, after = _all(mine, measure), _all(theirs, measure)
        figures[name] = _figure(name, before, after, reason)
    return GroupComparison(found, backend, mode, seeds, figures)


def _paired(pairs: list[tuple[Outcome, Outcome]], measure: Measure) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Both sides' figures, of the seeds where both have one."""
    both = [(a, b) for one, other in pairs if (a := measure(one)) is not None and (b := measure(other)) is not None]
    return tuple(a for a, _ in both), tuple(b for _, b in both)


def _all(outcomes: dict[int, Outcome], measure: Measure) -> tuple[float, ...]:
    return tuple(value for value in map(measure, outcomes.values()) if value is not None)


def _figure(name: str, first: tuple[float, ...], second: tuple[float, ...], reason: str) -> MetricComparison:
    if reason or not first or not second:
        return MetricComparison(first, second, None, reason or "a single epoch was trained, so there is no steady one")
    if name != "mse":
        return MetricComparison(first, second, ratio_effect([b / a for a, b in zip(first, second, strict=True)]), "")
    relative = [b / a - 1 for a, b in zip(first, second, strict=True) if a > 0]
    p = tost_p(relative, EQUIVALENCE_MARGIN) if len(relative) == len(first) else None  # an exact forecast has no share
    return MetricComparison(first, second, difference_effect(first, second), "", equal=p is not None and p < 0.05)


def _neither(found: CaseMatch, one: Group | None, other: Group | None, seeds: tuple[int, ...]) -> str:
    """Why neither scores nor times can be compared; empty where they can."""
    for which, group in (("first", one), ("second", other)):
        if group is None:
            return f"missing in the {which}"
        if not group.outcomes:
            return f"no trial has ended well in the {which}"
    if apart := list(found.apart()):
        return listed(apart)
    if not seeds:
        return "no seed has ended well in both"
    counts = [{o.parameter_count for o in side.outcomes.values()} for side in (one, other) if side]
    if counts[0] != counts[-1]:
        numbers = [listed([f"{count:,}" for count in sorted(side)]) for side in counts]
        return f"another model, of {numbers[0]} parameters and of {numbers[1]}"
    return ""


def _scores(first: Run, second: Run, found: CaseMatch, one: Group, other: Group, seeds: tuple[int, ...]) -> str:
    """Why errors cannot be compared, where times might be."""
    if one.case.learning_rate != other.case.learning_rate:
        return f"other learning rate, {one.case.learning_rate:g} and {other.case.learning_rate:g}"
    data = [run.data(group.case).digest for run, group in ((first, one), (second, other))]
    if data[0] != data[1] or any(one.outcomes[s].windows_digest != other.outcomes[s].windows_digest for s in seeds):
        return "other windows: the data, their split or their scaling changed"
    return ""


def _times(first: Run, second: Run, found: CaseMatch, one: Group, other: Group) -> str:
    """Why times cannot be compared, where errors might be."""
    counts = [run.data(group.case).train_windows for run, group in ((first, one), (second, other))]
    if counts[0] != counts[1]:
        return f"other amount of work, {counts[0]:,} and {counts[1]:,} windows to train on"
    for which, run in (("first", first), ("second", second)):
        if reasons := timing_problems(run):
            return f"not timed alone in the {which}: {reasons[0]}"
    if one.mode == "native":  # the certificate is about matched models; a native one is held against itself
        return ""
    for which, run, group in (("first", first, one), ("second", second, other)):
        if reasons := certificate_problems(run.certificate, group):
            return f"no proof of equality in the {which}: {reasons[0].rstrip('.')}"
    return ""


def common_seeds(pairs: tuple[GroupComparison, ...]) -> str:
    found = sorted({len(pair.seeds) for pair in pairs if pair.seeds})
    return plural(found[0], "common seed") if len(found) == 1 else f"{found[0]} to {found[-1]} common seeds"
