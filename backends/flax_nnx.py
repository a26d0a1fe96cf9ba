"""Flax: `nnx.RNN` over `nnx.OptimizedLSTMCell`, `nnx.GRUCell`, `nnx.SimpleCell`; `nnx.Linear`; `optax.adam`.

| canonical                          | Flax                                                             |
| ---------------------------------- | ---------------------------------------------------------------- |
| `kernel` (F, gates*units)          | `cell.dense_i.kernel`                                            |
| `recurrent_kernel` (units, ...)    | `cell.dense_h.kernel`                                            |
| `bias` (gates*units,)              | lstm: `cell.dense_h.bias`; gru, rnn: `cell.dense_i.bias`         |
| gates: lstm `i f g o`, gru `r z n` | the same                                                         |
| dense `kernel` (F, units)          | `kernel`                                                         |
| native: `recurrent_bias`           | there is none: one bias per gate is Flax's own form              |
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from backends.contract import Adam, Array, Dtype, Objective, Steps, Weights
from backends.layers import Dense, Layer
from backends.model import ModelSpec
from backends.not_yet import NotYet, refuse
from backends.recurrent import Recurrent

RECURRENT = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell, "rnn": nnx.SimpleCell}
NAMES = {
    "lstm": {
        "kernel": ("cell", "dense_i", "kernel"),
        "recurrent_kernel": ("cell", "dense_h", "kernel"),
        "bias": ("cell", "dense_h", "bias"),
    },
    "gru": {
        "kernel": ("cell", "dense_i", "kernel"),
        "recurrent_kernel": ("cell", "dense_h", "kernel"),
        "bias": ("cell", "dense_i", "bias"),
    },
    "rnn": {
        "kernel": ("cell", "dense_i", "kernel"),
        "recurrent_kernel": ("cell", "dense_h", "kernel"),
        "bias": ("cell", "dense_i", "bias"),
    },
}
DENSE_NAMES = {"kernel": ("kernel",), "bias": ("bias",)}

Carry = tuple[nnx.State, optax.OptState, jax.Array]  # parameters, moments, losses so far


def create(name: str, *, dtype: Dtype, threads: int) -> "FlaxBackend":
    """Configure JAX for this process. Its thread pool takes the size of the process' core set, not `threads`."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    return FlaxBackend()


class FlaxBackend:
    """Flax nnx on JAX, a whole epoch in one compiled program."""

    name = "flax"

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
    ) -> "FlaxModel":
        refuse("Flax", model, objective, optimizer)
        network = Network(model, x.shape[2], x.shape[1], dtype, nnx.Rngs(seed))
        if weights is not None:
            load_weights(network, weights)
        return FlaxModel(network, adam(optimizer, native=weights is None), jnp.asarray(x, dtype), jnp.asarray(y, dtype))


class Network(nnx.Module):
    """(N, T, F) to (N, H)."""

    def __init__(self, model: ModelSpec, features: int, window: int, dtype: Dtype, rngs: nnx.Rngs) -> None:
        self.specs = model.layers
        self.layers = nnx.List(
            [make_layer(spec, shape[-1], dtype, rngs) for _, spec, shape in model.walk(features, window)]
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        for spec, layer in zip(self.specs, self.layers, strict=True):
            if isinstance(spec, Recurrent):
                outputs = layer(x)
                x = outputs if spec.sequences else outputs[:, -1]
            else:
                x = layer(x)
        return x


def make_layer(spec: Layer, width: int, dtype: Dtype, rngs: nnx.Rngs) -> nnx.Module:
    """The framework's own layer for inputs of `width` features."""
    if isinstance(spec, Recurrent):
        return nnx.RNN(RECURRENT[spec.cell](width, spec.units, dtype=dtype, param_dtype=dtype, rngs=rngs))
    assert isinstance(spec, Dense)
    return nnx.Linear(width, spec.units, dtype=dtype, param_dtype=dtype, rngs=rngs)


def parameters(specs: tuple[Layer, ...], state: nnx.State) -> dict[str, Any]:
    """The variables of a state of parameters, or of their gradients, by canonical name."""
    found = {}
    for position, spec in enumerate(specs):
        names = NAMES[spec.cell] if isinstance(spec, Recurrent) else DENSE_NAMES
        for ours, path in names.items():
            node = state["layers"][position]
            for step in path:
                node = node[step]
            found[f"{position}.{ours}"] = node
    return found


def load_weights(network: Network, weights: Weights) -> None:
    """Canonical weights in."""
    state = nnx.state(network, nnx.Param)
    for name, variable in parameters(network.specs, state).items():
        variable[...] = jnp.asarray(weights[name], variable.dtype)
    nnx.update(network, state)


def canonical(variables: dict[str, Any]) -> dict[str, Array]:
    """Flax' layout is the canonical one."""
    return {name: np.array(variable[...]) for name, variable in variables.items()}


def adam(spec: Adam, *, native: bool) -> optax.GradientTransformation:
    """The step before its learning rate. Optax' defaults are those of the paper: native differs in nothing."""
    if native:
        return optax.scale_by_adam()
    return optax.scale_by_adam(b1=spec.beta1, b2=spec.beta2, eps=spec.epsilon)


class FlaxModel(NotYet):
    """Keeps the contract of backends.contract.Model."""

    def __init__(self, network: Network, optimizer: optax.GradientTransformation, x: jax.Array, y: jax.Array) -> None:
        self._specs = network.specs
        self._graph, self._params, self._rest = nnx.split(network, nnx.Param, ...)
        self._optimizer, self._moments = optimizer, optimizer.init(self._params)
        self._x, self._y = x, y

    def _network(self, params: nnx.State) -> Network:
        # a copy: the random stream of an unused initial carry may not be advanced from inside a trace
        return nnx.merge(self._graph, params, self._rest, copy=True)

    def _loss(self, params: nnx.State, x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.mean((self._network(params)(x) - y) ** 2)

    @partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
    def _epoch(
        self,
        params: nnx.State,
        moments: optax.OptState,
        x: jax.Array,
        y: jax.Array,
        order: jax.Array,
        rates: jax.Array,
        steps: int,
    ) -> Carry:
        """The first `steps` rows of `order`: the count is an argument, so that one program serves any of them."""

        def step(index: int, carry: Carry) -> Carry:
            params, moments, losses = carry
            rows = order[index]
            loss, gradients = jax.value_and_grad(self._loss)(params, x[rows], y[rows])
            directions, moments = self._optimizer.update(gradients, moments, params)
            updates = jax.tree.map(lambda direction: -rates[index] * direction, directions)
            return optax.apply_updates(params, updates), moments, losses.at[index].set(loss)

        return jax.lax.fori_loop(0, steps, step, (params, moments, jnp.zeros(len(order), y.dtype)))

    def train(self, steps: Steps) -> Array:
        count, batch = steps.order.shape
        lacking = max(0, len(self._x) // batch - count)
        order = np.pad(steps.order, ((0, lacking), (0, 0))).astype(np.int32)
        rates = np.pad(steps.rates, (0, lacking)).astype(self._y.dtype)
        state = (self._params, self._moments)
        self._params, self._moments, losses = self._epoch(*state, self._x, self._y, order, rates, count)
        return np.asarray(losses)[:count]

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        gradients = jax.jit(jax.grad(self._loss))(self._params, self._x[rows], self._y[rows])
        return canonical(parameters(self._specs, gradients))

    @partial(jax.jit, static_argnums=0)
    def _outputs(self, params: nnx.State, x: jax.Array) -> jax.Array:
        return self._network(params)(x)

    def predict(self, x: Array) -> Array:
        return np.asarray(self._outputs(self._params, jnp.asarray(x, self._x.dtype)))

    def weights(self) -> dict[str, Array]:
        return canonical(parameters(self._specs, self._params))

    def parameter_count(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(self._params))

    def kernel(self) -> str:
        """Read off the compiled program."""
        program = self._outputs.lower(self, self._params, self._x[:1]).compile().as_text()
        if "cudnn" in program.lower():
            return "cuDNN"
        return "XLA while" if " while(" in program else "XLA unrolled"
