"""Tables of the forecasts: tests against the baselines, models against each other, scores by step and by target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from reports.analysis.context import Context
from reports.analysis.forecasts import accuracy, leakage
from reports.analysis.forecasts.accuracy import Forecast, Sample, sample
from reports.analysis.forecasts.judgement import Superiority, judged, superiority
from reports.analysis.metrics import METRICS, headline_error, values
from reports.analysis.run import Group, Run, unique
from reports.records import Data
from reports.render.formats import case_name, four_digits, plural, probability, significant
from reports.render.page import Bullets, Paragraph, Section
from reports.render.table import DASH, Cell, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import backend_cell

MOST_STEPS = 12  # columns of the table by step
MOST_ROWS = 200  # of the table by target


def section(context: Context) -> Section | None:
    """The tests of the forecasts and their scores by step and target; None without recorded forecasts of baselines."""
    run = context.run
    tables = [*_tests(run), *_between_models(run), *_by_step(run), *_by_target(run)]
    absent = unique(f"{absent.name}: {absent.reason}" for data in run.manifest.data.values() for absent in data.absent)
    notes = (Bullets(tuple(f"Without {text}." for text in absent)),) if absent else ()
    return Section("judgement", "Tests of the forecasts", (*tables, *notes)) if tables or notes else None


def leakage_section(context: Context) -> Section | None:
    """Signs of a leak; None without one."""
    sentences = leakage.leaks(context.run)
    return Section("leakage", "Possible leaks", tuple(map(Paragraph, sentences))) if sentences else None


def _tests(run: Run) -> list[Table]:
    """A row for each model and backend, a column for each baseline whose forecasts are recorded."""
    groups = [group for group in run.leading if group.outcomes]
    names = unique(b.name for group in groups for b in group.data.baselines if len(b.predictions))
    if not names:
        return []
    columns: tuple[TableColumn[Group], ...] = (
        words("model", lambda group: case_name(group.case)),
        words("backend", partial(backend_cell, run)),
        *(words(name, partial(_verdict, name=name)) for name in names),
    )
    windows = sorted({group.data.stored_windows for group in groups})
    caption = (
        "Each model against each baseline: the test of Diebold and Mariano (1995) that the squared errors of both have "
        "the same mean on the test windows, with the correction of Harvey, Leybourne and Newbold (1997). Better and "
        "worse: p < 0.05 with every seed; p is the largest of the seeds. Below: with how many seeds the model has the "
        f"lower error. The tests have {' to '.join(f'{number:,}' for number in unique((windows[0], windows[-1])))} "
        "windows."
    )
    return [tabulate("tests", "Models and baselines", caption, columns, groups, stacked=True)]


def _verdict(group: Group, name: str) -> Cell:
    judgement = judged(group, name)
    if judgement.state == "untested":
        return DASH
    text = {"better": "better", "worse": "worse"}.get(judgement.state, "not distinguishable")
    tone = {"better": "good", "worse": "bad"}.get(judgement.state, "muted")
    detail = f"{probability(judgement.p)}; {judgement.lower} of {plural(judgement.seeds, 'seed')}"
    return Cell(text, detail=detail, tone=tone)  # type: ignore[arg-type]


def _between_models(run: Run) -> list[Table]:
    """For each data set with several models: how probably a row's model has a lower error than a column's."""
    tables = []
    for key in unique(case.data for case in run.manifest.cases):
        groups = _references(run, key)
        if len(groups) < 2 or not any(_compare(run, groups[0], group) for group in groups[1:]):
            continue
        columns: tuple[TableColumn[Group], ...] = (
            words("model", lambda group: case_name(group.case)),
            *(words(case_name(other.case), partial(_superior, run, other=other)) for other in groups),
        )
        caption = (
            "The probability that a trial of the row's model has a lower "
            f"{headline_error(run).label} than one of the column's: the share of pairs of seeds, with the test of Mann "
            f"and Whitney (1947). Models with {groups[0].backend_phrase}."
        )
        tables.append(tabulate(f"models-{key}", f"Models, {groups[0].data.series}", caption, columns, groups))
    return tables


def _references(run: Run, key: str) -> list[Group]:
    """One finished group of each case with these data: matched models are equal, so one backend stands for all."""
    cases = [case for case in run.manifest.cases if case.data == key]
    return [groups[0] for case in cases if (groups := run.finished(case))]


def _compare(run: Run, first: Group, second: Group) -> Superiority | None:
    metric = headline_error(run)
    return superiority(tuple(values(first, metric).values()), tuple(values(second, metric).values()))


def _superior(run: Run, group: Group, other: Group) -> Cell:
    result = None if group is other else _compare(run, group, other)
    return DASH if result is None else Cell(f"{result.probability:.2f}", result.probability, probability(result.p))


@dataclass(frozen=True)
class _Row:
    """The forecasts of a model with all its seeds, or of a baseline."""

    label: str
    data: Data
    forecasts: tuple[Forecast, ...]
    kind: str
    target: int = 0

    def score(self, of: Callable[[Sample], float | None], step: int | None = None) -> float | None:
        """The median over the seeds of a score of one target, at one step ahead or at all."""
        steps = slice(None) if step is None else slice(step, step + 1)
        samples = [s for forecast in self.forecasts if (s := sample(self.data, forecast))]
        scores = [of(s[:, steps, self.target : self.target + 1]) for s in samples]
        known = [score for score in scores if score is not None]
        return median(known) if known and len(known) == len(scores) else None


def _rows(run: Run, key: str, target: int) -> list[_Row]:
    groups = _references(run, key)
    models = [_Row(case_name(g.case), g.data, tuple(g.outcomes.values()), "model", target) for g in groups]
    data = run.manifest.data[key]
    return [*models, *(_Row(b.name, data, (b,), "baseline", target) for b in data.baselines if len(b.predictions))]


def _by_step(run: Run) -> list[Table]:
    """For each data set with several steps ahead: the error at each, or at some of many."""
    tables = []
    for key, data in run.manifest.data.items():
        rows = _rows(run, key, 0)
        if data.horizon < 2 or not any(row.kind == "baseline" for row in rows):
            continue
        count = min(data.horizon, MOST_STEPS)
        steps = unique(round(place * (data.horizon - 1) / (count - 1)) for place in range(count))
        scaled = bool(data.training_errors) and all(all(e > 0 for e in errors) for errors in data.training_errors)
        error, label = (accuracy.mase, "MASE") if scaled else (_mae, f"MAE, {data.unit}")
        columns: tuple[TableColumn[_Row], ...] = (
            words("forecast", lambda row: row.label),
            *(numbers(f"step {step + 1}", _at_step(error, step), form=significant) for step in steps),
        )
        first = f" of {_target_name(data, 0)}" if data.targets > 1 else ""
        caption = f"{label}{first} at each step ahead, the median over the seeds."
        if len(steps) < data.horizon:
            caption += f" The table shows {len(steps)} of {data.horizon} steps."
        tables.append(
            tabulate(f"steps-{key}", f"Error by step, {data.series}", caption, columns, rows, kind=lambda row: row.kind)
        )
    return tables


def _at_step(error: Callable[[Sample], float | None], step: int) -> Callable[[_Row], float | None]:
    return lambda row: row.score(error, step)


def _mae(of: Sample) -> float:
    return float(abs(of.truth - of.forecast).mean())


def _rmse(of: Sample) -> float:
    return float(((of.truth - of.forecast) ** 2).mean() ** 0.5)


def _by_target(run: Run) -> list[Table]:
    """For each data set with several targets: every score of each target, in the unit of the target."""
    tables = []
    for key, data in run.manifest.data.items():
        if data.targets < 2:
            continue
        rows = [row for target in range(data.targets) for row in _rows(run, key, target)]
        scores: Sequence[tuple[str, Callable[[Sample], float | None], str]] = (
            ("RMSE", _rmse, ""),
            ("MAE", _mae, ""),
            *((METRICS[name].label, score, METRICS[name].unit.replace("series", "")) for name, score in PER_TARGET),
        )
        columns: tuple[TableColumn[_Row], ...] = (
            words("target", lambda row: _target_name(row.data, row.target)),
            words("forecast", lambda row: row.label),
            *(
                numbers(label, partial(_Row.score, of=of), unit, four_digits, optional=True)
                for label, of, unit in scores
            ),
        )
        caption = "The scores of each target in its unit, the median over the seeds."
        if len(rows) > MOST_ROWS:
            caption += f" The table shows {MOST_ROWS} of {len(rows):,} rows."
        title = f"Scores by target, {data.series}"
        shown = rows[:MOST_ROWS]
        tables.append(tabulate(f"targets-{key}", title, caption, columns, shown, kind=lambda row: row.kind))
    return tables


PER_TARGET: tuple[tuple[str, Callable[[Sample], float | None]], ...] = (
    ("mase", accuracy.mase),
    ("smape", accuracy.smape),
    ("wape", accuracy.wape),
    ("bias", accuracy.bias),
    ("pinball", accuracy.pinball),
    ("coverage", accuracy.coverage),
    ("band_width", accuracy.width),
)


def _target_name(data: Data, target: int) -> str:
    return data.target_names[target] if target < len(data.target_names) else f"target {target + 1}"
