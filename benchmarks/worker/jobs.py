"""What a worker process is told and what it answers, as JSON."""

from pydantic import ConfigDict

from backends.contract import Dtype
from benchmarks.definition.settings import CaseSettings
from reports.records import Check, Number, Outcome, Plan, Record


class TrialJob(Record):
    """Train, time and score one model."""

    plan: Plan
    case: CaseSettings
    cores: tuple[int, ...]  # a thread on each
    persistence: float  # the naive forecasts' mean squared errors on the same windows
    seasonal: float | None
    gradient_flow: bool = False  # measure it before and after training
    timed: bool = True  # its clocks must account for its time; not beside other trials, where no time is compared


class CheckJob(Record):
    """Hold one backend against the oracle in one dtype, for several cases."""

    backend: str
    dtype: Dtype
    seed: int
    cases: dict[str, CaseSettings]
    oracles: dict[str, str]  # case to the path of its stored oracle
    cores: tuple[int, ...]
    threads: int


class ProbeJob(Record):
    """Take a few steps of a training, to see what a whole one would take."""

    trial: TrialJob

    @property
    def cores(self) -> tuple[int, ...]:
        return self.trial.cores


class TransferJob(Record):
    """Put a trained model into a framework, and train it some epochs more."""

    trial: TrialJob  # its plan names the framework that goes on
    checkpoint: str  # path, see checkpoints
    first_epoch: int
    epochs: int

    @property
    def cores(self) -> tuple[int, ...]:
        return self.trial.cores


class Transferred(Record):
    """What the framework made of it; forecasts on the test part, (N, H), scaled."""

    forecast: tuple[tuple[Number, ...], ...]  # as it came
    losses: tuple[Number, ...]  # of each further step
    later: tuple[tuple[Number, ...], ...]  # after them


class Probed(Record):
    """Wall seconds of a trial's parts."""

    prepare: float  # the windows cut, the batches and the initial weights drawn
    import_framework: float
    build: float
    first_step: float
    steps: tuple[float, ...]  # a steady step's, of each repeat
    validation: float  # the forecast of the validation part; 0 where there is none
    extra: float  # spent on those repeats and that forecast
    whole: float  # all of the above, and the inference and the matrix product as a trial has them


class Job(Record):
    """One of the four."""

    trial: TrialJob | None = None
    check: CheckJob | None = None
    probe: ProbeJob | None = None
    transfer: TransferJob | None = None


class Answer(Record):
    """What became of it: exactly one is given."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    outcome: Outcome | None = None
    trained: bytes | None = None  # with an outcome, see checkpoints
    checks: tuple[Check, ...] | None = None
    probed: Probed | None = None
    transferred: Transferred | None = None
    failure: str | None = None
