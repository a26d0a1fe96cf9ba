"""Schema of the files that a run writes: manifest, certificate, one record per trial, and the result of a search.

Times are in seconds, memory in bytes, scores in the unit of the series.
"""

import shlex
from collections.abc import Iterator
from datetime import datetime

from pydantic import Field

from reports.records.backends import BackendFacts, NullTest, backends_of_version_0_1
from reports.records.base import SCHEMA, Mode, Number, Record, Rows, folder_name
from reports.records.forecasts import AbsentBaseline, Baseline, Scores
from reports.records.questions import Published, Question
from reports.records.times import GemmPeak, StepTimes, Times

PROGRAM, RESULTS = "benchmarks", "--results"  # words of a run's command
ENVIRONMENT_FIELDS = {
    "machine": "the machine",
    "processor": "the processor",
    "cores": "the cores",
    "memory_bytes": "the memory in bytes",
    "gpu": "the GPU",
    "system": "the system",
    "python": "Python",
    "commit": "the checkout's commit",
}
# Fields that can change the last bit of a result; packages and environment variables, such as the number of threads,
# can too. `system` is included because of the C library. Host name, memory and choice of cores change no result.
# `commit` is left out on purpose: a repeated run is meant to find code changes that change results.
FIELDS_OF_RESULTS = ("processor", "gpu", "system", "python")


class Environment(Record):
    """Machine and software of a run or a trial."""

    machine: str
    processor: str
    cores: tuple[int, ...]  # numbers of the cores that trials were pinned to
    memory_bytes: int
    gpu: str | None
    system: str
    python: str
    packages: dict[str, str]
    variables: dict[str, str]  # environment variables of every worker, such as thread settings
    commit: str | None
    shared_cores: tuple[tuple[int, ...], ...] = ()  # those of `cores` that are threads of one physical core

    def differences(self, now: "Environment") -> tuple[str, ...]:
        """Return one clause per difference: "torch was 2.12.0 and is 2.13.0"."""
        return tuple(self._differences(now, tuple(ENVIRONMENT_FIELDS)))

    def differences_in_bits(self, now: "Environment") -> tuple[str, ...]:
        """Return the differences that can change the last bit of a result."""
        return tuple(self._differences(now, FIELDS_OF_RESULTS))

    def differences_in_time(self, now: "Environment") -> tuple[str, ...]:
        """Return the differences that can change a time: those of `differences_in_bits` and the number of cores."""
        before, after = len(self.cores), len(now.cores)
        cores = () if before == after else (f"the number of cores was {before} and is {after}",)
        return (*self._differences(now, FIELDS_OF_RESULTS), *cores)

    def _differences(self, now: "Environment", fields: tuple[str, ...]) -> Iterator[str]:
        for name in fields:
            if getattr(self, name) != getattr(now, name):
                words = f"was {_formatted(getattr(self, name))} and is {_formatted(getattr(now, name))}"
                yield f"{ENVIRONMENT_FIELDS[name]} {words}"
        for before, after in ((self.packages, now.packages), (self.variables, now.variables)):
            for name in sorted(before.keys() | after.keys()):
                if before.get(name) != after.get(name):
                    yield f"{name} was {_formatted(before.get(name))} and is {_formatted(after.get(name))}"


def _formatted(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)


class Session(Record):
    """The start of a run, or one resumption."""

    started: str  # ISO 8601, UTC
    command: str
    executor: str
    environment: Environment
    differences: tuple[str, ...] = ()  # from the environment at the run's start, accepted when the run was resumed


class RollingOrigin(Record):
    """One of several consecutive test parts, each with a training part that ends before it."""

    number: int  # from 1, in order of time
    of: int
    training: str  # "expanding": the training part grows from origin to origin; "sliding": it keeps its number of rows


class Data(Record):
    """The windows of a case, and the true values of its test part."""

    series: str
    title: str
    unit: str
    step: str  # "week"
    licence: str
    source: str
    season: int | None  # in steps
    notes: tuple[str, ...]  # changes made to the data: filled gaps, scaling, differencing
    rows: int
    features: tuple[str, ...]
    target_names: tuple[str, ...] = ()  # empty: not recorded
    window: int
    horizon: int
    train_windows: int
    validation_windows: int
    test_windows: int
    digest: str  # SHA-256 of the windows as the worker receives them
    baselines: tuple[Baseline, ...]
    test_times: tuple[str, ...]  # of the first target of each stored test window, ISO 8601 or a row number
    test_truth: Rows  # (stored windows, horizon * targets), unit of the series
    test_stride: int = 1  # every `test_stride`-th test window is stored; scores are of all test windows
    offset: tuple[Number, ...] = ()  # per target: scaled = (value - offset) / scale; empty: not recorded
    scale: tuple[Number, ...] = ()
    differenced: bool = False  # the scaled values are changes from row to row
    understood: tuple[tuple[str, str], ...] = ()  # of a user's file: labelled lines on how it was read
    # Of several series in one file: the name and the test windows of each that has test windows.
    groups: tuple[tuple[str, int], ...] = ()
    origin: RollingOrigin | None = None  # None: a single split
    # (series or 1, targets): the divisor of scaled errors (MASE), see datasets.training_errors; empty: unknown.
    training_errors: tuple[tuple[Number, ...], ...] = ()
    leaks: tuple[str, ...] = ()  # sentences: what the model may have seen of the test part
    absent: tuple[AbsentBaseline, ...] = ()  # baselines without forecasts

    @property
    def targets(self) -> int:
        """Number of series that are forecast at the same time."""
        return len(self.test_truth[0]) // self.horizon if self.test_truth else 1

    def baseline(self, name: str) -> Baseline | None:
        return next((baseline for baseline in self.baselines if baseline.name == name), None)

    @property
    def stored_windows(self) -> int:
        return -(-self.test_windows // self.test_stride)


class Case(Record):
    """One model on one windowing of a series: what all backends of a round have in common."""

    label: str  # unique in a run: "lstm", "gru", "gru, units 64"
    cell: str  # or the name of a model with a list of layers
    units: int | None  # None: a list of layers
    layers: int
    architecture: tuple[str, ...] = ()  # one entry per layer, as text
    gate_biases: int | None = None  # of all recurrent layers; a framework with two biases per gate has twice as many
    training_notes: tuple[str, ...] = ()  # departures from plain Adam on the mean squared error, as text
    data: str  # a key of Manifest.data
    window: int
    horizon: int
    epochs: int
    batch: int
    learning_rate: float
    dtype: str
    shape_parameters: int  # parameter count of the matched model, from the shapes
    threads: int | None = None  # per trial, each on its own core; None: not recorded
    tf32: bool | None = None  # GPUs may round factors of float32 products to TensorFloat-32; None: not recorded
    step_flops: int | None = None  # floating-point operations of one optimizer step, from the shapes
    partial_batch: bool = False  # whether an epoch ends with a step on the windows that do not fill a batch

    def steps(self, windows: int) -> float:
        """Return the optimizer steps of an epoch over so many windows; an incomplete batch is a part of a step."""
        return windows / self.batch if self.partial_batch else windows // self.batch


class Plan(Record):
    """A planned trial."""

    key: str  # hash of the trial's definition; names the trial's file
    case: str  # label of a Case
    backend: str
    mode: Mode
    seed: int
    place: int  # position in the order of execution, from 0
    hash_seed: int = 0  # PYTHONHASHSEED of the worker
    padding: int = 0  # bytes of an environment variable that nothing reads; they move the process's stack


class Limits(Record):
    """Limits of a trial; a trial that exceeds one of them is ended."""

    seconds: float
    memory_bytes: int


class PublishedBest(Record):
    """The best configuration that another search of the same configurations published."""

    case: str  # label of a Case, if the configuration is in the search space
    mae: float


class Search(Record):
    """A search: a sampler chooses which cases are trained. The manifest plans the trials of all configurations."""

    sampler: str  # "grid", "random", "tpe"
    sampler_seed: int
    trials: int  # number of configurations to train
    configurations: int  # number of configurations in the search space
    at_once: int  # trials that run at the same time; above 1, times are not comparable
    optuna: str  # version
    least_mae: float | None = None  # MAE of a perfect forecast, caused by noise
    published: PublishedBest | None = None


class Repetition(Record):
    """Rounds are added until every speed ratio is precise enough, or the trials have taken so many minutes."""

    precision: float  # half width of the 95 % interval, relative to the ratio
    minutes: float


class Manifest(Record):
    """What a run was asked to do, on which data, with all planned trials."""

    schema_version: int = SCHEMA
    benchmark: str
    title: str
    description: str
    definition: dict[str, object]  # the validated TOML
    command: str  # repeats the run
    started: str  # ISO 8601, UTC
    environment: Environment
    data: dict[str, Data]
    cases: tuple[Case, ...]
    trials: tuple[Plan, ...]
    source: str | None = None  # path of the definition's TOML file
    source_text: str | None = None  # content of that file
    limits: Limits | None = None
    published: tuple[Published, ...] = ()
    questions: tuple[Question, ...] = ()
    quick: bool = False  # a small form of the benchmark, which checks that everything works
    narrowed: bool = False  # the command line left out or changed part of the definition
    sessions: tuple[Session, ...] = ()  # the start, then one per resumption
    reproduces: str | None = None  # folder of the run that this run repeats
    search: Search | None = None  # None: all planned trials are run
    repetition: Repetition | None = None  # None: only the rounds of the definition
    null_test: NullTest | None = None  # the newest of this machine before the run; None: there was none
    # Every known backend, in the order of the registry; then the users' programs of this run.
    backends: dict[str, BackendFacts] = Field(default_factory=backends_of_version_0_1)

    def case(self, label: str) -> Case | None:
        return next((case for case in self.cases if case.label == label), None)

    def data_of(self, label: str) -> Data:
        """Return the data of the case with this label. Raises KeyError."""
        return self.data[{case.label: case.data for case in self.cases}[label]]

    def command_on(self, verb: str, *words: str) -> str:
        """A command on this run: with the program and the results folder of the command that repeats the run."""
        typed = shlex.split(self.command)
        program = typed[: typed.index(PROGRAM) + 1]
        folders = [typed[place : place + 2] for place, word in enumerate(typed) if word == RESULTS]
        folders += [[word] for word in typed if word.startswith(f"{RESULTS}=")]
        return shlex.join([*program, verb, *words, *(folders[-1] if folders else ())])

    @property
    def name(self) -> str:
        """The name of the run in commands: benchmark and start, as its folder is named."""
        return f"{self.benchmark}/{folder_name(datetime.fromisoformat(self.started))}"

    @property
    def expected_trials(self) -> int:
        """Number of trials to run; a search trains each chosen configuration with every seed."""
        if self.search is None:
            return len(self.trials)
        return len(self.trials) // self.search.configurations * self.search.trials


class Check(Record):
    """Comparison of one backend with the reference implementation, for one case and dtype.

    `outputs`, `gradients`, `losses` and `weights` are the largest relative differences; None: not compared.
    """

    backend: str
    case: str
    dtype: str
    steps: int  # number of optimizer steps compared
    outputs: Number
    gradients: Number | None
    losses: Number | None  # of each step; a program may not report them
    weights: Number  # after 1, 10, 50 and `steps` steps
    bounds: dict[str, float]  # by the names above
    windows_digest: str
    order_digest: str
    parameter_count: int  # 0: the check could not be made
    kernel: str
    failure: str | None  # one sentence; None: all differences are within their bounds
    made: str | None = None  # UTC, ISO format; before the run's start: by an earlier run from the same inputs

    @property
    def passed(self) -> bool:
        return self.failure is None

    @property
    def compared(self) -> bool:
        """Whether the backend was compared at all; if not, `failure` says why and no difference was measured."""
        return self.parameter_count > 0


class Certificate(Record):
    """The checks of all backends and cases of a run."""

    schema_version: int = SCHEMA
    checks: tuple[Check, ...]

    def of(self, backend: str, case: str) -> tuple[Check, ...]:
        """Return the checks of a backend for a case, one for each dtype; empty if it was not checked."""
        return tuple(check for check in self.checks if (check.backend, check.case) == (backend, case))


class Outcome(Record):
    """Results of a trial that finished."""

    times: Times
    scores: Scores
    first_loss: Number  # of the first batch before any update, scaled units
    train_losses: tuple[Number, ...]  # per epoch, the mean over its steps, scaled units
    validation_losses: tuple[Number, ...]  # after each epoch, scaled units; empty without a validation part
    predictions: Rows  # (stored windows, horizon * targets), unit of the series
    parameter_count: int
    kernel: str
    peak_memory_bytes: int  # resident memory of the worker process
    windows_digest: str
    order_digest: str  # of the batches of all epochs
    gradient_norms_before: dict[str, tuple[Number, ...]] | None = None  # before training, by layer and lag;
    gradient_norms_after: dict[str, tuple[Number, ...]] | None = None  # see Model.gradient_norms; None: not measured
    initial_digest: str  # of the canonical weights before training
    final_digest: str  # of the canonical weights after training
    host: str
    masks_digest: str | None = None  # of the dropout masks of all epochs; None: no masks, or the framework drew them
    best_epoch: int | None = None  # whose weights were restored, from 1; None: the last epoch's weights were kept
    background_load: Number | None = None  # share of the trial's cores used by other processes; None: unknown
    steal: Number | None = None  # share of `background_load` taken by the host for other guests; None: unknown
    frequency: tuple[float, float] | None = None  # lowest and highest clock of the cores in MHz; None: unknown
    device_memory_bytes: int | None = None  # largest allocation on the GPU; None: no GPU
    gemm_peak: GemmPeak | None = None  # None: not measured
    group_scores: tuple[Scores, ...] = ()  # of each of Data.groups
    step_parts: StepTimes | None = None  # None: not measured, or the program does not give its parts
    # Of a model of several quantiles: those quantiles and their forecasts, of a target side by side. Empty: no such
    # model, or the forecast adds up changes, whose quantiles cannot be added.
    quantiles: tuple[float, ...] = ()
    bands: Rows = ()  # (stored windows, horizon * targets * quantiles), unit of the series

    @property
    def kept_loss(self) -> float:
        """Validation loss of the weights that were kept. Requires a validation part."""
        return self.validation_losses[(self.best_epoch or len(self.validation_losses)) - 1]


class Trial(Record):
    """A trial that ended: its outcome, or the reason why there is none."""

    schema_version: int = SCHEMA
    plan: Plan
    outcome: Outcome | None
    failure: str | None
    log: str = ""  # end of a failed worker's error output
    killed: bool = False  # ended from outside, not by the model: a resumed run repeats the trial
    seconds: float | None = None  # wall time of the whole process
    trained_digest: str | None = None  # of the file with weights and moments; None: not kept
    trained: bytes | None = Field(default=None, exclude=True, repr=False)  # content of that file, see checkpoints
    environment: Environment | None = None  # of the host that ran the trial


class Configuration(Record):
    """A configuration that a search trained."""

    case: str  # label of a Case
    score: Number | None  # mean over seeds of Outcome.kept_loss; None: a trial failed


class SearchResult(Record):
    """The result of a finished search."""

    schema_version: int = SCHEMA
    tried: tuple[Configuration, ...]  # in the order in which the sampler proposed them
    selected: str | None  # case with the lowest score; None: all configurations failed

    @property
    def ranking(self) -> tuple[tuple[str, float], ...]:
        """Cases with their scores, the lowest score first; failed configurations are left out."""
        scores = [(tried.case, tried.score) for tried in self.tried if tried.score is not None]
        return tuple(sorted(scores, key=lambda pair: pair[1]))
