"""A figure that a definition names, looked up in a run's records."""

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from reports.analysis.run import Run
from reports.records import Case, Data, Outcome, Quantity
from reports.render.formats import squared


@dataclass(frozen=True)
class QuantityValue:
    """By seed; a naive forecast's is the same with each. There is at least one."""

    figure: Quantity
    case: Case
    by_seed: dict[int, float]
    unit: str
    whose: str  # a backend, or a naive forecast

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(self.by_seed.values())

    @property
    def median(self) -> float:
        return median(self.values)

    def of(self, seeds: Set[int]) -> "QuantityValue | None":
        """These seeds' alone; None where it has none of them."""
        known = {seed: value for seed, value in sorted(self.by_seed.items()) if seed in seeds}
        return replace(self, by_seed=known) if known else None


def find_quantity(run: Run, figure: Quantity) -> QuantityValue | None:
    """None where no trial of it ended well, or its records lack it."""
    case = next((case for case in run.manifest.cases if case.label == figure.case), None)
    if case is None:
        return None
    data = run.data(case)
    naive = next((baseline for baseline in data.baselines if baseline.name == figure.backend), None)
    if naive is not None:
        score = getattr(naive.scores, figure.figure.replace(" ", "_"), None)
        whose, values = naive.name, dict.fromkeys(run.seeds, score)
    elif group := run.of(case, figure.mode, figure.backend):
        whose = group.backend
        values = {seed: _FIGURES[figure.figure](outcome, data, figure) for seed, outcome in group.outcomes.items()}
    else:
        return None
    unit = {"mae": data.unit, "mse": squared(data.unit), "prediction": data.unit}.get(figure.figure, "")
    known = {seed: value for seed, value in values.items() if value is not None}
    return QuantityValue(figure, case, known, unit, whose) if known else None


def _mixed(outcome: Outcome, data: Data, figure: Quantity) -> float | None:
    """The mean square of scaled truth minus forecast in the unit: two scales in one difference."""
    if not data.scale or data.test_stride > 1 or data.differenced:
        return None
    scales = np.tile([data.offset, data.scale], data.horizon)
    truth = (np.array(data.test_truth) - scales[0]) / scales[1]
    return float(np.mean((truth - np.array(outcome.predictions)) ** 2))


def _at(values: tuple[float, ...], figure: Quantity) -> float | None:
    place = figure.at if figure.at is not None else -1
    index = place - 1 if place > 0 else place
    return values[index] if -len(values) <= index < len(values) else None


_FIGURES: dict[str, Callable[[Outcome, Data, Quantity], float | None]] = {
    "mse": lambda outcome, data, figure: outcome.scores.mse,
    "mae": lambda outcome, data, figure: outcome.scores.mae,
    "scaled mse": lambda outcome, data, figure: outcome.scores.scaled_mse,
    "scaled mae": lambda outcome, data, figure: outcome.scores.scaled_mae,
    "mixed mse": _mixed,
    "test windows": lambda outcome, data, figure: float(data.test_windows),
    "loss": lambda outcome, data, figure: _at(outcome.train_losses, figure),
    "prediction": lambda outcome, data, figure: _at(tuple(row[0] for row in outcome.predictions), figure),
}
