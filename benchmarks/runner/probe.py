"""A few steps of a training in a process of its own, and all else that a trial does: what would a whole one take?"""

import time

import numpy as np

from backends.contract import Model
from benchmarks.runner import trial
from benchmarks.runner.jobs import Probed, ProbeJob
from benchmarks.runner.timing import timed
from benchmarks.runner.training import gate_rows

REPEATS = 7  # of the timed steps
BUDGET = 0.2  # seconds that one repeat may take, about

Array = np.ndarray


def run(job: ProbeJob) -> Probed:
    """Raises whatever the framework raises."""
    start = time.perf_counter()
    preparing, material = timed(lambda: trial.prepare(job.trial))
    built = trial.build(job.trial, material)
    windows, model, order = material.windows, built.model, material.orders[0]
    first_step, _ = timed(lambda: model.train(order[:1]))
    beginning = time.perf_counter()
    steps = _steps(model, order)
    extra = time.perf_counter() - beginning
    validation = 0.0
    if len(windows.validation):
        model.predict(windows.validation.x)  # traces and compiles, as after a trial's first epoch
        validation, _ = timed(lambda: model.predict(windows.validation.x))
    model.predict(windows.train.x[gate_rows(order)])
    trial.predict_one(model, windows.test.x)
    trial.predict_test(model, windows.test.x)
    trial.product(job.trial)
    return Probed(
        prepare=preparing,
        import_framework=built.import_framework,
        build=built.build,
        first_step=first_step,
        steps=steps,
        validation=validation,
        extra=extra + validation,
        whole=time.perf_counter() - start,
    )


def _steps(model: Model, order: Array) -> tuple[float, ...]:
    """Seconds of a steady step, of each repeat: as many steps together as fit the budget, at most an epoch's."""
    few = order[:2]
    model.train(few)
    warm = timed(lambda: model.train(few))[0] / len(few)
    together = order[: max(1, min(len(order), round(BUDGET / max(warm, 1e-9))))]
    model.train(together)  # whatever is traced for this number of steps
    return tuple(timed(lambda: model.train(together))[0] / len(together) for _ in range(REPEATS))
