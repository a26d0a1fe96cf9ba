"""Published values checked against a run: what was printed, what the same settings give, and the right value."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports.analysis.context import Context
from reports.analysis.metrics import QuantityValue, find_quantity
from reports.analysis.run import Run
from reports.records import Published, Quantity
from reports.render.formats import MINUS, four_digits, listed, plural, sentence
from reports.render.page import Section, table_section
from reports.render.table import DASH, Cell, Table, TableColumn, Tone, tabulate, words

Verdict = Literal["reproduced", "in the seeds' range", "not reproduced", "not run"]
TONES: dict[Verdict, Tone] = {
    "reproduced": "good",
    "in the seeds' range": "good",
    "not reproduced": "bad",
    "not run": "muted",
}
CAPTION = (
    "Reproduced means that the median over the seeds equals the published value to its last digit, or within the "
    "tolerance that the definition states. A document that states no seed may have used any, so its value may lie "
    "anywhere in the range of the seeds. The right value is what the document should have printed: the error in one "
    "unit, or an error measured fairly. A footnote gives the reason."
)


@dataclass(frozen=True)
class CheckedValue:
    """A published value with the value of the run and the right value, None if the run lacks them."""

    published: Published
    value: QuantityValue | None
    right: QuantityValue | None
    naive: tuple[str, ...] = ()  # the right quantity of the naive forecasts: "persistence 6.873"

    @property
    def verdict(self) -> Verdict:
        if self.value is None:
            return "not run"
        printed, values = self.published, self.value.values
        if abs(self.value.median - printed.number) <= printed.tolerance:
            return "reproduced"
        return "in the seeds' range" if min(values) <= printed.number <= max(values) else "not reproduced"


def section(context: Context) -> Section | None:
    table = published_table("published", "Published values", context.recorded)
    return table_section(table, style="wrapped") if table.rows else None


def check_published(run: Run) -> tuple[CheckedValue, ...]:
    """All published values of the benchmark. The quick form trains too little to give a right value."""
    return tuple(
        CheckedValue(value, find_quantity(run, value), find_quantity(run, value.right), _naive(run, value.right))
        if value.right and not run.manifest.quick
        else CheckedValue(value, find_quantity(run, value), None)
        for value in run.manifest.published
    )


def _naive(run: Run, quantity: Quantity) -> tuple[str, ...]:
    """The quantity for each naive forecast; empty if it is itself that of a naive forecast, or naive ones lack it."""
    case = run.manifest.case(quantity.case)
    names = [baseline.name for baseline in run.data(case).baselines] if case else []
    if quantity.backend in names:
        return ()
    values = [(name, find_quantity(run, quantity.model_copy(update={"backend": name}))) for name in names]
    return tuple(f"{name} {four_digits(value.median)}" for name, value in values if value)


def counts_sentence(values: Sequence[CheckedValue]) -> str:
    """The number of values with each verdict; empty without values."""
    counts = Counter(value.verdict for value in values)
    parts = [f"{counts[verdict]} {verdict}" for verdict in TONES if counts[verdict]]
    return sentence(f"of {plural(len(values), 'published value')}, {listed(parts)}") if values else ""


def summary_sentences(run: Run) -> tuple[str, ...]:
    """The counts, then a sentence for each published value that is another quantity than its document says."""
    values = check_published(run)
    sentences = [counts_sentence(values)] if values else []
    for value in values:
        printed, right = value.published, value.right
        if right and printed.right and (printed.figure, printed.case) != (printed.right.figure, printed.right.case):
            naive = f"; naive forecasts: {', '.join(value.naive)}" if value.naive else ""
            number = f"{four_digits(right.median)} {right.unit}".strip()
            sentences.append(sentence(f"the published {printed.value}, {printed.what}, should be {number}{naive}"))
    return tuple(sentences)


def published_table(name: str, title: str, run: Run, caption: str = CAPTION, source: str = "") -> Table:
    """A row for each published value of the benchmark; without rows if there are none."""
    columns: tuple[TableColumn[CheckedValue], ...] = (
        words("what was published", lambda value: Cell(value.published.what, detail=value.published.source)),
        words("published", lambda value: value.published.value.replace("-", MINUS)),
        words("this run", lambda value: _value_cell(run, value.value, value.published, _digits(value.published))),
        words("verdict", lambda value: Cell(value.verdict, tone=TONES[value.verdict], notes=(value.published.why,))),
        words("right value", lambda value: _right_cell(run, value)),
    )
    return tabulate(name, title, caption, columns, check_published(run), source=source, stacked=True)


def _digits(published: Published) -> int:
    return len(published.value.lstrip("-").replace(".", "").lstrip("0"))


def _right_cell(run: Run, value: CheckedValue) -> Cell:
    if value.published.right is None:
        return Cell("the same", tone="muted") if value.verdict in ("reproduced", "in the seeds' range") else DASH
    return _value_cell(run, value.right, value.published.right, naive=value.naive)


def _value_cell(
    run: Run, value: QuantityValue | None, quantity: Quantity, digits: int = 4, naive: tuple[str, ...] = ()
) -> Cell:
    """The median with as many digits as the published value; as detail its source and the naive forecasts."""
    if value is None:
        return DASH
    number = f"{value.median:.{digits}g}".replace("-", MINUS) if digits > 4 else four_digits(value.median)
    seeds = ""
    if len(set(value.values)) > 1:  # a naive forecast has one value for all seeds
        low, high = (four_digits(limit) for limit in (min(value.values), max(value.values)))
        seeds = f", {plural(len(value.values), 'seed')}, {low} to {high}"
    detail = f"{quantity.figure}, {run.backend_name(value.source)}, '{quantity.case}'{seeds}"
    detail += f"; naive forecasts: {', '.join(naive)}" if naive else ""
    return Cell(f"{number} {value.unit}".strip(), value.median, detail=detail)
