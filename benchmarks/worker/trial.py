"""One trial in its own process: build, train, time, predict and score. Also probes and continued trainings."""

import gc
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import backends
import datasets
from backends.contract import Model, Weights
from backends.seeded import initial_weights
from benchmarks.definition.settings import CaseSettings
from benchmarks.worker import checkpoints, scores
from benchmarks.worker.checkpoints import digest_arrays, digest_texts, digest_weights
from benchmarks.worker.jobs import ModelJob, Probed, ProbeJob, TransferJob, Transferred, TrialJob
from benchmarks.worker.timing import (
    LoadMonitor,
    peak_memory_bytes,
    repeated,
    seconds_of_repeated,
    timed,
    turn,
)
from benchmarks.worker.training import (
    Schedule,
    Training,
    TrainingPlan,
    TrialError,
    check_learning,
    predict,
    predict_points,
)
from reports.records import GemmPeak, Outcome, StepTimes, Times

PRODUCT_SIZE = {"cpu": 1024, "gpu": 8192}  # rows of the square matrices whose product is timed
PROBE_REPEATS = 4  # how often a probe times its steps
PROBE_BUDGET = 0.1  # seconds of one repeat, about
PART_BUDGET = 1.0  # seconds of all repeats of a part of a step, about
PART_REPEATS = 100  # of a part of a step, at most

Array = np.ndarray


@dataclass(frozen=True)
class TrialInputs:
    """The data, batches and initial weights of a trial."""

    windows: datasets.Windows
    training_plan: TrainingPlan
    weights: Weights | None  # None in native mode


@dataclass(frozen=True)
class Built:
    """A model ready for training, and the seconds spent on importing its framework and building it."""

    model: Model
    import_framework: float
    build: float


def run(job: TrialJob) -> tuple[Outcome, bytes]:
    """Return the outcome and the checkpoint after training. Raises TrialError or an error of the framework."""
    inputs = prepare(job)
    built = build(job, inputs)
    windows, model = inputs.windows, built.model
    before = model.checkpoint()
    training, monitor = _train(job, model, inputs)
    check_learning(training, windows.train)
    predictions, truth = _test_forecasts(job, training, windows), windows.truth(windows.test)
    bands = _bands(job.case, model, windows, scores.stored_stride(*truth.shape))
    # Memory is read before the large matrix product adds to it.
    memory = peak_memory_bytes(), backends.device(job.plan.backend, job.program).peak_memory()
    times, after = _times(built, training, job.case, windows), model.checkpoint()
    peak = gemm_peak(job) if job.gemm else None
    gradient_norms_after, gradient_norms_before = _gradient_norms(job, training, model), None
    step_times = _step_times(model, inputs.training_plan) if job.step_parts else None
    if job.gradient_flow:
        model.restore(before)  # at the end, because an earlier evaluation would warm up the code that is timed
        gradient_norms_before = _gradient_norms(job, training, model)
    outcome = Outcome(
        times=times,
        scores=scores.scores(predictions, truth, scale=windows.scale(windows.test)),
        group_scores=scores.group_scores(predictions, truth, windows),
        first_loss=training.first_loss,
        train_losses=tuple(training.losses),
        validation_losses=tuple(training.validation_losses),
        predictions=tuple(tuple(row) for row in predictions[:: scores.stored_stride(*truth.shape)].tolist()),
        parameter_count=model.parameter_count(),
        kernel=model.kernel(),
        peak_memory_bytes=memory[0],
        device_memory_bytes=memory[1],
        windows_digest=windows.digest,
        order_digest=digest_arrays(training.orders),
        masks_digest=digest_texts(training.masks) if training.masks else None,
        best_epoch=None if training.best is None else training.best.epoch + 1,
        gradient_norms_before=gradient_norms_before,
        gradient_norms_after=gradient_norms_after,
        initial_digest=_digest(job, before.weights),
        final_digest=_digest(job, after.weights),
        host=platform.node(),
        background_load=monitor.background_load(),
        steal=monitor.steal(),
        frequency=monitor.frequency(),
        gemm_peak=peak,
        step_parts=step_times,
        **bands,
    )
    return outcome, checkpoints.to_bytes(after)


def _test_forecasts(job: TrialJob, training: Training, windows: datasets.Windows) -> Array:
    """Return the forecasts of the test part, (N, H * targets), in the unit of the series. Raises TrialError."""
    order = chains(job.case, windows, windows.test)
    forecaster = partial(predict_points, training.model, training.objective, chains=order)
    forecasts = windows.to_unit(windows.test, datasets.forecast(forecaster, windows, windows.test.x))
    if not np.isfinite(forecasts).all():
        raise TrialError("a prediction on the test part is not finite")
    return forecasts


def _bands(case: CaseSettings, model: Model, windows: datasets.Windows, stride: int) -> dict[str, Any]:
    """Return the fields of an outcome with the forecasts of a model's quantiles; none if it has no such forecasts.

    A quantile of a sum is not the sum of the quantiles, so changes that add up over the horizon have none, and neither
    has a rollout, whose later rows depend on the medians before them.
    """
    adds_up = windows.window.horizon > 1 and (windows.data.difference or windows.window.rollout)
    quantiles = case.training.quantiles
    if quantiles is None or adds_up:
        return {}
    outputs = predict(model, windows.test.x, chains(case, windows, windows.test))
    values = np.stack(
        [windows.to_unit(windows.test, outputs[:, q :: len(quantiles)]) for q in range(len(quantiles))], axis=-1
    )
    return {"quantiles": quantiles, "bands": _rows(values[::stride].reshape(-1, outputs.shape[1]))}


def probe(job: ProbeJob) -> tuple[Probed, ...]:
    """Time a few training steps and the other parts of each trial. Raises any error of the framework."""
    first, *others = (_probe(trial, job.turns) for trial in job.trials)
    imported = first.import_framework  # of the process; the next trials would import the framework in theirs
    return first, *(
        other.model_copy(update={"import_framework": imported, "whole": other.whole + imported}) for other in others
    )


def _probe(job: TrialJob, turns: str) -> Probed:
    start = time.perf_counter()
    with turn(turns, alone=False):
        preparing, inputs = timed(lambda: prepare(job))
        built = build(job, inputs)
        windows, model, steps = inputs.windows, built.model, inputs.training_plan.epoch(0)[0]
        first_step, _ = timed(lambda: model.train(steps[:1]))
        warm, _ = timed(lambda: model.train(steps[:1]))  # the program for a single step is compiled now
        together = steps[: max(1, min(len(steps), round(PROBE_BUDGET / max(warm, 1e-9))))]
        model.train(together)  # traces and compiles for this number of steps
        calls = _inferences(model, job.case, windows)
        firsts = [timed(call)[0] for call, _, _ in calls]
    with turn(turns, alone=True):
        repeats = [timed(lambda: model.train(together))[0] / len(together) for _ in range(PROBE_REPEATS)]
        agains = [timed(call)[0] for call, _, _ in calls]
    inference = sum(
        seconds_of_repeated(first, again, budget=budget, most=most)
        for first, again, (_, budget, most) in zip(firsts, agains, calls, strict=True)
    )
    # Forecasts of the validation part and of the windows of the last check are taken to last as those of the test part.
    others = firsts[-1] * (1 + bool(len(windows.validation)))
    return Probed(
        prepare=preparing,
        import_framework=built.import_framework,
        build=built.build,
        first_step=first_step,
        steps=tuple(repeats),
        validation=agains[-1] * len(windows.validation) / len(windows.test),
        whole=preparing + built.import_framework + built.build + first_step + inference + others,
        elapsed=time.perf_counter() - start,
        peak_memory=peak_memory_bytes(),
    )


def continue_training(job: TransferJob) -> Transferred:
    """Restore a checkpoint, forecast, train some epochs more, and forecast again."""
    inputs = prepare(job)
    model, test = build(job, inputs).model, inputs.windows.test
    forecasts = partial(predict, model, test.x, chains(job.case, inputs.windows, test))
    model.restore(checkpoints.from_bytes(Path(job.checkpoint).read_bytes()))
    forecast = forecasts()
    epochs = range(job.first_epoch, job.first_epoch + job.epochs)
    calls = (steps for epoch in epochs for steps in inputs.training_plan.epoch(epoch))
    losses = [loss for steps in calls for loss in model.train(steps).tolist()]
    return Transferred(forecast=_rows(forecast), losses=tuple(losses), later=_rows(forecasts()))


def _rows(values: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())


def chains(case: CaseSettings, windows: datasets.Windows, part: datasets.Part) -> Sequence[Array]:
    """Return the chains of a part's windows for a stateful model; () for any other."""
    return windows.chains(part) if case.model.stateful and len(part) else ()


def training_plan(case: CaseSettings, windows: datasets.Windows, seed: int, *, masked: bool = True) -> TrainingPlan:
    """Return the steps of a case's training. masked: the harness draws the dropout masks."""
    train, settings = windows.train, case.training
    batch = settings.batch_of(len(train))
    if batch > len(train):
        raise TrialError(f"training.batch = {batch}, but the training part has {len(train)} windows")
    model, partial = case.architecture(train.y.shape[1]), settings.partial_batch == "use"
    linked = chains(case, windows, train)
    return TrainingPlan(model, train.inputs.shape, batch, Schedule.of(settings), seed, masked, partial, linked)


def matched_weights(case: CaseSettings, windows: datasets.Windows, seed: int) -> Weights:
    """Return the initial weights that every backend of a round gets."""
    _, window, features = windows.train.inputs.shape
    return initial_weights(case.architecture(windows.train.y.shape[1]), features, window, seed)


def prepare(job: ModelJob) -> TrialInputs:
    """Cut the windows and draw the batches and the initial weights."""
    case, seed = job.case, job.plan.seed
    windows = datasets.prepare(case.data, case.window, case.training.dtype)
    matched = job.plan.mode == "matched"
    weights = matched_weights(case, windows, seed) if matched else None
    return TrialInputs(windows, training_plan(case, windows, seed, masked=matched), weights)


def build(job: ModelJob, inputs: TrialInputs) -> Built:
    """Import the framework and build the model, each timed."""
    settings, train = job.case.training, inputs.windows.train
    import_seconds, backend = timed(
        lambda: backends.load(
            job.plan.backend, dtype=settings.dtype, threads=len(job.cores), tf32=settings.tf32, text=job.program
        )
    )
    build_seconds, model = timed(
        lambda: backend.build(
            job.case.architecture(train.y.shape[1]),
            settings.objective(),
            settings.complete_optimizer(),
            inputs.weights,
            train.x,
            train.y,
            dtype=settings.dtype,
            seed=job.plan.seed,
        )
    )
    return Built(model, import_seconds, build_seconds)


def _digest(job: TrialJob, weights: Weights) -> str:
    """Digest weights in the trial's dtype. Only the reference implementation computes in another one, float64."""
    dtype = job.case.training.dtype
    return digest_weights({name: value.astype(dtype) for name, value in weights.items()})


def _gradient_norms(job: TrialJob, training: Training, model: Model) -> dict[str, tuple[float, ...]] | None:
    """Return the gradient norms of the first batch, where the job asks for them."""
    if not job.gradient_flow:
        return None
    return {name: tuple(norms.tolist()) for name, norms in model.gradient_norms(training.orders[0][0]).items()}


def _step_times(model: Model, plan: TrainingPlan) -> StepTimes | None:
    """Time the parts of a training step; None if the program does not give them. Changes the model."""
    parts = model.step_parts(plan.epoch(0)[0][:1])
    if parts is None:
        return None
    calls = (parts.forward, parts.gradients, parts.optimizer)
    forward, gradients, optimizer = (repeated(call, budget=PART_BUDGET, most=PART_REPEATS) for call in calls)
    return StepTimes(forward=forward, gradients=gradients, optimizer=optimizer)


def _train(job: TrialJob, model: Model, inputs: TrialInputs) -> tuple[Training, LoadMonitor]:
    settings = job.case.training
    whole_epochs = backends.entry(job.plan.backend, job.program).two_functions
    validation = inputs.windows.validation
    training = Training(
        model,
        validation,
        settings.objective(),
        settings.patience,
        chains=chains(job.case, inputs.windows, validation),
        whole_epochs=whole_epochs,
    )
    gc.collect()
    gc.disable()  # a garbage collection within an epoch would be counted as the framework's time
    monitor = LoadMonitor(job.cores)
    training.run(inputs.training_plan, settings.epochs, monitor)
    monitor.stop()
    gc.enable()
    return training, monitor


def _times(built: Built, training: Training, case: CaseSettings, windows: datasets.Windows) -> Times:
    """Collect the times of training, and measure those of inference."""
    calls = _inferences(built.model, case, windows)
    predict_one, predict_test = (repeated(call, budget=budget, most=most) for call, budget, most in calls)
    return Times(
        import_framework=built.import_framework,
        build=built.build,
        first_step=training.first_step,
        epochs=tuple(training.epochs),
        validation=tuple(training.validation_seconds),
        loop=training.loop,
        harness=training.harness,
        predict_one=predict_one,
        predict_test=predict_test,
        cpu=time.process_time(),  # user and system, of all threads
    )


def _inferences(
    model: Model, case: CaseSettings, windows: datasets.Windows
) -> tuple[tuple[Callable[[], Array], float, int], ...]:
    """Return the forecasts of one window and of the whole test part, each with seconds and number of its repeats."""
    x, points = windows.test.x, partial(predict_points, model, case.training.objective())
    whole = partial(points, chains=chains(case, windows, windows.test))
    single, test = (partial(datasets.forecast, call, windows) for call in (points, whole))
    return (partial(single, x[:1]), 0.5, 100), (partial(test, x), 1.0, 20)


def gemm_peak(job: TrialJob) -> GemmPeak:
    """Time a large matrix product in the trial's framework: the peak rate that this machine reaches."""
    device = backends.device(job.plan.backend, job.program)
    size = PRODUCT_SIZE["cpu" if device.peak_memory() is None else "gpu"]
    multiply = device.gemm(size, job.case.training.dtype)
    return GemmPeak(size=size, seconds=repeated(multiply, budget=0.5, most=5))
