"""One trial, inside its own process: build, train, time, predict, score."""

import gc
import platform
from dataclasses import dataclass

import numpy as np

import backends
import datasets
from backends.contract import Model, Weights
from backends.devices import DEVICES
from backends.initial import initial_weights
from benchmarks.definition.settings import CaseSettings
from benchmarks.worker import checkpoints, digests, scores
from benchmarks.worker.batches import TrainingPlan
from benchmarks.worker.jobs import TrialJob
from benchmarks.worker.load_monitor import LoadMonitor
from benchmarks.worker.timing import cpu_seconds, peak_memory_bytes, repeated, timed
from benchmarks.worker.training import Training, TrialError, pass_gate
from reports.records import GemmPeak, Outcome, Times

PRODUCT_SIZE = {"cpu": 2048, "gpu": 8192}  # of the square matrices whose product shows what the machine can reach

Array = np.ndarray


@dataclass(frozen=True)
class TrialInputs:
    """What a trial works on."""

    windows: datasets.Windows
    training_plan: TrainingPlan
    weights: Weights | None  # None in native mode


@dataclass(frozen=True)
class Built:
    """A model ready to be trained, and the seconds until then."""

    model: Model
    import_framework: float
    build: float


def run(job: TrialJob) -> tuple[Outcome, bytes]:
    """The outcome, and the training as it ended (see checkpoints). Raises TrialError or the framework's own error."""
    inputs = prepare(job)
    built = build(job, inputs)
    windows, model = inputs.windows, built.model
    before = model.checkpoint()
    training, monitor = _train(job, model, inputs)
    pass_gate(training, windows.train, timed=job.timed)
    scaled = datasets.forecast(model.predict, windows, windows.test.x)
    predictions, truth = windows.to_unit(windows.test, scaled), windows.truth(windows.test)
    if not np.isfinite(predictions).all():
        raise TrialError("a prediction on the test part is not finite")
    memory = peak_memory_bytes(), DEVICES[job.plan.backend].peak_memory()  # before the large product adds to it
    times, reached, after = _times(built, training, windows), gemm_peak(job), model.checkpoint()
    gradient_norms_after, gradient_norms_before = _flow(job, training, model), None
    if job.gradient_flow:
        model.restore(before)  # last of all: looked at earlier, it would have warmed up what is timed
        gradient_norms_before = _flow(job, training, model)
    outcome = Outcome(
        times=times,
        scores=scores.scores(
            predictions, truth, persistence=job.persistence, seasonal=job.seasonal, scale=windows.scale
        ),
        first_loss=training.first_loss,
        train_losses=tuple(training.losses),
        validation_losses=tuple(training.validation_losses),
        predictions=tuple(tuple(row) for row in predictions[:: scores.stored_stride(*truth.shape)].tolist()),
        parameter_count=model.parameter_count(),
        kernel=model.kernel(),
        peak_memory_bytes=memory[0],
        device_memory_bytes=memory[1],
        windows_digest=windows.digest,
        order_digest=digests.of_arrays(training.orders),
        masks_digest=digests.of_texts(training.masks) if training.masks else None,
        best_epoch=None if training.best is None else training.best.epoch + 1,
        gradient_norms_before=gradient_norms_before,
        gradient_norms_after=gradient_norms_after,
        initial_digest=_digest(job, before.weights),
        final_digest=_digest(job, after.weights),
        host=platform.node(),
        background_load=monitor.background_load(),
        steal=monitor.steal(),
        frequency=monitor.frequency(),
        gemm_peak=reached,
    )
    return outcome, checkpoints.to_bytes(after)


def _flow(job: TrialJob, training: Training, model: Model) -> dict[str, tuple[float, ...]] | None:
    """Gradient flow on the first batch, where it is asked for."""
    if not job.gradient_flow:
        return None
    return {name: tuple(norms.tolist()) for name, norms in model.gradient_norms(training.orders[0][0]).items()}


def training_plan(case: CaseSettings, windows: datasets.Windows, seed: int, *, masked: bool = True) -> TrainingPlan:
    """The steps of a case's training; masked: the harness draws the dropout masks."""
    train, settings = windows.train, case.training
    batch = settings.batch_of(len(train))
    if batch > len(train):
        raise TrialError(f"training.batch = {batch}, but the training part has {len(train)} windows")
    return TrainingPlan(case.architecture(train.y.shape[1]), train.x, batch, settings.rates(), seed, masked)


def matched_weights(case: CaseSettings, windows: datasets.Windows, seed: int) -> Weights:
    """The initial weights that every backend of a round gets, drawn for the windows' shapes."""
    _, window, features = windows.train.x.shape
    return initial_weights(case.architecture(windows.train.y.shape[1]), features, window, seed)


def prepare(job: TrialJob) -> TrialInputs:
    """The windows cut, the batches and the initial weights drawn."""
    case, seed = job.case, job.plan.seed
    windows = datasets.prepare(case.data, case.window, case.training.dtype)
    matched = job.plan.mode == "matched"
    weights = matched_weights(case, windows, seed) if matched else None
    return TrialInputs(windows, training_plan(case, windows, seed, masked=matched), weights)


def build(job: TrialJob, inputs: TrialInputs) -> Built:
    """The framework imported and the model built, each timed."""
    settings, train = job.case.training, inputs.windows.train
    imported, backend = timed(lambda: backends.load(job.plan.backend, dtype=settings.dtype, threads=len(job.cores)))
    built, model = timed(
        lambda: backend.build(
            job.case.architecture(train.y.shape[1]),
            settings.objective(),
            settings.optimizer(),
            inputs.weights,
            train.x,
            train.y,
            dtype=settings.dtype,
            seed=job.plan.seed,
        )
    )
    return Built(model, imported, built)


def _digest(job: TrialJob, weights: Weights) -> str:
    """Of weights in the dtype asked for, which the oracle alone does not compute in."""
    dtype = job.case.training.dtype
    return digests.of_weights({name: value.astype(dtype) for name, value in weights.items()})


def _train(job: TrialJob, model: Model, inputs: TrialInputs) -> tuple[Training, LoadMonitor]:
    settings = job.case.training
    training = Training(model, inputs.windows.validation, settings.objective(), settings.patience)
    gc.collect()
    gc.disable()  # a collection in the middle of an epoch would be charged to the framework
    monitor = LoadMonitor(job.cores)
    training.run(inputs.training_plan, settings.epochs, monitor)
    monitor.stop()
    gc.enable()
    return training, monitor


def _times(built: Built, training: Training, windows: datasets.Windows) -> Times:
    """The training's, and those of inference, which are taken now."""
    model = built.model
    return Times(
        import_framework=built.import_framework,
        build=built.build,
        first_step=training.first_step,
        epochs=tuple(training.epochs),
        validation=tuple(training.validation_seconds),
        loop=training.loop,
        harness=training.harness,
        predict_one=predict_one(model, windows),
        predict_test=predict_test(model, windows),
        cpu=cpu_seconds(),
    )


def predict_one(model: Model, windows: datasets.Windows) -> tuple[float, ...]:
    """Seconds of a forecast of one window, repeated."""
    return repeated(lambda: datasets.forecast(model.predict, windows, windows.test.x[:1]), budget=0.5, most=100)


def predict_test(model: Model, windows: datasets.Windows) -> tuple[float, ...]:
    """Seconds of a forecast of the whole test part, repeated."""
    return repeated(lambda: datasets.forecast(model.predict, windows, windows.test.x), budget=1.0, most=20)


def gemm_peak(job: TrialJob) -> GemmPeak:
    """The large matrix product, timed."""
    device = DEVICES[job.plan.backend]
    size = PRODUCT_SIZE["cpu" if device.peak_memory() is None else "gpu"]
    multiply = device.product(size, job.case.training.dtype)
    return GemmPeak(size=size, seconds=repeated(multiply, budget=0.5, most=5))
