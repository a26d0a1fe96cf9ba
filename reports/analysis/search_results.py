"""Results of a search: configurations by rank, the selected one, and the run reduced to it."""

from dataclasses import dataclass, replace
from statistics import fmean, median

from reports.analysis.run import Group, Run
from reports.records import Search


@dataclass(frozen=True)
class RankedCase:
    """A configuration whose trials all finished."""

    group: Group
    score: float  # mean over seeds of the validation loss of the kept weights

    @property
    def label(self) -> str:
        return self.group.case.label


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
        """The median over configurations of the range over seeds, as a share of the score; None with one seed."""
        losses = [[outcome.kept_loss for outcome in ranked.group.outcomes.values()] for ranked in self.ranking]
        ranges = [(max(values) - min(values)) / fmean(values) for values in losses if len(values) > 1]
        return median(ranges) if ranges else None

    def rank(self, ranked: RankedCase) -> int:
        return self.ranking.index(ranked) + 1


def search_ranking(run: Run) -> SearchRanking | None:
    """Return the ranking of a search; None if the run is no search."""
    if run.manifest.search is None:
        return None
    complete = [group for group in run.groups if len(group.outcomes) == len(group.plans)]
    ranked = [RankedCase(group, fmean(outcome.kept_loss for outcome in group.outcomes.values())) for group in complete]
    return SearchRanking(run, run.manifest.search, tuple(sorted(ranked, key=lambda case: case.score)))


def selected_only(run: Run) -> Run:
    """Return a search reduced to its selected configuration, because test scores of the others are not reported."""
    ranking = search_ranking(run)
    if ranking is None:
        return run
    label = ranking.selected.label if ranking.selected else None
    manifest = run.manifest.model_copy(
        update={
            "cases": tuple(case for case in run.manifest.cases if case.label == label),
            "trials": tuple(plan for plan in run.manifest.trials if plan.case == label),
        }
    )
    return replace(run, manifest=manifest, trials=tuple(trial for trial in run.trials if trial.plan.case == label))
