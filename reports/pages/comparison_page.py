"""The comparison of two runs: errors, times and memory, and what differs between machines and settings."""

from math import isfinite

from reports.analysis.intervals import median_interval
from reports.analysis.metrics import Metric
from reports.analysis.run import Run, score_unit
from reports.analysis.run_comparison import (
    GroupComparison,
    MetricComparison,
    RunComparison,
    machine_difference,
    run_differences,
)
from reports.pages.reproduction_page import effect_facts, too_few
from reports.render.formats import case_name, four_digits, listed, plural, significant, time_unit
from reports.render.page import Bullets, Page, Paragraph, Section, table_section
from reports.render.table import Cell, Format, Table, TableColumn, Tone, tabulate, words
from reports.sections.columns import measured

SLIGHT = 0.01  # a ratio closer to 1 is called slight even if it is beyond noise
VERDICTS: dict[str, tuple[str, Tone]] = {
    "same": ("identical", ""),
    "within": ("within noise", ""),
    "up": ("beyond noise", "bad"),
    "down": ("beyond noise", "good"),
}
MACHINES = {
    "": "",
    "cores": "The runs used different numbers of cores, so a ratio of times includes that difference.",
    "machine": "The runs used different machines and the same versions, so a ratio of times compares the machines.",
    "machine and versions": (
        "The runs used different machines and different versions, so a ratio of times compares both together and does "
        "not show which of them made the difference."
    ),
}


def page(comparison: RunComparison, first: str, second: str) -> Page:
    """The page of a comparison; `first` and `second` are the names of the runs."""
    differences = run_differences(comparison.first, comparison.second, comparison.matches)
    opening = (
        f"First: {_description(comparison.first, first)}",
        f"Second: {_description(comparison.second, second)}",
        "Differences from the first to the second:" if differences else "Machines and settings are the same.",
    )
    closing = filter(None, (MACHINES[machine_difference(comparison.first, comparison.second)], conclusion(comparison)))
    return Page(
        "Comparison of two runs",
        (
            Section("runs", "", (*map(Paragraph, opening), Bullets(differences))),
            *(table_section(_table(comparison, metric)) for metric in comparison.metrics),
            Section("conclusion", "", tuple(map(Paragraph, closing))),
        ),
    )


def conclusion(comparison: RunComparison) -> str:
    """How many of the compared values differ beyond noise."""
    parts = []
    for metric in comparison.metrics:
        effects = [effect for pair in comparison.pairs if (effect := pair.metrics[metric.name].effect)]
        beyond = sum(effect.beyond_noise for effect in effects)
        if effects:
            parts.append(f"{metric.label} in {beyond or 'none'} of {len(effects)}")
    if not parts:
        return "Nothing can be compared; the notes below the tables give the reasons."
    chance = "At 95 %, one comparison in twenty looks like a change by chance."
    return f"Beyond noise, over {_common_seeds(comparison)}: {listed(parts)}. {chance}"


def _common_seeds(comparison: RunComparison) -> str:
    counts = sorted({len(pair.seeds) for pair in comparison.pairs if pair.seeds})
    return plural(counts[0], "common seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} common seeds"


def facts(comparison: RunComparison) -> list[dict[str, object]]:
    """A JSON object per model, backend and mode. Times are in seconds, memory is in bytes."""
    return [
        {
            "case": pair.case.label,
            "second_case": pair.match.second.label if pair.match.second else None,
            "backend": pair.backend,
            "mode": pair.mode,
            "seeds": list(pair.seeds),
            **{name: _metric_facts(metric) for name, metric in pair.metrics.items()},
        }
        for pair in comparison.pairs
    ]


def _metric_facts(metric: MetricComparison) -> dict[str, object]:
    return {
        "first": _median(metric.first),
        "second": _median(metric.second),
        "effect": effect_facts(metric.effect),
        "reason": metric.reason or None,
    }


def _median(values: tuple[float, ...]) -> float | None:
    interval = median_interval(values)
    return interval.estimate if interval and isfinite(interval.estimate) else None


def _description(run: Run, name: str) -> str:
    return f"{name}, {run.manifest.title}, {plural(len(run.trials), 'trial')}, started {run.manifest.started}"


def _table(comparison: RunComparison, metric: Metric) -> Table:
    factor, unit, form = _scale(comparison, metric)
    name, title = metric.name, metric.label[:1].upper() + metric.label[1:]
    difference = metric.kind in ("error", "skill", "loss")
    statistic = "mean difference" if difference else "geometric mean of the ratios"

    def effect(pair: GroupComparison) -> Cell:
        effect = pair.metrics[name].effect
        return measured(effect.interval if effect else None)

    return tabulate(
        name,
        f"{title}, {unit}" if unit else title,
        f"Medians over the common seeds, and the {statistic} with its 95 % t interval.",
        (
            words("model", lambda pair: case_name(pair.case)),
            words("backend", lambda pair: _backend(comparison, pair)),
            words("mode", lambda pair: pair.mode),
            TableColumn("first", lambda pair: measured(median_interval(pair.metrics[name].first), form, factor=factor)),
            TableColumn(
                "second", lambda pair: measured(median_interval(pair.metrics[name].second), form, factor=factor)
            ),
            TableColumn("difference" if difference else "second to first", effect, vital=True),
            words("verdict", lambda pair: _verdict(comparison, pair, pair.metrics[name])),
        ),
        comparison.pairs,
    )


def _backend(comparison: RunComparison, pair: GroupComparison) -> str:
    """The name to show for a backend, which one of the runs may lack."""
    names = comparison.second.backend_names | comparison.first.backend_names
    return names.get(pair.backend, pair.backend)


def _scale(comparison: RunComparison, metric: Metric) -> tuple[float, str, Format]:
    """Factor, unit and number format of a table."""
    if metric.kind == "memory":
        return 2**-20, "MiB", significant
    if metric.kind != "time":
        return 1.0, metric.unit_in(score_unit(comparison.first)), four_digits
    sides = [pair.metrics[metric.name] for pair in comparison.pairs]
    return (*time_unit([value for side in sides for value in (*side.first, *side.second)]), significant)


def _verdict(comparison: RunComparison, pair: GroupComparison, metric: MetricComparison) -> Cell:
    if metric.effect is None:
        name = f"{_backend(comparison, pair)}, {case_name(pair.case)}, {pair.mode}"
        brief = metric.reason if metric.reason.startswith("missing") else "not comparable"
        return Cell(brief, notes=() if brief == metric.reason else (f"{name}: {metric.reason}.",), tone="muted")
    state, estimate = metric.effect.state, metric.effect.interval.estimate
    if metric.equal and state in ("within", "few"):
        return Cell("equal within 1 %", tone="good")
    if state == "few":
        return Cell(too_few(metric.effect, "seeds"), tone="muted")
    text, tone = VERDICTS[state]
    if tone and metric.metric.better == "higher":
        tone = "good" if state == "up" else "bad"
    slight = state in ("up", "down") and metric.effect.neutral == 1 and abs(estimate - 1) < SLIGHT
    return Cell(f"{text}, under 1 %" if slight else text, tone="" if slight else tone)
