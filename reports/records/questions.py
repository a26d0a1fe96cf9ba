"""What a definition asks about a run: published values to reproduce, and questions about errors.

These records are part of a definition's TOML file too, so their field names are the keys that users type.
"""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from reports.records.base import Mode, Record

Text = Annotated[str, Field(min_length=1)]


class Quantity(Record):
    """One number of a run: of a case in a backend and a mode, the median over seeds; or of a naive forecast."""

    case: str  # label of the case
    backend: str | None = None  # or the name of a naive forecast, "persistence"; None: the first finished backend
    mode: Mode = "matched"
    figure: Text = "mse"  # name of a metric with spaces, "loss" or "prediction"; see analysis.metrics.quantity_names
    at: Annotated[int, Field(strict=True)] | None = None  # number of the epoch or prediction, from 1; -1: the last

    @model_validator(mode="after")
    def _native_needs_backend(self) -> Self:
        if self.mode == "native" and self.backend is None:
            raise ValueError('native models differ between backends; add the backend, as in backend = "pytorch"')
        return self

    @field_validator("at")
    @classmethod
    def _not_zero(cls, value: int | None) -> int | None:
        if value == 0:
            raise ValueError("epochs and predictions are counted from 1, or from -1 at the end")
        return value


class Published(Quantity):
    """A published value, the quantity that reproduces it, and the quantity that should have been published."""

    what: Text
    value: Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?(e-?\d+)?$")]  # as printed: its digits give the tolerance
    source: Text  # "001, PyTorch example"
    within: Annotated[float, Field(gt=0)] | None = None  # tolerance; None: half a unit of the last digit
    right: Quantity | None = None  # None: the published quantity is the right one
    why: Text  # explanation without numbers of the run

    @property
    def number(self) -> float:
        return float(self.value)

    @property
    def tolerance(self) -> float:
        """Largest difference from the published value that counts as reproduced."""
        if self.within is not None:
            return self.within
        exponent = Decimal(self.value).as_tuple().exponent
        return 0.5 * 10.0 ** int(exponent)


class Contender(Quantity):
    """An error on the test part, of a case or of a naive forecast."""

    figure: Text = "mse"  # a metric of the kind "error"
    at: None = None


class Question(Record):
    """Asks whether one error is lower than another; the errors are paired by seed."""

    asks: Text  # a question with the answer yes or no
    better: Contender  # the error that may be the lower one
    than: Contender

    @model_validator(mode="after")
    def _same_figure(self) -> Self:
        if self.better.figure != self.than.figure:
            figures = f"better has the figure {self.better.figure} and than has {self.than.figure}"
            raise ValueError(f"{figures}; both must have the same figure")
        return self
