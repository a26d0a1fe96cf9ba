"""A check of a synthetic certificate."""

import numpy as np
from synthetic_machine import PACE, digest

from reports.records import Check

BOUNDS = {
    "float64": {"outputs": 1e-12, "gradients": 1e-10, "losses": 1e-10, "weights": 1e-10},
    "float32": {"outputs": 1e-3, "gradients": 1e-3, "losses": 1e-3, "weights": 1e-3},
}


def check(backend, case, dtype, failure=None):
    rng = np.random.default_rng(int(digest(backend, case.label, dtype)[:8], 16))
    scale = 1e-15 if dtype == "float64" else 1e-6
    outputs, gradients, losses, weights = (scale * np.array([1, 3, 6, 20]) * rng.uniform(0.4, 2, 4)).tolist()
    return Check(
        backend=backend,
        case=case.label,
        dtype=dtype,
        steps=200,
        outputs=outputs,
        gradients=gradients,
        losses=losses,
        weights=weights,
        bounds=BOUNDS[dtype],
        windows_digest=digest("windows", case.window, case.horizon),
        order_digest=digest("order", 0),
        parameter_count=case.shape_parameters,
        kernel=PACE.get(backend, PACE["pytorch"])[3],
        failure=failure,
    )
