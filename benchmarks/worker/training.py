"""Which batches a training takes, the loop over epochs, and the checks that a finished training must pass."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import numpy as np

import datasets
from backends.contract import Checkpoint, Model, Objective, Steps
from backends.model import ModelSpec
from backends.seeded import draw_masks
from benchmarks.definition.settings import TrainingSettings
from benchmarks.worker import scores
from benchmarks.worker.checkpoints import digest_weights
from benchmarks.worker.streams import predict_chains, training_streams
from benchmarks.worker.timing import LoadMonitor, timed

Array = np.ndarray
Result = TypeVar("Result")

MOST_ROWS = 8192  # windows that are forecast at once
CHECK_ROWS = 10_000  # windows on which the loss is evaluated again, about


class TrialError(Exception):
    """The trial has no valid result; the message is the reason."""


def epoch_order(seed: int, epoch: int, rows: int) -> Array:
    """Return the row indices in the order in which an epoch takes them, (rows,), int64. Each epoch shuffles anew."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch]))).permutation(rows)


def predict(model: Model, x: Array, chains: Sequence[Array] = ()) -> Array:
    """Forecasts (N, H) of windows (N, T, F), in batches of bounded size, so that memory does not grow with N.

    All batches have the same size, which a compiled program is specialised for; the last overlaps the one before it.

    chains: of the windows, for a stateful model: see `streams.predict_chains`.
    """
    if chains:
        return predict_chains(model, x, chains, MOST_ROWS)
    size = -(-len(x) // -(-len(x) // MOST_ROWS)) if len(x) else 0
    if size == len(x):
        return model.predict(x)
    starts = [*range(0, len(x) - size, size), len(x) - size]
    forecasts = model.predict(x[:size])
    result = np.empty((len(x), forecasts.shape[1]), forecasts.dtype)
    for start in starts:
        result[start : start + size] = model.predict(x[start : start + size]) if start else forecasts
    return result


def predict_points(model: Model, objective: Objective, x: Array, chains: Sequence[Array] = ()) -> Array:
    """Forecasts (N, H) of windows (N, T, F): the model's outputs, or of several quantiles the median."""
    outputs = predict(model, x, chains)
    if objective.loss != "quantile":
        return outputs
    return outputs[:, objective.quantiles.index(0.5) :: len(objective.quantiles)]


@dataclass(frozen=True)
class Schedule:
    """The learning rate of every step.

    "constant"; "step": multiplied by `factor` after every `every` epochs; "cosine": from `rate` down to 0 along half a
    cosine, step by step over all epochs (Loshchilov & Hutter 2017, without restarts).
    """

    kind: Literal["constant", "step", "cosine"]
    rate: float
    epochs: int = 1
    every: int = 1
    factor: float = 1.0

    @classmethod
    def of(cls, settings: TrainingSettings) -> "Schedule":
        factor = settings.step_factor or 1.0
        return cls(settings.schedule, settings.learning_rate, settings.epochs, settings.step_epochs or 1, factor)

    def rates(self, epoch: int, steps: int) -> Array:
        """Return the learning rates of one epoch's steps, (steps,) float64."""
        if self.kind == "cosine":
            done = np.minimum((epoch * steps + np.arange(steps)) / (self.epochs * steps), 1.0)
            return self.rate * (1 + np.cos(np.pi * done)) / 2
        reductions = epoch // self.every if self.kind == "step" else 0
        return np.full(steps, self.rate * self.factor**reductions)


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that determines the steps of a training: the same for every backend."""

    model: ModelSpec
    shape: tuple[int, ...]  # (N, T, F), of the inputs
    batch: int
    schedule: Schedule
    seed: int
    masked: bool = True  # False: the framework draws its own dropout masks
    partial: bool = False  # whether an epoch ends with a step on the rows that do not fill a batch
    chains: Sequence[Array] = ()  # of a stateful model: see streams.py; every epoch has the same order

    def epoch(self, number: int) -> tuple[Steps, ...]:
        """Return all steps of one epoch: those with full batches; then, if `partial`, the step with the rows left.

        Without that step, the rows left out differ from epoch to epoch.
        """
        rows, window, features = self.shape
        full, left = divmod(rows, self.batch)
        steps = full + (self.partial and left > 0)
        streams = training_streams(self.chains, self.batch) if self.chains else None
        order = epoch_order(self.seed, number, rows) if streams is None else streams[0].ravel()
        rates = self.schedule.rates(number, steps)
        sizes = {"seed": self.seed, "epoch": number, "steps": steps, "batch": self.batch}
        masks = draw_masks(self.model, features, window, **sizes) if self.masked else {}
        batches = order[: full * self.batch].reshape(full, self.batch)
        resets = None if streams is None else streams[1]
        parts = [Steps(batches, rates[:full], {name: mask[:full] for name, mask in masks.items()}, resets)]
        if steps > full:
            last = {name: mask[full:, :left] for name, mask in masks.items()}
            parts.append(Steps(order[None, full * self.batch :], rates[full:], last))
        return tuple(parts)

    def first(self, count: int) -> Iterator[Steps]:
        """Yield the first `count` steps, at most an epoch at once and with batches of equal size."""
        for number in itertools.count():
            for steps in self.epoch(number):
                yield steps[:count]
                if (count := count - len(steps)) <= 0:
                    return


@dataclass
class Best:
    """The epoch with the lowest validation loss so far, and the checkpoint after it."""

    epoch: int
    loss: float
    checkpoint: Checkpoint


class Training:
    """Trains epoch by epoch and records times and losses. Raises TrialError for a loss that is not finite.

    patience: training ends after this many epochs without a lower validation loss, and the weights of the best epoch
    are restored. chains: those of the validation windows, for a stateful model.
    whole_epochs: the first call takes the first epoch, not its first step, which is then not timed apart.
    """

    def __init__(
        self,
        model: Model,
        validation: datasets.Part,
        objective: Objective,
        patience: int | None = None,
        *,
        chains: Sequence[Array] = (),
        whole_epochs: bool = False,
    ) -> None:
        self.chains = chains
        self.model, self.validation, self.objective, self.patience = model, validation, objective, patience
        self._first = None if whole_epochs else 1  # steps of the first call; None: all of the epoch
        self.first_step = self.first_loss = self.loop = 0.0
        self.harness = 0.0  # seconds spent on drawing steps and keeping the best weights, which no framework causes
        self.epochs: list[float] = []
        self.validation_seconds: list[float] = []
        self.step_losses: list[Array] = []  # of each epoch, (steps,)
        self.validation_losses: list[float] = []
        self.resets: Array | None = None  # of the first epoch's full batches
        self.orders: list[Array] = []  # of each epoch, (steps, batch); with a smaller last batch, that as an array too
        self.masks: list[str] = []  # digests of the dropout masks, as `orders`
        self.best: Best | None = None

    @property
    def losses(self) -> list[float]:
        """The mean over the steps of each epoch."""
        return [float(np.mean(losses, dtype=np.float64)) for losses in self.step_losses]

    def run(self, training_plan: TrainingPlan, epochs: int, monitor: LoadMonitor) -> None:
        """Train. The first call is timed separately, because it traces and compiles."""
        start = time.perf_counter()
        for epoch in range(epochs):
            parts, losses = self._harness_work(partial(self._draw, training_plan, epoch)), []
            if epoch == 0:
                self.first_step, first = timed(partial(self.model.train, parts[0][: self._first]))
                self.first_loss = float(first[0])
                parts, losses = (parts[0][len(first) :], *parts[1:]), [first]
            seconds = 0.0
            for steps in parts:
                spent, reported = self._timed_steps(steps)
                seconds, losses = seconds + spent, [*losses, reported]
            self._record(epoch, seconds, np.concatenate(losses))
            monitor.read_frequencies()
            if self.patience is not None and self._harness_work(self._patience_ends):
                break
        if self.best is not None:
            self._harness_work(partial(self.model.restore, self.best.checkpoint))
        self.model.weights()  # waits for unfinished work of the device: counted in `loop`, but in none of its parts
        self.loop = time.perf_counter() - start

    def _harness_work(self, work: Callable[[], Result]) -> Result:
        """Do work of the harness, whose seconds are counted separately."""
        seconds, result = timed(work)
        self.harness += seconds
        return result

    def _draw(self, training_plan: TrainingPlan, epoch: int) -> tuple[Steps, ...]:
        parts = training_plan.epoch(epoch)
        self.orders += [steps.order for steps in parts]
        self.resets = parts[0].resets
        self.masks += [digest_weights(steps.masks) for steps in parts if steps.masks]
        return parts

    def _timed_steps(self, steps: Steps) -> tuple[float, Array]:
        if not len(steps):  # the first call was the whole first epoch, as with a full batch
            return 0.0, np.empty(0)
        seconds, losses = timed(partial(self.model.train, steps))
        return seconds, np.broadcast_to(losses, len(steps))  # a mean counts for each of its steps

    def _record(self, epoch: int, seconds: float, losses: Array) -> None:
        if not np.isfinite(losses).all():
            step = int(np.flatnonzero(~np.isfinite(losses))[0])
            raise TrialError(f"the loss is {losses[step]} at step {step + 1} of epoch {epoch + 1}")
        self.epochs.append(seconds)
        self.step_losses.append(losses)
        if len(self.validation):
            spent, forecast = timed(lambda: predict(self.model, self.validation.x, self.chains))
            self.validation_seconds.append(spent)
            self.validation_losses.append(scores.loss(self.objective, forecast, self.validation.y))

    def _patience_ends(self) -> bool:
        """Keep the checkpoint if this epoch is the best so far; return whether the patience is used up."""
        epoch, loss = len(self.validation_losses) - 1, self.validation_losses[-1]
        if self.best is None or loss < self.best.loss:
            self.best = Best(epoch, loss, self.model.checkpoint())
        return epoch - self.best.epoch >= (self.patience or 0)


def check_learning(training: Training, train: datasets.Part) -> None:
    """Raise TrialError if the model did not learn.

    The objective is evaluated again on windows of the first epoch and compared with the mean over that epoch's steps.
    On other windows, the loss could differ by chance.
    """
    rows = rows_to_check(training.orders[0])
    steps = len(rows) // training.orders[0].shape[1]
    before = float(np.mean(training.step_losses[0][:steps], dtype=np.float64))
    resets = None if training.resets is None else training.resets[:steps]
    after = _objective(training, train.x[rows], train.y[rows], resets)
    if not after < before:
        raise TrialError(
            f"the loss did not fall: on windows of the first epoch it was {before:.6g} before training and is "
            f"{after:.6g} after it"
        )


def rows_to_check(first_order: Array) -> Array:
    """Return the windows, in whole batches, on which the loss is evaluated again, (rows,)."""
    return first_order[: max(1, CHECK_ROWS // first_order.shape[1])].ravel()


def _objective(training: Training, x: Array, y: Array, resets: Array | None) -> float:
    """Return the value of the minimized objective, L2 penalty included, with the current weights."""
    objective, weights = training.objective, training.model.weights()
    penalty = sum(float(np.sum(np.square(weights[name], dtype=np.float64))) for name in objective.l2_on)
    forecasts = predict(training.model, x) if resets is None else training.model.predict(x, resets)
    return scores.loss(objective, forecasts, y) + objective.l2 * penalty
