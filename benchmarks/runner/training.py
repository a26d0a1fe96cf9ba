"""The loop over epochs, and the gate that what it measured must pass."""

import time

import numpy as np

import datasets
from backends.contract import Model
from benchmarks.runner import metrics
from benchmarks.runner.timing import timed
from benchmarks.runner.watch import Watch

Array = np.ndarray

UNACCOUNTED = 0.02  # share of the loop's wall time that may lie outside its parts
ROWS = 10_000  # windows on which the loss is taken again, about
QUANTUM = 0.02  # seconds; a scheduler's slice given to someone else between two clocks is no fault of the clocks


class TrialError(Exception):
    """The trial cannot be counted; the message is its reason."""


class Training:
    """Trains on each epoch's batches; what it saw is in its lists. Raises TrialError for a loss that is not finite."""

    def __init__(self, model: Model, validation: datasets.Part) -> None:
        self.model, self.validation = model, validation
        self.first_step = self.first_loss = self.loop = 0.0
        self.epochs: list[float] = []
        self.validation_seconds: list[float] = []
        self.step_losses: list[Array] = []  # of each epoch, (steps,)
        self.validation_losses: list[float] = []

    @property
    def losses(self) -> list[float]:
        """The mean over the steps of each epoch."""
        return [float(np.mean(losses, dtype=np.float64)) for losses in self.step_losses]

    def run(self, orders: list[Array], watch: Watch) -> None:
        """The first step is timed apart: it traces and compiles."""
        start = time.perf_counter()
        for epoch, order in enumerate(orders):
            losses = np.empty(0)
            if epoch == 0:
                self.first_step, losses = timed(lambda: self.model.train(orders[0][:1]))
                self.first_loss = float(losses[0])
                order = order[1:]
            seconds, rest = self._timed_steps(order)
            self._note(epoch, seconds, np.concatenate([losses, rest]))
            watch.look()
        self.model.weights()  # waits for what the device has not finished: in the loop's time and in no part's
        self.loop = time.perf_counter() - start

    def _timed_steps(self, order: Array) -> tuple[float, Array]:
        if not len(order):  # full batch: the first epoch was the first step
            return 0.0, np.empty(0)
        return timed(lambda: self.model.train(order))

    def _note(self, epoch: int, seconds: float, losses: Array) -> None:
        if not np.isfinite(losses).all():
            step = int(np.flatnonzero(~np.isfinite(losses))[0])
            raise TrialError(f"the loss is {losses[step]} at step {step + 1} of epoch {epoch + 1}")
        self.epochs.append(seconds)
        self.step_losses.append(losses)
        if len(self.validation):
            spent, forecast = timed(lambda: self.model.predict(self.validation.x))
            self.validation_seconds.append(spent)
            self.validation_losses.append(metrics.mse(forecast, self.validation.y))


def pass_gate(training: Training, train: datasets.Part, first_order: Array) -> None:
    """Raise TrialError unless the clocks account for the loop's time, and the model learnt at all.

    first_order: the first epoch's batches (steps, batch). The loss is taken once more on their windows: on others it
    could have risen or fallen by chance.
    """
    parts = training.first_step + sum(training.epochs) + sum(training.validation_seconds)
    lost = training.loop - parts
    if lost > max(UNACCOUNTED * training.loop, QUANTUM):
        raise TrialError(
            f"its steps took {parts:.3f} s, but the loop over them {training.loop:.3f} s: "
            f"{lost / training.loop:.0%} of the time is unaccounted for, more than {UNACCOUNTED:.0%}"
        )
    rows = gate_rows(first_order)
    steps = len(rows) // first_order.shape[1]
    before = float(np.mean(training.step_losses[0][:steps], dtype=np.float64))
    after = metrics.mse(training.model.predict(train.x[rows]), train.y[rows])
    if not after < before:
        raise TrialError(
            f"the loss did not fall: on the first epoch's windows it was {before:.6g}, after training it is {after:.6g}"
        )


def gate_rows(first_order: Array) -> Array:
    """The windows of whole batches on which the loss is taken again, (rows,)."""
    return first_order[: max(1, ROWS // first_order.shape[1])].ravel()
