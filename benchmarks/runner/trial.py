"""One trial, inside its own process: build, train, time, predict, score."""

import gc
import platform
from functools import partial

import numpy as np

import backends
import datasets
from backends.contract import Model, Steps, Weights
from backends.initial import initial_weights
from benchmarks.runner import digests, metrics
from benchmarks.runner.batches import Course
from benchmarks.runner.jobs import TrialJob
from benchmarks.runner.records import Outcome, Times
from benchmarks.runner.timing import OtherLoad, cpu_seconds, peak_memory_bytes, repeated, timed
from benchmarks.settings import CaseSettings, TrainingSettings

Array = np.ndarray


class TrialError(Exception):
    """The trial cannot be counted; the message is its reason."""


class Training:
    """The loop over epochs; what it saw is in its lists."""

    def __init__(
        self, model: Model, part: datasets.Part, validation: datasets.Part, settings: TrainingSettings
    ) -> None:
        self.model, self.part, self.validation, self.settings = model, part, validation, settings
        self.first_step = self.first_loss = 0.0
        self.orders: list[Array] = []
        self.epochs: list[float] = []
        self.losses: list[float] = []
        self.validation_losses: list[float] = []

    def run(self, course: Course) -> None:
        """Train epoch by epoch. The first step is timed apart: it traces and compiles."""
        for epoch in range(self.settings.epochs):
            steps, losses = course.epoch(epoch), np.empty(0)
            self.orders.append(steps.order)
            if epoch == 0:
                first, steps = steps[:1], steps[1:]
                self.first_step, losses = timed(partial(self.model.train, first))
                self.first_loss = float(losses[0])
            seconds, rest = self._timed_steps(steps)
            self._note(epoch, seconds, np.concatenate([losses, rest]))

    def _timed_steps(self, steps: Steps) -> tuple[float, Array]:
        if not len(steps):  # full batch: the first epoch was the first step
            return 0.0, np.empty(0)
        return timed(partial(self.model.train, steps))

    def _note(self, epoch: int, seconds: float, losses: Array) -> None:
        if not np.isfinite(losses).all():
            step = int(np.flatnonzero(~np.isfinite(losses))[0])
            raise TrialError(f"the loss is {losses[step]} at step {step + 1} of epoch {epoch + 1}")
        self.epochs.append(seconds)
        self.losses.append(float(np.mean(losses, dtype=np.float64)))
        if len(self.validation):
            self.validation_losses.append(metrics.mse(self.model.predict(self.validation.x), self.validation.y))


def course(case: CaseSettings, windows: datasets.Windows, seed: int, *, masked: bool = True) -> Course:
    """The steps of a case's training; masked: the harness draws the dropout masks."""
    train, settings = windows.train, case.training
    if settings.batch > len(train):
        raise TrialError(f"training.batch = {settings.batch}, but the training part has {len(train)} windows")
    model = case.architecture(train.y.shape[1])
    return Course(model, train.x, settings.batch, settings.learning_rate, seed, masked)


def matched_weights(case: CaseSettings, windows: datasets.Windows, seed: int) -> Weights:
    """The initial weights that every backend of a round gets, drawn for the windows' shapes."""
    _, window, features = windows.train.x.shape
    return initial_weights(case.architecture(windows.train.y.shape[1]), features, window, seed)


def run(job: TrialJob) -> Outcome:
    """Raises TrialError, or whatever the framework raises."""
    plan, case, settings = job.plan, job.case, job.case.training
    windows = datasets.prepare(case.data, case.window, settings.dtype)
    matched = plan.mode == "matched"
    steps = course(case, windows, plan.seed, masked=matched)
    weights = matched_weights(case, windows, plan.seed) if matched else None
    imported, backend = timed(lambda: backends.load(plan.backend, dtype=settings.dtype, threads=job.threads))
    built, model = timed(
        lambda: backend.build(
            case.architecture(windows.train.y.shape[1]),
            settings.objective(),
            settings.optimizer(),
            weights,
            windows.train.x,
            windows.train.y,
            dtype=settings.dtype,
            seed=plan.seed,
        )
    )
    initial_digest = digests.of_weights(model.weights())
    training = Training(model, windows.train, windows.validation, settings)
    gc.collect()
    gc.disable()  # a collection in the middle of an epoch would be charged to the framework
    others = OtherLoad(job.cores)
    training.run(steps)
    other_load = others.share()
    gc.enable()
    predictions, truth = windows.to_unit(windows.test, model.predict(windows.test.x)), windows.truth(windows.test)
    if not np.isfinite(predictions).all():
        raise TrialError("a prediction on the test part is not finite")
    return Outcome(
        times=Times(
            import_framework=imported,
            build=built,
            first_step=training.first_step,
            epochs=tuple(training.epochs),
            predict_one=repeated(lambda: model.predict(windows.test.x[:1]), budget=0.5, most=100),
            predict_test=repeated(lambda: model.predict(windows.test.x), budget=1.0, most=20),
            cpu=cpu_seconds(),
        ),
        scores=metrics.scores(predictions, truth, persistence=job.persistence, seasonal=job.seasonal),
        first_loss=training.first_loss,
        train_losses=tuple(training.losses),
        validation_losses=tuple(training.validation_losses),
        predictions=_rows(predictions),
        parameter_count=model.parameter_count(),
        kernel=model.kernel(),
        peak_memory_bytes=peak_memory_bytes(),
        windows_digest=windows.digest,
        order_digest=digests.of_arrays(training.orders),
        initial_digest=initial_digest,
        final_digest=digests.of_weights(model.weights()),
        host=platform.node(),
        other_load=other_load,
    )


def _rows(values: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
