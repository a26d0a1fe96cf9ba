"""The certificate: a backend computes the same function as the reference implementation and learns in the same way.

On the benchmark's own windows and batches, from random weights, four results are compared: the outputs, the gradient
of every parameter, the loss of each optimizer step, and all weights after some of the steps. What a program does not
report is left out: the loss of each step in Keras's `fit`, gradients in a user's program in one file. The reference
implementation (NumPy, float64) runs once for each case and its results are stored. Each backend is then compared with
them in a process of its own, in float64 and in the dtype that is timed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import backends
import datasets
from backends.contract import Backend, BackendError, Dtype, Model, Steps
from backends.reference import training
from benchmarks.definition.settings import CaseSettings
from benchmarks.worker.checkpoints import digest_arrays
from benchmarks.worker.jobs import CheckJob, ReferenceJob
from benchmarks.worker.training import predict
from benchmarks.worker.trial import chains, matched_weights, training_plan
from reports.records import Check

STEPS = 200  # optimizer steps
WEIGHED = (1, 10, 50, STEPS)  # numbers of steps after which the weights are compared
ROWS = 500  # test windows whose outputs are compared, at most

# Largest relative difference allowed. float64 leaves room for the order of additions and for nothing else. float32
# rounds at 6e-8, and Adam's steps amplify that, so its bound only shows that the trainings do not diverge.
BOUNDS: dict[str, dict[str, float]] = {
    "float64": {"outputs": 1e-12, "gradients": 1e-10, "losses": 1e-10, "weights": 1e-10},
    "float32": {"outputs": 1e-3, "gradients": 1e-3, "losses": 1e-3, "weights": 1e-3},
}

Array = np.ndarray


@dataclass(frozen=True)
class Trajectory:
    """The results that are compared. Gradients are those of the first batch."""

    outputs: Array
    gradients: dict[str, Array] | None  # None: the program does not give them
    losses: Array | None  # of each step; None: the program does not report them
    weights: dict[str, Array]  # by number of steps and parameter: "10 0.kernel"

    def save(self, path: Path) -> None:
        named = {f"gradients/{name}": value for name, value in (self.gradients or {}).items()}
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
class CheckInputs:
    """The windows and steps that a backend and the reference implementation both get, in one dtype."""

    windows: datasets.Windows
    steps: tuple[Steps, ...]  # STEPS in all, see TrainingPlan.first
    dtype: Dtype
    chains: tuple[Array, ...]  # of the windows whose outputs are compared; () unless the model is stateful

    @classmethod
    def of(cls, case: CaseSettings, dtype: Dtype, seed: int) -> "CheckInputs":
        windows = datasets.prepare(case.data, case.window, dtype)
        compared = (chain[chain < ROWS] for chain in chains(case, windows, windows.test))
        steps = tuple(training_plan(case, windows, seed).first(STEPS))
        return cls(windows, steps, dtype, tuple(chain for chain in compared if len(chain)))

    def build(self, backend: Backend, case: CaseSettings, seed: int) -> Model:
        train = self.windows.train
        return backend.build(
            case.architecture(train.y.shape[1]),
            case.training.objective(),
            case.training.complete_optimizer(),
            matched_weights(case, self.windows, seed),
            train.x,
            train.y,
            dtype=self.dtype,
            seed=seed,
        )

    def trajectory(self, model: Model) -> Trajectory:
        outputs = predict(model, self.windows.test.x[:ROWS], self.chains)
        masks = {name: mask[0] for name, mask in self.steps[0].masks.items()}
        gradients = model.gradients(self.steps[0].order[0], masks)
        losses: list[Array] = []
        weights: dict[str, Array] = {}
        done = 0
        for steps in self.steps:
            while len(steps):
                now = steps[: next(end for end in WEIGHED if end > done) - done]
                losses.append(model.train(now))
                steps, done = steps[len(now) :], done + len(now)
                if done in WEIGHED:
                    weights |= {f"{done} {name}": value for name, value in model.weights().items()}
        reported = np.concatenate(losses)
        return Trajectory(outputs, gradients, reported if len(reported) == STEPS else None, weights)


def store_references(job: ReferenceJob) -> None:
    """Store the reference trajectories, computed in float64 from the numbers that the backends get in the dtype."""
    reference = training.create("reference", dtype="float64")
    for path, case in job.cases.items():
        inputs = CheckInputs.of(case, job.dtype, job.seed)
        with np.errstate(all="ignore"):  # a diverging training shows in its losses
            inputs.trajectory(inputs.build(reference, case, job.seed)).save(Path(path))


def difference(values: Array, reference: Array) -> float:
    """Return the largest difference relative to the reference's largest magnitude.

    Infinite where the shapes differ or a number is not finite.
    """
    if values.shape != reference.shape:
        return np.inf
    scale = float(np.max(np.abs(reference)))
    largest = float(np.max(np.abs(values.astype(np.float64) - reference)))
    relative = largest / scale if scale else largest
    return relative if np.isfinite(relative) else np.inf


def compare(trajectory: Trajectory, reference: Trajectory) -> dict[str, float | None]:
    """Return the differences of a `Check`. Losses are compared step by step, each relative to the reference's loss."""
    losses = None
    if trajectory.losses is not None and reference.losses is not None:
        pairs = zip(trajectory.losses, reference.losses, strict=True)
        losses = max(difference(np.array([loss]), np.array([expected])) for loss, expected in pairs)
    gradients = None
    if trajectory.gradients is not None and reference.gradients is not None:
        gradients = _largest(trajectory.gradients, reference.gradients)
    return {
        "outputs": difference(trajectory.outputs, reference.outputs),
        "gradients": gradients,
        "losses": losses,
        "weights": _largest(trajectory.weights, reference.weights),
    }


def _largest(arrays: dict[str, Array], reference: dict[str, Array]) -> float:
    if arrays.keys() != reference.keys():  # other parameters: another model
        return np.inf
    return max(difference(arrays[name], reference[name]) for name in reference)


def first_difference(trajectory: Trajectory, reference: Trajectory, bound: float) -> str:
    """Return a clause on the parameters whose weights differ first by more than `bound`, or an empty string."""
    after: dict[str, dict[str, float]] = {}  # number of steps: the difference of each parameter
    for name, expected in reference.weights.items():
        steps, _, parameter = name.partition(" ")
        if name not in trajectory.weights:
            return f"there are no weights of {parameter}"
        after.setdefault(steps, {})[parameter] = difference(trajectory.weights[name], expected)
    for steps, differences in after.items():
        worst = max(differences, key=lambda parameter: differences[parameter])
        if differences[worst] <= bound:
            continue
        first, by = f"after {steps} step{'s' * (steps != '1')}", f"by {differences[worst]:.1e}"
        number = sum(value > bound for value in differences.values())
        if number == 1:
            return f"{first}, the parameter {worst} differs {by}"
        return f"{first}, {number} of {len(differences)} parameters differ, {worst} most, {by}"
    return ""


def verdict(figures: dict[str, float | None], bounds: dict[str, float], extra_parameters: int) -> str | None:
    """Return a clause saying why a backend is not equal, or None if it is equal."""
    if extra_parameters:
        return f"the number of trained parameters differs from the reference implementation's by {extra_parameters:+d}"
    over = [
        f"{name} differ by {value:.1e} (bound {bounds[name]:.0e})"
        for name in bounds
        if (value := figures[name]) is not None and not value <= bounds[name]
    ]
    return "; ".join(over) or None


def check(job: CheckJob) -> tuple[Check, ...]:
    """Compare a backend with the stored reference trajectories. A case that the backend refuses is a failed check."""
    backend = backends.load(job.backend, dtype=job.dtype, threads=job.threads, tf32=job.tf32, text=job.program)
    checks = []
    for label, case in job.cases.items():
        try:
            checks.append(_check_case(backend, job, label, case))
        except BackendError as reason:
            checks.append(unmade(job, label, str(reason)))
    return tuple(checks)


UNMADE = "the check could not be made: "  # opens the failure of such a check


def unmade(job: CheckJob, label: str, reason: str) -> Check:
    """Return the failed check of a case that could not be compared."""
    return Check(
        backend=job.backend,
        case=label,
        dtype=job.dtype,
        steps=STEPS,
        outputs=np.inf,
        gradients=np.inf,
        losses=np.inf,
        weights=np.inf,
        bounds=BOUNDS[job.dtype],
        windows_digest="",
        order_digest="",
        parameter_count=0,
        kernel="",
        failure=f"{UNMADE}{reason}",
    )


def _check_case(backend: Backend, job: CheckJob, label: str, case: CaseSettings) -> Check:
    inputs = CheckInputs.of(case, job.dtype, job.seed)
    model = inputs.build(backend, case, job.seed)
    reference = Trajectory.load(Path(job.references[label]))
    bounds = BOUNDS[job.dtype]
    trajectory = inputs.trajectory(model)
    figures = compare(trajectory, reference)
    count = model.parameter_count()
    expected = {name: value for name, value in reference.weights.items() if name.startswith(f"{STEPS} ")}
    failure = verdict(figures, bounds, count - sum(value.size for value in expected.values()))
    if failure and (first := first_difference(trajectory, reference, bounds["weights"])):
        failure = f"{failure}; {first}"
    return Check(
        backend=job.backend,
        case=label,
        dtype=job.dtype,
        steps=STEPS,
        bounds={name: bound for name, bound in bounds.items() if figures[name] is not None},
        windows_digest=inputs.windows.digest,
        order_digest=digest_arrays([steps.order for steps in inputs.steps]),
        parameter_count=count,
        kernel=model.kernel(),
        failure=failure,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        **figures,
    )
