"""A benchmark's questions, answered from its run: is one error lower than another, as far as the seeds can tell?"""

from dataclasses import dataclass
from typing import Literal

from reports.analysis.intervals import Interval, mean_interval
from reports.analysis.metrics import QuantityValue, find_quantity
from reports.analysis.run import Run
from reports.records import Question
from reports.render.formats import backend_name, case_name, four_digits, plural, significant
from reports.render.page import Section, table_section
from reports.render.table import NONE, Cell, Column, Row, Table, Tone, row, text
from reports.sections.context import Context

Verdict = Literal["yes", "no", "cannot be told", "not run"]
TONES: dict[Verdict, Tone] = {"yes": "good", "no": "bad", "cannot be told": "muted", "not run": "muted"}
COLUMNS = (text("question"), text("answer"), Column("this error"), Column("against"), Column("difference"))


MEANING = (  # of the answers
    "Errors on the test part, the median over seeds with their range; the difference is the mean over pairs of the "
    "same seed with its 95 % t interval. Yes and no need an interval that leaves zero out; otherwise it cannot be "
    "told from so few seeds."
)


@dataclass(frozen=True)
class Answered:
    """A question and the two errors, of the seeds that both have; None without such seeds."""

    question: Question
    better: QuantityValue | None
    than: QuantityValue | None

    @property
    def difference(self) -> Interval | None:
        """Of the first less the second: the mean over pairs of one seed with its 95 % interval; None without pairs."""
        if self.better is None or self.than is None:
            return None
        return mean_interval([mine - theirs for mine, theirs in zip(self.better.values, self.than.values, strict=True)])

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
        better, than = find_quantity(run, question.better), find_quantity(run, question.than)
        seeds = better.by_seed.keys() & than.by_seed.keys() if better and than else set()
        found.append(Answered(question, better and better.of_seeds(seeds), than and than.of_seeds(seeds)))
    return tuple(found)


def table(run: Run) -> Table | None:
    """The answers of one run; None where nothing was asked."""
    if not run.manifest.questions:
        return None
    rows = tuple(_row(one) for one in answered(run))
    return Table("questions", "Questions, answered", MEANING, COLUMNS, rows)


def _row(found: Answered) -> Row:
    asked, difference = found.question, found.difference
    pairs = len(found.better.values) if found.better else 0
    seeds = f" with {plural(pairs, 'seed')}" if found.verdict == "cannot be told" else ""
    return row(
        Cell(asked.asks),
        Cell(found.verdict + seeds, tone=TONES[found.verdict]),
        _error(found.better),
        _error(found.than),
        Cell(NONE, tone="muted") if difference is None else _difference(difference),
    )


def _error(found: QuantityValue | None) -> Cell:
    """The median with its unit; small beside it whose it is, and the range over seeds."""
    if found is None:
        return Cell(NONE, tone="muted")
    figure = found.quantity
    low, high = four_digits(min(found.values)), four_digits(max(found.values))
    told = [figure.figure.upper().replace("SCALED", "scaled"), case_name(found.case), backend_name(found.source)]
    told += [figure.mode] if figure.mode == "native" else []
    ranged = "" if low == high else f", {low} to {high}"
    return Cell(f"{four_digits(found.median)} {found.unit}".strip(), found.median, detail=", ".join(told) + ranged)


def _difference(found: Interval) -> Cell:
    """With its sign: below zero the first is the better."""
    middle, low, high = (_signed(value) for value in (found.estimate, found.low, found.high))
    return Cell(middle, found.estimate, detail="" if found.low == found.high else f"{low} to {high}")


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + significant(value)


def section(context: Context) -> Section | None:
    found = table(context.recorded)
    return table_section(found) if found else None
