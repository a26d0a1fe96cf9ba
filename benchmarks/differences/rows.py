"""The rows of the benchmark `differences`: each known difference, read from the TOML files of the folder `rows`."""

import tomllib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.differences.setup import Setup
from benchmarks.errors import UserError, name_hint

FOLDER = Path(__file__).with_name("rows")
Group = Literal["cells", "optimizers", "data"]
Framework = Literal["pytorch", "keras", "flax", "keras-jax", "keras-torch"]
FRAMEWORKS: tuple[Framework, ...] = ("pytorch", "keras", "flax", "keras-jax", "keras-torch")
Value = bool | int | float | str | tuple[float, ...]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Claim(Part):
    """What a framework does by default.

    value: what the experiment in the framework must measure; default: the same for a reader; documented: where the
    documentation names it.
    """

    value: Value
    default: str
    documented: str


class Setups(Part):
    """Settings of both trainings, and of the one without and the one with the difference."""

    both: dict[str, str | float | bool] = Field(default_factory=dict)
    off: dict[str, str | float | bool] = Field(default_factory=dict)
    on: dict[str, str | float | bool]


class Row(Part):
    """A difference. measures: what the value of a claim is; off, on: what the two trainings do, for a reader.

    within: the largest relative difference between the frameworks that counts as equal; gpu: whether the experiment in
    the frameworks needs a GPU.
    """

    name: str
    group: Group
    title: str
    explains: str
    measures: str
    off: str
    on: str
    setup: Setups
    within: float = 1e-6
    gpu: bool = False
    note: str = ""
    pytorch: Claim
    keras: Claim
    flax: Claim
    keras_jax: Claim | None = Field(None, alias="keras-jax")
    keras_torch: Claim | None = Field(None, alias="keras-torch")

    @property
    def function(self) -> str:
        """The name of the function with the experiment, in the module of the row's group."""
        return self.name.replace("-", "_")

    @cached_property
    def claims(self) -> dict[Framework, Claim]:
        claims = {name: getattr(self, name.replace("-", "_")) for name in FRAMEWORKS}
        return {name: claim for name, claim in claims.items() if claim is not None}

    @property
    def setups(self) -> tuple[Setup, Setup]:
        """The settings of the training without and with the difference."""
        return Setup(**self.setup.both | self.setup.off), Setup(**self.setup.both | self.setup.on)  # type: ignore[arg-type]


def read() -> tuple[Row, ...]:
    """All rows, in the order of their files."""
    groups: tuple[Group, ...] = ("cells", "optimizers", "data")
    tables = [(group, tomllib.loads((FOLDER / f"{group}.toml").read_text(encoding="utf-8"))["row"]) for group in groups]
    return tuple(Row(group=group, **table) for group, rows in tables for table in rows)


def select(rows: Sequence[Row], names: Sequence[str]) -> tuple[Row, ...]:
    """The named rows, in the order of `rows`. Raises UserError for an unknown name."""
    known = [row.name for row in rows]
    for name in names:
        if name not in known:
            raise UserError(f"--only {name}: there is no such difference; {name_hint(known, name)}")
    return tuple(row for row in rows if row.name in names)


def holds(claimed: Value, observed: Value) -> bool:
    """Whether a measured value is the claimed one; numbers that are drawn may differ by 3 %."""
    if isinstance(claimed, tuple) and isinstance(observed, tuple):
        return len(claimed) == len(observed) and all(
            abs(a - b) <= 0.03 * abs(a) for a, b in zip(claimed, observed, strict=True)
        )
    return type(claimed) is type(observed) and claimed == observed
