"""Sentences on the quality of the forecasts. "Beats" stands for a test over the test windows, see judgement."""

from collections.abc import Iterable, Sequence
from math import isnan

from reports.analysis.forecasts.judgement import Judgement, judged
from reports.analysis.metrics import SKILLS, beats, headline_error, median_over_seeds, naive_errors, skill
from reports.analysis.run import Group, Run, score_unit, unique
from reports.analysis.speedup import CaseSpeedups
from reports.records import Case
from reports.render.formats import case_name, count, four_digits, listed, plural, probability, signed, within

MOST_WINNERS = 3  # data sets that a sentence names


def error_unit(run: Run) -> str:
    return headline_error(run).unit_in(score_unit(run))


def best_baseline(run: Run, case: Case) -> tuple[str, float] | None:
    """The name of the baseline with the lowest headline error, and this error."""
    errors = naive_errors(run.data(case), headline_error(run))
    return min(errors.items(), key=lambda pair: pair[1], default=None)


def winning_baselines(run: Run) -> tuple[str, ...]:
    """One sentence if a baseline has a lower error than every model on a data set, with the result of the test."""
    clauses = []
    keys = unique(case.data for case in run.manifest.cases)
    for key in keys:
        groups = [group for group in run.leading if group.case.data == key and group.outcomes]
        clauses += _winning(run, groups) if groups else []
    if not clauses:
        return ()
    if len(keys) == 1:
        return (clauses[0],)
    more = f", and {len(clauses) - MOST_WINNERS} more" if len(clauses) > MOST_WINNERS else ""
    return (
        f"On {len(clauses)} of {len(keys)} data sets a baseline has the lowest error: "
        f"{'; '.join(clauses[:MOST_WINNERS])}{more}",
    )


def _winning(run: Run, groups: Sequence[Group]) -> list[str]:
    metric, best = headline_error(run), best_baseline(run, groups[0].case)
    medians = {group: interval.estimate for group in groups if (interval := median_over_seeds(group, metric))}
    if best is None or not medians:
        return []
    group = min(medians, key=lambda group: medians[group])
    name, error = best
    if error >= medians[group]:
        return []
    judgement = judged(group, name)
    evidence = {
        "worse": f"the difference is significant, {probability(judgement.p)}",
        "untested": "the difference was not tested",
    }.get(judgement.state, f"the difference is not significant, {probability(judgement.p)}")
    unit = f" {error_unit(run)}".rstrip()
    return [
        f"The baseline {name} forecasts {groups[0].data.series} with a lower {metric.label} than every model: "
        f"{four_digits(error)} against {four_digits(medians[group])}{unit} of the best, {case_name(group.case)} "
        f"({evidence})"
    ]


def beating(run: Run) -> str:
    """How many forecasts beat persistence with every seed."""
    groups = [group for group in run.leading if group.outcomes]
    good = sum(beats(run, group, "persistence") for group in groups)
    exact = sum(run.exact(group.case, "persistence") for group in groups)
    tested = [judged(group, "persistence").state != "untested" for group in groups]
    test = " (p < 0.05)" if good and all(tested) else ""
    note = f"; for {exact} of them persistence has no error and cannot be beaten" if exact else ""
    return f"{good} of {plural(len(groups), 'forecast')} beat persistence with every seed{test}{note}."


def case_forecasts(run: Run, groups: Sequence[Group], speedup: CaseSpeedups) -> list[str]:
    """A sentence: whether matched models forecast alike, and which baselines they beat."""
    members = len(speedup.equal) + 1
    agreement = (
        ""
        if speedup.largest_error_difference is None
        else f"agree within {within(speedup.largest_error_difference)} in test MSE"
    )
    beaten, others = _clauses(run, groups)
    if agreement and beaten and members == len(groups):
        clauses = [f"{_together(members, 'forecast')} {agreement} and {beaten}"]
    else:
        alike = f"{_together(members, 'comparable forecast')} {agreement}" if agreement else ""
        good = f"{_together(len(groups), 'forecast')} {beaten}" if beaten else ""
        clauses = list(filter(None, (alike, good)))
    return ["; ".join([*clauses, *others])]


def _together(number: int, what: str) -> str:
    """ "the forecast", "both forecasts", "all three forecasts"."""
    return {1: f"the {what}", 2: f"both {what}s"}.get(number, f"all {count(number)} {what}s")


def _names(run: Run, groups: Sequence[Group]) -> dict[str, str]:
    """The baselines that sentences compare with, by name with their phrase: two naive ones, and the best of all."""
    names = {name: "the seasonal naive forecast" if name == "seasonal naive" else name for name in SKILLS.values()}
    best = best_baseline(run, groups[0].case)
    tested = best and all(judged(group, best[0]).state != "untested" for group in groups)
    return names | ({best[0]: f"the best baseline ({best[0]})"} if best and tested and best[0] not in names else {})


def _clauses(run: Run, groups: Sequence[Group]) -> tuple[str, list[str]]:
    """What all forecasts beat with every seed, then a clause for the baselines that some do not beat."""
    beaten: dict[str, Judgement] = {}
    lost: dict[str, str] = {}
    undecided: dict[str, str] = {}
    others: list[str] = []
    data = groups[0].data
    seeds = " with every seed" if max(len(group.outcomes) for group in groups) > 1 else ""
    for naive, name in _names(run, groups).items():
        if run.exact(groups[0].case, naive):
            others.append(f"{name} has no error on this test part, so no forecast can beat it")
            continue
        skills = [skill(data, outcome.scores, naive) for group in groups for outcome in group.outcomes.values()]
        known = [value for value in skills if value is not None]
        if len(known) < len(skills):
            continue  # the series has no season
        judgements = [judged(group, naive) for group in groups]
        better = [group for group in groups if beats(run, group, naive)]
        low, high = signed(min(known)), signed(max(known))
        evidence = f"skill {low}" if low == high else f"skill {low} to {high}"
        if not any(isnan(judgement.p) for judgement in judgements):
            evidence += f", {_largest(judgements)}"
        if len(better) == len(groups):
            beaten[name] = max(judgements, key=lambda judgement: judgement.p)
        elif better:
            names = run.backend_phrases(group.backend for group in better)
            others.append(f"only {names} {'beats' if len(better) == 1 else 'beat'} {name}{seeds}")
        elif any(judgement.state == "undecided" for judgement in judgements):
            undecided[name] = evidence
        else:
            lost[name] = evidence
    others += _not_beaten(lost, undecided, seeds, single=len(groups) == 1)
    verb = "beats" if len(groups) == 1 else "beat"
    tested = [judgement for judgement in beaten.values() if not isnan(judgement.p)]
    test = f" ({_largest(tested)})" if tested else ""
    return (f"{verb} {listed(list(beaten))}{test}" if beaten else ""), others


def _largest(judgements: Iterable[Judgement]) -> str:
    return probability(max(judgement.p for judgement in judgements))


def _not_beaten(lost: dict[str, str], undecided: dict[str, str], seeds: str, *, single: bool) -> list[str]:
    clauses = []
    if lost:
        those = f"{' or '.join(lost)}{seeds} ({listed(list(lost.values()))})"
        clauses.append(
            f"the forecast does not beat {those}, so it is not good"
            if single
            else f"no forecast beats {those}, so none is good"
        )
    if undecided:
        those = f"{' or '.join(undecided)}{seeds} ({listed(list(undecided.values()))})"
        subject = "the forecast cannot" if single else "no forecast can"
        clauses.append(f"{subject} be distinguished from {those}")
    return clauses
