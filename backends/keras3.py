"""Keras 3: `layers.LSTM`, `layers.GRU`, `layers.SimpleRNN`, `layers.Dense`, `optimizers.Adam`, on three engines.

| canonical                          | Keras                                                            |
| ---------------------------------- | ---------------------------------------------------------------- |
| `kernel` (F, gates*units)          | `kernel`                                                         |
| `recurrent_kernel` (units, ...)    | `recurrent_kernel`                                               |
| `bias` (gates*units,)              | `bias`; the GRU's is (2, ...), its second row is held at zero    |
| gates: lstm `i f g o`, gru `r z n` | lstm the same (`i f c o`), gru `z r h`: the first two swap       |
| dense `kernel` (F, units)          | `kernel`                                                         |
| native: `recurrent_bias`           | the second row of the GRU's `bias`, trained                      |

Keras chooses its engine when it is first imported, so nothing here imports it, or an engine, before `create`. Each
engine's training loop is in keras_engines.py.
"""

import math
import os
import random
import sys

import numpy as np

from backends.contract import Adam, Array, BackendError, Dtype, Objective, Steps, Weights
from backends.keras_engines import Engine, Jax, KerasLayer, Network, Optimizer, Tensor, TensorFlow, Torch
from backends.layers import Dense, Layer
from backends.model import ModelSpec
from backends.not_yet import NotYet, refuse
from backends.recurrent import Recurrent

ENGINES: dict[str, type[Engine]] = {"keras": TensorFlow, "keras-jax": Jax, "keras-torch": Torch}
RECURRENT = {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}


def create(name: str, *, dtype: Dtype, threads: int) -> "KerasBackend":
    """Import Keras on the engine that the backend's name asks for, and configure both for this process."""
    engine = ENGINES[name]
    if "keras" in sys.modules and (running := sys.modules["keras"].backend.backend()) != engine.name:
        raise BackendError(f"backend '{name}' needs a process of its own: Keras already runs on {running} in this one")
    os.environ["KERAS_BACKEND"] = engine.name
    engine.configure(dtype, threads)
    import keras

    keras.config.set_floatx(dtype)
    if dtype == "float64":
        keep_float64()
    return KerasBackend(name, engine)


def keep_float64() -> None:
    """Let float64 be float64 on JAX and torch too.

    Keras looks the dtype of a result up in this table, which there turns float64 into float32: `tanh` on JAX and
    `matmul` on torch would then compute in float32, whatever `floatx` says.
    """
    from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE

    BIT64_TO_BIT32_DTYPE["float64"] = "float64"


class KerasBackend:
    """Keras, in a training loop of its engine's own."""

    def __init__(self, name: str, engine: type[Engine]) -> None:
        self.name, self._engine = name, engine

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
    ) -> "KerasModel":
        import keras

        refuse("Keras", model, objective, optimizer)
        random.seed(seed)  # all that layers draw on; keras.utils.set_random_seed would import TensorFlow on any engine
        native = weights is None
        layers = [make_layer(spec, dtype, native=native) for spec in model.layers]
        network = keras.Sequential([keras.Input(x.shape[1:], dtype=dtype), *layers])
        if weights is not None:
            load_weights(model.layers, network, weights)
        stepper = adam(optimizer, native=native)
        engine = self._engine(network, stepper, x.astype(dtype), y.astype(dtype))
        return KerasModel(model.layers, network, stepper, engine, native=native)


def make_layer(spec: Layer, dtype: Dtype, *, native: bool) -> KerasLayer:
    """The framework's own layer, rolled: unrolled, XLA compiles four times as long and only the GRU gains by it."""
    from keras import layers

    if isinstance(spec, Dense):
        return layers.Dense(spec.units, dtype=dtype)
    assert isinstance(spec, Recurrent)
    frozen = {} if native or spec.cell != "gru" else {"bias_constraint": first_row}
    return getattr(layers, RECURRENT[spec.cell])(spec.units, return_sequences=spec.sequences, dtype=dtype, **frozen)


def first_row(bias: Tensor) -> Tensor:
    """Constraint: after each step the GRU's second bias is projected back to zero, where it started."""
    from keras import ops

    return ops.stack([bias[0], ops.zeros_like(bias[0])])


def parameters(network: Network) -> dict[str, Tensor]:
    """The trained variables by position and Keras' own name."""
    return {
        f"{position}.{variable.name}": variable
        for position, layer in enumerate(network.layers)
        for variable in layer.trainable_variables
    }


def swapped(spec: Layer, value: Array) -> Array:
    """The GRU's gates from `r z n` to `z r h`, or back."""
    if not isinstance(spec, Recurrent) or spec.cell != "gru":
        return value
    first, second, candidate = np.split(value, 3, axis=-1)
    return np.concatenate([second, first, candidate], axis=-1)


def load_weights(specs: tuple[Layer, ...], network: Network, weights: Weights) -> None:
    """Canonical weights in, and the GRU's second bias zero."""
    for name, variable in parameters(network).items():
        value = swapped(specs[int(name.split(".")[0])], weights[name])
        variable.assign(value if value.shape == variable.shape else np.stack([value, np.zeros_like(value)]))


def canonical(specs: tuple[Layer, ...], arrays: dict[str, Array], *, native: bool) -> dict[str, Array]:
    """Keras' layout to the canonical one, of weights or of their gradients."""
    found = {}
    for name, array in arrays.items():
        position, own = name.split(".")
        value = swapped(specs[int(position)], array)
        if own == "bias" and value.ndim == 2:
            value, second = value
            if native:
                found[f"{position}.recurrent_bias"] = second
        found[name] = value
    return found


def adam(spec: Adam, *, native: bool) -> Optimizer:
    """Keras' own Adam, or one to the letter of `spec`."""
    import keras

    if native:
        return keras.optimizers.Adam()
    return fused_adam(spec) if keras.backend.backend() == "torch" else matched_adam(spec)


def matched_adam(spec: Adam) -> Optimizer:
    """Epsilon where the paper has it, and the learning rate in double: the engine's loop sets `rate` at each step."""
    import keras
    from keras import ops

    class MatchedAdam(keras.optimizers.Adam):
        def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
            index = self._get_variable_index(variable)
            m, v = self._momentums[index], self._velocities[index]
            self.assign_add(m, (gradient - m) * (1 - spec.beta1))
            self.assign_add(v, (gradient * gradient - v) * (1 - spec.beta2))
            # expm1, because 1 - βᵗ itself loses five digits in float32 at the first steps
            step = ops.cast(self.iterations + 1, variable.dtype)
            m_hat = m / -ops.expm1(step * math.log(spec.beta1))
            v_hat = v / -ops.expm1(step * math.log(spec.beta2))
            self.assign_sub(variable, m_hat * self.rate / (ops.sqrt(v_hat) + spec.epsilon))

    return MatchedAdam()


def fused_adam(spec: Adam) -> Optimizer:
    """The same for the torch engine, which runs every operation by itself: PyTorch's one kernel for all variables."""
    import keras
    from torch.optim.adam import adam as torch_adam

    settings = {"beta1": spec.beta1, "beta2": spec.beta2, "eps": spec.epsilon}
    settings |= {"weight_decay": 0.0, "amsgrad": False, "maximize": False, "fused": True}

    class FusedAdam(keras.optimizers.Adam):
        def _backend_update_step(
            self, grads: list[Tensor], trainable_variables: list[Tensor], learning_rate: Tensor
        ) -> None:
            values, m, v = (
                [variable.value for variable in variables]
                for variables in (trainable_variables, self._momentums, self._velocities)
            )
            steps = [self.iterations.value.float() for _ in values]
            torch_adam(values, list(grads), m, v, [], steps, lr=float(self.rate), **settings)

    return FusedAdam()


class KerasModel(NotYet):
    """Keeps the contract of backends.contract.Model."""

    def __init__(
        self, specs: tuple[Layer, ...], network: Network, optimizer: Optimizer, engine: Engine, *, native: bool
    ) -> None:
        self._specs, self._parameters, self._native = specs, parameters(network), native
        self._optimizer, self._engine = optimizer, engine

    def train(self, steps: Steps) -> Array:
        if self._native:
            if len(set(steps.rates.tolist())) > 1:
                raise BackendError("Keras cannot change the learning rate from step to step in native mode yet")
            self._optimizer.learning_rate = float(steps.rates[0])
        return self._engine.train(steps.order, steps.rates)

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        return self._canonical(self._engine.gradients(rows))

    def predict(self, x: Array) -> Array:
        return self._engine.predict(x)

    def weights(self) -> dict[str, Array]:
        return self._canonical([variable.value for variable in self._parameters.values()])

    def _canonical(self, tensors: list[Tensor]) -> dict[str, Array]:
        from keras import ops

        arrays = {name: ops.convert_to_numpy(tensor) for name, tensor in zip(self._parameters, tensors, strict=True)}
        return canonical(self._specs, arrays, native=self._native)

    def parameter_count(self) -> int:
        return sum(value.size for value in self.weights().values())

    def kernel(self) -> str:
        return self._engine.kernel()
