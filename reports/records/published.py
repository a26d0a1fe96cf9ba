"""Values that somebody else printed, and what of a run should come out the same."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from reports.records.base import Mode, Record

Name = Literal[
    "mse",  # on the test part, unit²
    "mae",  # unit
    "scaled mse",  # of scaled values
    "scaled mae",
    "mixed mse",  # scaled truth against forecasts in the unit: no error of anything, but it has been printed
    "loss",  # of training, the mean over the steps of an epoch
    "prediction",  # the first value of a test window's forecast
    "test windows",  # how many there are
]


class Figure(Record):
    """One number of a run: of a case in a backend and a mode, the median over its seeds; or of a naive forecast."""

    case: str  # its label
    backend: str | None = None  # or the name of a naive forecast, "persistence"; None: any, where all are equal
    mode: Mode = "matched"
    figure: Name = "mse"
    at: Annotated[int, Field(strict=True)] | None = None  # which epoch's loss, from 1; which prediction; -1: the last

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.mode == "native" and self.backend is None:
            raise ValueError('native models differ, so a figure of one names its backend, as in backend = "pytorch"')
        return self

    @field_validator("at")
    @classmethod
    def _somewhere(cls, value: int | None) -> int | None:
        if value == 0:
            raise ValueError("they are counted from 1, or from -1 at the end")
        return value


class Published(Figure):
    """A printed value, the figure that repeats it, and the figure that should have been printed."""

    what: Annotated[str, Field(min_length=1)]
    value: Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?(e-?\d+)?$")]  # as it was printed, so that its digits count
    source: Annotated[str, Field(min_length=1)]  # where: "001, PyTorch example"
    within: Annotated[float, Field(gt=0)] | None = None  # how near counts as the same; None: half its last digit
    right: Figure | None = None  # None: it is what it says
    why: Annotated[str, Field(min_length=1)]  # it is so: words, without the run's own figures

    @property
    def number(self) -> float:
        return float(self.value)

    @property
    def tolerance(self) -> float:
        """How far another value may be and still be printed the same, unless the definition says."""
        if self.within is not None:
            return self.within
        exponent = Decimal(self.value).as_tuple().exponent
        return 0.5 * 10.0 ** int(exponent)
