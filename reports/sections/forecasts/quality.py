"""Sentences on the quality of the forecasts. "Beats" stands for a test over all origins, see judgement."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import fmean
from typing import Literal, get_args

from reports.analysis.forecasts.judgement import Judgement, judged
from reports.analysis.metrics import SKILLS, Metric, beats, headline_error, median_over_seeds, naive_errors, skill
from reports.analysis.run import Group, Origins, Run, score_unit, unique
from reports.analysis.speedup import CaseSpeedups
from reports.records import Case
from reports.render.formats import count, four_digits, listed, plural, probability, signed, within

MOST_WINNERS = 3  # data sets that a sentence names

# how forecasts compare with a baseline; untested: there are too few windows for a test, and the error of at least one
# forecast is higher, or that of all is lower
Standing = Literal[
    "all beat", "some beat", "all worse", "none beats", "undecided", "untested, higher", "untested, lower"
]


def error_unit(run: Run) -> str:
    return headline_error(run).unit_in(score_unit(run))


def best_baseline(run: Run, *cases: Case) -> tuple[str, float] | None:
    """The name of the baseline with the lowest headline error, and this error; of several origins the mean."""
    return min(baseline_errors(run, headline_error(run), *cases).items(), key=lambda pair: pair[1], default=None)


def baseline_errors(run: Run, error: Metric, *cases: Case) -> dict[str, float]:
    """The error of each baseline that all cases have; of several origins the mean."""
    errors = [naive_errors(run.data(case), error) for case in cases]
    return {name: fmean(of[name] for of in errors) for name in errors[0] if all(name in of for of in errors)}


def over(groups: Origins) -> str:
    """ " over 5 origins", or nothing for one group."""
    return f" over {len(groups)} origins" if len(groups) > 1 else ""


def winning_baselines(run: Run) -> tuple[str, ...]:
    """One sentence if a baseline has a lower error than every model on a data set, with the result of the test.

    Models with the same test values are on one data set, also if their windows are cut in different ways.
    """
    clauses = []
    keys = unique(map(_test_values, run.models))
    for key in keys:
        clauses += _winning(run, [groups for groups in run.models if _test_values(groups) == key])
    if not clauses:
        return ()
    if len(keys) == 1:
        return (clauses[0],)
    more = f", and {len(clauses) - MOST_WINNERS} more" if len(clauses) > MOST_WINNERS else ""
    return (
        f"On {len(clauses)} of {len(keys)} data sets a baseline has the lowest error: "
        f"{'; '.join(clauses[:MOST_WINNERS])}{more}",
    )


def _test_values(groups: Origins) -> tuple[Hashable, ...]:
    """What a model forecasts at each origin."""
    return tuple((group.data.series, group.data.test_times, group.data.test_truth) for group in groups)


def _winning(run: Run, models: Sequence[Origins]) -> list[str]:
    metric = headline_error(run)
    medians: dict[Origins, float] = {}
    for groups in models:
        intervals = [interval for group in groups if (interval := median_over_seeds(group, metric))]
        if len(intervals) == len(groups):
            medians[groups] = fmean(interval.estimate for interval in intervals)
    if not medians:
        return []
    groups = min(medians, key=lambda groups: medians[groups])
    best = best_baseline(run, *(group.case for group in groups))
    if best is None or best[1] >= medians[groups]:
        return []
    name, error = best
    judgement = judged(groups, name)
    evidence = {
        "worse": f"the difference is significant, {probability(judgement.p)}",
        "untested": "the difference was not tested",
        "few": "the test part has too few windows for a test",
    }.get(judgement.state, f"the difference is not significant, {probability(judgement.p)}")
    unit, mean = f" {error_unit(run)}".rstrip(), "in the mean " if len(groups) > 1 else ""
    model = run.model_name(groups[0].case)
    matched = " in matched mode" if len(run.modes) > 1 else ""
    than, best_model = (model, "") if len(models) == 1 else (f"every model{matched}", f" of the best, {model}")
    return [
        f"The baseline {name} forecasts {groups[0].data.series} with a lower {metric.label} than {than}{over(groups)}: "
        f"{mean}{four_digits(error)} against {four_digits(medians[groups])}{unit}{best_model} ({evidence})"
    ]


def beating(run: Run) -> str:
    """How many forecasts beat persistence with every seed."""
    models = run.models
    good = sum(beats(run, groups[0], "persistence") for groups in models)
    exact = sum(_exact(run, groups, "persistence") for groups in models)
    states = [judged(groups, "persistence").state for groups in models]
    origins = over(max(models, key=len, default=()))
    test = f" (p < 0.05{origins})" if good and "untested" not in states else ""
    note = f"; for {exact} of them persistence has no error and cannot be beaten" if exact else ""
    note += f"; {states.count('few')} of them have too few windows for a test" if "few" in states else ""
    return f"{good} of {plural(len(models), 'forecast')} beat persistence with every seed{test}{note}."


def _exact(run: Run, groups: Origins, name: str) -> bool:
    return any(run.exact(group.case, name) for group in groups)


def over_origins(run: Run) -> list[str]:
    """A sentence for each model with several origins: which baselines its forecasts beat over all of them."""
    backends: dict[str, list[Origins]] = {}
    for groups in run.models:
        if len(groups) > 1:
            backends.setdefault(run.model_name(groups[0].case), []).append(groups)
    return [f"{name}: {_all_beat(run, models)}." for name, models in backends.items()]


def _all_beat(run: Run, models: Sequence[Origins]) -> str:
    beaten, others = _clauses(run, models)
    return "; ".join([*([f"{_together(len(models))} {beaten}"] if beaten else []), *others])


def case_forecasts(run: Run, groups: Sequence[Group], speedup: CaseSpeedups) -> list[str]:
    """At most one sentence: whether matched models forecast alike, and which baselines they beat.

    What models with several origins beat is in the sentences of `over_origins`.
    """
    members = len(speedup.equal) + 1
    agreement = (
        ""
        if speedup.largest_error_difference is None
        else f"agree within {within(speedup.largest_error_difference)} in test MSE"
    )
    single = all(len(run.over_origins(group)) == 1 for group in groups)
    beaten, others = _clauses(run, [(group,) for group in groups]) if single else ("", [])
    if agreement and beaten and members == len(groups):
        clauses = [f"{_together(members)} {agreement} and {beaten}"]
    else:
        alike = f"{_together(members)} of equal models {agreement}" if agreement else ""
        good = f"{_together(len(groups))} {beaten}" if beaten else ""
        clauses = list(filter(None, (alike, good)))
    return ["; ".join([*clauses, *others])] if clauses or others else []


def _together(number: int) -> str:
    """ "the forecast", "both forecasts", "all three forecasts"."""
    return {1: "the forecast", 2: "both forecasts"}.get(number, f"all {count(number)} forecasts")


def _names(run: Run, models: Sequence[Origins]) -> dict[str, str]:
    """The baselines that sentences compare with, by name with their phrase: two naive ones, and the best of all."""
    names = {name: "the seasonal naive forecast" if name == "seasonal naive" else name for name in SKILLS.values()}
    best = best_baseline(run, *(group.case for group in models[0]))
    tested = best and all(judged(groups, best[0]).state not in ("untested", "few") for groups in models)
    return names | ({best[0]: f"the best baseline ({best[0]})"} if best and tested and best[0] not in names else {})


def _clauses(run: Run, models: Sequence[Origins]) -> tuple[str, list[str]]:
    """What all forecasts beat with every seed, then a clause for the baselines that some do not beat."""
    standings: dict[Standing, dict[str, str]] = {standing: {} for standing in get_args(Standing)}
    beaten: list[Judgement] = []
    others: list[str] = []
    names, origins = _names(run, models), over(models[0])
    seeds = " with every seed" if max(len(group.outcomes) for groups in models for group in groups) > 1 else ""
    for naive, name in names.items():
        if _exact(run, models[0], naive):
            others.append(f"{name} has no error on this test part, so no forecast can beat it")
        elif (evidence := _evidence(run, models, naive)) is not None:
            judgements = [judged(groups, naive) for groups in models]
            better = [groups[0] for groups in models if beats(run, groups[0], naive)]
            standing = _standing(evidence, judgements, better)
            standings[standing][name] = evidence.text
            if standing == "all beat":
                beaten.append(max(judgements, key=lambda judgement: judgement.p))
            elif standing == "some beat":
                phrases = run.backend_phrases(group.backend for group in better)
                others.append(f"only {phrases} {'beats' if len(better) == 1 else 'beat'} {name}{seeds}")
    others += _not_beaten(standings, seeds, single=len(models) == 1)
    others += _not_tested(standings, seeds, single=len(models) == 1)
    verb = "beats" if len(models) == 1 else "beat"
    tested = [judgement for judgement in beaten if not isnan(judgement.p)]
    test = f" ({_largest(tested)}{origins})" if tested else origins
    return (f"{verb} {listed(list(standings['all beat']))}{test}" if beaten else ""), others


@dataclass(frozen=True)
class Evidence:
    """The skill of several forecasts against one baseline."""

    lowest: float  # of all forecasts and seeds
    text: str  # the range of the skill, and the largest p-value where all were tested


def _evidence(run: Run, models: Sequence[Origins], naive: str) -> Evidence | None:
    """None where a forecast has no skill against the baseline, as for a series without a season."""
    groups = [group for of_model in models for group in of_model]
    skills = [skill(group.data, scored.scores, naive) for group in groups for scored in group.outcomes.values()]
    known = [value for value in skills if value is not None]
    if len(known) < len(skills):
        return None
    low, high = signed(min(known)), signed(max(known))
    text = f"skill against {naive} {low}" + (f" to {high} over all seeds" if low != high else "")
    judgements = [judged(of_model, naive) for of_model in models]
    if not any(isnan(judgement.p) for judgement in judgements):
        text += f", {_largest(judgements)}{over(models[0])}"
    return Evidence(min(known), text)


def _standing(evidence: Evidence, judgements: Sequence[Judgement], better: Sequence[Group]) -> Standing:
    """How the forecasts of all models compare with a baseline. better: the models that beat it."""
    states = [judgement.state for judgement in judgements]
    if "few" in states:
        return "untested, lower" if evidence.lowest > 0 else "untested, higher"
    if better:
        return "all beat" if len(better) == len(states) else "some beat"
    if "undecided" in states:
        return "undecided"
    return "all worse" if set(states) == {"worse"} else "none beats"


def _not_tested(standings: Mapping[Standing, dict[str, str]], seeds: str, *, single: bool) -> list[str]:
    """A clause on the baselines that no test compares the forecasts with, because there are too few windows."""
    higher, lower = standings["untested, higher"], standings["untested, lower"]
    clauses = []
    if lower:
        have = "the forecast has" if single else "all forecasts have"
        clauses.append(f"{have} a lower error than {listed(list(lower))}{seeds} ({'; '.join(lower.values())})")
    if higher:
        have = "the forecast has no" if single else "not every forecast has a"
        clauses.append(f"{have} lower error than {' or '.join(higher)}{seeds} ({'; '.join(higher.values())})")
    good = "the forecast is not called good" if single else "no forecast is called good"
    return [f"{' and '.join(clauses)}; the test part has too few windows for a test, so {good}"] if clauses else []


def _largest(judgements: Iterable[Judgement]) -> str:
    return probability(max(judgement.p for judgement in judgements))


def _not_beaten(standings: Mapping[Standing, dict[str, str]], seeds: str, *, single: bool) -> list[str]:
    """A clause each on the baselines that a test shows to be better, that no forecast beats, and that are undecided."""
    worse, lost, undecided = standings["all worse"], standings["none beats"], standings["undecided"]
    clauses = []
    if worse:
        verb = "has" if len(worse) == 1 else "have"
        rest = "it is not good" if single else "none is good"
        those = f"than {'the forecast' if single else 'every forecast'}{seeds} ({'; '.join(worse.values())})"
        clauses.append(f"{listed(list(worse))} {verb} a lower error {those}, so {rest}")
    if lost:
        those = f"{' or '.join(lost)}{seeds} ({'; '.join(lost.values())})"
        clauses.append(
            f"the forecast does not beat {those}, so it is not good"
            if single
            else f"no forecast beats {those}, so none is good"
        )
    if undecided:
        those = f"{' or '.join(undecided)}{seeds} ({'; '.join(undecided.values())})"
        subject = "the forecast cannot" if single else "no forecast can"
        clauses.append(f"{subject} be distinguished from {those}")
    return clauses
