"""What a search's records say: the configurations by rank, the selected one, and the run with nothing but that one."""

from dataclasses import dataclass, replace
from statistics import median

from reports.analysis.run import Group, Run
from reports.records import Search


@dataclass(frozen=True)
class RankedCase:
    """A configuration whose trials all ended well."""

    group: Group
    score: float  # the mean over seeds of the validation loss of the weights kept

    @property
    def label(self) -> str:
        return self.group.case.label


@dataclass(frozen=True)
class SearchRanking:
    """A search as far as it has come; `selected` is None until it is finished, and where every trial failed."""

    run: Run
    search: Search
    ranking: tuple[RankedCase, ...]  # the lowest score first

    @property
    def selected(self) -> RankedCase | None:
        label = self.run.search_result.selected if self.run.search_result else None
        return next((one for one in self.ranking if one.label == label), None)

    @property
    def published(self) -> RankedCase | None:
        """The one that somebody else found best, where it was tried here and there is one to hold it against."""
        label = self.search.published.case if self.search.published else None
        return next((one for one in self.ranking if one.label == label), None) if self.selected else None

    @property
    def near(self) -> int:
        """How many are as good as the best."""
        lowest = self.ranking[0].score if self.ranking else 0.0
        return sum(one.score <= lowest * (1 + self.search.near) for one in self.ranking)

    @property
    def seed_range(self) -> float | None:
        """How far apart the seeds of a configuration lie, as a share of its score: the median; None of one seed."""
        losses = [[o.kept_loss for o in one.group.outcomes.values()] for one in self.ranking]
        apart = [(max(each) - min(each)) / _mean(each) for each in losses if len(each) > 1]
        return median(apart) if apart else None

    def rank(self, one: RankedCase) -> int:
        return self.ranking.index(one) + 1


def search_ranking(run: Run) -> SearchRanking | None:
    """None where the run is no search."""
    if run.manifest.search is None:
        return None
    whole = [group for group in run.groups if len(group.outcomes) == len(group.plans)]
    ranked = [RankedCase(group, _mean([outcome.kept_loss for outcome in group.outcomes.values()])) for group in whole]
    return SearchRanking(run, run.manifest.search, tuple(sorted(ranked, key=lambda one: one.score)))


def selected_only(run: Run) -> Run:
    """A search as if nothing but the selected configuration had been tried: test scores belong to that one alone."""
    found = search_ranking(run)
    if found is None:
        return run
    label = found.selected.label if found.selected else None
    manifest = run.manifest.model_copy(
        update={
            "cases": tuple(case for case in run.manifest.cases if case.label == label),
            "trials": tuple(plan for plan in run.manifest.trials if plan.case == label),
        }
    )
    return replace(run, manifest=manifest, trials=tuple(trial for trial in run.trials if trial.plan.case == label))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
