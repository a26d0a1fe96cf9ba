"""Questions that a benchmark's run answers: is one of its errors lower than another?"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reports.records.base import Record
from reports.records.published import Figure


class Contender(Figure):
    """An error on the test part, of a case or of a naive forecast."""

    figure: Literal["mse", "mae", "scaled mse", "scaled mae"] = "mse"
    at: None = None


class Question(Record):
    """Asks whether one error is lower than another; the answer pairs them by seed."""

    asks: Annotated[str, Field(min_length=1)]  # to be answered by yes or no
    better: Contender  # what is asked to have the lower error ...
    than: Contender  # ... than this

    @model_validator(mode="after")
    def _one_figure(self) -> Self:
        if self.better.figure != self.than.figure:
            raise ValueError(
                f"better is a question of {self.better.figure} and than of {self.than.figure}; both must be one figure"
            )
        return self
