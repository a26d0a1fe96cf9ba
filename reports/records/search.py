"""What a search asks, and what it found."""

from reports.records.base import SCHEMA, Number, Record


class PublishedBest(Record):
    """What somebody else found among the same configurations."""

    case: str  # a Case's label, if it is among them
    mae: float


class Search(Record):
    """By whose choice which cases are trained; the trials of the manifest are all that could be asked for."""

    sampler: str  # "grid", "random", "tpe"
    sampler_seed: int
    trials: int  # configurations to train
    configurations: int  # that there are
    at_once: int  # trials side by side: no time of theirs is comparable where there are several
    near: float  # a score within this share of the lowest one is as good
    optuna: str  # version
    least_mae: float | None = None  # of the noise itself
    published: PublishedBest | None = None


class Configuration(Record):
    """One that was trained."""

    case: str  # a Case's label
    score: Number | None  # the mean over seeds of the validation loss of the weights kept; None: a trial failed


class Replay(Record):
    """A sampler let loose on the scores of all configurations, once for each of its seeds; nothing was trained."""

    sampler: str
    seeds: tuple[int, ...]  # of the sampler; one for "grid", which goes through the definition's order
    needed: tuple[int, ...]  # for each seed, the trials until one was as good as the best
    lower: tuple[float, ...]  # the lowest score so far after each trial: the first quartile over the seeds,
    median: tuple[float, ...]
    upper: tuple[float, ...]  # and the third


class Found(Record):
    """The end of a search."""

    schema_version: int = SCHEMA
    tried: tuple[Configuration, ...]  # in the order in which the sampler asked for them
    selected: str | None  # the case with the lowest score; None: every one failed
    replays: tuple[Replay, ...] = ()  # none where not every configuration has a score

    @property
    def ranking(self) -> tuple[tuple[str, float], ...]:
        """Cases with their scores, the best first; those that failed are left out."""
        scored = [(one.case, one.score) for one in self.tried if one.score is not None]
        return tuple(sorted(scored, key=lambda pair: pair[1]))
