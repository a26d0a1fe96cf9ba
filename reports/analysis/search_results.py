"""Results of a search: configurations by rank, the selected one, and the run reduced to it."""

from dataclasses import dataclass, replace
from statistics import fmean, median

from reports.analysis.run import Group, Run, configuration
from reports.records import Search


@dataclass(frozen=True)
class RankedCase:
    """A configuration whose trials all finished."""

    label: str
    groups: tuple[Group, ...]  # one for each origin, the last in time last; without origins a single one
    score: float  # mean over seeds and origins of the validation loss of the kept weights

    @property
    def group(self) -> Group:
        """The group of the last origin."""
        return self.groups[-1]


@dataclass(frozen=True)
class SearchRanking:
    """The configurations that a search has trained, the lowest score first."""

    run: Run
    search: Search
    ranking: tuple[RankedCase, ...]

    @property
    def selected(self) -> RankedCase | None:
        """The selected configuration; None until the search has finished, or if all trials failed."""
        result = self.run.search_result
        return self._ranked(result.selected) if result else None

    @property
    def published(self) -> RankedCase | None:
        """The best configuration of a published search, if it was trained and a configuration is selected."""
        published = self.search.published
        return self._ranked(published.case) if published and self.selected else None

    def _ranked(self, label: str | None) -> RankedCase | None:
        return next((ranked for ranked in self.ranking if ranked.label == label), None)

    @property
    def seed_range(self) -> float | None:
        """The median over configurations and origins of the range over seeds, as a share; None with one seed."""
        groups = [group for ranked in self.ranking for group in ranked.groups]
        losses = [[outcome.kept_loss for outcome in group.outcomes.values()] for group in groups]
        ranges = [(max(values) - min(values)) / fmean(values) for values in losses if len(values) > 1]
        return median(ranges) if ranges else None

    def rank(self, ranked: RankedCase) -> int:
        return self.ranking.index(ranked) + 1


def search_ranking(run: Run) -> SearchRanking | None:
    """Return the ranking of a search; None if the run is no search."""
    if run.manifest.search is None:
        return None
    members: dict[str, list[Group]] = {}
    for group in run.groups:
        members.setdefault(configuration(run.manifest, group.case), []).append(group)
    ranked = [
        RankedCase(label, tuple(groups), fmean(o.kept_loss for group in groups for o in group.outcomes.values()))
        for label, groups in members.items()
        if all(len(group.outcomes) == len(group.plans) for group in groups)
    ]
    return SearchRanking(run, run.manifest.search, tuple(sorted(ranked, key=lambda case: case.score)))


def selected_only(run: Run) -> Run:
    """Return a search reduced to its selected configuration, because test scores of the others are not reported."""
    ranking = search_ranking(run)
    if ranking is None:
        return run
    label = ranking.selected.label if ranking.selected else None
    cases = tuple(case for case in run.manifest.cases if configuration(run.manifest, case) == label)
    labels = {case.label for case in cases}
    plans = tuple(plan for plan in run.manifest.trials if plan.case in labels)
    trials = tuple(trial for trial in run.trials if trial.plan.case in labels)
    return replace(run, manifest=run.manifest.model_copy(update={"cases": cases, "trials": plans}), trials=trials)
