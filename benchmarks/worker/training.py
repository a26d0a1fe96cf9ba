"""The loop over epochs, and the gate that what it measured must pass."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

import datasets
from backends.contract import Checkpoint, Model, Objective, Steps
from benchmarks.worker import digests, scores
from benchmarks.worker.batches import TrainingPlan
from benchmarks.worker.load_monitor import LoadMonitor
from benchmarks.worker.timing import timed

Array = np.ndarray
Result = TypeVar("Result")

UNACCOUNTED = 0.02  # share of the loop's wall time that may lie outside its parts
ROWS = 10_000  # windows on which the loss is taken again, about
QUANTUM = 0.02  # seconds; a scheduler's slice given to someone else between two clocks is no fault of the clocks


class TrialError(Exception):
    """The trial cannot be counted; the message is its reason."""


@dataclass
class Best:
    """The epoch with the lowest validation loss so far, and the training as it was after it."""

    epoch: int
    loss: float
    checkpoint: Checkpoint


class Training:
    """Trains epoch by epoch; what it saw is in its lists. Raises TrialError for a loss that is not finite.

    patience: it ends after so many epochs without a lower validation loss, and the best epoch's weights are restored.
    """

    def __init__(
        self, model: Model, validation: datasets.Part, objective: Objective, patience: int | None = None
    ) -> None:
        self.model, self.validation, self.objective, self.patience = model, validation, objective, patience
        self.first_step = self.first_loss = self.loop = 0.0
        self.harness = 0.0  # seconds in which the next steps were drawn, or the best weights kept: no framework's
        self.epochs: list[float] = []
        self.validation_seconds: list[float] = []
        self.step_losses: list[Array] = []  # of each epoch, (steps,)
        self.validation_losses: list[float] = []
        self.orders: list[Array] = []  # of each epoch, (steps, batch)
        self.masks: list[str] = []  # digests of each epoch's dropout masks
        self.best: Best | None = None

    @property
    def losses(self) -> list[float]:
        """The mean over the steps of each epoch."""
        return [float(np.mean(losses, dtype=np.float64)) for losses in self.step_losses]

    def run(self, training_plan: TrainingPlan, epochs: int, monitor: LoadMonitor) -> None:
        """The first step is timed apart: it traces and compiles."""
        start = time.perf_counter()
        for epoch in range(epochs):
            steps, losses = self._own(partial(self._draw, training_plan, epoch)), np.empty(0)
            if epoch == 0:
                self.first_step, losses = timed(partial(self.model.train, steps[:1]))
                self.first_loss = float(losses[0])
                steps = steps[1:]
            seconds, rest = self._timed_steps(steps)
            self._note(epoch, seconds, np.concatenate([losses, rest]))
            monitor.look()
            if self.patience is not None and self._own(self._patience_ends):
                break
        if self.best is not None:
            self._own(partial(self.model.restore, self.best.checkpoint))
        self.model.weights()  # waits for what the device has not finished: in the loop's time and in no part's
        self.loop = time.perf_counter() - start

    def _own(self, work: Callable[[], Result]) -> Result:
        """The harness' own work, its seconds kept apart."""
        seconds, result = timed(work)
        self.harness += seconds
        return result

    def _draw(self, training_plan: TrainingPlan, epoch: int) -> Steps:
        steps = training_plan.epoch(epoch)
        self.orders.append(steps.order)
        if steps.masks:
            self.masks.append(digests.of_weights(steps.masks))
        return steps

    def _timed_steps(self, steps: Steps) -> tuple[float, Array]:
        if not len(steps):  # full batch: the first epoch was the first step
            return 0.0, np.empty(0)
        return timed(partial(self.model.train, steps))

    def _note(self, epoch: int, seconds: float, losses: Array) -> None:
        if not np.isfinite(losses).all():
            step = int(np.flatnonzero(~np.isfinite(losses))[0])
            raise TrialError(f"the loss is {losses[step]} at step {step + 1} of epoch {epoch + 1}")
        self.epochs.append(seconds)
        self.step_losses.append(losses)
        if len(self.validation):
            spent, forecast = timed(lambda: self.model.predict(self.validation.x))
            self.validation_seconds.append(spent)
            self.validation_losses.append(scores.loss(self.objective.loss, forecast, self.validation.y))

    def _patience_ends(self) -> bool:
        """Keep the best epoch; whether none of the last `patience` epochs was better."""
        epoch, loss = len(self.validation_losses) - 1, self.validation_losses[-1]
        if self.best is None or loss < self.best.loss:
            self.best = Best(epoch, loss, self.model.checkpoint())
        return epoch - self.best.epoch >= (self.patience or 0)


def pass_gate(training: Training, train: datasets.Part, *, timed: bool = True) -> None:
    """Raise TrialError unless the clocks account for the loop's time, where it is timed, and the model learnt at all.

    The objective is taken once more on the first epoch's windows, on others it could have risen or fallen by chance,
    and held against the mean over that epoch's steps.
    """
    parts = training.first_step + sum(training.epochs) + sum(training.validation_seconds) + training.harness
    lost = training.loop - parts
    if timed and lost > max(UNACCOUNTED * training.loop, QUANTUM):
        raise TrialError(
            f"its steps took {parts:.3f} s, but the loop over them {training.loop:.3f} s: "
            f"{lost / training.loop:.0%} of the time is unaccounted for, more than {UNACCOUNTED:.0%}"
        )
    rows = gate_rows(training.orders[0])
    steps = len(rows) // training.orders[0].shape[1]
    before = float(np.mean(training.step_losses[0][:steps], dtype=np.float64))
    after = _objective(training, train.x[rows], train.y[rows])
    if not after < before:
        raise TrialError(
            f"the loss did not fall: on the first epoch's windows it was {before:.6g}, after training it is {after:.6g}"
        )


def gate_rows(first_order: Array) -> Array:
    """The windows of whole batches on which the loss is taken again, (rows,)."""
    return first_order[: max(1, ROWS // first_order.shape[1])].ravel()


def _objective(training: Training, x: Array, y: Array) -> float:
    """What was minimised, by the weights as they are now."""
    objective, weights = training.objective, training.model.weights()
    penalty = sum(float(np.sum(np.square(weights[name], dtype=np.float64))) for name in objective.l2_on)
    return scores.loss(objective.loss, training.model.predict(x), y) + objective.l2 * penalty
