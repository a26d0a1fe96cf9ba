"""Flax: `nnx.RNN` over its cells, `nnx.Bidirectional`, `nnx.Linear`, `nnx.Conv`, `optax`; other cells: flax_cells.py.

| canonical                          | Flax                                                             |
| ---------------------------------- | ---------------------------------------------------------------- |
| any layout                         | the same                                                         |
| recurrent `kernel` (F, ...)        | `cell.dense_i.kernel`                                            |
| `recurrent_kernel` (units, ...)    | `cell.dense_h.kernel`                                            |
| recurrent `bias` (gates*units,)    | lstm: `cell.dense_h.bias`; gru, rnn: `cell.dense_i.bias`         |
| `backward.` ...                    | `backward_rnn.` ..., the other direction `forward_rnn.` ...      |
| gates: lstm `i f g o`, gru `r z n` | the same                                                         |
| dense, convolution: `kernel`       | `kernel` (F, units), (width, F, filters)                         |
| native: `recurrent_bias`           | there is none: one bias per gate is Flax's own form              |
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from backends.contract import Adam, Array, BackendError, Checkpoint, Dtype, Objective, Steps, Weights, of_layer
from backends.flax.cells import FUSED, Unrolled, fused, reach, recurrent, recurrent_names, still
from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.model import ModelSpec
from backends.recurrent import Recurrent

Functions = Mapping[str, Callable[..., jax.Array]]
Named = Mapping[str, jax.Array]
Data = tuple[jax.Array, jax.Array]  # x, y
State = tuple[nnx.State, nnx.State, optax.OptState]  # parameters, random streams, moments

NAMES = {"kernel": ("kernel",), "bias": ("bias",)}
ACTIVATIONS: Functions = {"linear": lambda x: x, "relu": nnx.relu, "tanh": jnp.tanh}
LOSSES: Functions = {"mse": optax.squared_error, "mae": lambda y, at: jnp.abs(y - at), "huber": optax.huber_loss}
NOTHING: Named = {}


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
        network = Network(model, x.shape[2], x.shape[1], dtype, nnx.Rngs(seed), native=weights is None)
        if weights is not None:
            nnx.update(network, load_weights(network.specs, nnx.state(network, nnx.Param), weights))
        data = (jnp.asarray(x, dtype), jnp.asarray(y, dtype))
        return FlaxModel(network, objective, adam(optimizer, native=weights is None), data)


class Network(nnx.Module):
    """(N, T, F) to (N, H)."""

    def __init__(
        self, model: ModelSpec, features: int, window: int, dtype: Dtype, rngs: nnx.Rngs, *, native: bool
    ) -> None:
        self.model, self.specs = model, model.layers
        self.layers = nnx.List(
            [make_layer(spec, shape, dtype, rngs, native=native) for _, spec, shape in model.walk(features, window)]
        )

    def __call__(self, x: jax.Array, masks: Named, nudges: Named, *, draw: bool) -> jax.Array:
        """nudges: what is added to the state after each step, see still; draw: native dropout drops."""
        for position, (spec, layer) in enumerate(zip(self.specs, self.layers, strict=True)):
            own = of_layer(position, masks)
            match spec:
                case Recurrent():
                    x = recurrent(spec, layer, x, own, of_layer(position, nudges))
                case Dense() | Conv1D():
                    x = ACTIVATIONS[spec.activation](layer(x))
                case Flatten():
                    x = x.reshape(len(x), -1)
                case Repeat():
                    x = jnp.repeat(x[:, None], spec.times, axis=1)
                case Dropout():
                    x = layer(x, deterministic=not draw) * own.get("mask", 1)
        return x


def make_layer(spec: Layer, shape: Shape, dtype: Dtype, rngs: nnx.Rngs, *, native: bool) -> nnx.Module:
    """The framework's own layer for inputs of this shape, or the parameters of one that it has not."""
    match spec:
        case Recurrent():
            masked = " with dropout in it" if spec.dropout or spec.recurrent_dropout else ""
            if native and (masked or spec.cell not in FUSED):
                raise BackendError(f"Flax has no layer of its own for {spec}{masked}; in matched mode there is one")
            return fused(spec, shape[1], dtype, rngs) if spec.cell in FUSED else Unrolled(spec, shape[1], dtype)
        case Dense():
            return nnx.Linear(shape[-1], spec.units, dtype=dtype, param_dtype=dtype, rngs=rngs)
        case Conv1D():
            return nnx.Conv(shape[1], spec.filters, spec.width, dtype=dtype, param_dtype=dtype, rngs=rngs)
        case Dropout():
            return nnx.Dropout(spec.rate, rngs=rngs) if native else nnx.Dropout(0.0)
    return nnx.Module()


def parameters(specs: tuple[Layer, ...], state: nnx.State) -> dict[str, Any]:
    """The variables of a state of parameters, or of their gradients or moments, by canonical name."""
    found: dict[str, Any] = {}
    for position, spec in enumerate(specs):
        own = NAMES if isinstance(spec, Dense | Conv1D) else {}
        names = recurrent_names(spec) if isinstance(spec, Recurrent) else own
        found |= {f"{position}.{ours}": reach(state.layers[position], path) for ours, path in names.items()}
    return found


def load_weights(specs: tuple[Layer, ...], like: nnx.State, weights: Weights) -> nnx.State:
    """Canonical weights, or moments, in a state of parameters like this one."""
    state = jax.tree.map(jnp.zeros_like, like)
    for name, variable in parameters(specs, state).items():
        variable[...] = jnp.array(weights[name], variable.dtype)
    return state


def canonical(variables: Mapping[str, Any]) -> dict[str, Array]:
    """Flax' layout is the canonical one, of weights, of their gradients or of their moments."""
    return {name: np.array(variable[...]) for name, variable in variables.items()}


def adam(spec: Adam, *, native: bool) -> optax.GradientTransformation:
    """The step before its learning rate. Optax' defaults are those of the paper: native differs in nothing."""
    before = [] if spec.clip_norm is None else [optax.clip_by_global_norm(spec.clip_norm)]
    before += [optax.add_decayed_weights(spec.weight_decay)] if spec.weight_decay else []
    matched = {} if native else {"b1": spec.beta1, "b2": spec.beta2, "eps": spec.epsilon}
    return optax.chain(*before, optax.scale_by_adam(**matched))


def lengthened(values: Array, length: int, dtype: Any) -> Array:  # noqa: ANN401
    """Zeros after the values of the last step, up to `length` steps: one program serves any number of them."""
    return np.pad(values, [(0, length - len(values)), *[(0, 0)] * (values.ndim - 1)]).astype(dtype)


class FlaxModel:
    """Keeps the contract of backends.contract.Model."""

    def __init__(
        self, network: Network, objective: Objective, optimizer: optax.GradientTransformation, data: Data
    ) -> None:
        self._model, self._specs, self._objective, self._data = network.model, network.specs, objective, data
        self._graph, self._params, self._rest = nnx.split(network, nnx.Param, ...)
        self._optimizer, self._moments = optimizer, optimizer.init(self._params)
        self._dtype, (_, self._window, self._features) = data[0].dtype, data[0].shape

    def _network(self, params: nnx.State, rest: nnx.State) -> Network:
        # a copy: a random stream may not be advanced from inside a trace
        return nnx.merge(self._graph, params, rest, copy=True)

    def _loss(
        self, params: nnx.State, nudges: Named, rest: nnx.State, data: Data, rows: jax.Array, masks: Named, draw: bool
    ) -> tuple[jax.Array, nnx.State]:
        """The objective, and the random streams as they go on; draw: see Network."""
        network, (x, y) = self._network(params, rest), data
        loss = LOSSES[self._objective.loss](network(x[rows], masks, nudges, draw=draw), y[rows]).mean()
        for name in self._objective.l2_on:
            loss = loss + self._objective.l2 * jnp.sum(parameters(self._specs, params)[name][...] ** 2)
        return loss, nnx.split(network, nnx.Param, ...)[2]

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def _epoch(
        self, state: State, data: Data, order: jax.Array, rates: jax.Array, masks: Named, steps: int
    ) -> tuple[State, jax.Array]:
        """The first `steps` rows of `order`: the count is an argument, so that one program serves any of them."""
        gradient = jax.value_and_grad(self._loss, has_aux=True)

        def step(index: int, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            (params, rest, moments), losses = carry
            own = {name: mask[index] for name, mask in masks.items()}
            (loss, rest), gradients = gradient(params, NOTHING, rest, data, order[index], own, True)
            directions, moments = self._optimizer.update(gradients, moments, params)
            updates = jax.tree.map(lambda direction: -rates[index] * direction, directions)
            return (optax.apply_updates(params, updates), rest, moments), losses.at[index].set(loss)

        return jax.lax.fori_loop(0, steps, step, (state, jnp.zeros(len(order), self._dtype)))

    def train(self, steps: Steps) -> Array:
        count, batch = steps.order.shape
        length = max(count, len(self._data[0]) // batch)
        order, rates = lengthened(steps.order, length, np.int32), lengthened(steps.rates, length, self._dtype)
        masks = {name: lengthened(mask, length, self._dtype) for name, mask in steps.masks.items()}
        state = (self._params, self._rest, self._moments)
        state, losses = self._epoch(state, self._data, order, rates, masks, count)
        self._params, self._rest, self._moments = state
        return np.asarray(losses)[:count]

    @partial(jax.jit, static_argnums=(0, 1))
    def _gradients(self, by: int, params: nnx.State, nudges: Named, *given: Any) -> nnx.State | Named:  # noqa: ANN401
        """By the parameters (0) or by the nudges (1); given: the rest that the objective takes."""
        return jax.grad(self._loss, by, has_aux=True)(params, nudges, *given, False)[0]

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        given = {name: jnp.asarray(mask, self._dtype) for name, mask in (masks or {}).items()}
        gradients = self._gradients(0, self._params, NOTHING, self._rest, self._data, rows, given)
        return canonical(parameters(self._specs, gradients))

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        """The derivative by a state is that by zeros which are added to it."""
        nudges = still(self._model.walk(self._features, self._window), len(rows), self._dtype)
        found = self._gradients(1, self._params, nudges, self._rest, self._data, rows, NOTHING)
        norms = {name.removesuffix(".state"): np.linalg.norm(by, axis=(1, 2)) for name, by in found.items()}
        return {name: by if name.endswith("backward") else by[::-1] for name, by in norms.items()}

    @partial(jax.jit, static_argnums=0)
    def _outputs(self, params: nnx.State, rest: nnx.State, x: jax.Array, masks: Named) -> jax.Array:
        return self._network(params, rest)(x, masks, NOTHING, draw=False)

    def predict(self, x: Array) -> Array:
        return np.asarray(self._outputs(self._params, self._rest, jnp.asarray(x, self._dtype), NOTHING))

    def weights(self) -> dict[str, Array]:
        return canonical(parameters(self._specs, self._params))

    def checkpoint(self) -> Checkpoint:
        moments = self._moments[-1]
        first, second = (canonical(parameters(self._specs, state)) for state in (moments.mu, moments.nu))
        return Checkpoint(self.weights(), first, second, int(moments.count))

    def restore(self, checkpoint: Checkpoint) -> None:
        parts = (checkpoint.weights, checkpoint.first, checkpoint.second)
        self._params, first, second = (load_weights(self._specs, self._params, part) for part in parts)
        *before, last = self._moments
        self._moments = (*before, last._replace(count=jnp.array(checkpoint.steps, jnp.int32), mu=first, nu=second))

    def parameter_count(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(self._params))

    def kernel(self) -> str:
        """Read off the compiled program."""
        drawn = self._model.masks(self._features, self._window)
        masks = {name: jnp.ones((1, *mask.shape), self._dtype) for name, mask in drawn.items()}
        program = self._outputs.lower(self, self._params, self._rest, self._data[0][:1], masks).compile().as_text()
        if not any(isinstance(spec, Recurrent) for spec in self._specs):
            return "XLA"
        return "XLA while" if " while(" in program else "XLA unrolled"
