"""The settings of a benchmark, one model a table of its TOML; `datasets` has those of [data] and [window]."""

from typing import Annotated

import psutil
from pydantic import BaseModel, ConfigDict, Field

import datasets
from backends.contract import Adam, Cell, Dtype, ModelSpec, forecaster
from benchmarks.runner.records import Limits, Mode

Count = Annotated[int, Field(gt=0, strict=True)]
Amount = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]


class Settings(BaseModel):
    """Immutable, and strict about what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSettings(Settings):
    """[model]: recurrent layers and a dense head."""

    cell: Cell
    units: Count
    layers: Count = 1


class TrainingSettings(Settings):
    """[training]: Adam on the mean squared error, the same batches for everyone."""

    epochs: Count
    batch: Count
    learning_rate: Amount = 1e-3
    dtype: Dtype = "float32"
    threads: Count | None = None  # None: as many as this process has cores

    def optimizer(self) -> Adam:
        return Adam(learning_rate=self.learning_rate)


class CaseSettings(Settings):
    """One point of the grid: everything that a round's backends have in common, but for mode and seed."""

    data: datasets.DataSpec
    window: datasets.WindowSpec
    model: ModelSettings
    training: TrainingSettings

    def architecture(self, outputs: int) -> ModelSpec:
        """The model for `outputs` values a window (horizon times targets)."""
        return forecaster(self.model.cell, units=self.model.units, layers=self.model.layers, horizon=outputs)


Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32, strict=True)], ...], Field(min_length=1)]


class Header(Settings):
    """The top of the file: what is asked of whom."""

    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    backends: Annotated[tuple[str, ...], Field(min_length=1)]
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = ("matched",)
    seeds: Seeds = (1,)
    native_seeds: Seeds | None = None  # None: the same as seeds
    time_limit: Amount = 3600  # seconds that a trial may take
    memory_limit: Amount | None = None  # GiB that it may; None: nine tenths of the machine's

    def seeds_of(self, mode: Mode) -> tuple[int, ...]:
        return self.native_seeds or self.seeds if mode == "native" else self.seeds

    def limits(self) -> Limits:
        """What a trial may take before it is ended."""
        most = 0.9 * psutil.virtual_memory().total if self.memory_limit is None else self.memory_limit * 2**30
        return Limits(seconds=self.time_limit, memory_bytes=int(most))
