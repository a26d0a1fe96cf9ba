"""Published values held against a run: what was printed, what comes out, what should have been printed, and why."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np

from benchmarks.runner.records import Data, Figure, Outcome, Published
from reports.grid import Cell, Row, Table, Tone, row, text
from reports.run import Run
from reports.wording import MINUS, backend_name, four_digits, listed, plural, sentence, squared

Verdict = Literal["reproduced", "in the seeds' range", "not reproduced", "not run"]


TONES: dict[Verdict, Tone] = {
    "reproduced": "good",
    "in the seeds' range": "good",
    "not reproduced": "bad",
    "not run": "muted",
}


@dataclass(frozen=True)
class Found:
    """A figure as a run has it: one value a seed, or the one of a naive forecast."""

    values: tuple[float, ...]
    unit: str
    whose: str  # a backend, or a naive forecast

    @property
    def median(self) -> float:
        return median(self.values)


@dataclass(frozen=True)
class Audited:
    """A published value and what became of it; `found` and `right` are None where the run lacks them."""

    published: Published
    found: Found | None
    right: Found | None
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
        Audited(one, find(run, one), find(run, one.right), _naive(run, one.right))
        if one.right
        else Audited(one, find(run, one), None)
        for one in run.manifest.published
    )


def _naive(run: Run, figure: Figure) -> tuple[str, ...]:
    """None where the figure is one of a naive forecast itself, or one that those do not have."""
    case = next((case for case in run.manifest.cases if case.label == figure.case), None)
    names = [baseline.name for baseline in run.data(case).baselines] if case else []
    if figure.backend in names:
        return ()
    found = [(name, find(run, figure.model_copy(update={"backend": name}))) for name in names]
    return tuple(f"{name} {four_digits(value.median)}" for name, value in found if value)


def find(run: Run, figure: Figure) -> Found | None:
    """The figure as the run's records have it; None where no trial of it ended well."""
    case = next((case for case in run.manifest.cases if case.label == figure.case), None)
    if case is None:
        return None
    data = run.data(case)
    unit = {"mae": data.unit, "mse": squared(data.unit), "prediction": data.unit}.get(figure.figure, "")
    naive = next((baseline for baseline in data.baselines if baseline.name == figure.backend), None)
    if naive is not None:
        score = getattr(naive.scores, figure.figure.replace(" ", "_"), None)
        return None if score is None else Found((score,), unit, naive.name)
    group = run.of(case, figure.mode, figure.backend)
    values = [_FIGURES[figure.figure](o, data, figure) for o in group.outcomes.values()] if group else []
    known = tuple(value for value in values if value is not None)
    return Found(known, unit, group.backend) if group and known else None


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


def _value(found: Found) -> str:
    return f"{four_digits(found.median)} {found.unit}".strip()


def _mixed(outcome: Outcome, data: Data, figure: Figure) -> float | None:
    """The mean square of scaled truth minus forecast in the unit: two scales in one difference."""
    if not data.scale or data.kept > 1 or data.differenced:
        return None
    scales = np.tile([data.offset, data.scale], data.horizon)
    truth = (np.array(data.test_truth) - scales[0]) / scales[1]
    return float(np.mean((truth - np.array(outcome.predictions)) ** 2))


def _at(values: tuple[float, ...], figure: Figure) -> float | None:
    place = figure.at if figure.at is not None else -1
    index = place - 1 if place > 0 else place
    return values[index] if -len(values) <= index < len(values) else None


_FIGURES: dict[str, Callable[[Outcome, Data, Figure], float | None]] = {
    "mse": lambda outcome, data, figure: outcome.scores.mse,
    "mae": lambda outcome, data, figure: outcome.scores.mae,
    "scaled mse": lambda outcome, data, figure: outcome.scores.scaled_mse,
    "scaled mae": lambda outcome, data, figure: outcome.scores.scaled_mae,
    "mixed mse": _mixed,
    "test windows": lambda outcome, data, figure: float(data.test_windows),
    "loss": lambda outcome, data, figure: _at(outcome.train_losses, figure),
    "prediction": lambda outcome, data, figure: _at(tuple(row[0] for row in outcome.predictions), figure),
}


COLUMNS = tuple(map(text, ("what was published", "published", "reproduced", "verdict", "right value")))


def table(run: Run) -> Table | None:
    """The audit of one run; None where nothing was published."""
    found = audit(run)
    if not found:
        return None
    return Table("audit", "Published values, audited", caption(run), COLUMNS, tuple(map(row_of, found)))


def caption(run: Run) -> str:
    """What the verdicts mean."""
    return (
        "Reproduced means equal to the last printed digit, or as near as the definition says, in the median over "
        "seeds; a document that states no seed may have had any, so its value may lie anywhere in their range. The "
        "right value is what the number should have been: the same forecast in one unit, or an honest one; a note says "
        "why."
    )


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
        else Cell("as reproduced", tone="muted"),
    )


def _shown(found: Found | None, figure: Figure | None, digits: int = 4, beside: tuple[str, ...] = ()) -> Cell:
    """The value to as many digits as it is held against, whose it is, and what naive forecasts reach."""
    if found is None or figure is None:
        return Cell("\N{EN DASH}", tone="muted")
    value = f"{found.median:.{max(digits, 4)}g}".replace("-", MINUS) if digits > 4 else four_digits(found.median)
    of = backend_name(found.whose)
    seeds = ""
    if len(found.values) > 1:
        low, high = (four_digits(limit) for limit in (min(found.values), max(found.values)))
        seeds = f", {plural(len(found.values), 'seed')}, {low} to {high}"
    told = f"{figure.figure}, {of}, '{figure.case}'{seeds}"
    naive = f"; needing no network: {', '.join(beside)}" if beside else ""
    return Cell(f"{value} {found.unit}".strip(), found.median, detail=told + naive)
