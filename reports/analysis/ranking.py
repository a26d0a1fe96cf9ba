"""Ranking of several methods over several series: mean ranks, Friedman's test, and pairwise tests after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import factorial, isfinite, nan

import numpy as np
import scipy  # its part `stats`, whose import takes a second, is imported on first use

from reports.analysis.intervals import CONFIDENCE, geometric_mean_interval
from reports.analysis.metrics import headline_error, median_over_seeds
from reports.analysis.run import Run, unique
from reports.analysis.speedup import Speedups
from reports.records import Case
from reports.render.formats import case_name

RESAMPLES = 9_999
LEVEL = 1 - CONFIDENCE
NAIVE = "persistence"
Scores = dict[str, dict[str, float]]  # by series and method, smaller is better; NaN: missing


def ranks(scores: np.ndarray) -> np.ndarray:
    """Return the ranks within each series of scores (series, methods): 1 for the smallest, ties share their mean."""
    ranked: np.ndarray = scipy.stats.rankdata(scores, axis=1)
    return ranked


def friedman(scores: np.ndarray) -> float:
    """Return the p-value of Friedman's test that no method differs, from scores (series, methods).

    The p-value comes from permutations, all of them if they are few, else `RESAMPLES` random ones: the usual
    chi-squared approximation is poor for a handful of series. With two methods the test is the sign test.
    """

    def rank_sums(*rows: np.ndarray, axis: int = -1) -> np.ndarray:
        sums: np.ndarray = np.sum(np.sum(rows, axis=0) ** 2, axis=axis)
        return sums

    test = scipy.stats.permutation_test(
        tuple(ranks(scores)),
        rank_sums,
        permutation_type="pairings",
        alternative="greater",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),  # the same records give the same report
    )
    return float(test.pvalue)


def least_series(methods: int) -> int:
    """Return the fewest series with which Friedman's test of so many methods can give p < 0.05.

    The smallest p-value, if all series rank the methods alike, is 1 / methods! ** (series - 1).
    """
    series = 2
    while factorial(methods) ** (1 - series) >= LEVEL:
        series += 1
    return series


def wilcoxon_holm(scores: np.ndarray) -> np.ndarray:
    """Return the p-values of all pairs of methods, (methods, methods), from scores (series, methods).

    Wilcoxon signed-rank tests with Holm's correction, as Benavoli, Corani & Mangili (2016) recommend instead of
    comparing mean ranks, which depend on the other methods. The tests are of the logarithms of positive scores, because
    series may have different units. The diagonal is 1.
    """
    from statsmodels.stats.multitest import multipletests  # takes a second, so only on use

    pairs = list(combinations(range(scores.shape[1]), 2))
    p_values = [_wilcoxon(scores[:, first], scores[:, second]) for first, second in pairs]
    matrix = np.ones((scores.shape[1], scores.shape[1]))
    for (first, second), p in zip(pairs, multipletests(p_values, method="holm")[1], strict=True):
        matrix[first, second] = matrix[second, first] = p
    return matrix


def _wilcoxon(first: np.ndarray, second: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        differences = np.nan_to_num(np.log(first) - np.log(second), nan=0.0)  # two scores of 0 are equal
    return float(scipy.stats.wilcoxon(differences).pvalue) if np.any(differences) else 1.0


@dataclass(frozen=True)
class Ranking:
    """At least two methods over at least two series that have a score of each method."""

    name: str  # in anchors and file names: "forecasts", "backends"
    noun: str
    by: str  # what the scores are: "test MSE"
    methods: tuple[str, ...]
    phrases: tuple[str, ...]  # the methods in sentences
    series: tuple[str, ...]
    scores: np.ndarray  # (series, methods), smaller is better
    left_out: tuple[str, ...]  # series that lack a score

    @cached_property
    def ranks(self) -> np.ndarray:
        """The ranks (series, methods); 1 is the best."""
        return ranks(self.scores)

    @cached_property
    def mean_ranks(self) -> tuple[float, ...]:
        return tuple(float(rank) for rank in self.ranks.mean(axis=0))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The positions of the methods, the best mean rank first."""
        return tuple(sorted(range(len(self.methods)), key=self.mean_ranks.__getitem__))

    @cached_property
    def p(self) -> float:
        """The p-value of Friedman's test."""
        return friedman(self.scores)

    @property
    def least(self) -> int:
        return least_series(len(self.methods))

    @property
    def enough(self) -> bool:
        """Whether Friedman's test can find a difference with this number of series."""
        return len(self.series) >= self.least

    @cached_property
    def p_values(self) -> np.ndarray:
        """The p-values of all pairs of methods, see `wilcoxon_holm`."""
        return wilcoxon_holm(self.scores)

    def apart(self, first: int, second: int) -> bool:
        """Whether two methods differ at 5 %; no methods differ unless Friedman's test finds a difference."""
        return self.enough and self.p < LEVEL and bool(self.p_values[first, second] < LEVEL)


def rankings(run: Run, speedups: Speedups) -> tuple[Ranking, ...]:
    """Return a ranking of forecasts for each horizon, and one of backends; none for a single series."""
    horizons = unique(case.horizon for case in run.manifest.cases)
    error = headline_error(run)
    results = []
    for horizon in horizons:
        name, by = "forecasts", error.label if error.name == "mse" else f"test {error.label}"
        if len(horizons) > 1:
            name, by = f"{name}-{horizon}", f"{by}, horizon {horizon}"
        results.append(_ranking(name, "forecasts", by, _errors(run, speedups, horizon), {}))
    phrases = {run.backend_name(backend): run.backend_phrase(backend) for backend in run.backends}
    times = _relative_times(run, speedups)
    results.append(_ranking("backends", "backends", "the time of a steady epoch", times, phrases))
    return tuple(ranking for ranking in results if ranking)


def _ranking(name: str, noun: str, by: str, scores: Scores, phrases: Mapping[str, str]) -> Ranking | None:
    """Rank the methods that every series has; a series that lacks one of their scores is left out."""
    methods = unique(method for row in scores.values() for method in row)
    methods = tuple(method for method in methods if all(method in row for row in scores.values()))
    complete = [series for series, row in scores.items() if all(isfinite(row[method]) for method in methods)]
    if len(methods) < 2 or len(complete) < 2:
        return None
    matrix = np.array([[scores[series][method] for method in methods] for series in complete])
    left_out = tuple(series for series in scores if series not in complete)
    return Ranking(
        name, noun, by, methods, tuple(phrases.get(m, m) for m in methods), tuple(complete), matrix, left_out
    )


def _errors(run: Run, speedups: Speedups, horizon: int) -> Scores:
    """Return the median headline error of each model, that of the reference for equal models, and of persistence.

    In native mode the models of the backends differ, so each is a method.
    """
    error = headline_error(run)
    scores: Scores = {}
    for case in (case for case in run.manifest.cases if case.horizon == horizon):
        data = run.data(case)
        row = scores.setdefault(data.series, {})
        for group in run.select(case, run.mode_of(case)):
            native = f", {group.backend_name}" if group.mode == "native" else ""
            if native or group.backend == (speedups[case.label].reference or run.backends[0]):
                interval = median_over_seeds(group, error)
                row[_model_name(run, case) + native] = interval.estimate if interval else nan
        for baseline in data.baselines:
            if baseline.name == NAIVE and error.score:
                score = error.score(data, baseline)
                row[NAIVE] = nan if score is None else score
    return {series: row for series, row in scores.items() if _same_test_part(run, series, horizon)}


def _same_test_part(run: Run, series: str, horizon: int) -> bool:
    """Whether all models of a series forecast the same test part; otherwise their errors cannot be ranked."""
    data = [run.data(case) for case in run.manifest.cases if case.horizon == horizon]
    return len({windows.test_times for windows in data if windows.series == series}) == 1


def _relative_times(run: Run, speedups: Speedups) -> Scores:
    """Return the steady epoch relative to that of the reference, the geometric mean over the models of a series."""
    times: dict[str, dict[str, list[float]]] = {}
    for case in run.manifest.cases:
        row = times.setdefault(run.data(case).series, {})
        for backend, speedup in speedups[case.label].backends.items():
            shown = speedup.comparable and not speedup.withheld
            ratio = speedup.epoch.inverse.estimate if shown and speedup.epoch else nan
            row.setdefault(run.backend_name(backend), []).append(ratio)
    return {series: {name: _geometric_mean(ratios) for name, ratios in row.items()} for series, row in times.items()}


def _geometric_mean(ratios: list[float]) -> float:
    interval = geometric_mean_interval(ratios)
    return interval.estimate if interval else nan


def _model_name(run: Run, case: Case) -> str:
    """Return the name of a case without its series."""
    series = f"series {run.data(case).series}"
    return ", ".join(part for part in case_name(case).split(", ") if part != series and not part.startswith("csv "))
