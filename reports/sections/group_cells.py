"""Cells of a table about groups: who it is, its figures over the seeds, its skill, its records."""

from collections.abc import Callable
from math import inf

from reports.analysis.intervals import MIN_FOR_INTERVAL
from reports.analysis.run import Group, Run, over_seeds, unique
from reports.records import Outcome, Trial
from reports.render.formats import backend_name, case_name, plural, sentence, signed
from reports.render.table import NONE, Cell, Link, number
from reports.sections.columns import measured


def backend_cell(group: Group) -> Cell:
    """The backend's name, with how many of its seeds there are to show where not all ended well."""
    name = backend_name(group.backend)
    ended = len(group.outcomes)
    detail = f"{ended} of {plural(len(group.plans), 'seed')}" if ended < len(group.plans) else ""
    return Cell(name, detail=detail, notes=failure_notes(group))


def failure_notes(group: Group) -> tuple[str, ...]:
    """How many of a group's trials failed, with each reason once."""
    failed = [trial for trial in group.trials if trial.outcome is None]
    if not failed:
        return ()
    reasons = "; ".join(unique((trial.failure or "no reason was recorded").rstrip(".") for trial in failed))
    who = f"{backend_name(group.backend)}, {case_name(group.case)}, {group.mode}"
    return (sentence(f"{who}: {plural(len(failed), 'trial')} failed: {reasons}"),)


def records_cell(group: Group) -> Cell:
    """A link to the raw record of each seed's trial."""
    return Cell("" if group.trials else NONE, links=links(group))


def links(*groups: Group) -> tuple[Link, ...]:
    def link(group: Group, trial: Trial) -> Link:
        meaning = f"record of {group.backend}, {group.case.label}, {group.mode}, seed {trial.plan.seed}"
        return Link(str(trial.plan.seed), f"trials/{trial.plan.key}.json", meaning)

    return tuple(link(group, trial) for group in groups for trial in group.trials)


def skill_cell(run: Run, group: Group, naive: str, figure: Callable[[Outcome], float | None]) -> Cell:
    if group.outcomes and run.exact(group.case, naive):
        return _beaten_by(naive)
    found = over_seeds(group, figure)
    return measured(found, signed, tone="bad" if found and found.low <= 0 else "")


def spread_words(run: Run) -> str:
    """For the mode that the answer is about."""
    return words_of(run.seed_counts)


def words_of(found: tuple[int, int]) -> str:
    """What stands before and beside each figure, by the fewest and the most seeds behind one."""
    fewest, most = found
    if most < 2:
        return "a single seed"
    seeds = plural(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    if fewest < MIN_FOR_INTERVAL <= most:
        return f"median of {seeds} with the 95 % interval, or the range where there are fewer than {MIN_FOR_INTERVAL}"
    return f"median of {seeds} with the {'95 % interval' if fewest >= MIN_FOR_INTERVAL else 'range'}"


def skill_of(value: float | None, naive: str) -> Cell:
    if value == -inf:  # any error at all, against none
        return _beaten_by(naive)
    return number(value, signed, tone="bad" if value is not None and value < 0 else "")


def _beaten_by(naive: str) -> Cell:
    why = f"{naive} is exact on this test part: it cannot be beaten, and skill against it has no finite value"
    return Cell("undefined", notes=(sentence(why),), tone="muted")
