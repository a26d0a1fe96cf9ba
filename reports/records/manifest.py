"""What a run asks, of what data, and everything that is to be run for it."""

from reports.records.base import SCHEMA, Mode, Number, Record
from reports.records.machine import Environment, Session
from reports.records.published import Published
from reports.records.question import Question
from reports.records.search import Search


class Scores(Record):
    """Of one forecast on the test part. Skill is 1 - MSE / MSE of the naive forecast: above 0 beats it.

    scaled: of the values scaled as `[data]` says, also where the model sees their changes; benchmarks of several
    variables are published so. None in records that lack it.
    """

    mse: Number
    rmse: Number
    mae: Number
    skill_persistence: Number
    skill_seasonal: Number | None  # None: the series has no season
    scaled_mse: Number | None = None
    scaled_mae: Number | None = None


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
    digest: str  # SHA-256 of the windows as transferred out
    baselines: tuple[Baseline, ...]
    test_times: tuple[str, ...]  # of each kept test window's first target, ISO 8601 or a row number
    test_truth: tuple[tuple[Number, ...], ...]  # (kept windows, H * targets), own unit
    kept: int = 1  # records hold every so many-th test window; scores are of all
    offset: tuple[Number, ...] = ()  # scaled = (value - offset) / scale, a number a target; empty: not recorded
    scale: tuple[Number, ...] = ()
    differenced: bool = False  # what is scaled is the change from row to row

    @property
    def kept_windows(self) -> int:
        return -(-self.test_windows // self.kept)


class Case(Record):
    """One model on one windowing: what every backend of a round has in common. Its label is unique in a run."""

    label: str  # "lstm", "gru", "gru, units 64"
    cell: str  # or the name of a model that is a stack of layers
    units: int | None  # None: a stack
    layers: int
    architecture: tuple[str, ...] = ()  # every layer in words
    gate_biases: int | None = None  # in all its recurrent layers: as many more has a framework with two a gate
    course: tuple[str, ...] = ()  # of the training, in words: what is not plain Adam on the mean squared error
    data: str  # a key of Manifest.data
    window: int
    horizon: int
    epochs: int
    batch: int
    learning_rate: float
    dtype: str
    shape_parameters: int  # of the matched model, counted from the canonical shapes
    threads: int | None = None  # per trial, each on a core of its own; None: not recorded
    step_operations: int | None = None  # floating-point operations of one optimizer step, counted from the shapes


class Plan(Record):
    """A trial to be run. `key` is the hash of what defines it and names its file."""

    key: str
    case: str  # a Case's label
    backend: str
    mode: Mode
    seed: int
    place: int  # in the order of execution, from 0


class Limits(Record):
    """What a trial may take before it is ended."""

    seconds: float
    memory_bytes: int


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
    source: str | None = None  # the path of the definition's TOML
    source_text: str | None = None  # and what was in it
    limits: Limits | None = None
    published: tuple[Published, ...] = ()
    questions: tuple[Question, ...] = ()
    quick: bool = False  # the small form, whose figures say that all works and no more
    narrowed: bool = False  # the command line left out or changed some of what the definition asks
    sessions: tuple[Session, ...] = ()  # the start, then each time that the run was resumed
    reproduces: str | None = None  # the folder of the run that this one repeats
    search: Search | None = None  # where a sampler chooses which of the trials are run

    @property
    def wanted(self) -> int:
        """How many of the trials are to be run; a search trains each configuration that it tries with every seed."""
        if self.search is None:
            return len(self.trials)
        return len(self.trials) // self.search.configurations * self.search.trials
