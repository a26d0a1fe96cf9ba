"""The comparison of two runs: errors, times and memory, and what differs between machines and settings."""

from math import isfinite

from reports.analysis.case_matching import machine_difference, run_differences
from reports.analysis.intervals import median_interval
from reports.analysis.run import Run, score_unit
from reports.analysis.run_comparison import GroupComparison, MetricComparison, RunComparison, common_seeds
from reports.pages.reproduction_page import effect_facts
from reports.render.formats import backend_name, case_name, four_digits, listed, plural, significant, squared, time_unit
from reports.render.page import Bullets, Page, Paragraph, Section, table_section
from reports.render.table import Cell, Format, Table, TableColumn, Tone, tabulate, words
from reports.sections.columns import measured

TITLES = {"mse": "Test MSE", "epoch": "Steady epoch", "training": "Whole training", "memory": "Peak memory"}
SLIGHT = 0.01  # a ratio closer to 1 is called slight even if it is beyond noise
VERDICTS: dict[str, tuple[str, Tone]] = {
    "same": ("identical", ""),
    "within": ("within noise", ""),
    "up": ("beyond noise", "bad"),
    "down": ("beyond noise", "good"),
}


def page(comparison: RunComparison, first: str, second: str) -> Page:
    """The page of a comparison; `first` and `second` are the names of the runs."""
    differences = run_differences(comparison.first, comparison.second, comparison.matches)
    opening = (
        f"First: {_description(comparison.first, first)}",
        f"Second: {_description(comparison.second, second)}",
        "Differences from the first to the second:" if differences else "Machines and settings are the same.",
    )
    closing = filter(None, (machine_difference(comparison.first, comparison.second), conclusion(comparison)))
    return Page(
        "Comparison of two runs",
        (
            Section("runs", "", (*map(Paragraph, opening), Bullets(differences))),
            *(table_section(_table(comparison, name)) for name in TITLES),
            Section("conclusion", "", tuple(map(Paragraph, closing))),
        ),
    )


def conclusion(comparison: RunComparison) -> str:
    """How many of the compared values differ beyond noise."""
    parts = []
    for name, title in TITLES.items():
        effects = [effect for pair in comparison.pairs if (effect := pair.figures[name].effect)]
        beyond = sum(effect.state in ("up", "down") for effect in effects)
        if effects:
            parts.append(f"{title.lower().replace('mse', 'MSE')} in {beyond or 'none'} of {len(effects)}")
    if not parts:
        return "Nothing can be compared; the notes below the tables give the reasons."
    chance = "At 95 %, one comparison in twenty looks like a change by chance."
    return f"Beyond noise, over {common_seeds(comparison.pairs)}: {listed(parts)}. {chance}"


def facts(comparison: RunComparison) -> list[dict[str, object]]:
    """A JSON object per model, backend and mode. Times are in seconds, memory is in bytes."""
    return [
        {
            "case": pair.case.label,
            "second_case": pair.match.second.label if pair.match.second else None,
            "backend": pair.backend,
            "mode": pair.mode,
            "seeds": list(pair.seeds),
            **{name: _metric_facts(pair.figures[name]) for name in TITLES},
        }
        for pair in comparison.pairs
    ]


def _metric_facts(metric: MetricComparison) -> dict[str, object]:
    return {
        "first": _median(metric.first),
        "second": _median(metric.second),
        "shift": effect_facts(metric.effect),
        "reason": metric.reason or None,
    }


def _median(values: tuple[float, ...]) -> float | None:
    interval = median_interval(values)
    return interval.estimate if interval and isfinite(interval.estimate) else None


def _description(run: Run, name: str) -> str:
    return f"{name}, {run.manifest.title}, {plural(len(run.trials), 'trial')}, started {run.manifest.started}"


def _table(comparison: RunComparison, name: str) -> Table:
    factor, unit, form = _scale(comparison, name)
    error = name == "mse"
    statistic = "mean difference" if error else "geometric mean of the ratios"

    def effect(pair: GroupComparison) -> Cell:
        effect = pair.figures[name].effect
        return measured(effect.interval if effect else None)

    return tabulate(
        name,
        f"{TITLES[name]}, {unit}" if unit else TITLES[name],
        f"Medians over the common seeds, and the {statistic} with its 95 % t interval.",
        (
            words("model", lambda pair: case_name(pair.case)),
            words("backend", lambda pair: backend_name(pair.backend)),
            words("mode", lambda pair: pair.mode),
            TableColumn("first", lambda pair: measured(median_interval(pair.figures[name].first), form, factor=factor)),
            TableColumn(
                "second", lambda pair: measured(median_interval(pair.figures[name].second), form, factor=factor)
            ),
            TableColumn("difference" if error else "second to first", effect, vital=True),
            words("verdict", lambda pair: _verdict(pair, pair.figures[name])),
        ),
        comparison.pairs,
    )


def _scale(comparison: RunComparison, name: str) -> tuple[float, str, Format]:
    """Factor, unit and number format of a table."""
    values = [value for pair in comparison.pairs for value in (*pair.figures[name].first, *pair.figures[name].second)]
    if name == "mse":
        return 1.0, squared(score_unit(comparison.first)), four_digits
    if name == "memory":
        return 2**-20, "MiB", significant
    return (*time_unit(values), significant)


def _verdict(pair: GroupComparison, metric: MetricComparison) -> Cell:
    if metric.effect is None:
        name = f"{backend_name(pair.backend)}, {case_name(pair.case)}, {pair.mode}"
        brief = metric.reason if metric.reason.startswith("missing") else "not comparable"
        return Cell(brief, notes=() if brief == metric.reason else (f"{name}: {metric.reason}.",), tone="muted")
    state, estimate = metric.effect.state, metric.effect.interval.estimate
    if metric.equal and state in ("within", "few"):
        return Cell("equal within 1 %", tone="good")
    if state == "few":
        return Cell(metric.effect.too_few("too few seeds"), tone="muted")
    text, tone = VERDICTS[state]
    slight = state in ("up", "down") and metric.effect.neutral == 1 and abs(estimate - 1) < SLIGHT
    return Cell(f"{text}, under 1 %" if slight else text, tone="" if slight else tone)
