"""A reproduction in words and tables."""

from collections import Counter
from collections.abc import Callable
from math import isfinite

from reports.analysis.effect_size import EffectSize
from reports.analysis.intervals import MAX_BACKGROUND_LOAD
from reports.analysis.reproduction import Reproduction, TimeRatio, TrialReproduction
from reports.analysis.run import unique
from reports.analysis.timing_quality import most_disturbed
from reports.records import Plan, Trial
from reports.render.formats import backend_name, case_name, listed, per_cent, plural, scientific, whole
from reports.render.page import Bullets, Page, Paragraph, Section, table_section
from reports.render.table import NONE, Cell, Column, Table, number, row, text
from reports.sections.columns import measured

PACES = {
    "same": "as fast",
    "within": "as fast, within noise",
    "up": "slower, beyond noise",
    "down": "faster, beyond noise",
}


def page(found: Reproduction, original: str) -> Page:
    """original: how the stored run is called."""
    started = found.stored.manifest.started
    closing = (*_skipped(found), *_wavering(found), *_load(found), conclusion(found))
    return Page(
        f"Reproduction of {original}, {found.stored.manifest.title}",
        (
            Section("environment", "", (Paragraph(_demand(found, started)), Bullets(found.differences))),
            *(table_section(table) for table in (_trials(found), _times(found)) if table.rows),
            Section("conclusion", "", tuple(map(Paragraph, closing))),
        ),
    )


def conclusion(found: Reproduction) -> str:
    """The verdict in a sentence or two."""
    good = [row for row in found.rows if row.reproduced]
    verdicts = Counter(row.verdict for row in good)
    kinds = listed([f"{number} {verdict}" for verdict, number in verdicts.items()])
    if found.good and len(good) == 1:
        return f"Reproduced: the trial, {good[0].verdict}."
    if found.good:
        return f"Reproduced: all {len(good)} trials, {good[0].verdict if len(verdicts) == 1 else kinds}."
    bad = [row for row in found.rows if not row.reproduced]
    worst = "; ".join(f"{named(row)}, {row.verdict}: {row.reason}" for row in bad[:3])
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    rest = f" The others were reproduced: {kinds}." if good else ""
    return f"Not reproduced: {len(bad)} of {plural(len(found.rows), 'trial')}. {worst}{more}.{rest}"


def named(row: TrialReproduction) -> str:
    return f"{backend_name(row.plan.backend)}, {case_name(row.case)}, {row.plan.mode}, seed {row.plan.seed}"


def facts(found: Reproduction) -> list[dict[str, object]]:
    """A JSON object a row: first the trials, then the times."""
    told: list[dict[str, object]] = [
        {
            "key": one.plan.key,
            "case": one.plan.case,
            "backend": one.plan.backend,
            "mode": one.plan.mode,
            "seed": one.plan.seed,
            "verdict": one.verdict,
            "reproduced": one.reproduced,
            "bit_for_bit_due": one.exact,
            "losses": _finite(one.losses),
            "predictions": _finite(one.predictions),
            "reason": one.reason or None,
        }
        for one in found.rows
    ]
    told += [{"backend": p.backend, "trials": p.trials, "epoch_ratio": shift_facts(p.effect)} for p in found.paces]
    return told


def _finite(value: float | None) -> float | str | None:
    """JSON has no word for infinity."""
    return value if value is None or isfinite(value) else str(value)


def shift_facts(shift: EffectSize | None) -> dict[str, object] | None:
    """The second figure to the first: middle, limits, whether it is beyond noise, and how many pairs would do."""
    if shift is None:
        return None
    middle = shift.interval
    return {
        "middle": middle.estimate,
        "low": middle.low,
        "high": middle.high,
        "state": shift.state,
        "needed": shift.required_n,
    }


def _demand(found: Reproduction, started: str) -> str:
    opening = f"The stored run began {started}. "
    if all(row.losses is None for row in found.rows):
        return f"{opening}Nothing could be repeated."
    if found.decisive:
        between = "Between the machine or the versions then and now there is a difference that a bit may hang on"
        return f"{opening}{between}: {listed(found.decisive)}. So results are held within a bound. All that differs:"
    also = ", and what differs cannot change a bit:" if found.differences else "."
    return f"{opening}The machine and the versions are the same, so bit for bit is due{also}"


def _trials(found: Reproduction) -> Table:
    columns = (
        *map(text, ("model", "backend", "mode")),
        Column("seed"),
        text("verdict"),
        *map(Column, ("losses", "forecast")),
    )
    rows = tuple(
        row(
            Cell(case_name(one.case)),
            Cell(backend_name(one.plan.backend)),
            Cell(one.plan.mode),
            number(one.plan.seed, lambda seed: f"{seed:.0f}"),
            Cell(one.verdict, tone="good" if one.reproduced else "bad"),
            number(one.losses, scientific),
            number(one.predictions, scientific),
        )
        for one in found.rows
    )
    caption = (
        "The largest difference of a loss, relative to the stored one, and of a forecast, relative to the standard "
        "deviation of the truth. Bit for bit covers losses, forecasts, windows, batches, initial and trained weights."
    )
    return Table("trials", "Trial by trial", caption, columns, rows)


def _times(found: Reproduction) -> Table:
    columns = (text("backend"), Column("trials"), Column("epoch, now to then", vital=True), text("verdict"))
    rows = tuple(
        row(Cell(backend_name(p.backend)), number(p.trials, whole), _ratio(p), Cell(_pace(p))) for p in found.paces
    )
    caption = (
        "The steady epoch's ratio to the stored run's: the geometric mean over a backend's trials with its 95 % t "
        "interval, or over the epochs where there is a single trial. Times are no part of the verdict."
    )
    return Table("times", "Times", caption, columns, rows)


def _ratio(pace: TimeRatio) -> Cell:
    return measured(pace.effect.interval if pace.effect else None)


def _pace(pace: TimeRatio) -> str:
    if pace.effect is None:
        return NONE
    return PACES.get(pace.effect.state) or pace.effect.too_few("too few to say")


def _skipped(found: Reproduction) -> tuple[str, ...]:
    def name(plan: Plan) -> str:
        return f"{backend_name(plan.backend)}, {plan.case}, {plan.mode}, seed {plan.seed}"

    told = [f"{name(plan)}: {why}" for plan, why in found.skipped]
    return (f"Not repeated, having no result in the stored run: {'; '.join(told)}.",) if told else ()


def _wavering(found: Reproduction) -> tuple[str, ...]:
    """A sentence for each backend that does not repeat itself where it should: by how much."""
    told = []
    for backend in unique(one.plan.backend for one in found.wavering):
        mine = [one for one in found.wavering if one.plan.backend == backend]
        losses, forecasts = (_most(mine, figure) for figure in (lambda r: r.losses, lambda r: r.predictions))
        told.append(
            f"{backend_name(backend)} was not deterministic in {plural(len(mine), 'trial')}: on the same machine with "
            f"the same versions its losses differ by up to {losses}, its forecasts by up to {forecasts}, relative; "
            "where the checkout's commit is another, its code may be the cause."
        )
    return tuple(told)


def _most(rows: list[TrialReproduction], figure: Callable[[TrialReproduction], float | None]) -> str:
    return scientific(max(figure(row) or 0.0 for row in rows))


def _load(found: Reproduction) -> tuple[str, ...]:
    def load(trials: tuple[Trial, ...]) -> float:
        keys = {row.plan.key for row in found.rows}
        return most_disturbed(t.outcome for t in trials if t.outcome and t.plan.key in keys)

    then, now = load(found.stored.trials), load(found.repeated.trials)
    if max(then, now) <= MAX_BACKGROUND_LOAD:
        return ()
    return (
        f"Other programs used up to {per_cent(then)} of the cores then and {per_cent(now)} now: do not build on times.",
    )
