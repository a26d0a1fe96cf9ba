"""Tables of the forecasts: tests against the baselines, models against each other, scores by step and by target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from reports.analysis.context import Context
from reports.analysis.forecasts import accuracy
from reports.analysis.forecasts.accuracy import Forecast, Sample, sample
from reports.analysis.forecasts.judgement import LEVEL, Superiority, judged, superiority
from reports.analysis.metrics import METRICS, headline_error, values
from reports.analysis.run import Group, Origins, Run, unique
from reports.records import Data
from reports.render.formats import case_name, four_digits, listed, plural, probability, significant
from reports.render.page import Bullets, Paragraph, Section
from reports.render.table import DASH, Cell, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import backend_cell

MOST_STEPS = 12  # columns of the table by step
MOST_ROWS = 200  # of the table by target
MEDIAN_ALONE = 3  # words of the note "loss quantile 0.5"


def section(context: Context) -> Section | None:
    """The tests of the forecasts and their scores by step and target; None without recorded forecasts of baselines."""
    run = context.run
    tables = [*_tests(run), *_between_models(run), *_by_step(run), *_by_target(run)]
    absent = unique(f"{absent.name}: {absent.reason}" for data in run.manifest.data.values() for absent in data.absent)
    items = (*(f"Without {text}." for text in absent), *_without_band(run))
    notes = (Bullets(items),) if items else ()
    return Section("judgement", "Tests of the forecasts", (*tables, *notes)) if tables or notes else None


def _without_band(run: Run) -> list[str]:
    """A sentence if models of several quantiles have recorded no quantile forecasts, see worker/trial.py."""
    names = [
        case_name(case)
        for case in run.manifest.cases
        if any(note.startswith("loss quantile ") and len(note.split()) > MEDIAN_ALONE for note in case.training_notes)
        and not any(len(outcome.bands) for group in run.finished(case) for outcome in group.outcomes.values())
        and run.finished(case)
    ]
    if not names:
        return []
    have = "has" if len(names) == 1 else "have"
    command = run.manifest.command_on("forecast", run.manifest.name)
    return [
        f"{listed(names)} {have} no band: the forecast of a later row follows from those of earlier rows, and a "
        f"quantile of a sum is not the sum of quantiles. `{command}` forecasts the next rows with a band from the "
        "errors on the validation part."
    ]


def leakage_section(context: Context) -> Section | None:
    """Signs of a leak; None without one."""
    return Section("leakage", "Possible leaks", tuple(map(Paragraph, context.leaks))) if context.leaks else None


def _tests(run: Run) -> list[Table]:
    """A row for each model and backend, a column for each baseline whose forecasts are recorded."""
    names = unique(b.name for groups in run.models for b in groups[0].data.baselines if len(b.predictions))
    if not names:
        return []
    columns: tuple[TableColumn[Origins], ...] = (
        words("model", lambda groups: run.model_name(groups[0].case)),
        words("backend", lambda groups: backend_cell(run, min(groups, key=lambda group: len(group.outcomes)))),
        *(words(name, partial(_verdict, name=name)) for name in names),
    )
    windows = sorted({sum(group.data.stored_windows for group in groups) for groups in run.models})
    pooled = "One test is of the windows of all origins. " if max(map(len, run.models)) > 1 else ""
    caption = (
        "Each model against each baseline: the test of Diebold and Mariano (1995) that the squared errors of both have "
        "the same mean on the test windows, with the correction of Harvey, Leybourne and Newbold (1997). "
        f"{pooled}Better and worse: p < 0.05 with every seed, in one direction; p is the largest of the seeds. "
        f"After it: with how many seeds{' and at how many origins' if pooled else ''} the model has the lower error. "
        f"The tests have {' to '.join(f'{number:,}' for number in unique((windows[0], windows[-1])))} windows."
    )
    return [tabulate("tests", "Models and baselines", caption, columns, run.models, stacked=True)]


def _verdict(groups: Origins, name: str) -> Cell:
    judgement = judged(groups, name)
    if judgement.state == "untested":
        return DASH
    if judgement.state == "few":
        return Cell("too few windows", tone="muted")
    undecided = "seeds disagree" if judgement.p < LEVEL else "not distinguishable"  # each differs, in both directions
    text = {"better": "better", "worse": "worse"}.get(judgement.state, undecided)
    tone = {"better": "good", "worse": "bad"}.get(judgement.state, "muted")
    detail = f"{probability(judgement.p)}; {judgement.lower} of {plural(judgement.seeds, 'seed')}"
    if judgement.origins > 1:
        detail += f", {judgement.lower_origins} of {judgement.origins} origins"
    return Cell(text, detail=detail, tone=tone)  # type: ignore[arg-type]


def _between_models(run: Run) -> list[Table]:
    """For each data set with several models: how probably a row's model has a lower error than a column's."""
    tables = []
    references = [groups[0] for case in run.manifest.cases if (groups := run.finished(case))]
    by_data: dict[tuple[str, ...], list[Origins]] = {}
    for groups in unique(map(run.over_origins, references)):
        by_data.setdefault(tuple(group.case.data for group in groups), []).append(groups)
    for keys, models in by_data.items():
        if len(models) < 2 or not any(_compare(run, models[0], other) for other in models[1:]):
            continue
        columns: tuple[TableColumn[Origins], ...] = (
            words("model", lambda groups: run.model_name(groups[0].case)),
            *(words(run.model_name(other[0].case), partial(_superior, run, other=other)) for other in models),
        )
        same = " at the same origin" if len(keys) > 1 else ""
        caption = (
            "The probability that a trial of the row's model has a lower "
            f"{headline_error(run).label} than one of the column's{same}: the share of pairs of seeds, with the test "
            f"of Mann and Whitney (1947){', summed over the origins (van Elteren 1960)' if same else ''}. All "
            f"models are those of {models[0][0].backend_phrase}."
        )
        title = f"Models, {models[0][0].data.series}"
        tables.append(tabulate(f"models-{keys[0]}", title, caption, columns, models))
    return tables


def _references(run: Run, key: str) -> list[Group]:
    """One finished group of each case with these data: matched models are equal, so one backend stands for all."""
    cases = [case for case in run.manifest.cases if case.data == key]
    return [groups[0] for case in cases if (groups := run.finished(case))]


def _compare(run: Run, first: Origins, second: Origins) -> Superiority | None:
    metric = headline_error(run)
    errors = ([tuple(values(group, metric).values()) for group in groups] for groups in (first, second))
    return superiority(list(zip(*errors, strict=True)))


def _superior(run: Run, groups: Origins, other: Origins) -> Cell:
    result = None if groups is other else _compare(run, groups, other)
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
            *((m.label, m.of_sample, m.unit.replace("series", "")) for m in METRICS.values() if m.of_sample),
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


def _target_name(data: Data, target: int) -> str:
    return data.target_names[target] if target < len(data.target_names) else f"target {target + 1}"
