"""Transfers a trained model to another framework and compares the two as both continue the training.

The framework that trained the model continues too, from the same checkpoint and over the same steps. Forecasts and
losses of the two are compared relative to the largest magnitude, as in the certificate.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import processes
from benchmarks.runner.cores import Conditions
from benchmarks.worker import certification, checkpoints
from benchmarks.worker.jobs import TransferJob, Transferred
from reports.records import Trial
from reports.records.store import RecordError, weights_path

Array = np.ndarray


@dataclass(frozen=True)
class TransferResult:
    """A transferred model and the largest relative differences between the two frameworks."""

    trial: Trial
    to: str
    forecast: float  # right after the transfer
    losses: float  # of the further steps
    later: float  # of the forecast after them
    bound: float  # in the trial's dtype

    @property
    def good(self) -> bool:
        return max(self.forecast, self.losses, self.later) <= self.bound


def transfer(folder: Path, benchmark: Benchmark, trial: Trial, to: str, epochs: int) -> TransferResult:
    """Continue a trial's training in its own framework and in `to`. Raises UserError where one of the two cannot."""
    path = verified(folder, trial)
    origin, target = (_continued(benchmark, trial, path, backend, epochs) for backend in (trial.plan.backend, to))
    return TransferResult(
        trial=trial,
        to=to,
        forecast=_difference(target.forecast, origin.forecast),
        losses=_difference(target.losses, origin.losses),
        later=_difference(target.later, origin.later),
        bound=certification.BOUNDS[benchmark.cases[trial.plan.case].training.dtype]["losses"],
    )


def read_weights(folder: Path, trial: Trial) -> dict[str, Array]:
    """Return a trial's trained weights by their canonical names."""
    return dict(checkpoints.from_bytes(verified(folder, trial).read_bytes()).weights)


def verified(folder: Path, trial: Trial) -> Path:
    """Return the file of a trial's weights, once its digest matches the record."""
    path = weights_path(folder, trial.plan)
    if not path.is_file():
        raise UserError(f"{path} does not exist: the run kept no weights; run the benchmark again to have them")
    try:
        content = path.read_bytes()
        checkpoints.from_bytes(content)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} is damaged: {error}; run the benchmark again.") from None
    if checkpoints.digest_bytes(content) != trial.trained_digest:
        raise RecordError(f"{path} was changed and does not hold the weights of its record; run the benchmark again.")
    return path


def _continued(benchmark: Benchmark, trial: Trial, checkpoint: Path, backend: str, epochs: int) -> Transferred:
    assert trial.outcome is not None
    case = benchmark.cases[trial.plan.case]
    conditions = Conditions.of(case.training.threads)
    plan = trial.plan.model_copy(update={"backend": backend})
    job = TransferJob(
        plan=plan,
        case=case,
        cores=conditions.cores,
        program=benchmark.programs.get(backend),
        checkpoint=str(checkpoint),
        first_epoch=trial.outcome.best_epoch or len(trial.outcome.train_losses),
        epochs=epochs,
    )
    answer = processes.run_job(job, conditions.variables).answer
    if answer.transferred is None:
        raise UserError(f"{backend} could not continue the training of {trial.plan.case}: {answer.reason}")
    return answer.transferred


def _difference(values: object, reference: object) -> float:
    return certification.difference(np.asarray(values, np.float64), np.asarray(reference, np.float64))
