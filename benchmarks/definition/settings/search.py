"""[search]: the grid's cases are configurations, and a sampler looks for the best of them."""

from typing import Annotated, Literal

from pydantic import Field

from benchmarks.definition.settings.base import Amount, Count, Settings

Sampler = Literal["grid", "random", "tpe"]


class PublishedSettings(Settings):
    """What somebody else found on this grid."""

    case: Annotated[str, Field(min_length=1)]  # a label, as in "CNN, filters 64 32, width 5"
    mae: Amount


class SearchSettings(Settings):
    """The best configuration is the one with the lowest validation loss; the test part chooses nothing."""

    sampler: Sampler = "grid"
    trials: Count | None = None  # configurations to train; None: all
    sampler_seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 1
    at_once: Count = 2  # trials side by side, each on cores of its own: their times are compared with nothing
    near: Amount = 0.01  # a validation loss within this share of the lowest one is as good
    least_mae: Amount | None = None  # of the noise itself, where the series is generated and it is known
    published: PublishedSettings | None = None
