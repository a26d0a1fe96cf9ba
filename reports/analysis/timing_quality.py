"""What speaks against a time: an unsteady machine, and other programs on the trial's cores."""

from collections.abc import Iterable

from reports.analysis.intervals import MAX_BACKGROUND_LOAD, seeds_disagree, stability
from reports.analysis.run import Group, unique
from reports.analysis.speedup import Speedup
from reports.records import Outcome
from reports.render.formats import backend_name, case_name, listed, per_cent


def warnings(group: Group) -> tuple[str, ...]:
    """A sentence to stand beside a group's times; empty where the machine was quiet."""
    found = stability({seed: outcome.times.epochs for seed, outcome in group.outcomes.items()})
    if (load := most_disturbed(group.outcomes.values())) > MAX_BACKGROUND_LOAD:
        found += (f"disturbed: other programs used up to {per_cent(load)} of its cores while it trained",)
    who = f"{backend_name(group.backend)}, {case_name(group.case)}, {group.mode}"
    return (f"{who}: {'; '.join(found)}.",) if found else ()


def most_disturbed(outcomes: Iterable[Outcome]) -> float:
    """The largest share of a trial's cores that others used while it trained; 0 where nobody knows."""
    return max((outcome.background_load or 0.0 for outcome in outcomes), default=0.0)


def doubt(rivals: Iterable[Speedup]) -> str:
    """The end of a sentence about speed that the machine gives no right to; empty where it gives it."""
    found = tuple(rivals)
    load = most_disturbed(outcome for rival in found for outcome in (*rival.outcomes, *rival.reference_outcomes))
    unstable = unique(name for rival in found for name in _unstable(rival))
    parts = [f"other programs used up to {per_cent(load)} of the cores meanwhile"] if load > MAX_BACKGROUND_LOAD else []
    if unstable:
        parts.append(f"the times of {listed([backend_name(name) for name in unstable])} are unstable")
    return f"; but {listed(parts)}, so do not build on these ratios" if parts else ""


def _unstable(rival: Speedup) -> list[str]:
    """The sides of a comparison whose seeds do not agree on how long an epoch takes, the reference first."""
    sides = ((rival.reference or "", rival.reference_outcomes), (rival.backend, rival.outcomes))
    return [name for name, outcomes in sides if seeds_disagree(outcome.times.epochs for outcome in outcomes)]
