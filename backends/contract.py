"""The contract between the benchmarks and a backend: NumPy arrays in, NumPy arrays out.

Input windows are (N, T, F): windows, time steps, features. Forecasts are (N, H): windows, outputs. Weights, gradients,
moments of optimizers and dropout masks are dictionaries with canonical names and layouts, see backends/layers.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from backends.model import ModelSpec
from backends.optimizers import Optimizer

Array = np.ndarray
Weights = Mapping[str, np.ndarray]
Dtype = Literal["float32", "float64"]
Loss = Literal["mse", "mae", "huber", "quantile"]
Named = TypeVar("Named")
KEPT = "kept"  # in `Steps.inputs`


class BackendError(ValueError):
    """A backend cannot do what was requested. The message is one sentence for the user."""


@dataclass(frozen=True)
class Objective:
    """The function that training minimises: the mean loss over windows and outputs, plus an L2 penalty.

    loss: the loss of an error e: "mse" is e²; "mae" is |e|; "huber" is e²/2 where |e| ≤ 1, and |e| - 1/2 elsewhere;
        "quantile" is max(q e, (q - 1) e) with e = target - output (Koenker & Bassett 1978).
    quantiles: of the loss "quantile". A model then has an output for each target and quantile, (N, H * quantiles), with
        the quantiles of a target side by side, and the loss is the mean over all of them.
    l2: factor of the sum of squares of the parameters in `l2_on`, as in Keras's `kernel_regularizer=l2(...)`.
    l2_on: canonical parameter names, for example ("0.kernel",).
    """

    loss: Loss = "mse"
    l2: float = 0.0
    l2_on: tuple[str, ...] = ()
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Steps:
    """Consecutive optimizer steps.

    order: (steps, batch), integer row indices into the training rows x and y.
    rates: (steps,), learning rates.
    masks: dropout masks by name, (steps, batch, ...); `ModelSpec.masks` gives the remaining axes. A missing mask means
        no dropout.
    resets: (steps, batch), bool; of a stateful model. Row b of a step starts with the states after row b of the step
        before, which may be that of an earlier call of `train`, or with zero where `resets` is true. No gradient passes
        from a step to the one before. All rows are reset in the first step and where the batch size changes. None: the
        states of all rows are zero at the start of each step and are not kept.
    """

    order: Array
    rates: Array
    masks: Mapping[str, Array] = field(default_factory=dict)
    resets: Array | None = None

    @property
    def inputs(self) -> dict[str, Array]:
        """What a network gets besides the rows: the masks and, with `resets`, KEPT, (steps, batch), 0 for a reset."""
        return {**self.masks, **({} if self.resets is None else {KEPT: 1.0 - self.resets})}

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, part: slice) -> "Steps":
        masks = {name: mask[part] for name, mask in self.masks.items()}
        return Steps(self.order[part], self.rates[part], masks, None if self.resets is None else self.resets[part])

    def padded(self, rows: int, dtype: str) -> "Steps":
        """Zeros appended up to the steps of an epoch, rows // batch, so that one compiled program serves any count.

        Order becomes int32; rates and masks become `dtype`. The masks of the result are all of `inputs`, KEPT too;
        `resets` is None. Steps longer than an epoch keep their length.
        """
        lacking = max(0, rows // self.order.shape[1] - len(self))

        def pad(values: Array, dtype: str) -> Array:
            if lacking:  # np.pad takes as long as a small training step
                values = np.pad(values, [(0, lacking), *[(0, 0)] * (values.ndim - 1)])
            return values.astype(dtype)

        masks = {name: pad(mask, dtype) for name, mask in self.inputs.items()}
        return Steps(pad(self.order, "int32"), pad(self.rates, dtype), masks)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training: weights, the optimizer's moments by their names, and the number of steps taken.

    A checkpoint of one framework can be restored in another. Training then continues with equal results.

    states: of a stateful model, the states after the last step by the names of `ModelSpec.states`, (batch, width);
        missing or without rows before the first step.
    """

    weights: Weights
    moments: Mapping[str, Weights]
    steps: int
    states: Weights = field(default_factory=dict)


@dataclass(frozen=True)
class StepParts:
    """Calls that do a part of an optimizer step each and return when the device has finished.

    They are compiled where the program compiles a step, and eager where it is eager. Calls of `forward` and `gradients`
    change nothing; `optimizer` may change weights and moments.

    forward: the objective of the batch, which it returns.
    gradients: forward and backward pass; returns the objective.
    optimizer: the optimizer's update from gradients that are already there.
    """

    forward: Callable[[], float]
    gradients: Callable[[], float]
    optimizer: Callable[[], None]


def of_layer(position: int, named: Mapping[str, Named]) -> dict[str, Named]:
    """The entries of the layer at `position`, with the position removed from their names."""
    prefix = f"{position}."
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def of_direction(direction: str, named: Mapping[str, Named]) -> dict[str, Named]:
    """The entries of one direction, "" or "backward.", of a recurrent layer, without the direction in their names."""
    backward = direction != ""
    return {
        name.removeprefix(direction): value for name, value in named.items() if name.startswith("backward.") == backward
    }


def norms_by_lag(state_gradients: Mapping[str, Array]) -> dict[str, Array]:
    """Gradient norms (T,), last step first, from the loss's derivatives by the state perturbations (T, N, width)."""
    return {
        name.removesuffix(".state"): np.linalg.norm(gradient, axis=(1, 2))[::-1]
        for name, gradient in state_gradients.items()
    }


class Model(Protocol):
    """One model on one device, with its training rows resident there."""

    def train(self, steps: Steps) -> Array:
        """Take these optimizer steps and return the objective of each before its update, (steps,) in the model's dtype.

        Returns when the device has finished. The first call traces and compiles. Later calls with the same batch size
        and at most one epoch of steps (N // batch) compile nothing.

        A program that knows the mean over the steps alone returns it, (1,), and its registry entry says so.
        """

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array] | None:
        """Gradient of the objective over the training rows `rows` (batch,), by parameter. Changes nothing.

        masks: dropout masks by name, (batch, ...) each. None: the program does not give gradients.
        """

    def step_parts(self, step: Steps) -> StepParts | None:
        """The parts of a training step, each as a call that can be timed apart from the others.

        step: a single step. The selection of its rows is a part of `forward` and `gradients` where the program's
            function for a step selects them, and otherwise a part of the loop over the steps. A program that cannot be
            divided, such as `fit`, gives the parts of a step with the same layers and the same optimizer.

        None: the program does not give its parts.
        """

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        """Norms of the objective's derivative by the state of every time step, without dropout. Changes nothing.

        Returns an array (T,) for each recurrent layer and direction, under the names "0" and "0.backward". Entry 0
        belongs to the state after the last step, entry 1 to the state one step earlier, and so on. The state is the one
        that enters the recurrent product: h of the lstm, the memory of the rmlp. The norm is over batch and units.
        """

    def predict(self, x: Array, resets: Array | None = None) -> Array:
        """Forecasts (N, H) of windows (N, T, F), in the model's dtype and without dropout. Changes nothing.

        resets: (steps, N // steps), for a stateful model: the windows are those of the first step, then those of the
            second, and so on, and the states pass from step to step as in `Steps`. None: all states start at zero.
        """

    def weights(self) -> dict[str, Array]:
        """The current weights by canonical name. A native layer with a second bias adds `recurrent_bias`."""

    def checkpoint(self) -> Checkpoint:
        """A copy of everything that training changes."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Set weights, moments and step count to those of the checkpoint."""

    def parameter_count(self) -> int:
        """Number of trained parameters, as the framework counts them."""

    def kernel(self) -> str:
        """The operator that computes the recurrence in a training step: "mkldnn_rnn_layer", "XLA while", "cuDNN", ...

        Without recurrent layers: the engine that computes the other layers.
        """


@dataclass(frozen=True)
class Backend:
    """A framework, imported and configured for this process, with the four functions that `build` calls.

    network(model, features, window, dtype, seed, *, native): the framework's network for windows of this shape.
    load_weights(network, weights): sets its weights, canonical ones by name.
    make_optimizer(network, optimizer, *, native): the framework's optimizer for these weights.
    model(network, objective, optimizer, x, y): the network with its training, on these training rows.
    """

    name: str
    network: Callable[..., Any]
    load_weights: Callable[[Any, Weights], None]
    make_optimizer: Callable[..., Any]
    model: Callable[..., Model]

    def build(
        self,
        model: ModelSpec,
        objective: Objective,
        optimizer: Optimizer,
        weights: Weights | None,
        x: Array,
        y: Array,
        *,
        dtype: Dtype,
        seed: int,
    ) -> Model:
        """A model with the training rows x (N, T, F) and y (N, H) resident.

        weights: canonical initial weights for matched mode (one trained bias per gate, `optimizer` exactly as given),
            or None for native mode: the framework's own layers, biases and optimizer defaults, and initial weights and
            dropout drawn from `seed`. Learning rates, clipping and weight decay are as given in both modes.

        Raises BackendError, which names the layer, if the framework has no such layer in native mode.
        """
        native = weights is None
        network = self.network(model, x.shape[2], x.shape[1], dtype, seed, native=native)
        if weights is not None:
            self.load_weights(network, weights)
        return self.model(network, objective, self.make_optimizer(network, optimizer, native=native), x, y)
