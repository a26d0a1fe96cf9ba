"""A few steps of a training in a process of its own, and all else that a trial does: what would a whole one take?"""

import time

from backends.contract import Model, Steps
from benchmarks.worker import trial
from benchmarks.worker.jobs import Probed, ProbeJob
from benchmarks.worker.timing import timed
from benchmarks.worker.training import gate_rows

REPEATS = 7  # of the timed steps
BUDGET = 0.2  # seconds that one repeat may take, about


def run(job: ProbeJob) -> Probed:
    """Raises whatever the framework raises."""
    start = time.perf_counter()
    preparing, inputs = timed(lambda: trial.prepare(job.trial))
    built = trial.build(job.trial, inputs)
    windows, model, steps = inputs.windows, built.model, inputs.training_plan.epoch(0)
    first_step, _ = timed(lambda: model.train(steps[:1]))
    beginning = time.perf_counter()
    repeats = _repeats(model, steps)
    extra = time.perf_counter() - beginning
    validation = 0.0
    if len(windows.validation):
        model.predict(windows.validation.x)  # traces and compiles, as after a trial's first epoch
        validation, _ = timed(lambda: model.predict(windows.validation.x))
    model.predict(windows.train.x[gate_rows(steps.order)])
    trial.predict_one(model, windows)
    trial.predict_test(model, windows)
    trial.gemm_peak(job.trial)
    return Probed(
        prepare=preparing,
        import_framework=built.import_framework,
        build=built.build,
        first_step=first_step,
        steps=repeats,
        validation=validation,
        extra=extra + validation,
        whole=time.perf_counter() - start,
    )


def _repeats(model: Model, steps: Steps) -> tuple[float, ...]:
    """Seconds of a steady step, of each repeat: as many steps together as fit the budget, at most an epoch's."""
    few = steps[:2]
    model.train(few)
    warm = timed(lambda: model.train(few))[0] / len(few)
    together = steps[: max(1, min(len(steps), round(BUDGET / max(warm, 1e-9))))]
    model.train(together)  # whatever is traced for this number of steps
    return tuple(timed(lambda: model.train(together))[0] / len(together) for _ in range(REPEATS))
