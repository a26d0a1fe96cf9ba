"""What speaks against a time: an unsteady machine, and other programs on the trial's cores."""

from collections.abc import Iterable

from benchmarks.runner.records import Outcome
from reports.run import Group
from reports.statistics import DISTURBED, stability
from reports.wording import backend_name, case_name, per_cent


def warnings(group: Group) -> tuple[str, ...]:
    """Sentences to stand beside a group's times; empty where the machine was quiet."""
    found = stability({seed: outcome.times.epochs for seed, outcome in group.outcomes.items()})
    if (load := most_disturbed(group.outcomes.values())) > DISTURBED:
        found += (f"disturbed: other programs used up to {per_cent(load)} of its cores while it trained",)
    return tuple(f"{backend_name(group.backend)}, {case_name(group.case)}, {group.mode}: {words}." for words in found)


def most_disturbed(outcomes: Iterable[Outcome]) -> float:
    """The largest share of a trial's cores that others used while it trained; 0 where nobody knows."""
    return max((outcome.other_load or 0.0 for outcome in outcomes), default=0.0)
