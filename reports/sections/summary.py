"""The answer in words, derived from the numbers: who is fastest, whose forecasts hold, what is not known."""

from dataclasses import dataclass

from reports.analysis.intervals import MIN_FOR_INTERVAL, Interval
from reports.analysis.ranking import rankings
from reports.analysis.run import Group, Run, over_seeds, score_unit, unique
from reports.analysis.speedup import CaseSpeedups, Speedups
from reports.analysis.timing_quality import timing_warnings, unreliable_because
from reports.records import Case
from reports.render.formats import (
    backend_name,
    case_name,
    count,
    four_digits,
    listed,
    plural,
    sentence,
    signed,
    span,
    squared,
    within,
)
from reports.render.page import Bullets, Paragraph, Section
from reports.sections import gradient_norms, published_values
from reports.sections.baselines import does
from reports.sections.completeness import state
from reports.sections.context import Context
from reports.sections.group_cells import failure_notes
from reports.sections.models_summary import overview
from reports.sections.ranking_over_series import finding
from reports.sections.setup import layers

# How a sentence calls a naive forecast, and its name in the records.
BASELINES = {"persistence": "persistence", "the seasonal naive forecast": "seasonal naive"}


@dataclass(frozen=True)
class CaseAnswer:
    """The answer for one model: on speed and on the forecast, then what else must be known."""

    name: str
    layers: str  # of what the model is made
    lead: str
    more: str


@dataclass(frozen=True)
class Answer:
    """`state` says what is missing, `limits` what cannot be said."""

    audited: tuple[str, ...]  # of published values, and of how far gradients reach
    overview: tuple[str, ...]  # of many models
    cases: tuple[CaseAnswer, ...]
    state: tuple[str, ...]
    limits: tuple[str, ...]


def answer(run: Run, comparisons: Speedups) -> Answer:
    cases = tuple(_case(run, case, comparisons[case.label]) for case in run.manifest.cases)
    return Answer(
        (*published_values.told(run), *gradient_norms.told(run)),
        overview(run, comparisons),
        cases,
        state(run),
        _limits(run, comparisons),
    )


def _case(run: Run, case: Case, comparison: CaseSpeedups) -> CaseAnswer:
    groups = [group for group in run.select(case, run.mode_of(case)) if group.outcomes]
    if not groups:
        tried = any(trial.plan.case == case.label for trial in run.trials)
        none = "No trial ended well." if tried else "No trial has finished yet."
        return CaseAnswer(case_name(case), layers(case), none, "")
    (speed, *slower), (forecast, *others) = _speed(case, comparison), _forecasts(run, groups, comparison)
    reliable = not unreliable_because(comparison.compared)
    first = (speed, forecast) if reliable else (forecast, speed)  # unreliable times are not reported first
    lead, more = ([sentence(part) for part in parts] for parts in (first, (*slower, *others)))
    return CaseAnswer(case_name(case), layers(case), " ".join(lead), " ".join(more))


def _speed(case: Case, comparison: CaseSpeedups) -> list[str]:
    """At least one sentence: who is faster, or why nobody can tell."""
    model = f"this {case.cell.upper()}" if case.units is not None else f"'{case.label}'"
    told = []
    if not comparison.backends:
        told.append("Native models differ, so this run makes no statement about speed")
    elif comparison.compared:
        reason = unreliable_because(comparison.compared)
        warning = f"; but {reason}, so the ratios are not reliable" if reason else ""
        told += [_ranking(model, comparison) + warning, _whole_training(case, comparison)]
    elif len(comparison.backends) == 1 and comparison.reference:
        told.append(f"{backend_name(comparison.reference)} ran alone, so there is nothing to compare its speed with")
    elif all(c.comparable for c in comparison.backends.values()):
        told.append("A single epoch was trained, so there is no steady epoch to compare")
    refused = [c for c in comparison.backends.values() if not c.comparable]
    for reason in dict.fromkeys(c.reasons[0] for c in refused):
        names = listed([backend_name(c.backend) for c in refused if c.reasons[0] == reason])
        told.append(f"No speed ratio for {names}: {reason}")
    return told


def _ranking(model: str, comparison: CaseSpeedups) -> str:
    """Who trains `model` fastest, by the steady epoch."""
    found = [(rival.backend, rival.epoch) for rival in comparison.compared if rival.epoch]
    (first, lead), *others = found
    reference = backend_name(comparison.reference or "")
    once = " in the one round that was run" if lead.single else ""
    if lead.low > 1:
        pace = f"{span(lead.low, lead.high)} times as fast as {reference}"
        rest = f"; {listed([_clause(*other) for other in others])}" if others else ""
        return f"On this machine {backend_name(first)} trains {model} {pace}{once}{rest}"
    clauses = listed([_clause(*rival) for rival in found])
    if all(interval.high < 1 for _, interval in found):
        return f"On this machine {reference} trains {model} fastest{once}: {clauses}"
    return f"On this machine nothing trains {model} clearly faster than {reference}{once}: {clauses}"


def _clause(backend: str, found: Interval) -> str:
    name = backend_name(backend)
    if found.low > 1:
        return f"{name} is {span(found.low, found.high)} times as fast"
    if found.high < 1:
        return f"{name} takes {span(found.inverse.low, found.inverse.high)} times as long"
    return f"{name} cannot be told apart ({span(found.low, found.high)} times as fast)"


def _whole_training(case: Case, comparison: CaseSpeedups) -> str:
    """The same with the first step counted, which may turn the order round."""
    clauses = listed([_clause(rival.backend, found) for rival in comparison.compared if (found := rival.training)])
    turned = any(
        found and rival.epoch and (found.estimate - 1) * (rival.epoch.estimate - 1) < 0
        for rival in comparison.compared
        for found in [rival.training]
    )
    opening = "Yet over" if turned else "Over"
    outcomes = [outcome for rival in comparison.compared for outcome in (*rival.outcomes, *rival.reference_outcomes)]
    most = "at most " if any(len(outcome.times.epochs) < case.epochs for outcome in outcomes) else ""
    return f"{opening} a whole training of {most}{plural(case.epochs, 'epoch')}, compilation included, {clauses}"


def _forecasts(run: Run, groups: list[Group], comparison: CaseSpeedups) -> list[str]:
    """At least one sentence: whether equal models forecast alike, and whether any beats what needs no network."""
    members = len(comparison.compared) + 1
    agreement, (beaten, unbeaten) = _agreement(comparison), _verdict(run, groups)
    if agreement and beaten and members == len(groups):
        told = [f"{_together(members, 'forecast')} {agreement} and {beaten}"]
    else:
        alike = f"{_together(members, 'comparable forecast')} {agreement}" if agreement else ""
        good = f"{_together(len(groups), 'forecast')} {beaten}" if beaten else ""
        told = list(filter(None, (alike, good)))
    return ["; ".join([*told, *unbeaten]), *_better_baseline(run, groups)]


def _together(number: int, what: str) -> str:
    """ "the forecast", "both forecasts", "all three forecasts"."""
    return {1: f"the {what}", 2: f"both {what}s"}.get(number, f"all {count(number)} {what}s")


def _agreement(comparison: CaseSpeedups) -> str:
    found = comparison.largest_error_difference
    return "" if found is None else f"agree within {within(found)} in test MSE"


def _verdict(run: Run, groups: list[Group]) -> tuple[str, list[str]]:
    """What all of them beat with every seed, then a clause on each naive forecast that some do not."""
    naive = {"persistence": "skill_persistence"}
    if all(o.scores.skill_seasonal is not None for group in groups for o in group.outcomes.values()):
        naive["the seasonal naive forecast"] = "skill_seasonal"
    exact = [name for name in naive if run.exact(groups[0].case, BASELINES[name])]
    beaten: list[str] = []
    lost: dict[str, str] = {}
    others = [f"{name} is exact here, so no forecast can beat it" for name in exact]
    for name, skill in naive.items():
        if name in exact:
            continue
        winners = [group for group in groups if all(getattr(o.scores, skill) > 0 for o in group.outcomes.values())]
        if len(winners) == len(groups):
            beaten.append(name)
        elif winners:
            names = listed([backend_name(group.backend) for group in winners])
            others.append(f"only {names} {'beats' if len(winners) == 1 else 'beat'} {name} with every seed")
        else:
            lost[name] = _skills(groups, skill)
    if lost:
        names, skills = " or ".join(lost), listed(list(lost.values()))
        others.append(f"no forecast beats {names} with every seed ({skills}), so none is good")
    verb = "beats" if len(groups) == 1 else "beat"
    return (f"{verb} {listed(beaten)}" if beaten else ""), others


def _skills(groups: list[Group], skill: str) -> str:
    found = [getattr(outcome.scores, skill) for group in groups for outcome in group.outcomes.values()]
    low, high = signed(min(found)), signed(max(found))
    return f"skill {low}" if low == high else f"skill {low} to {high}"


def _better_baseline(run: Run, groups: list[Group]) -> list[str]:
    """The best forecast without a network, where it is at least as good as the best backend's median."""
    medians = [found.estimate for group in groups if (found := over_seeds(group, lambda o: o.scores.mse))]
    known = run.data(groups[0].case).baselines
    if not medians or not known:
        return []
    best = min(known, key=lambda baseline: baseline.scores.mse)
    if best.scores.mse > min(medians):
        return []
    unit = squared(score_unit(run))
    figures = f"test MSE {four_digits(best.scores.mse)} against {four_digits(min(medians))} {unit}".rstrip()
    return [f"{best.name}, which needs no network, {does(best.scores.mse, min(medians))} ({figures})"]


def _limits(run: Run, comparisons: Speedups) -> tuple[str, ...]:
    """Which statements the numbers do not carry, and what would carry them."""
    told = []
    fewest, most = run.seed_counts
    if 0 < fewest < MIN_FOR_INTERVAL:
        shown = "no range is shown" if most == 1 else "the ranges shown are what was seen, no more"
        seeds = plural(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
        told.append(f"{seeds} cannot carry a 95 % interval of a median, {MIN_FOR_INTERVAL} can: {shown}.")
    told += _pooled(run)
    told += [finding(ranking) for ranking in rankings(run, comparisons) if not ranking.enough]
    if len(run.hosts()) > 1:
        told.append(f"Trials ran on {plural(len(run.hosts()), 'host')}: ratios are made within a host only.")
    rounds = [ratio for c in comparisons.values() for ratio in c.compared if ratio.epoch and not ratio.epoch.single]
    unclear = [r for r in rounds if r.epoch and r.epoch.low <= 1 <= r.epoch.high]
    if unclear:
        names = listed(list(dict.fromkeys(backend_name(r.backend) for r in unclear)))
        told.append(f"The speed of {names} is not told apart from the reference's in at least one case.")
    noisy = unique(backend_name(group.backend) for group in run.groups if timing_warnings(group))
    if noisy:
        told.append(f"The machine was noisy: times of {listed(noisy)} are unstable, as noted beside them.")
    return tuple(told)


def _pooled(run: Run) -> list[str]:
    """A sentence for each number of targets; whose it is, where not all cases have as many."""
    numbers = {case_name(case): run.targets(case) for case in run.manifest.cases}
    told = []
    for number in sorted(set(numbers.values()) - {1}):
        names = [name for name, targets in numbers.items() if targets == number]
        whose = "" if len(names) == len(numbers) else f"{listed(names)}: "
        told.append(
            f"{whose}MSE, RMSE, MAE and skill are pooled over {number} targets, each in its own unit, so the target "
            f"with the largest scale dominates them{', but not the scaled errors' if run.scaled else ''}."
        )
    return told


def environment_line(run: Run) -> str:
    """The machine in a few words."""
    found = run.manifest.environment
    return f"{found.processor}, {plural(len(found.cores), 'core')}" + (f", {found.gpu}" if found.gpu else "")


def section(context: Context) -> Section:
    """What the run shows, then what it cannot show."""
    from reports.sections import search_summary

    searched = context.search
    found = search_summary.answer(searched) if searched else answer(context.run, context.speedups)
    leads = (Paragraph(words, "lead") for words in (*found.audited, *found.overview))
    cases = () if found.overview else map(_case_section, found.cases)
    return Section("summary", "Summary", (*leads, *cases, Bullets((*found.limits, *_failures(context.run)))))


def _case_section(case: CaseAnswer) -> Section:
    blocks = (Paragraph(case.layers, "layers"), Paragraph(case.lead, "lead"), Paragraph(case.more))
    return Section("", case.name, tuple(block for block in blocks if block.text), style="case")


def _failures(run: Run) -> tuple[str, ...]:
    """The failures of groups that the main table does not show."""
    return tuple(note for group in run.groups if group not in run.leading for note in failure_notes(group))
