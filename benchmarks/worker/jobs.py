"""The jobs that the runner gives to a worker process and the worker's answers. Both are stored as JSON."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from backends.contract import Dtype
from benchmarks.definition.settings import CaseSettings
from datasets import DataSpec, WindowSpec
from reports.records import Check, DataBaselines, NextRows, Number, Outcome, Plan, Record


class ModelJob(Record):
    """One model of one backend."""

    plan: Plan
    case: CaseSettings
    cores: tuple[int, ...]  # one thread runs on each
    program: str | None = None  # the text of a user's program, which the plan names as backend


class TrialJob(ModelJob):
    """Train, time and score one model."""

    kind: Literal["trial"] = "trial"
    gradient_flow: bool = False  # measure gradient norms before and after training
    gemm: bool = True  # time a large matrix product after the training
    step_parts: bool = False  # time the parts of a step after training


class CheckJob(Record):
    """Compare one backend with the reference implementation in one dtype, for several cases."""

    kind: Literal["check"] = "check"
    backend: str
    dtype: Dtype
    seed: int
    cases: dict[str, CaseSettings]
    program: str | None = None  # the text of a user's program, which is the backend
    references: dict[str, str]  # case to the path of its stored reference trajectory
    cores: tuple[int, ...]
    threads: int
    tf32: bool


class ReferenceJob(Record):
    """Compute the trajectories of the reference implementation, and store each in the file that its case names."""

    kind: Literal["reference"] = "reference"
    dtype: Dtype  # of the numbers that it gets; it computes in float64
    seed: int
    cases: dict[str, CaseSettings]  # by the path of the file
    cores: tuple[int, ...]


class ProbeJob(Record):
    """Take a few training steps of each trial, from which the duration of whole trials is estimated.

    The trials have the same backend, dtype and cores, so that one process serves all.
    """

    kind: Literal["probe"] = "probe"
    trials: tuple[TrialJob, ...]
    turns: str  # path of a file that all probes lock: together while they import and compile, alone while they time

    @property
    def cores(self) -> tuple[int, ...]:
        return self.trials[0].cores


class BaselineJob(Record):
    """Fit the baselines of a windowing of a series."""

    kind: Literal["baselines"] = "baselines"
    data: DataSpec
    window: WindowSpec
    dtype: Dtype
    names: tuple[str, ...]  # of the fitted baselines; the naive ones are always made
    cores: tuple[int, ...] = ()


class TransferJob(ModelJob):
    """Load a trained model into the framework that the plan names, and continue its training."""

    kind: Literal["transfer"] = "transfer"
    checkpoint: str  # the path of the file, see checkpoints
    first_epoch: int
    epochs: int


class ForecastJob(ModelJob):
    """Load a trained model into the framework that the plan names, and forecast the next rows of its series."""

    kind: Literal["forecast"] = "forecast"
    checkpoint: str  # the path of the file, see checkpoints
    steps: int
    rows: int  # of the series when the model was trained
    digest: str  # of the windows that it was trained on
    newer: DataSpec | None = None  # a file of newer rows; None: the rows after the end of the run's data


class Transferred(Record):
    """The answer to a TransferJob. Forecasts are of the test part, (N, H), scaled."""

    forecast: tuple[tuple[Number, ...], ...]  # before further training
    losses: tuple[Number, ...]  # of each further step
    later: tuple[tuple[Number, ...], ...]  # the forecast after them


class Probed(Record):
    """A part of the answer to a ProbeJob: wall seconds of the parts of a trial, and its memory."""

    prepare: float  # cutting windows, drawing batches and initial weights
    import_framework: float
    build: float
    first_step: float
    steps: tuple[float, ...]  # mean seconds of a steady step, one value for each repeat
    validation: float  # a later forecast of the validation part; 0 without one
    whole: float  # a trial without its steady steps: the parts above, the first forecasts, and its inference
    elapsed: float  # of the probe
    peak_memory: int  # bytes of the process so far


Job = Annotated[
    TrialJob | CheckJob | ReferenceJob | ProbeJob | BaselineJob | TransferJob | ForecastJob, Field(discriminator="kind")
]


class WorkerAnswer(Record):
    """What the answer of every worker has. failure: a clause with the reason why there is no result."""

    failure: str | None = None

    @property
    def reason(self) -> str:
        """Why there is no result."""
        return self.failure or "the worker gave no answer"


class Answer(WorkerAnswer):
    """The result of the job, or the reason why there is none. A ReferenceJob has no result but its files."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    outcome: Outcome | None = None
    trained: bytes | None = None  # the checkpoint after training, given with an outcome
    checks: tuple[Check, ...] | None = None
    probed: tuple[Probed, ...] | None = None
    transferred: Transferred | None = None
    next_rows: NextRows | None = None
    baselines: DataBaselines | None = None
