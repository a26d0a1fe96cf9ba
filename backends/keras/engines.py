"""What Keras leaves to its engine: the training loop, as Keras' own guides write a custom one for each engine.

`fit` reports one loss an epoch, and in float32; these loops return the loss of every step, and are at least as fast.
One file an engine, keras_tensorflow.py, keras_jax.py and keras_torch.py, imported once the engine is chosen: Keras
chooses its own when it is first imported.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from backends.contract import Array, BackendError, Dtype, Steps

# Keras has no annotations, and what it hands out is of whichever engine it runs on
Tensor = Any
Variable = Any
KerasLayer = Any
Optimizer = Any

State = tuple[Tensor, ...]  # see Recurrent.states
Step = Callable[[Sequence[Tensor], State], State]
Scan = Callable[[Step, State, Sequence[Tensor]], list[Tensor]]
Extras = Mapping[str, Tensor]  # masks by name, and the probes of the gradient flow

ENGINES = {"keras": "TensorFlow", "keras-jax": "Jax", "keras-torch": "Torch"}


class Network(Protocol):
    """What an engine trains."""

    trained: list[Variable]
    drawing: list[Variable]  # the states of the generators that native dropout draws from
    recurs: bool
    compiles: bool  # Keras' layers say on a GPU that they do not, where TensorFlow has cuDNN for them

    def __call__(self, x: Tensor, extras: Extras, *, training: bool) -> Tensor: ...


@dataclass(frozen=True)
class Training:
    """A network and all that it takes to train it."""

    network: Network
    loss: Callable[[Tensor, Tensor, Extras, bool], Tensor]  # the objective, of x, y, extras and `training`
    optimizer: Optimizer
    x: Array
    y: Array


class Engine(Protocol):
    """One engine with one network, its training rows resident."""

    name: str  # as KERAS_BACKEND spells it

    @staticmethod
    def configure(dtype: Dtype, threads: int) -> None:
        """Configure the engine for this process."""

    @staticmethod
    def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The states after each step, (T, N, width) each, from inputs of (T, N, width) each."""

    def __init__(self, training: Training) -> None: ...

    def train(self, steps: Steps) -> Array:
        """Each step sets the optimizer's `rate`."""

    def gradients(self, rows: Array, extras: Mapping[str, Array]) -> list[Tensor]:
        """In the order of the network's trained variables."""

    def gradient_norms(self, rows: Array, probes: Mapping[str, Array]) -> dict[str, Array]:
        """The loss' derivative by each probe."""

    def predict(self, x: Array) -> Array: ...

    def kernel(self) -> str: ...


def start(name: str, dtype: Dtype, threads: int) -> type[Engine]:
    """The engine that a backend's name asks for, and Keras told of it."""
    wanted = ENGINES[name].lower()
    if "keras" in sys.modules and (running := sys.modules["keras"].backend.backend()) != wanted:
        raise BackendError(f"backend '{name}' needs a process of its own: Keras already runs on {running} in this one")
    os.environ["KERAS_BACKEND"] = wanted
    engine: type[Engine] = getattr(import_module(f"backends.keras.engine_{wanted}"), ENGINES[name])
    engine.configure(dtype, threads)
    if dtype == "float64":
        keep_float64()
    return engine


def keep_float64() -> None:
    """Let float64 be float64 on JAX and torch too.

    Keras looks the dtype of a result up in this table, which there turns float64 into float32: `tanh` on JAX and
    `matmul` on torch would then compute in float32, whatever `floatx` says.
    """
    from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE

    BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def padded(steps: Steps, rows: int, dtype: str) -> tuple[Array, Array, dict[str, Array]]:
    """Order, rates and masks with as many steps as an epoch has, so that one compiled program serves any number."""
    lacking = max(0, rows // steps.order.shape[1] - len(steps))

    def longer(values: Array, dtype: str) -> Array:
        return np.pad(values, [(0, lacking), *[(0, 0)] * (values.ndim - 1)]).astype(dtype)

    masks = {name: longer(mask, dtype) for name, mask in steps.masks.items()}
    return longer(steps.order, "int32"), longer(steps.rates, dtype), masks


def compiled_loop(program: str, network: Network) -> str:
    """What the text of a compiled XLA program says about its recurrence."""
    if not network.recurs:
        return "XLA"
    if "cudnn" in program.lower():
        return "cuDNN"
    return "XLA while" if " while(" in program else "XLA unrolled"
