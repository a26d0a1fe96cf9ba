"""What a run says over several series: its forecasts ranked by error and its frameworks by time, series by series."""

from dataclasses import dataclass
from functools import cached_property
from math import exp, isfinite, log, nan

import numpy as np

from reports.analysis.ranking import LEVEL, critical_difference, friedman, least_series, ranks
from reports.analysis.run import Run, unique
from reports.analysis.speedup import Comparisons
from reports.records import Case
from reports.render.formats import backend_name, case_name, four_digits, listed, probability, significant
from reports.render.table import Cell, Column, Table, number, row, text
from reports.sections.group_cells import over_seeds

NAIVE = "persistence"
Scores = dict[str, dict[str, float]]  # by series and method, smaller is better; not a number: missing


@dataclass(frozen=True)
class Ranking:
    """Methods over the series that have a figure of each; at least two of both."""

    name: str  # in anchors and files: "forecasts", "frameworks"
    noun: str
    by: str  # "test MSE"
    methods: tuple[str, ...]
    series: tuple[str, ...]
    scores: np.ndarray  # (series, methods), smaller is better
    left_out: tuple[str, ...]  # series that lack a figure

    @cached_property
    def ranks(self) -> np.ndarray:
        """(series, methods), 1 is the best."""
        return ranks(self.scores)

    @cached_property
    def mean_ranks(self) -> tuple[float, ...]:
        return tuple(float(value) for value in self.ranks.mean(axis=0))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The places of the methods, the best mean rank first."""
        return tuple(sorted(range(len(self.methods)), key=self.mean_ranks.__getitem__))

    @cached_property
    def p(self) -> float:
        """Of Friedman's test."""
        return friedman(self.scores)

    @property
    def least(self) -> int:
        return least_series(len(self.methods))

    @property
    def enough(self) -> bool:
        """Whether the test could tell anything of so few series."""
        return len(self.series) >= self.least

    @cached_property
    def critical(self) -> float:
        return critical_difference(len(self.series), len(self.methods))

    def apart(self, one: int, other: int) -> bool:
        """Whether the methods at two places differ; none do where Friedman's test finds no difference."""
        differ = self.enough and self.p < LEVEL
        return differ and abs(self.mean_ranks[one] - self.mean_ranks[other]) > self.critical


def rankings(run: Run, comparisons: Comparisons) -> tuple[Ranking, ...]:
    """Empty of one series; models that forecast another number of steps are ranked apart."""
    horizons = tuple(dict.fromkeys(case.horizon for case in run.manifest.cases))
    found = []
    for horizon in horizons:
        name, by = "forecasts", "test MSE"
        if len(horizons) > 1:
            name, by = f"{name}-{horizon}", f"{by}, horizon {horizon}"
        found.append(_rank(name, "forecasts", by, _errors(run, comparisons, horizon)))
    found.append(_rank("frameworks", "frameworks", "the time of a steady epoch", _paces(run, comparisons)))
    return tuple(ranking for ranking in found if ranking)


def _rank(name: str, noun: str, by: str, scores: Scores) -> Ranking | None:
    """A method must have been asked of every series; a series that has no figure of one yet is left out."""
    methods = [m for m in unique(m for own in scores.values() for m in own) if all(m in own for own in scores.values())]
    whole = [one for one, own in scores.items() if all(isfinite(own[method]) for method in methods)]
    if len(methods) < 2 or len(whole) < 2:
        return None
    values = np.array([[scores[one][method] for method in methods] for one in whole])
    left_out = tuple(one for one in scores if one not in whole)
    return Ranking(name, noun, by, tuple(methods), tuple(whole), values, left_out)


def _errors(run: Run, comparisons: Comparisons, horizon: int) -> Scores:
    """Median test MSE; equal models have one, the reference's.

    In native mode each framework's model is another one, so each is a method.
    """
    found: Scores = {}
    for case in (case for case in run.manifest.cases if case.horizon == horizon):
        own, data = found.setdefault(run.data(case).series, {}), run.data(case)
        for group in run.select(case, run.mode_of(case)):
            native = f", {backend_name(group.backend)}" if group.mode == "native" else ""
            if native or group.backend == (comparisons[case.label].reference or run.backends[0]):
                middle = over_seeds(group, lambda outcome: outcome.scores.mse)
                own[_model(run, case) + native] = middle.median if middle else nan
        own |= {baseline.name: baseline.scores.mse for baseline in data.baselines if baseline.name == NAIVE}
    return {one: own for one, own in found.items() if _one_question(run, one, horizon)}


def _one_question(run: Run, series: str, horizon: int) -> bool:
    """Whether all models of a series forecast the same test part: else their errors cannot be ranked."""
    data = [run.data(case) for case in run.manifest.cases if case.horizon == horizon]
    return len({one.test_times for one in data if one.series == series}) == 1


def _paces(run: Run, comparisons: Comparisons) -> Scores:
    """Time of a steady epoch relative to the reference's, the geometric mean over a series' models; certified only."""
    logs: dict[str, dict[str, list[float]]] = {}
    for case in run.manifest.cases:
        own = logs.setdefault(run.data(case).series, {})
        for backend, found in comparisons[case.label].backends.items():
            ratio = found.epoch.median if found.comparable and found.epoch else nan
            own.setdefault(backend_name(backend), []).append(-log(ratio))
    return {one: {name: exp(sum(own[name]) / len(own[name])) for name in own} for one, own in logs.items()}


def _model(run: Run, case: Case) -> str:
    """Its name without the series, over which the ranks are taken."""
    parts = case_name(case).split(", ")
    return ", ".join(
        part for part in parts if part != f"series {run.data(case).series}" and not part.startswith("csv ")
    )


def table(ranking: Ranking) -> Table:
    """A row a series, a column a method, the best mean rank first; in the last row the mean ranks."""
    columns = (text("series"), *(Column(ranking.methods[place]) for place in ranking.order))
    rows = [
        row(
            Cell(one),
            *(Cell(four_digits(mine[place]), float(mine[place]), f"rank {given[place]:g}") for place in ranking.order),
        )
        for one, mine, given in zip(ranking.series, ranking.scores, ranking.ranks, strict=True)
    ]
    means = (number(ranking.mean_ranks[place], significant) for place in ranking.order)
    rows.append(row(Cell("mean rank"), *means, kind="baseline"))
    what = {
        "forecasts": "The median test MSE over the seeds, in each series' own unit, squared",
        "frameworks": "A steady epoch's time over that of the reference, the geometric mean over a series' models",
    }[ranking.noun]
    left_out = f" Left out, for want of a figure: {listed(ranking.left_out)}." if ranking.left_out else ""
    title = f"{ranking.noun.capitalize()} over several series, by {ranking.by}"
    return Table(f"ranks-{ranking.name}", title, f"{what}. {finding(ranking)}{left_out}", columns, tuple(rows))


def finding(ranking: Ranking) -> str:
    """What may be said of the methods over all series, or how many series it would take."""
    over, few = f"{len(ranking.series)} series", f"{len(ranking.methods)} {ranking.noun}"
    if not ranking.enough:
        return (
            f"{over} cannot show that one of {few} is better by {ranking.by}: Friedman's test could reach p < 0.05 "
            f"with {ranking.least}, if all of them ranked alike."
        )
    test = f"Friedman's test, {probability(ranking.p)}"
    if ranking.p >= LEVEL:
        return f"Over {over} none of {few} is shown to be better by {ranking.by} ({test})."
    best = ranking.order[0]
    opening = f"Over {over} the {ranking.noun} differ by {ranking.by} ({test})"
    beaten = [ranking.methods[place] for place in ranking.order if ranking.apart(best, place)]
    if not beaten:
        return f"{opening}, but {ranking.methods[best]}, the best, is ahead of none by the critical difference."
    return f"{opening}: {ranking.methods[best]} is better than {_named(beaten)} beyond the critical difference."


def _named(methods: list[str]) -> str:
    """A model's name may have commas of its own."""
    return "; ".join(methods) if any("," in name for name in methods) else listed(methods)
