"""Many models in a few sentences: who is fastest in how many of them, and how many forecasts hold."""

from reports.analysis.ranking import rankings
from reports.analysis.run import Run
from reports.analysis.speedup import Speedups
from reports.analysis.timing_quality import unreliable_because
from reports.render.formats import backend_name, listed, plural, span
from reports.sections.ranking_over_series import finding

MANY = 4  # with fewer models, each has its own sentence and needs no overview


def overview(run: Run, comparisons: Speedups) -> tuple[str, ...]:
    """Empty where the run has few models."""
    cases = run.manifest.cases
    if len(cases) < MANY:
        return ()
    told = [finding(ranking) for ranking in rankings(run, comparisons) if ranking.enough]
    rivals = [rival for comparison in comparisons.values() for rival in comparison.compared]
    reason = unreliable_because(rivals)
    warning = f"; but {reason}, so the ratios are not reliable" if reason else ""
    fastest = [f"{words}{warning}." for words in _fastest(comparisons)]
    beaten = [_beaten(run)]
    first = beaten + fastest if reason else fastest + beaten  # unreliable times are not reported first
    return (*first, *told)


def _fastest(comparisons: Speedups) -> tuple[str, ...]:
    """By the median ratio of a steady epoch; the reference's own is 1."""
    best: dict[str, list[float]] = {}
    for comparison in comparisons.values():
        fastest = comparison.fastest
        epoch = comparison.backends[fastest.backend].epoch if fastest else None
        if fastest and epoch:
            best.setdefault(fastest.backend, []).append(epoch.estimate)
    if not best:
        return ()
    compared = sum(map(len, best.values()))
    parts = [_share(backend, best[backend]) for backend in sorted(best, key=lambda backend: -len(best[backend]))]
    return (f"Fastest by the steady epoch, of {plural(compared, 'model')} compared: {listed(parts)}",)


def _share(backend: str, ratios: list[float]) -> str:
    faster = f" ({span(min(ratios), max(ratios))} times as fast as the reference)" if min(ratios) > 1 else ""
    return f"{backend_name(backend)} in {len(ratios)}{faster}"


def _beaten(run: Run) -> str:
    """How many of the models' forecasts beat persistence with every seed."""
    groups = [group for group in run.leading if group.outcomes]
    good = [g for g in groups if all((o.scores.skill_persistence or 0) > 0 for o in g.outcomes.values())]
    exact = sum(run.exact(group.case, "persistence") for group in groups)
    unbeatable = f"; for {exact} of them persistence is exact and cannot be beaten" if exact else ""
    return f"{len(good)} of {plural(len(groups), 'forecast')} beat persistence with every seed{unbeatable}."
