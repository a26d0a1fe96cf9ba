"""What newer records say of a trial's process and its machine; in a made-up run, matched trials have it, native do not.

So a report is tested on records that lack it, too.
"""

import hashlib

import numpy as np

from benchmarks.runner.records import Product, Trial

OPERATIONS = {"lstm": 4, "gru": 3, "rnn": 1}  # matrices of units × units a time step


def step_operations(cell, units, window=20, batch=32):
    """A multiply-add is two operations; forwards once, backwards twice."""
    return 6 * batch * window * OPERATIONS[cell] * units**2


def trial_of(plan, outcome):
    """The record of a trial that ended well, with its conditions if it is a matched one."""
    if plan.mode == "native":
        return Trial(plan=plan, outcome=outcome, failure=None)
    rng = np.random.default_rng(int(hashlib.sha256(plan.key.encode()).hexdigest()[:8], 16))
    validation = (0.004 * rng.uniform(1, 1.1, len(outcome.times.epochs))).tolist()
    training = outcome.times.training + sum(validation)
    times = outcome.times.model_copy(update={"validation": tuple(validation), "loop": training * 1.001})
    conditions = {
        "times": times,
        "other_load": 0.01 + 0.02 * rng.random(),
        "steal": 0.0,
        "frequency": (2595.1, 2610.4),
        "product": Product(size=2048, seconds=tuple((0.15 * rng.uniform(1, 1.1, 5)).tolist())),
    }
    seconds = times.import_framework + times.build + training + 2.5
    return Trial(plan=plan, outcome=outcome.model_copy(update=conditions), failure=None, seconds=seconds)
