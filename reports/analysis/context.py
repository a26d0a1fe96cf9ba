"""What the page of a run is computed from."""

from dataclasses import dataclass
from functools import cached_property

from reports.analysis.forecasts.leakage import leaks
from reports.analysis.ranking import Ranking, rankings
from reports.analysis.run import Run
from reports.analysis.search_results import SearchRanking, search_ranking, selected_only
from reports.analysis.speedup import Speedups, speedups_of
from reports.analysis.timing_quality import withhold_unreliable


@dataclass(frozen=True)
class Context:
    """The records of a run and the numbers that several sections share.

    `run` is the run that the statements are about. For a search, `run` contains the selected configuration alone,
    because the test errors of the other configurations must not be looked at; `recorded` contains all configurations.
    Unreliable speedups are withheld unless `show_unreliable`.
    """

    recorded: Run
    run: Run
    speedups: Speedups
    search: SearchRanking | None
    leaks: tuple[str, ...]  # sentences, see leakage

    @classmethod
    def of(cls, recorded: Run, *, show_unreliable: bool = False) -> "Context":
        run = selected_only(recorded)
        speedups = speedups_of(run)
        shown = speedups if show_unreliable else withhold_unreliable(run, speedups)
        return cls(recorded, run, shown, search_ranking(recorded), leaks(run))

    @cached_property
    def rankings(self) -> tuple[Ranking, ...]:
        """The ranking of models and that of backends over several series. Its tests take seconds."""
        return rankings(self.run, self.speedups)
