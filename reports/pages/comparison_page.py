"""Two runs side by side, in words and tables."""

from math import isfinite

from reports.analysis.case_matching import machine_difference, run_differences
from reports.analysis.intervals import median_interval
from reports.analysis.run import Run, score_unit
from reports.analysis.run_comparison import GroupComparison, MetricComparison, RunComparison, common_seeds
from reports.pages.reproduction_page import shift_facts
from reports.render.formats import backend_name, case_name, four_digits, listed, plural, significant, squared, time_unit
from reports.render.page import Bullets, Page, Paragraph, Section, table_section
from reports.render.table import Cell, Column, Format, Table, Tone, row, text
from reports.sections.columns import measured

TITLES = {"mse": "Test MSE", "epoch": "Steady epoch", "training": "Whole training", "memory": "Peak memory"}
SLIGHT = 0.01  # a ratio closer to 1 is called slight, however sure it is
VERDICTS: dict[str, tuple[str, Tone]] = {
    "same": ("identical", ""),
    "within": ("within noise", ""),
    "up": ("beyond noise", "bad"),
    "down": ("beyond noise", "good"),
}


def page(found: RunComparison, first: str, second: str) -> Page:
    """first, second: how the runs are called."""
    changed = run_differences(found.first, found.second, found.matches)
    from_to = "From the first to the second:" if changed else "Nothing differs between their machines and settings."
    opening = (f"First: {_called(found.first, first)}", f"Second: {_called(found.second, second)}", from_to)
    closing = filter(None, (machine_difference(found.first, found.second), conclusion(found)))
    return Page(
        "Two runs side by side",
        (
            Section("runs", "", (*map(Paragraph, opening), Bullets(changed))),
            *(table_section(_table(found, name)) for name in TITLES),
            Section("conclusion", "", tuple(map(Paragraph, closing))),
        ),
    )


def conclusion(found: RunComparison) -> str:
    """How much of what could be compared lies beyond noise."""
    parts = []
    for name, title in TITLES.items():
        shifts = [pair.figures[name].effect for pair in found.pairs]
        compared = [shift for shift in shifts if shift]
        beyond = sum(shift.state in ("up", "down") for shift in compared)
        if compared:
            parts.append(f"{title.lower().replace('mse', 'MSE')} in {beyond or 'none'} of {len(compared)}")
    if not parts:
        return "Nothing can be compared; the reasons stand under the tables."
    chance = " At 95 %, one comparison in twenty looks so by chance."
    return f"Beyond noise, over {common_seeds(found.pairs)}: {listed(parts)}.{chance}"


def facts(found: RunComparison) -> list[dict[str, object]]:
    """A JSON object a row. Times in seconds, memory in bytes."""
    return [
        {
            "case": pair.case.label,
            "second_case": pair.match.second.label if pair.match.second else None,
            "backend": pair.backend,
            "mode": pair.mode,
            "seeds": list(pair.seeds),
            **{name: _facts(pair.figures[name]) for name in TITLES},
        }
        for pair in found.pairs
    ]


def _facts(figure: MetricComparison) -> dict[str, object]:
    return {
        "first": _median(figure.first),
        "second": _median(figure.second),
        "shift": shift_facts(figure.effect),
        "reason": figure.reason or None,
    }


def _median(values: tuple[float, ...]) -> float | None:
    found = median_interval(values)
    return found.estimate if found and isfinite(found.estimate) else None


def _called(run: Run, name: str) -> str:
    return f"{name}, {run.manifest.title}, {plural(len(run.trials), 'trial')}, begun {run.manifest.started}"


def _table(found: RunComparison, name: str) -> Table:
    factor, unit, form = _scale(found, name)
    error = name == "mse"
    columns = (
        *map(text, ("model", "backend", "mode")),
        Column("first"),
        Column("second"),
        Column("difference" if error else "second to first", vital=True),
        text("verdict"),
    )
    rows = tuple(
        row(
            Cell(case_name(pair.case)),
            Cell(backend_name(pair.backend)),
            Cell(pair.mode),
            measured(median_interval(pair.figures[name].first), form, factor=factor),
            measured(median_interval(pair.figures[name].second), form, factor=factor),
            measured(shift.interval if (shift := pair.figures[name].effect) else None),
            _verdict(pair, pair.figures[name]),
        )
        for pair in found.pairs
    )
    how = "mean difference with its" if error else "geometric mean of the ratios with its"
    caption = f"Medians over the common seeds, and the {how} 95 % t interval over them."
    title = f"{TITLES[name]}, {unit}" if unit else TITLES[name]
    return Table(name, title, caption, columns, rows)


def _scale(found: RunComparison, name: str) -> tuple[float, str, Format]:
    values = [value for pair in found.pairs for value in (*pair.figures[name].first, *pair.figures[name].second)]
    if name == "mse":
        return 1.0, squared(score_unit(found.first)), four_digits
    if name == "memory":
        return 2**-20, "MiB", significant
    return (*time_unit(values), significant)


def _verdict(pair: GroupComparison, figure: MetricComparison) -> Cell:
    if figure.effect is None:
        who = f"{backend_name(pair.backend)}, {case_name(pair.case)}, {pair.mode}"
        short = figure.reason if figure.reason.startswith("missing") else "not comparable"
        return Cell(short, notes=() if short == figure.reason else (f"{who}: {figure.reason}.",), tone="muted")
    state, middle = figure.effect.state, figure.effect.interval.estimate
    if figure.equal and state in ("within", "few"):
        return Cell("equal within 1 %", tone="good")
    if state == "few":
        return Cell(figure.effect.too_few("too few seeds"), tone="muted")
    words, tone = VERDICTS[state]
    slight = state in ("up", "down") and figure.effect.neutral == 1 and abs(middle - 1) < SLIGHT
    return Cell(f"{words}, under 1 %" if slight else words, tone="" if slight else tone)
