"""What the run of the benchmark `differences` gives to its workers, and what they answer."""

from typing import Literal

from pydantic import Field

from benchmarks.differences.rows import Framework, Value
from benchmarks.worker.jobs import WorkerAnswer
from datasets import DataSpec, WindowSpec
from reports.records import Number, Record


class Job(Record):
    """Experiments of a framework, or trainings, of the named rows."""

    work: Framework | Literal["training"]
    rows: tuple[str, ...]
    cores: tuple[int, ...]
    seeds: tuple[int, ...]
    steps: int
    data: DataSpec
    window: WindowSpec


class Observation(Record):
    """The result of an experiment in a framework, see probe.Probe. lines: the shown source text that ran."""

    observed: Value | None = None
    default: tuple[Number, ...] = ()
    equal: tuple[Number, ...] = ()
    lines: str = ""
    failure: str | None = None


class TrainingResult(Record):
    """The result of a training of all seeds, see trainer.Trained."""

    outputs: tuple[tuple[Number, ...], ...]
    loss: tuple[Number, ...]
    error: tuple[Number, ...]


class Answer(WorkerAnswer):
    observations: dict[str, Observation] = Field(default_factory=dict)
    trainings: dict[str, tuple[TrainingResult, TrainingResult]] = Field(default_factory=dict)
    persistence: Number = 0.0
