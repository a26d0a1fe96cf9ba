"""The summary of a run: which backend is fastest, how good the forecasts are, and what the run cannot show."""

from collections.abc import Iterable
from itertools import chain, islice

import numpy as np

from reports.analysis.context import Context
from reports.analysis.intervals import MIN_FOR_INTERVAL, Interval
from reports.analysis.metrics import headline_error, median_over_seeds
from reports.analysis.run import Run, unique
from reports.analysis.speedup import CaseSpeedups, Speedup, Speedups
from reports.analysis.timing_quality import timing_kinds, unreliable_because
from reports.figures.gradient_norms import vanished
from reports.records import Case
from reports.render.formats import (
    case_name,
    four_digits,
    listed,
    plural,
    sentence,
    signed,
    significant,
    span,
)
from reports.render.page import Block, Bullets, Paragraph, Section
from reports.render.table import DASH, Cell, Table, TableColumn, numbers, tabulate, words
from reports.sections import published_values, search
from reports.sections.certificate import unequal_backends
from reports.sections.columns import failure_notes, measured
from reports.sections.forecasts import quality
from reports.sections.resources import resolution
from reports.sections.results import pooled_errors
from reports.sections.series_and_origins import finding
from reports.sections.setup import layers

FEW = 4  # models up to which each has a paragraph; more models have a table
STEADY_ALONE = 2  # epochs of which one is left, because the first has the first step
MOST_SENTENCES = 5  # of the summary of many models


def section(context: Context) -> Section:
    """Main statements, then a paragraph for each of a few models or a table of many, then the limits of the run."""
    run = context.run
    leads = [Paragraph(f"Possible leak: {text}", "lead") for text in context.leaks[:1]]
    winners = [Paragraph(sentence(text), "lead") for text in quality.winning_baselines(run)]
    if context.search:
        selected, *more = search.summary_sentences(context.search)
        sentences = (selected, *_judged(context), *more)
        published = published_values.summary_sentences(run)
        blocks: list[Block] = [Paragraph(text, "lead") for text in (*published, *map(sentence, sentences))]
        items = (*unequal_backends(run), *map(sentence, search.limits(context.search)))
    else:
        blocks = [*(_many(context) if len(run.manifest.cases) > FEW else _few(context))]
        items = limits(context)
    other = tuple(note for group in run.groups if group not in run.leading for note in failure_notes(run, group))
    return Section(
        "summary", "Summary", (*leads, *winners, *blocks, *([Bullets((*items, *other))] if items or other else ()))
    )


def _judged(context: Context) -> Iterable[str]:
    """Which baselines the selected configuration of a search beats."""
    run = context.run
    if origins := quality.over_origins(run):
        return origins
    finished = ((case, run.finished(case)) for case in run.manifest.cases)
    return [text for case, groups in finished if groups
            for text in quality.case_forecasts(run, groups, context.speedups[case.label])]  # fmt: skip


def _few(context: Context) -> Iterable[Block]:
    run = context.run
    for text in (*published_values.summary_sentences(run), *_over_origins(run), *_vanishing(run), *_ranked(context)):
        yield Paragraph(text, "lead")
    for case in run.manifest.cases:
        lead, more = case_sentences(run, case, context.speedups)
        blocks = (Paragraph(layers(case), "layers"), Paragraph(lead, "lead"), Paragraph(more))
        yield Section("", case_name(case), tuple(block for block in blocks if block.text), style="case")


def _many(context: Context) -> Iterable[Block]:
    """At most five sentences and a table with a row for each model. Ratios of a single round are only in the table."""
    run, speedups = context.run, context.speedups
    speed, forecasts = _fastest(run, speedups), (*_over_origins(run),) or (quality.beating(run),)
    if any(map(_single_round, speedups.values())):
        speed = ()
    unreliable = [speedup for case in speedups.values() for speedup in case.equal]
    first = (*forecasts, *speed) if unreliable_because(run, unreliable) else (*speed, *forecasts)
    published = published_values.summary_sentences(run)[:1]
    for text in islice(chain(published, first, _ranked(context), _vanishing(run)), MOST_SENTENCES):
        yield Paragraph(text, "lead")
    yield models_table(run, speedups)


def _over_origins(run: Run) -> list[str]:
    """A sentence for each of a few models with several origins."""
    sentences = quality.over_origins(run)
    return sentences if len(sentences) <= FEW else []


def models_table(run: Run, speedups: Speedups) -> Table:
    """A row for each model: the fastest backend, the test error and skill, and the best baseline."""
    metric, unit = headline_error(run), quality.error_unit(run)
    naive = {case.label: quality.best_baseline(run, case) for case in run.manifest.cases}
    columns: tuple[TableColumn[Case], ...] = (
        words("model", case_name),
        words("fastest backend", lambda case: _fastest_cell(run, speedups[case.label])),
        TableColumn("its speed ratio", lambda case: _fastest_ratio(speedups[case.label])),
        TableColumn(metric.label, lambda case: _of_reference(run, case, speedups, metric.name), unit),
        TableColumn("skill", lambda case: _of_reference(run, case, speedups, "skill_persistence")),
        words("best baseline", lambda case: best[0] if (best := naive[case.label]) else DASH),
        numbers("its error", lambda case: best[1] if (best := naive[case.label]) else None, unit, four_digits),
    )
    caption = (
        "The speed ratio of the steady epoch is relative to the reference backend. The error and the skill are those "
        "of the reference backend, or of the first backend if there is none: matched models are equal, so the other "
        "backends have nearly the same error."
    )
    return tabulate("models-summary", "Models", caption, columns, run.manifest.cases)


def _fastest_cell(run: Run, case: CaseSpeedups) -> Cell:
    if case.withheld:
        return Cell("unreliable", notes=(sentence(unreliable_because(run, case.withheld)),), tone="bad")
    if case.fastest is None:
        return DASH
    detail = "" if case.fastest.clear else "not by a clear margin"
    detail = "in the single round" if case.fastest.lead.single else detail
    detail = "not reliable" if unreliable_because(run, case.compared) else detail
    return Cell(run.backend_name(case.fastest.backend), detail=detail)


def _fastest_ratio(case: CaseSpeedups) -> Cell:
    if case.fastest is None:
        return DASH
    speedup = case.backends[case.fastest.backend]
    return Cell("1", 1.0, "reference") if speedup.is_reference else measured(speedup.epoch)


def _of_reference(run: Run, case: Case, speedups: Speedups, metric: str) -> Cell:
    group = run.of(case, run.mode_of(case), speedups[case.label].reference)
    if group is None:
        return DASH
    if metric.startswith("skill") and run.exact(case, "persistence"):
        return Cell("undefined", tone="muted")
    interval = median_over_seeds(group, metric)
    bad = metric.startswith("skill") and interval is not None and interval.low <= 0
    return measured(interval, signed if metric.startswith("skill") else four_digits, tone="bad" if bad else "")


def _compared(speedups: Speedups) -> list[Speedup]:
    return [speedup for case in speedups.values() for speedup in case.compared]


def _caveat(run: Run, speedups: Iterable[Speedup]) -> str:
    """The end of a sentence about ratios that are not reliable; empty if they are."""
    reason = unreliable_because(run, speedups)
    return f"; but {reason}, so the ratios are not reliable" if reason else ""


def _fastest(run: Run, speedups: Speedups) -> tuple[str, ...]:
    """In how many models each backend is fastest; empty if nothing is compared."""
    ratios: dict[str, list[float]] = {}
    for case in speedups.values():
        epoch = case.backends[case.fastest.backend].epoch if case.fastest else None
        if case.fastest and epoch:
            ratios.setdefault(case.fastest.backend, []).append(epoch.estimate)
    withheld = [speedup for case in speedups.values() for speedup in case.withheld]
    reason = unreliable_because(run, withheld)
    number = plural(sum(bool(case.withheld) for case in speedups.values()), "model")
    unreliable = (f"No fastest backend is named for {number}: {reason}.",) if withheld else ()
    if not ratios:
        return unreliable
    parts = []
    for backend in sorted(ratios, key=lambda backend: -len(ratios[backend])):
        low, high = min(ratios[backend]), max(ratios[backend])
        faster = f" ({span(low, high)} times as fast as the reference backend)" if low > 1 else ""
        parts.append(f"{run.backend_phrase(backend)} for {len(ratios[backend])}{faster}")
    compared = plural(sum(map(len, ratios.values())), "model")
    return (
        f"Fastest by the steady epoch, of {compared} compared: {listed(parts)}{_caveat(run, _compared(speedups))}.",
        *unreliable,
    )


def _ranked(context: Context) -> tuple[str, ...]:
    return tuple(finding(ranking) for ranking in context.rankings if ranking.enough)


def _vanishing(run: Run) -> tuple[str, ...]:
    """How far back the gradient reaches after training, for the models whose gradient norms were measured."""
    lags: dict[str, int | None] = {}
    number = 0
    for group in run.leading:
        measured_layers = [o.gradient_norms_after for o in group.outcomes.values() if o.gradient_norms_after]
        if measured_layers and group.case.label not in lags:
            norms = np.median([next(iter(layers.values())) for layers in measured_layers], axis=0)
            lags[group.case.label], number = vanished(norms), len(norms)
    names = {case.label: case_name(case) for case in run.manifest.cases}
    parts = [f"from {lag} steps back in {names[label]}" for label, lag in lags.items() if lag is not None]
    never = [names[label] for label, lag in lags.items() if lag is None]
    if not parts:
        return ()
    rest = f", and at none of the {number} steps in {listed(never)}" if never else ""
    return (f"After training, less than 1 % of the gradient is left {', '.join(parts)}{rest}.",)


def case_sentences(run: Run, case: Case, speedups: Speedups) -> tuple[str, str]:
    """The main statement on a model, about speed and forecast, and the rest.

    Unreliable times come second. A single round shows no difference in speed, so its ratios are not a main statement.
    """
    speedup = speedups[case.label]
    groups = run.finished(case)
    if not groups:
        return _without_outcome(run, case), ""
    (speed, *slower), forecasts = _speed(run, case, speedup), quality.case_forecasts(run, groups, speedup)
    if _single_round(speedup):
        return " ".join(map(sentence, forecasts)), " ".join(map(sentence, (speed, *slower)))
    first = (*forecasts, speed) if unreliable_because(run, speedup.equal) else (speed, *forecasts)
    return " ".join(map(sentence, first)), " ".join(map(sentence, slower))


def _without_outcome(run: Run, case: Case) -> str:
    """How many trials of a model failed, and how many have not run."""
    failed = sum(trial.plan.case == case.label for trial in run.trials)
    waiting = sum(plan.case == case.label for plan in run.manifest.trials) - failed
    if not failed:
        return "No trial has finished yet."
    rest = f", {waiting:,} {'has' if waiting == 1 else 'have'} not run" if waiting else ""
    return f"{plural(failed, 'trial')} failed{rest}."


def _single_round(speedup: CaseSpeedups) -> bool:
    return any(other.epoch.single for other in speedup.compared if other.epoch)


def _speed(run: Run, case: Case, speedup: CaseSpeedups) -> list[str]:
    """At least one sentence: which backend is fastest, or why there is no speed ratio."""
    model = f"this {case.cell.upper()}" if case.units is not None else f"'{case.label}'"
    sentences = []
    if not speedup.backends:
        sentences.append("Native models differ, so this run has no speed ratio")
    elif speedup.compared:
        sentences.append(_fastest_of_case(run, model, speedup) + _caveat(run, speedup.compared))
        sentences.append(_whole_training(run, case, speedup))
    elif len(speedup.backends) == 1 and speedup.reference:
        sentences.append(f"{run.backend_phrase(speedup.reference)} is the only backend, so there is no speed ratio")
    elif all(backend.comparable for backend in speedup.backends.values()) and not speedup.withheld:
        sentences.append("Only one epoch was trained, so there is no steady epoch to compare")
    return [*sentences, *_missing_ratios(run, speedup)]


def _missing_ratios(run: Run, speedup: CaseSpeedups) -> list[str]:
    """A sentence on all backends that have no speed ratio or an unreliable one, with the reasons."""
    refused = {s.backend: s.reasons[0] for s in speedup.backends.values() if not s.comparable}
    reasons = refused | {other.backend: other.withheld for other in speedup.withheld}
    parts = [
        f"for {run.backend_phrases(name for name in reasons if reasons[name] == reason)}: {reason}"
        for reason in unique(reasons.values())
    ]
    return [f"There is no speed ratio {'; nor is there one '.join(parts)}"] if parts else []


def _fastest_of_case(run: Run, model: str, speedup: CaseSpeedups) -> str:
    """Which backend trains `model` fastest by the steady epoch."""
    ratios = [(other.backend, other.epoch) for other in speedup.compared if other.epoch]
    (first, lead), *others = ratios
    reference = run.backend_phrase(speedup.reference or "")
    where = (
        "In the steady state of the single round (one seed)" if lead.single else "In the steady state on this machine"
    )
    if lead.low > 1:
        ratio = f"{span(lead.low, lead.high)} times as fast as {reference}"
        rest = f"; {listed([_clause(run, *other) for other in others])}" if others else ""
        return f"{where} {run.backend_phrase(first)} trains {model} {ratio}{rest}"
    clauses = listed([_clause(run, *ratio) for ratio in ratios])
    if speedup.withheld:  # a backend whose ratio is withheld may be faster
        return f"{where}, relative to {reference}, {clauses}"
    if all(interval.high < 1 for _, interval in ratios):
        return f"{where} {reference} trains {model} fastest: {clauses}"
    return f"{where} no backend trains {model} clearly faster than {reference}: {clauses}"


def around_one(ratio: Interval) -> str:
    """The limits of an interval that contains 1, with three digits if two would round one of them to 1."""
    rounded = {significant(limit, 2) for limit in (ratio.low, ratio.high)}
    digits = 3 if rounded & {"1.0"} else 2
    return f"{significant(ratio.low, digits)} to {significant(ratio.high, digits)}"


def _clause(run: Run, backend: str, ratio: Interval) -> str:
    name = run.backend_phrase(backend)
    if ratio.low > 1:
        return f"{name} is {span(ratio.low, ratio.high)} times as fast"
    if ratio.high < 1:
        return f"{name} takes {span(1 / ratio.high, 1 / ratio.low)} times as long"
    return f"{name} is neither clearly faster nor clearly slower ({around_one(ratio)} times as fast)"


def _whole_training(run: Run, case: Case, speedup: CaseSpeedups) -> str:
    """The ratios of the whole training, in which compilation may reverse the order."""
    ratios = [(other, other.training) for other in speedup.compared if other.training]
    clauses = listed([_clause(run, other.backend, ratio) for other, ratio in ratios])
    reversed_order = any(
        other.epoch and (ratio.estimate - 1) * (other.epoch.estimate - 1) < 0 for other, ratio in ratios
    )
    outcomes = [outcome for other, _ in ratios for outcome in (*other.outcomes, *other.reference_outcomes)]
    most = "at most " if any(len(outcome.times.epochs) < case.epochs for outcome in outcomes) else ""
    order = "the order changes: " if reversed_order else ""
    epochs, reference = f"{most}{plural(case.epochs, 'epoch')}", run.backend_phrase(speedup.reference or "")
    return f"Over a whole training of {epochs}, compilation included, {order}relative to {reference}, {clauses}"


def _recorded(run: Run) -> bool:
    """Whether the forecasts of baselines are recorded."""
    return any(len(baseline.predictions) for data in run.manifest.data.values() for baseline in data.baselines)


def limits(context: Context) -> tuple[str, ...]:
    """What the run cannot show, and what would show it."""
    run, speedups = context.run, context.speedups
    items = list(unequal_backends(run)) if len(run.manifest.cases) > FEW else []  # few models name them above
    fewest, most = run.seed_counts
    if 0 < fewest < MIN_FOR_INTERVAL:
        seeds = plural(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
        shown = "no range is shown" if most == 1 else "the ranges shown are the lowest and the highest value"
        items.append(f"A 95 % interval of a median needs {MIN_FOR_INTERVAL} seeds. This run has {seeds}: {shown}.")
    if any(len(outcome.times.epochs) == STEADY_ALONE for group in run.groups for outcome in group.outcomes.values()):
        items.append("With two epochs the steady epoch is the second one alone, and no median: train more epochs.")
    items += pooled_errors(run)
    if fewest and not _recorded(run):
        items.append("The forecasts of the baselines were not recorded, so differences from them are not tested.")
    items += [finding(ranking) for ranking in context.rankings if not ranking.enough]
    if len(run.hosts()) > 1:
        items.append(f"Trials ran on {plural(len(run.hosts()), 'host')}: speed ratios are computed within a host.")
    ratios = [other for case in speedups.values() for other in case.compared if other.epoch and not other.epoch.single]
    unclear = [other for other in ratios if other.epoch and other.epoch.low <= 1 <= other.epoch.high]
    if unclear:
        names = run.backend_phrases(other.backend for other in unclear)
        items.append(f"At least one speed ratio of {names} includes 1: no difference from the reference is shown.")
    if any(case.compared for case in speedups.values()):
        items.append(resolution(run))
    if any(case.withheld for case in speedups.values()):
        command = run.manifest.command_on("report", run.manifest.name, "--show-unreliable")
        items.append(
            f"Unreliable speed ratios are withheld (repeat the run on a quiet machine); `{command}` shows them."
        )
    noisy = run.backend_phrases(group.backend for group in run.leading if timing_kinds(group))
    if noisy:
        items.append(
            f'Footnotes at some times of {noisy} say why they are uncertain; the table "Times" has the numbers.'
        )
    return tuple(items)
