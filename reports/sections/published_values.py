"""Published values held against a run: what was printed, what comes out, what should have been printed, and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports.analysis.metrics import QuantityValue, find_quantity
from reports.analysis.run import Run
from reports.records import Published, Quantity
from reports.render.formats import MINUS, backend_name, four_digits, listed, plural, sentence
from reports.render.page import Section, table_section
from reports.render.table import NONE, Cell, Row, Table, Tone, row, text
from reports.sections.context import Context

Verdict = Literal["reproduced", "in the seeds' range", "not reproduced", "not run"]


TONES: dict[Verdict, Tone] = {
    "reproduced": "good",
    "in the seeds' range": "good",
    "not reproduced": "bad",
    "not run": "muted",
}


@dataclass(frozen=True)
class Audited:
    """A published value and what became of it; `found` and `right` are None where the run lacks them."""

    published: Published
    found: QuantityValue | None
    right: QuantityValue | None
    naive: tuple[str, ...] = ()  # what naive forecasts reach by the right figure: "persistence 6.873"

    @property
    def verdict(self) -> Verdict:
        """Of the median over seeds, as far as the printed digits go; a value without a seed may be any seed's."""
        if self.found is None:
            return "not run"
        own, values = self.published, self.found.values
        if abs(self.found.median - own.number) <= own.tolerance:
            return "reproduced"
        return "in the seeds' range" if min(values) <= own.number <= max(values) else "not reproduced"


def audit(run: Run) -> tuple[Audited, ...]:
    """Every published value of the run's benchmark."""
    return tuple(
        Audited(one, find_quantity(run, one), find_quantity(run, one.right), _naive(run, one.right))
        if one.right and not run.manifest.quick  # which trains too little to correct anybody
        else Audited(one, find_quantity(run, one), None)
        for one in run.manifest.published
    )


def _naive(run: Run, figure: Quantity) -> tuple[str, ...]:
    """None where the figure is one of a naive forecast itself, or one that those do not have."""
    case = next((case for case in run.manifest.cases if case.label == figure.case), None)
    names = [baseline.name for baseline in run.data(case).baselines] if case else []
    if figure.backend in names:
        return ()
    found = [(name, find_quantity(run, figure.model_copy(update={"backend": name}))) for name in names]
    return tuple(f"{name} {four_digits(value.median)}" for name, value in found if value)


def lead(found: Sequence[Audited]) -> str:
    """How many published values came out; empty of none."""
    counts = Counter(one.verdict for one in found)
    words = {"reproduced": "came out", "in the seeds' range": "lay in the seeds' range", "not reproduced": "did not"}
    parts = [f"{counts[verdict]} {words.get(verdict, 'had no trial')}" for verdict in TONES if counts[verdict]]
    return sentence(f"of {plural(len(found), 'published value')}, {listed(parts)}") if found else ""


def told(run: Run) -> tuple[str, ...]:
    """The audit in sentences: how many values came out, then those that should have been others."""
    found = audit(run)
    words = [lead(found)] if found else []
    for one in found:
        own, right = one.published, one.right
        if right and own.right and (own.figure, own.case) != (own.right.figure, own.right.case):
            naive = f"; without a network: {', '.join(one.naive)}" if one.naive else ""
            words.append(sentence(f"the published {own.value}, {own.what}, should read {_value(right)}{naive}"))
    return tuple(words)


def _value(found: QuantityValue) -> str:
    return f"{four_digits(found.median)} {found.unit}".strip()


MEANING = (  # of the verdicts
    "Reproduced means equal to the last printed digit, or as near as the definition says, in the median over "
    "seeds; a document that states no seed may have had any, so its value may lie anywhere in their range. The "
    "right value is what the number should have been: the same forecast in one unit, or an honest one; a note says "
    "why."
)

COLUMNS = tuple(map(text, ("what was published", "published", "reproduced", "verdict", "right value")))


def table(run: Run) -> Table | None:
    """The audit of one run; None where nothing was published."""
    found = audit(run)
    if not found:
        return None
    return Table("audit", "Published values, audited", MEANING, COLUMNS, tuple(map(row_of, found)))


def row_of(audited: Audited) -> Row:
    """As `COLUMNS` has it."""
    published, found, right = audited.published, audited.found, audited.right
    return row(
        Cell(published.what, detail=published.source),
        Cell(published.value.replace("-", MINUS)),
        _shown(found, published, digits=len(published.value.lstrip("-").replace(".", "").lstrip("0"))),
        Cell(audited.verdict, tone=TONES[audited.verdict], notes=(published.why,)),
        _shown(right, published.right, beside=audited.naive)
        if published.right
        else Cell("as reproduced" if found else NONE, tone="muted"),
    )


def _shown(found: QuantityValue | None, figure: Quantity | None, digits: int = 4, beside: tuple[str, ...] = ()) -> Cell:
    """The value to as many digits as it is held against, whose it is, and what naive forecasts reach."""
    if found is None or figure is None:
        return Cell("\N{EN DASH}", tone="muted")
    value = f"{found.median:.{max(digits, 4)}g}".replace("-", MINUS) if digits > 4 else four_digits(found.median)
    of = backend_name(found.source)
    seeds = ""
    if len(set(found.values)) > 1:  # a naive forecast has one, whatever the seed
        low, high = (four_digits(limit) for limit in (min(found.values), max(found.values)))
        seeds = f", {plural(len(found.values), 'seed')}, {low} to {high}"
    told = f"{figure.figure}, {of}, '{figure.case}'{seeds}"
    naive = f"; needing no network: {', '.join(beside)}" if beside else ""
    return Cell(f"{value} {found.unit}".strip(), found.median, detail=told + naive)


def section(context: Context) -> Section | None:
    found = table(context.recorded)
    return table_section(found, style="wrapped") if found else None
