"""A benchmark's questions, answered from its run: is one error lower than another, as far as the seeds can tell?"""

from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.runner.records import Case, Contender, Question
from reports.grid import NONE, Cell, Column, Row, Table, Tone, row, text
from reports.run import Run
from reports.statistics import Interval, mean_interval
from reports.wording import backend_name, case_name, four_digits, plural, significant, squared

Verdict = Literal["yes", "no", "cannot be told", "not run"]
TONES: dict[Verdict, Tone] = {"yes": "good", "no": "bad", "cannot be told": "muted", "not run": "muted"}
COLUMNS = (text("question"), text("answer"), Column("this error"), Column("against"), Column("difference"))


@dataclass(frozen=True)
class Answered:
    """A question and the two errors by seed, of the seeds that both have."""

    question: Question
    better: dict[int, float]
    than: dict[int, float]

    @property
    def difference(self) -> Interval | None:
        """Of the first less the second: the mean over pairs of one seed with its 95 % interval; None without pairs."""
        return mean_interval([self.better[seed] - self.than[seed] for seed in self.better])

    @property
    def verdict(self) -> Verdict:
        """A yes or a no needs an interval on one side of zero, which a single pair has not."""
        found = self.difference
        if found is None:
            return "not run"
        if found.single or found.low <= 0 <= found.high:
            return "cannot be told"
        return "yes" if found.high < 0 else "no"


def answered(run: Run) -> tuple[Answered, ...]:
    """Every question of the run's benchmark."""
    found = []
    for question in run.manifest.questions:
        better, than = _errors(run, question.better), _errors(run, question.than)
        seeds = sorted(better.keys() & than.keys())
        found.append(Answered(question, {s: better[s] for s in seeds}, {s: than[s] for s in seeds}))
    return tuple(found)


def _errors(run: Run, asked: Contender) -> dict[int, float]:
    """By seed; a naive forecast's is the same with each. Empty where the run has none."""
    case = next((case for case in run.manifest.cases if case.label == asked.case), None)
    if case is None:
        return {}
    name = asked.figure.replace(" ", "_")
    naive = next((baseline for baseline in run.data(case).baselines if baseline.name == asked.backend), None)
    if naive is not None:
        scores = dict.fromkeys(run.seeds, naive.scores)
    else:
        group = run.of(case, asked.mode, asked.backend)
        scores = {seed: outcome.scores for seed, outcome in group.outcomes.items()} if group else {}
    known = {seed: getattr(found, name) for seed, found in scores.items()}
    return {seed: value for seed, value in known.items() if value is not None}


def table(run: Run) -> Table | None:
    """The answers of one run; None where nothing was asked."""
    if not run.manifest.questions:
        return None
    rows = tuple(_row(run, one) for one in answered(run))
    return Table("questions", "Questions, answered", caption(run), COLUMNS, rows)


def caption(run: Run) -> str:
    """What the answers mean."""
    return (
        "Errors on the test part, the median over seeds with their range; the difference is the mean over pairs of the "
        "same seed with its 95 % t interval. Yes and no need an interval that leaves zero out; otherwise it cannot be "
        "told from so few seeds."
    )


def _row(run: Run, found: Answered) -> Row:
    asked, pairs = found.question, len(found.better)
    difference = found.difference
    seeds = f" with {plural(pairs, 'seed')}" if found.verdict == "cannot be told" else ""
    return row(
        Cell(asked.asks),
        Cell(found.verdict + seeds, tone=TONES[found.verdict]),
        _error(run, asked.better, found.better),
        _error(run, asked.than, found.than),
        Cell(NONE, tone="muted") if difference is None else _difference(difference),
    )


def _error(run: Run, asked: Contender, errors: dict[int, float]) -> Cell:
    """The median with its unit; small beside it whose it is, and the range over seeds."""
    values = tuple(errors.values())
    case = next((case for case in run.manifest.cases if case.label == asked.case), None)
    if not values or case is None:
        return Cell(NONE, tone="muted")
    unit = {"mse": squared(run.data(case).unit), "mae": run.data(case).unit}.get(asked.figure, "")
    low, high = four_digits(min(values)), four_digits(max(values))
    told = [asked.figure.upper().replace("SCALED", "scaled"), case_name(case), *_whose(run, case, asked)]
    told += [asked.mode] if asked.mode == "native" else []
    ranged = "" if low == high else f", {low} to {high}"
    return Cell(f"{four_digits(median(values))} {unit}".strip(), median(values), detail=", ".join(told) + ranged)


def _whose(run: Run, case: Case, asked: Contender) -> list[str]:
    group = run.of(case, asked.mode, asked.backend)
    return [backend_name(group.backend if group else asked.backend or "")]


def _difference(found: Interval) -> Cell:
    """With its sign: below zero the first is the better."""
    middle, low, high = (_signed(value) for value in (found.median, found.low, found.high))
    return Cell(middle, found.median, detail="" if found.low == found.high else f"{low} to {high}")


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + significant(value)
