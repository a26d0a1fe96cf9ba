"""The parts of synthetic records on a trial's process and machine.

Matched trials have them and native trials do not, so that reports are also tested on records that lack them.
"""

import hashlib

import numpy as np

from reports.records import Environment, GemmPeak, Trial

OPERATIONS = {"lstm": 4, "gru": 3, "rnn": 1}  # matrices of units × units per time step
PACE = {  # seconds of the first step, of an epoch of an LSTM and of a GRU; kernel
    "pytorch": (0.021, 0.070, 0.140, "mkldnn_rnn_layer"),
    "keras": (1.90, 0.130, 0.157, "XLA while"),
    "keras-jax": (1.10, 0.061, 0.049, "XLA while"),
    "keras-torch": (0.050, 0.259, 0.251, "aten loop"),
    "flax": (0.82, 0.055, 0.047, "XLA while"),
}


def digest(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def step_flops(cell, units, window=20, batch=32):
    """Return the operations of a step: two per multiply-add, once forwards and twice backwards."""
    return 6 * batch * window * OPERATIONS[cell] * units**2


def trial_of(plan, outcome):
    """Return the record of a finished trial, with its conditions if it is matched."""
    if plan.mode == "native":
        return Trial(plan=plan, outcome=outcome, failure=None)
    rng = np.random.default_rng(int(digest(plan.key)[:8], 16))
    validation = (0.004 * rng.uniform(1, 1.1, len(outcome.times.epochs))).tolist()
    training = outcome.times.training + sum(validation)
    times = outcome.times.model_copy(update={"validation": tuple(validation), "loop": training * 1.001})
    conditions = {
        "times": times,
        "background_load": 0.01 + 0.02 * rng.random(),
        "steal": 0.0,
        "frequency": (2595.1, 2610.4),
        "gemm_peak": GemmPeak(size=2048, seconds=tuple((0.15 * rng.uniform(1, 1.1, 5)).tolist())),
    }
    seconds = times.import_framework + times.build + training + 2.5
    return Trial(plan=plan, outcome=outcome.model_copy(update=conditions), failure=None, seconds=seconds)


def environment():
    return Environment(
        machine="x86_64",
        processor="AMD EPYC 9R14",
        cores=(0, 1),
        memory_bytes=16 * 2**30,
        gpu=None,
        system="Linux 6.1.0",
        python="3.11.2",
        packages={"torch": "2.13.0", "keras": "3.15.1", "tensorflow-cpu": "2.21.0", "jax": "0.10.2", "flax": "0.12.8"},
        variables={"OMP_NUM_THREADS": "2"},
        commit="0d0320d1c5a54a0d6a55",
    )
