"""A trained model leaves its framework and goes on in another: does anything change?

The framework that trained it goes on too, from the same point and over the same steps; the two are then held against
each other. Forecasts and losses are compared relative to the largest magnitude, as in the certificate.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import processes
from benchmarks.runner.cores import Conditions
from benchmarks.worker import certification, checkpoints, digests, trial
from benchmarks.worker.jobs import Job, TransferJob, Transferred, TrialJob
from reports.records import Trial
from reports.records.store import RecordError, weights_path

Array = np.ndarray


@dataclass(frozen=True)
class Crossing:
    """One trained model, and how far the two frameworks are apart; bound: in the trial's precision."""

    trial: Trial
    to: str
    forecast: float
    losses: float
    later: float
    bound: float

    @property
    def good(self) -> bool:
        return max(self.forecast, self.losses, self.later) <= self.bound


def go_on(job: TransferJob) -> Transferred:
    """In a worker: restore the model, forecast, train, forecast again."""
    inputs = trial.prepare(job.trial)
    model, test = trial.build(job.trial, inputs).model, inputs.windows.test.x
    model.restore(checkpoints.from_bytes(Path(job.checkpoint).read_bytes()))
    forecast = model.predict(test)
    epochs = range(job.first_epoch, job.first_epoch + job.epochs)
    losses = [loss for epoch in epochs for loss in model.train(inputs.training_plan.epoch(epoch)).tolist()]
    return Transferred(forecast=_rows(forecast), losses=tuple(losses), later=_rows(model.predict(test)))


def cross(folder: Path, benchmark: Benchmark, found: Trial, to: str, epochs: int) -> Crossing:
    """Let a trial's model go on in its own framework and in `to`. Raises UserError where one of them cannot."""
    path = _checked(folder, found)
    own, other = (_handed(benchmark, found, path, backend, epochs) for backend in (found.plan.backend, to))
    return Crossing(
        trial=found,
        to=to,
        forecast=_apart(other.forecast, own.forecast),
        losses=_apart(other.losses, own.losses),
        later=_apart(other.later, own.later),
        bound=certification.BOUNDS[benchmark.cases[found.plan.case].training.dtype]["losses"],
    )


def read_weights(folder: Path, found: Trial) -> dict[str, Array]:
    """A trial's trained weights, canonical."""
    return dict(checkpoints.from_bytes(_checked(folder, found).read_bytes()).weights)


def _checked(folder: Path, found: Trial) -> Path:
    """The file of a trial's weights, once it is known to be what the record speaks of."""
    path = weights_path(folder, found.plan)
    if not path.is_file():
        raise UserError(f"{path} does not exist: the run kept no weights; run the benchmark again to have them")
    try:
        content = path.read_bytes()
        checkpoints.from_bytes(content)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} is damaged: {error}; run the benchmark again.") from None
    if digests.of_bytes(content) != found.trained_digest:
        raise RecordError(f"{path} was changed and does not hold the weights of its record; run the benchmark again.")
    return path


def _handed(benchmark: Benchmark, found: Trial, checkpoint: Path, backend: str, epochs: int) -> Transferred:
    assert found.outcome is not None
    case = benchmark.cases[found.plan.case]
    conditions = Conditions.of(case.training.threads)
    asked = TrialJob(
        plan=found.plan.model_copy(update={"backend": backend}),
        case=case,
        cores=conditions.cores,
        persistence=0.0,
        seasonal=None,
    )
    job = TransferJob(
        trial=asked,
        checkpoint=str(checkpoint),
        first_epoch=found.outcome.best_epoch or len(found.outcome.train_losses),
        epochs=epochs,
    )
    answer = processes.work(Job(transfer=job), conditions.variables).answer
    if answer.transferred is None:
        raise UserError(f"{backend} could not go on with {found.plan.case}: {answer.failure or 'it gave no answer'}")
    return answer.transferred


def _apart(mine: object, theirs: object) -> float:
    return certification.difference(np.asarray(mine, np.float64), np.asarray(theirs, np.float64))


def _rows(values: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
