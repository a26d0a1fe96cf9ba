"""What became of a trial."""

from pydantic import Field

from reports.records.base import SCHEMA, Number, Record
from reports.records.machine import Environment
from reports.records.manifest import Plan, Scores


class Times(Record):
    """Wall seconds unless named otherwise, raw. The first step is not part of `epochs`."""

    import_framework: float
    build: float
    first_step: float  # trace, compile and one optimizer step
    epochs: tuple[float, ...]  # the first lacks the step above
    predict_one: tuple[float, ...]  # one window, repeated
    predict_test: tuple[float, ...]  # the whole test part, repeated
    cpu: float  # of the whole worker, user and system, all threads
    validation: tuple[float, ...] = ()  # the forecast of the validation part after each epoch
    harness: float = 0.0  # in which the next steps were drawn, or the best weights kept
    loop: float | None = None  # the whole loop over epochs, from before the first step until the device had finished

    @property
    def training(self) -> float:
        """From the first step to the last."""
        return self.first_step + sum(self.epochs)


class Product(Record):
    """A large matrix product in the trial's own framework, dtype and threads: what this machine can reach."""

    size: int  # of the two square matrices
    seconds: tuple[float, ...]  # raw, warmed up

    @property
    def rate(self) -> float:
        """Floating-point operations a second, of the best repeat."""
        return 2 * self.size**3 / min(self.seconds)


class Outcome(Record):
    """What a trial that ended well has to show."""

    times: Times
    scores: Scores
    first_loss: Number  # of the first batch, before any update, scaled units
    train_losses: tuple[Number, ...]  # mean over the steps of each epoch, scaled units
    validation_losses: tuple[Number, ...]  # after each epoch, scaled units; empty without a validation part
    predictions: tuple[tuple[Number, ...], ...]  # (kept windows, H * targets) on the test part, own unit
    parameter_count: int
    kernel: str
    peak_memory_bytes: int  # resident, of the worker's process
    windows_digest: str
    order_digest: str  # of all epochs' batches
    flow_before: dict[str, tuple[Number, ...]] | None = None  # by layer and lag, see Model.gradient_norms; None:
    flow_after: dict[str, tuple[Number, ...]] | None = None  # not asked for
    initial_digest: str  # of the canonical weights before training
    final_digest: str  # and after it
    host: str
    masks_digest: str | None = None  # of all epochs' dropout masks; None: there are none, or the framework drew them
    best_epoch: int | None = None  # after which the weights were restored, from 1; None: those of the last were kept
    other_load: Number | None = None  # share of the trial's cores that others used while it trained; None: unknown
    steal: Number | None = None  # of that, what the host took for its other guests; None: the system does not say
    frequency: tuple[float, float] | None = None  # lowest and highest of its cores, MHz; None: it does not say
    device_memory_bytes: int | None = None  # the most allocated on the GPU; None: there is none
    product: Product | None = None  # None: not measured

    @property
    def kept_loss(self) -> float:
        """The validation loss of the weights that were kept; there must be a validation part."""
        return self.validation_losses[(self.best_epoch or len(self.validation_losses)) - 1]


class Trial(Record):
    """A finished trial: an outcome, or the reason why there is none."""

    schema_version: int = SCHEMA
    plan: Plan
    outcome: Outcome | None
    failure: str | None
    log: str = ""  # the end of a failed worker's error output
    killed: bool = False  # from outside, which says nothing about the model: a resumed run tries again
    seconds: float | None = None  # wall time of the whole process
    trained_digest: str | None = None  # of the file of its weights and moments; None: none was kept
    trained: bytes | None = Field(default=None, exclude=True, repr=False)  # see checkpoints; stored beside the record
    environment: Environment | None = None  # of the host it ran on
