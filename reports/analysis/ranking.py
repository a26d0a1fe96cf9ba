"""Which of several methods is better over many series: ranks, Friedman's test, the critical difference after it."""

from dataclasses import dataclass
from functools import cached_property
from math import exp, factorial, inf, isfinite, log, nan, sqrt

import numpy as np
from scipy import stats

from reports.analysis.intervals import CONFIDENCE
from reports.analysis.run import Run, over_seeds, unique
from reports.analysis.speedup import Speedups
from reports.records import Case
from reports.render.formats import backend_name, case_name

RESAMPLES = 9_999
LEVEL = 1 - CONFIDENCE
NAIVE = "persistence"
Scores = dict[str, dict[str, float]]  # by series and method, smaller is better; not a number: missing


def ranks(scores: np.ndarray) -> np.ndarray:
    """(series, methods) of what is better when smaller: 1 for the best of a series; equal ones share their ranks."""
    found: np.ndarray = stats.rankdata(scores, axis=1)
    return found


def friedman(scores: np.ndarray) -> float:
    """The p-value of Friedman's test of (series, methods): ranks that differ more than if no method were better.

    Exact where a series' ranks can be reordered in few ways, else from `RESAMPLES` random orders: the usual chi-squared
    distribution is far off for a handful of series. Two methods make it the sign test.
    """

    def parted(*rows: np.ndarray, axis: int = -1) -> np.ndarray:
        found: np.ndarray = np.sum(np.sum(rows, axis=0) ** 2, axis=axis)
        return found

    test = stats.permutation_test(
        tuple(ranks(scores)),
        parted,
        permutation_type="pairings",
        alternative="greater",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),  # the same records must give the same report
    )
    return float(test.pvalue)


def least_series(methods: int) -> int:
    """The fewest series of which Friedman's test of so many methods can ever give p < 0.05.

    Even where all series rank the methods alike: that happens by chance with probability 1 / methods! ** (series - 1).
    """
    series = 2
    while factorial(methods) ** (1 - series) >= LEVEL:
        series += 1
    return series


def critical_difference(series: int, methods: int) -> float:
    """How far apart the mean ranks of two methods must lie to differ at 5 %: Nemenyi's test, after Demšar (2006)."""
    quantile = float(stats.studentized_range.ppf(CONFIDENCE, methods, inf)) / sqrt(2)
    return quantile * sqrt(methods * (methods + 1) / (6 * series))


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


def rankings(run: Run, comparisons: Speedups) -> tuple[Ranking, ...]:
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


def _errors(run: Run, comparisons: Speedups, horizon: int) -> Scores:
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
                own[_model(run, case) + native] = middle.estimate if middle else nan
        own |= {baseline.name: baseline.scores.mse for baseline in data.baselines if baseline.name == NAIVE}
    return {one: own for one, own in found.items() if _one_question(run, one, horizon)}


def _one_question(run: Run, series: str, horizon: int) -> bool:
    """Whether all models of a series forecast the same test part: else their errors cannot be ranked."""
    data = [run.data(case) for case in run.manifest.cases if case.horizon == horizon]
    return len({one.test_times for one in data if one.series == series}) == 1


def _paces(run: Run, comparisons: Speedups) -> Scores:
    """Time of a steady epoch relative to the reference's, the geometric mean over a series' models; certified only."""
    logs: dict[str, dict[str, list[float]]] = {}
    for case in run.manifest.cases:
        own = logs.setdefault(run.data(case).series, {})
        for backend, found in comparisons[case.label].backends.items():
            ratio = found.epoch.estimate if found.comparable and found.epoch else nan
            own.setdefault(backend_name(backend), []).append(-log(ratio))
    return {one: {name: exp(sum(own[name]) / len(own[name])) for name in own} for one, own in logs.items()}


def _model(run: Run, case: Case) -> str:
    """Its name without the series, over which the ranks are taken."""
    parts = case_name(case).split(", ")
    return ", ".join(
        part for part in parts if part != f"series {run.data(case).series}" and not part.startswith("csv ")
    )
