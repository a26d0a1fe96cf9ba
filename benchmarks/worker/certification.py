"""The certificate: does a backend compute the same function as the oracle, and learn the same way?

On the benchmark's own windows and batches, from random weights: the outputs, the gradient of every parameter, the
loss of each optimizer step and all weights after the last. The oracle's side is computed once a case and stored; each
backend is then held against it in a process of its own, in float64 and in the dtype that is timed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import backends
import datasets
from backends.contract import Backend, Dtype, Model, Steps
from backends.reference import network
from benchmarks.definition.settings import CaseSettings
from benchmarks.worker import digests
from benchmarks.worker.jobs import CheckJob
from benchmarks.worker.trial import matched_weights, training_plan
from reports.records import Check

STEPS = 200  # optimizer steps
ROWS = 500  # test windows whose outputs are compared, at most

# Largest relative difference allowed. float64 leaves room for the order of additions and for nothing else; float32
# rounds at 6e-8 and Adam's steps carry that along, so its bound only says that training does not part ways.
BOUNDS: dict[str, dict[str, float]] = {
    "float64": {"outputs": 1e-12, "gradients": 1e-10, "losses": 1e-10, "weights": 1e-10},
    "float32": {"outputs": 1e-3, "gradients": 1e-3, "losses": 1e-3, "weights": 1e-3},
}

Array = np.ndarray


@dataclass(frozen=True)
class Trajectory:
    """What is compared. Gradients are those of the first batch, weights those after the last step."""

    outputs: Array
    gradients: dict[str, Array]
    losses: Array
    weights: dict[str, Array]

    def save(self, path: Path) -> None:
        named = {f"gradients/{name}": value for name, value in self.gradients.items()}
        named |= {f"weights/{name}": value for name, value in self.weights.items()}
        np.savez(path, outputs=self.outputs, losses=self.losses, **named)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Trajectory":
        with np.load(path) as stored:
            parts: dict[str, dict[str, Array]] = {"gradients": {}, "weights": {}}
            for name in stored.files:
                group, _, parameter = name.partition("/")
                if parameter:
                    parts[group][parameter] = stored[name]
            return cls(stored["outputs"], parts["gradients"], stored["losses"], parts["weights"])


@dataclass(frozen=True)
class TrialInputs:
    """What both sides get for one case, in one dtype."""

    windows: datasets.Windows
    steps: Steps
    dtype: Dtype

    @classmethod
    def of(cls, case: CaseSettings, dtype: Dtype, seed: int) -> "TrialInputs":
        windows = datasets.prepare(case.data, case.window, dtype)
        return cls(windows, training_plan(case, windows, seed).first(STEPS), dtype)

    def build(self, backend: Backend, case: CaseSettings, seed: int) -> Model:
        train = self.windows.train
        return backend.build(
            case.architecture(train.y.shape[1]),
            case.training.objective(),
            case.training.optimizer(),
            matched_weights(case, self.windows, seed),
            train.x,
            train.y,
            dtype=self.dtype,
            seed=seed,
        )

    def follow(self, model: Model) -> Trajectory:
        outputs = model.predict(self.windows.test.x[:ROWS])
        masks = {name: mask[0] for name, mask in self.steps.masks.items()}
        gradients = model.gradients(self.steps.order[0], masks)
        return Trajectory(outputs, gradients, model.train(self.steps), model.weights())


def store_oracle(case: CaseSettings, dtype: Dtype, seed: int, path: Path) -> None:
    """The oracle's trajectory, computed in float64 from the numbers that the backends will get in `dtype`."""
    inputs = TrialInputs.of(case, dtype, seed)
    oracle = network.create("reference", dtype="float64", threads=1)
    inputs.follow(inputs.build(oracle, case, seed)).save(path)


def difference(mine: Array, oracle: Array) -> float:
    """The largest difference, relative to the oracle's largest magnitude; infinite where a number is not finite."""
    if mine.shape != oracle.shape:
        return np.inf
    scale = float(np.max(np.abs(oracle)))
    gap = float(np.max(np.abs(mine.astype(np.float64) - oracle)))
    relative = gap / scale if scale else gap
    return relative if np.isfinite(relative) else np.inf


def compare(mine: Trajectory, oracle: Trajectory) -> dict[str, float]:
    """The figures of a `Check`. Losses are compared step by step, each relative to the oracle's own loss there."""
    by_step = [difference(mine.losses[step : step + 1], oracle.losses[step : step + 1]) for step in range(STEPS)]
    return {
        "outputs": difference(mine.outputs, oracle.outputs),
        "gradients": _worst(mine.gradients, oracle.gradients),
        "losses": max(by_step),
        "weights": _worst(mine.weights, oracle.weights),
    }


def _worst(mine: dict[str, Array], oracle: dict[str, Array]) -> float:
    if mine.keys() != oracle.keys():  # a parameter too many is another model
        return np.inf
    return max(difference(mine[name], oracle[name]) for name in oracle)


def verdict(figures: dict[str, float], bounds: dict[str, float], extra_parameters: int) -> str | None:
    """One sentence saying why a backend is not equal, or None."""
    if extra_parameters:
        return f"it trains {extra_parameters:+d} parameters against the oracle's"
    over = [
        f"{name} differ by {figures[name]:.1e} (bound {bounds[name]:.0e})"
        for name in bounds
        if not figures[name] <= bounds[name]
    ]
    return "; ".join(over) or None


def check(job: CheckJob) -> tuple[Check, ...]:
    """Hold a backend against the stored oracles; runs in a process of its own."""
    backend = backends.load(job.backend, dtype=job.dtype, threads=job.threads)
    return tuple(_check_case(backend, job, label, case) for label, case in job.cases.items())


def _check_case(backend: Backend, job: CheckJob, label: str, case: CaseSettings) -> Check:
    inputs = TrialInputs.of(case, job.dtype, job.seed)
    model = inputs.build(backend, case, job.seed)
    oracle = Trajectory.load(Path(job.oracles[label]))
    figures = compare(inputs.follow(model), oracle)
    count = model.parameter_count()
    extra = count - sum(value.size for value in oracle.weights.values())
    return Check(
        backend=job.backend,
        case=label,
        dtype=job.dtype,
        steps=STEPS,
        bounds=BOUNDS[job.dtype],
        windows_digest=inputs.windows.digest,
        order_digest=digests.of_arrays([inputs.steps.order]),
        parameter_count=count,
        kernel=model.kernel(),
        failure=verdict(figures, BOUNDS[job.dtype], extra),
        **figures,
    )
