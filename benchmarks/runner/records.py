"""What is written down: the manifest, the certificate and one record a trial, as JSON with a schema version.

The runner writes these and reports read them; nothing else passes between the two. Times in seconds, memory in
bytes, scores in the series' own unit. `storage` puts them on the disk.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

SCHEMA = 1

Mode = Literal["matched", "native"]


def _to_json(value: float) -> float | str:
    """JSON has no infinity and no NaN: they are written as text, so that a failed trial can be recorded too."""
    return value if value - value == 0 else str(value)


Number = Annotated[float, BeforeValidator(float), PlainSerializer(_to_json, when_used="json")]


class Record(BaseModel):
    """Immutable, and strict about what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Scores(Record):
    """Of one forecast on the test part. Skill is 1 - MSE / MSE of the naive forecast: above 0 beats it."""

    mse: Number
    rmse: Number
    mae: Number
    skill_persistence: Number
    skill_seasonal: Number | None  # None: the series has no season


class Baseline(Record):
    """A forecast that needs no network."""

    name: str  # "persistence", "seasonal naive", "training mean", "linear autoregression"
    explanation: str
    scores: Scores


class Data(Record):
    """What the windows of a case were made of, and the truth its forecasts are held against."""

    series: str
    title: str
    unit: str
    step: str  # "week"
    licence: str
    source: str
    season: int | None  # in steps
    notes: tuple[str, ...]  # what was done to the data: gaps filled, scaling, differencing
    rows: int
    features: tuple[str, ...]
    window: int
    horizon: int
    train_windows: int
    validation_windows: int
    test_windows: int
    digest: str  # SHA-256 of the windows as handed out
    baselines: tuple[Baseline, ...]
    test_times: tuple[str, ...]  # of each test window's first target, ISO 8601 or a row number
    test_truth: tuple[tuple[Number, ...], ...]  # (N, H), own unit


class Case(Record):
    """One model on one windowing: what every backend of a round has in common. Its label is unique in a run."""

    label: str  # "lstm", "gru", "gru, units 64"
    cell: str
    units: int
    layers: int
    data: str  # a key of Manifest.data
    window: int
    horizon: int
    epochs: int
    batch: int
    learning_rate: float
    dtype: str
    shape_parameters: int  # of the matched model, counted from the canonical shapes


class Plan(Record):
    """A trial to be run. `key` is the hash of what defines it and names its file."""

    key: str
    case: str  # a Case's label
    backend: str
    mode: Mode
    seed: int
    place: int  # in the order of execution, from 0


class Environment(Record):
    """The machine and the software, as found."""

    machine: str
    processor: str
    cores: tuple[int, ...]  # the ones trials were pinned to
    memory_bytes: int
    gpu: str | None
    system: str
    python: str
    packages: dict[str, str]
    variables: dict[str, str]  # environment variables every worker gets: thread settings and the like
    commit: str | None


class Manifest(Record):
    """What was asked, on what, and everything that is to be run for it."""

    schema_version: int = SCHEMA
    benchmark: str
    title: str
    description: str
    definition: dict[str, object]  # the validated TOML
    command: str  # that repeats the run
    started: str  # ISO 8601, UTC
    environment: Environment
    data: dict[str, Data]
    cases: tuple[Case, ...]
    trials: tuple[Plan, ...]


class Check(Record):
    """One backend against the oracle, for one case and one dtype. Figures are relative differences."""

    backend: str
    case: str
    dtype: str
    steps: int  # optimizer steps compared
    outputs: Number
    gradients: Number
    losses: Number
    weights: Number
    bounds: dict[str, float]  # by the names above
    windows_digest: str
    order_digest: str
    parameter_count: int
    kernel: str
    failure: str | None  # None: within every bound; else one sentence

    @property
    def passed(self) -> bool:
        return self.failure is None


class Certificate(Record):
    """Which backends compute the same function, and learn the same way, as the oracle."""

    schema_version: int = SCHEMA
    checks: tuple[Check, ...]

    def failures(self, backend: str, case: str) -> tuple[str, ...]:
        """Why a backend's times in a case are not comparable; empty where they are."""
        mine = [check for check in self.checks if check.backend == backend and check.case == case]
        if not mine:
            return ("it was not checked against the oracle",)
        return tuple(f"{check.dtype}: {check.failure}" for check in mine if check.failure)


class Times(Record):
    """Wall seconds unless named otherwise, raw. The first step is not part of `epochs`."""

    import_framework: float
    build: float
    first_step: float  # trace, compile and one optimizer step
    epochs: tuple[float, ...]  # the first lacks the step above
    predict_one: tuple[float, ...]  # one window, repeated
    predict_test: tuple[float, ...]  # the whole test part, repeated
    cpu: float  # of the whole worker, user and system, all threads

    @property
    def training(self) -> float:
        """From the first step to the last."""
        return self.first_step + sum(self.epochs)


class Outcome(Record):
    """What a trial that ended well has to show."""

    times: Times
    scores: Scores
    first_loss: Number  # of the first batch, before any update, scaled units
    train_losses: tuple[Number, ...]  # mean over the steps of each epoch, scaled units
    validation_losses: tuple[Number, ...]  # after each epoch, scaled units; empty without a validation part
    predictions: tuple[tuple[Number, ...], ...]  # (N, H) on the test part, own unit
    parameter_count: int
    kernel: str
    peak_memory_bytes: int
    windows_digest: str
    order_digest: str  # of all epochs' batches
    initial_digest: str  # of the canonical weights before training
    final_digest: str  # and after it
    host: str
    other_load: Number | None = None  # share of the trial's cores that others used while it trained; None: unknown


class Trial(Record):
    """A finished trial: an outcome, or the reason why there is none."""

    schema_version: int = SCHEMA
    plan: Plan
    outcome: Outcome | None
    failure: str | None
    log: str = ""  # the end of a failed worker's error output
