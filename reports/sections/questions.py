"""The questions of a benchmark and their answers: is one error lower than another?"""

from dataclasses import dataclass
from typing import Literal

from reports.analysis.context import Context
from reports.analysis.intervals import Interval, mean_interval
from reports.analysis.metrics import METRICS, QuantityValue, find_quantity
from reports.analysis.run import Run
from reports.records import Question
from reports.render.formats import case_name, four_digits, plural, significant
from reports.render.page import Section, table_section
from reports.render.table import DASH, Cell, Table, TableColumn, Tone, tabulate, words

Verdict = Literal["yes", "no", "undecided", "not run"]
TONES: dict[Verdict, Tone] = {"yes": "good", "no": "bad", "undecided": "muted", "not run": "muted"}
CAPTION = (
    "Errors on the test part, the median over the seeds, with the range if there are several. The difference is the "
    "mean over pairs of the same seed with its 95 % t interval. The answer is yes or no if the interval excludes zero, "
    "otherwise undecided."
)


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question and its two errors, for the seeds that both have; None without such seeds."""

    question: Question
    better: QuantityValue | None
    than: QuantityValue | None

    @property
    def difference(self) -> Interval | None:
        """The mean of first error - second error over pairs of one seed, with its 95 % interval; None without pairs."""
        if self.better is None or self.than is None:
            return None
        return mean_interval([a - b for a, b in zip(self.better.values, self.than.values, strict=True)])

    @property
    def verdict(self) -> Verdict:
        """Yes or no need an interval that excludes zero; a single pair has no interval."""
        interval = self.difference
        if interval is None:
            return "not run"
        if interval.single or interval.low <= 0 <= interval.high:
            return "undecided"
        return "yes" if interval.high < 0 else "no"


def section(context: Context) -> Section | None:
    table = questions_table(context.recorded)
    return table_section(table) if table.rows else None


def answers(run: Run) -> tuple[AnsweredQuestion, ...]:
    """The answers to all questions of the benchmark."""
    answered = []
    for question in run.manifest.questions:
        better, than = find_quantity(run, question.better), find_quantity(run, question.than)
        seeds = better.by_seed.keys() & than.by_seed.keys() if better and than else set()
        answered.append(AnsweredQuestion(question, better and better.of_seeds(seeds), than and than.of_seeds(seeds)))
    return tuple(answered)


def questions_table(run: Run) -> Table:
    columns: tuple[TableColumn[AnsweredQuestion], ...] = (
        words("question", lambda answer: answer.question.asks),
        words("answer", _verdict_cell),
        TableColumn("this error", lambda answer: _error_cell(run, answer.better)),
        TableColumn("compared with", lambda answer: _error_cell(run, answer.than)),
        TableColumn("difference", lambda answer: _difference_cell(answer.difference)),
    )
    return tabulate("questions", "Questions and answers", CAPTION, columns, answers(run))


def _verdict_cell(answer: AnsweredQuestion) -> Cell:
    pairs = len(answer.better.values) if answer.better else 0
    seeds = f" with {plural(pairs, 'seed')}" if answer.verdict == "undecided" else ""
    return Cell(answer.verdict + seeds, tone=TONES[answer.verdict])


def _error_cell(run: Run, value: QuantityValue | None) -> Cell:
    """The median with its unit; as detail the metric, its source and the range over the seeds."""
    if value is None:
        return DASH
    quantity = value.quantity
    low, high = four_digits(min(value.values)), four_digits(max(value.values))
    label = METRICS[quantity.figure.replace(" ", "_")].label
    parts = [label, case_name(value.case), run.backend_name(value.source)]
    parts += [quantity.mode] if quantity.mode == "native" else []
    limits = "" if low == high else f", {low} to {high}"
    return Cell(f"{four_digits(value.median)} {value.unit}".strip(), value.median, detail=", ".join(parts) + limits)


def _difference_cell(interval: Interval | None) -> Cell:
    """The difference with its sign: below zero, the first error is lower."""
    if interval is None:
        return DASH
    middle, low, high = (_signed(value) for value in (interval.estimate, interval.low, interval.high))
    return Cell(middle, interval.estimate, detail="" if interval.low == interval.high else f"{low} to {high}")


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + significant(value)
