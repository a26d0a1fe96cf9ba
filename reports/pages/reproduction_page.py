"""The reproducibility check: a repeated run compared with the stored run, trial by trial."""

from collections import Counter
from collections.abc import Callable, Iterator
from math import isfinite

from reports.analysis.intervals import MAX_N, PairedEffect
from reports.analysis.reproduction import Reproduction, TimeRatio, TrialReproduction
from reports.analysis.run import unique
from reports.analysis.timing_quality import MAX_BACKGROUND_LOAD, largest_background_load
from reports.records import Plan, Trial
from reports.render.formats import case_name, listed, per_cent, plural, scientific, sentence, whole
from reports.render.page import Bullets, Page, Paragraph, Section, table_section
from reports.render.table import NONE, Cell, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import measured

SPEEDS = {
    "same": "equally fast",
    "within": "equally fast, within noise",
    "up": "slower, beyond noise",
    "down": "faster, beyond noise",
}
Number = Callable[[TrialReproduction], float | None]


def page(check: Reproduction, original: str) -> Page:
    """The page of a reproducibility check; `original` is the name of the stored run."""
    closing = (*_skipped(check), *_not_deterministic(check), *_background_load(check), conclusion(check))
    return Page(
        f"Reproducibility check of {original}, {check.stored.manifest.title}",
        (
            Section("environment", "", (Paragraph(_requirement(check)), Bullets(check.differences))),
            *(table_section(table) for table in (_trials(check), _times(check)) if table.rows),
            Section("conclusion", "", tuple(map(Paragraph, closing))),
        ),
    )


def conclusion(check: Reproduction) -> str:
    """Whether all trials were reproduced, and the reasons for those that were not."""
    good = [row for row in check.rows if row.reproduced]
    verdicts = Counter(row.verdict for row in good)
    kinds = listed([f"{count} {verdict}" for verdict, count in verdicts.items()])
    if check.good and len(good) == 1:
        return f"Reproduced: the trial, {good[0].verdict}."
    if check.good:
        return f"Reproduced: all {len(good)} trials, {good[0].verdict if len(verdicts) == 1 else kinds}."
    bad = [row for row in check.rows if not row.reproduced]
    reasons = "; ".join(
        f"{_name(check, row.plan, case_name(row.case))}, {row.verdict}: {row.reason}" for row in bad[:3]
    )
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    rest = f" The others were reproduced: {kinds}." if good else ""
    return f"Not reproduced: {len(bad)} of {plural(len(check.rows), 'trial')}. {reasons}{more}.{rest}"


def facts(check: Reproduction) -> list[dict[str, object]]:
    """A JSON object per trial, then one per backend with its time ratio."""
    trials: list[dict[str, object]] = [
        {
            "key": row.plan.key,
            "case": row.plan.case,
            "backend": row.plan.backend,
            "mode": row.plan.mode,
            "seed": row.plan.seed,
            "verdict": row.verdict,
            "reproduced": row.reproduced,
            "bit_for_bit_due": row.exact,
            "losses": _json_number(row.losses),
            "predictions": _json_number(row.predictions),
            "reason": row.reason or None,
        }
        for row in check.rows
    ]
    times: list[dict[str, object]] = [
        {"backend": ratio.backend, "trials": ratio.trials, "epoch_ratio": effect_facts(ratio.effect)}
        for ratio in check.times
    ]
    return [*trials, *times]


def _json_number(value: float | None) -> float | str | None:
    """JSON has no number for infinity, which becomes text."""
    return value if value is None or isfinite(value) else str(value)


def effect_facts(effect: PairedEffect | None) -> dict[str, object] | None:
    """An effect size as a JSON object: estimate, limits, state, and the number of pairs needed."""
    if effect is None:
        return None
    interval = effect.interval
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "state": effect.state,
        "required": effect.required_n,
    }


def too_few(effect: PairedEffect, noun: str) -> str:
    """How many pairs are needed; more than `MAX_N` are not recommended, because such noise has a cause."""
    return "too noisy to tell" if effect.required_n > MAX_N else f"too few {noun} ({effect.required_n} are needed)"


def _name(check: Reproduction, plan: Plan, case: str) -> str:
    return f"{check.stored.backend_name(plan.backend)}, {case}, {plan.mode}, seed {plan.seed}"


def _requirement(check: Reproduction) -> str:
    """How closely the results must agree, from the differences between the two machines."""
    opening = f"The stored run started {check.stored.manifest.started}. "
    if all(row.losses is None for row in check.rows):
        return f"{opening}No trial could be repeated."
    if check.decisive:
        return (
            f"{opening}Machine or versions differ in a way that can change the last bits of a result: "
            f"{listed(check.decisive)}. Results must therefore agree within a bound. All differences:"
        )
    also = "; the remaining differences cannot change a result:" if check.differences else "."
    return f"{opening}Machine and versions are the same, so results must agree bit for bit{also}"


def _trials(check: Reproduction) -> Table:
    return tabulate(
        "trials",
        "Trials",
        "The largest difference of a loss, relative to the stored loss, and of a forecast, relative to the standard "
        "deviation of the truth. Bit for bit covers losses, forecasts, windows, batches, initial and trained weights.",
        (
            words("model", lambda row: case_name(row.case)),
            words("backend", lambda row: check.stored.backend_name(row.plan.backend)),
            words("mode", lambda row: row.plan.mode),
            numbers("seed", lambda row: row.plan.seed, form=lambda seed: f"{seed:.0f}"),
            words("verdict", lambda row: Cell(row.verdict, tone="good" if row.reproduced else "bad")),
            numbers("losses", lambda row: row.losses, form=scientific),
            numbers("forecast", lambda row: row.predictions, form=scientific),
        ),
        check.rows,
    )


def _times(check: Reproduction) -> Table:
    return tabulate(
        "times",
        "Times",
        "The time of a steady epoch relative to the stored run: the geometric mean over a backend's trials with its "
        "95 % t interval, or over the epochs of a single trial. Times do not affect the verdict.",
        (
            words("backend", lambda ratio: check.stored.backend_name(ratio.backend)),
            numbers("trials", lambda ratio: ratio.trials, form=whole),
            TableColumn("epoch, relative to stored", _ratio, vital=True),
            words("verdict", _speed),
        ),
        check.times,
    )


def _ratio(ratio: TimeRatio) -> Cell:
    return measured(ratio.effect.interval if ratio.effect else None)


def _speed(ratio: TimeRatio) -> str:
    if ratio.effect is None:
        return NONE
    return SPEEDS.get(ratio.effect.state) or too_few(ratio.effect, "trials")


def _skipped(check: Reproduction) -> Iterator[str]:
    trials = [f"{_name(check, plan, plan.case)}: {reason}" for plan, reason in check.skipped]
    if trials:
        yield f"Not repeated, because the stored run has no result: {'; '.join(trials)}."


def _not_deterministic(check: Reproduction) -> Iterator[str]:
    """A sentence per backend whose results differ although nothing that can change them does."""
    for backend in unique(row.plan.backend for row in check.nondeterministic):
        rows = [row for row in check.nondeterministic if row.plan.backend == backend]
        losses, forecasts = (_largest(rows, number) for number in (lambda r: r.losses, lambda r: r.predictions))
        name = check.stored.backend_phrase(backend)
        yield sentence(
            f"{name} was not deterministic in {plural(len(rows), 'trial')}: on the same machine with the same "
            f"versions, its losses differ by up to {losses} and its forecasts by up to {forecasts}, relative. "
            "If the commit of the checkout differs, the code may be the cause."
        )


def _largest(rows: list[TrialReproduction], number: Number) -> str:
    return scientific(max(number(row) or 0.0 for row in rows))


def _background_load(check: Reproduction) -> Iterator[str]:
    keys = {row.plan.key for row in check.rows}

    def load(trials: tuple[Trial, ...]) -> float:
        return largest_background_load(trial.outcome for trial in trials if trial.outcome and trial.plan.key in keys)

    stored, repeated = load(check.stored.trials), load(check.repeated.trials)
    if max(stored, repeated) > MAX_BACKGROUND_LOAD:
        yield (
            f"Other programs used up to {per_cent(stored)} of the cores in the stored run and {per_cent(repeated)} in "
            "the repeated run: the times are not reliable."
        )
