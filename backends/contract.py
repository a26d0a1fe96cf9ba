"""What a backend is: what it is told, what it gives back, the two protocols it must keep. NumPy only.

Windows are (N, T, F) going in and (N, H) coming out. Weights, gradients, moments and masks go by canonical names and in
canonical layout, see backends/layers.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

import numpy as np

from backends.model import ModelSpec

Array = np.ndarray
Weights = Mapping[str, np.ndarray]
Dtype = Literal["float32", "float64"]
Loss = Literal["mse", "mae", "huber"]
Named = TypeVar("Named")


class BackendError(ValueError):
    """A backend cannot do what was asked; the message is one sentence for the user."""


@dataclass(frozen=True)
class Objective:
    """What is minimised: the mean of a loss over windows and outputs, and l2 times the sum of squares of some kernels.

    loss: of an error e: "mse" e², "mae" |e|, "huber" e²/2 where |e| ≤ 1, else |e| - 1/2.
    l2: Keras' kernel_regularizer=l2(...); `l2_on` names the parameters, as in ("0.kernel",).
    """

    loss: Loss = "mse"
    l2: float = 0.0
    l2_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1), epsilon added to the square root of the corrected second moment.

    clip_norm: a gradient of the objective whose norm over all parameters is greater is scaled down to it, first.
    weight_decay: times the weights, is added to the gradient of every parameter, biases too (PyTorch's Adam), then.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip_norm: float | None = None
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Steps:
    """Some steps of training.

    order: (steps, batch), integer row indices into the resident x and y.
    rates: (steps,) learning rates.
    masks: dropout masks by name, (steps, batch, ...); see ModelSpec.masks for the rest. A mask that is not there
    drops nothing, so that without any a model trains as it predicts.
    """

    order: Array
    rates: Array
    masks: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, some: slice) -> "Steps":
        return Steps(self.order[some], self.rates[some], {name: mask[some] for name, mask in self.masks.items()})


@dataclass(frozen=True)
class Checkpoint:
    """A model in the middle of its training: weights, Adam's first and second moments, and the steps taken so far.

    What is taken from one framework may be restored in another, and training goes on as if nothing had happened.
    """

    weights: Weights
    first: Weights
    second: Weights
    steps: int


def of_layer(position: int, named: Mapping[str, Named]) -> dict[str, Named]:
    """A layer's own weights or masks, under its own names for them."""
    prefix = f"{position}."
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def of_direction(direction: str, named: Mapping[str, Named]) -> dict[str, Named]:
    """One direction's part of a recurrent layer's own ("" or "backward."), under the names that both share."""
    turned = direction != ""
    return {
        name.removeprefix(direction): value for name, value in named.items() if name.startswith("backward.") == turned
    }


class Model(Protocol):
    """One model on one device, its training rows resident there."""

    def train(self, steps: Steps) -> Array:
        """Take these optimizer steps.

        Returns the objective at each step before its update, (steps,) in the model's dtype. Returns only when the
        device has finished. What the framework must trace or compile, it does on the first call: a later call
        with the same batch and no more steps than an epoch (N // batch) compiles nothing.
        """

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        """Gradient of the objective over the resident `rows` (batch,), by canonical name. Changes nothing.

        masks: (batch, ...) each.
        """

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        """How far back a gradient reaches: the norm of the loss' derivative by the state that leaves each step.

        By the layer's position, and its direction where it has two: `0`, `0.backward`. Each (T,), by lag: first the
        state after the last step, then one step earlier, ... The state is what enters the recurrent product (the
        lstm's h, the rmlp's memory), the norm is over batch and units, nothing is dropped. Changes nothing.
        """

    def predict(self, x: Array) -> Array:
        """(N, T, F) to (N, H), in the model's dtype; nothing is dropped."""

    def weights(self) -> dict[str, Array]:
        """The current weights, canonical. A native layer with a second bias also has `recurrent_bias`."""

    def checkpoint(self) -> Checkpoint:
        """Everything that training changes."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from there."""

    def parameter_count(self) -> int:
        """Trained parameters, as the framework itself counts them."""

    def kernel(self) -> str:
        """What really computes the recurrence: "mkldnn_rnn_layer", "aten loop", "XLA while", "cuDNN", ...

        Of a training step; without recurrent layers, what computes the rest.
        """


class Backend(Protocol):
    """One framework, imported and configured."""

    name: str

    def build(
        self,
        model: ModelSpec,
        objective: Objective,
        optimizer: Adam,
        weights: Weights | None,
        x: Array,
        y: Array,
        *,
        dtype: Dtype,
        seed: int,
    ) -> Model:
        """A model with x (N, T, F) and y (N, H) resident.

        weights: canonical initial weights (matched mode: one trained bias per gate, `optimizer` to the letter),
        or None for native mode: the framework's own layers, initialisation and dropout (both from `seed`), biases
        and optimizer defaults; learning rates, clipping and weight decay are as asked in both modes. A
        `BackendError` names the layer that the framework has not.
        """
