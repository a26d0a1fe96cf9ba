"""Flax: the backend, the objective, and a training loop that runs a whole epoch in one compiled program."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from backends.contract import (
    KEPT,
    Array,
    Backend,
    Checkpoint,
    Dtype,
    Objective,
    StepParts,
    Steps,
    Weights,
    norms_by_lag,
)
from backends.flax.network import Network, canonical, load_weights, make_network, parameters
from backends.flax.optimizer import OptaxOptimizer, checkpoint, make_optimizer, restore
from backends.recurrent import Recurrent

Named = Mapping[str, jax.Array]
Data = tuple[jax.Array, jax.Array]  # x, y
State = tuple[Named, nnx.State, optax.OptState]  # parameters; random streams and carried states; moments
Stepped = tuple[State, jax.Array]  # a state, and the objective before it

LOSSES: Mapping[str, Callable[..., jax.Array]] = {
    "mse": optax.squared_error,
    "mae": lambda outputs, y: jnp.abs(outputs - y),
    "huber": optax.huber_loss,
}


def _pinball(outputs: jax.Array, y: jax.Array, quantiles: Array) -> jax.Array:
    """max(q e, (q - 1) e) of outputs (N, H * Q), y (N, H) and quantiles (H * Q,); see Objective."""
    error = jnp.repeat(y, outputs.shape[1] // y.shape[1], axis=1) - outputs
    return jnp.maximum(quantiles * error, (quantiles - 1) * error)


NONE: Named = {}


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend."""
    return Backend(name, make_network, load_weights, make_optimizer, FlaxModel)


class FlaxModel:
    """Implements backends.contract.Model."""

    def __init__(self, network: Network, objective: Objective, optimizer: OptaxOptimizer, x: Array, y: Array) -> None:
        self.network, self.objective, self.optimizer = network, objective, optimizer
        self._trained = parameters(network)
        self._graph, zeros, self._rest = nnx.split(network, nnx.Param, ...)
        self._zeros = jax.tree.map(jnp.zeros_like, zeros)
        self._dtype = next(iter(self._trained.values())).dtype
        self._data = (jnp.asarray(x, self._dtype), jnp.asarray(y, self._dtype))
        self._quantiles = np.tile(objective.quantiles, y.shape[1]).astype(self._dtype)

    def _values(self) -> dict[str, jax.Array]:
        return {name: variable.get_raw_value() for name, variable in self._trained.items()}  # get_value is slow

    def _arrays(self, named: Weights) -> dict[str, jax.Array]:
        return {name: jnp.asarray(value, self._dtype) for name, value in named.items()}

    def _network(self, values: Named, rest: nnx.State) -> Network:
        """A network with these parameters. A copy, because a trace must not change random streams or states."""
        network = nnx.merge(self._graph, self._zeros, rest, copy=True)
        for name, variable in parameters(network).items():
            variable.set_raw_value(values[name])
        return network

    def _loss(
        self,
        values: Named,
        perturbations: Named,
        rest: nnx.State,
        data: Data,
        rows: jax.Array,
        masks: Named,
        training: bool,
    ) -> tuple[jax.Array, nnx.State]:
        """The objective over the training rows `rows`, and random streams and carried states afterwards."""
        network, (x, y) = self._network(values, rest), data
        outputs = network(x[rows], masks, perturbations, training=training)
        if self.objective.loss == "quantile":
            loss = _pinball(outputs, y[rows], self._quantiles).mean()
        else:
            loss = LOSSES[self.objective.loss](outputs, y[rows]).mean()
        for name in self.objective.l2_on:
            loss = loss + self.objective.l2 * jnp.sum(values[name] ** 2)
        return loss, nnx.split(network, nnx.Param, ...)[2]

    def _update(
        self, gradients: Named, moments: optax.OptState, values: Named, rate: jax.Array
    ) -> tuple[Named, optax.OptState]:
        """The parameters and the moments after the optimizer's update."""
        directions, moments = self.optimizer.transformation.update(gradients, moments, values)
        updates = jax.tree.map(lambda direction: -rate * direction, directions)
        return optax.apply_updates(values, updates), moments

    def _step(self, state: State, data: Data, rows: jax.Array, rate: jax.Array, masks: Named) -> Stepped:
        """An optimizer step."""
        values, rest, moments = state
        differentiated = jax.value_and_grad(self._loss, has_aux=True)
        (loss, rest), gradients = differentiated(values, NONE, rest, data, rows, masks, True)
        values, moments = self._update(gradients, moments, values, rate)
        return (values, rest, moments), loss

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def _epoch(self, state: State, data: Data, order: Array, rates: Array, masks: Named, steps: int) -> Stepped:
        """The first `steps` rows of `order`. The count is an argument, so that one program serves any count."""

        def step(index: int, carry: Stepped) -> Stepped:
            state, losses = carry
            step_masks = {name: mask[index] for name, mask in masks.items()}
            state, loss = self._step(state, data, order[index], rates[index], step_masks)
            return state, losses.at[index].set(loss)

        return jax.lax.fori_loop(0, steps, step, (state, jnp.zeros(len(order), self._dtype)))

    def _state(self) -> State:
        return self._values(), self._rest, self.optimizer.state

    def _set_state(self, state: State) -> None:
        values, self._rest, self.optimizer.state = state
        for name, variable in self._trained.items():
            variable.set_raw_value(values[name])

    def _carry(self, batch: int) -> None:
        """Make the states of a stateful model fit a batch of this size."""
        if self.network.model.stateful:
            nnx.update(self.network, self._rest)
            self.network.carry(batch)
            self._rest = nnx.split(self.network, nnx.Param, ...)[2]

    def train(self, steps: Steps) -> Array:
        self._carry(steps.order.shape[1])
        full = steps.padded(len(self._data[0]), self._dtype.name)
        state, losses = self._epoch(self._state(), self._data, full.order, full.rates, full.masks, len(steps))
        self._set_state(state)
        return np.asarray(losses)[: len(steps)]

    @partial(jax.jit, static_argnums=(0, 1))
    def _gradients(self, by: int, values: Named, perturbations: Named, *data: Any) -> Named:  # noqa: ANN401
        """By the parameters (0) or by the state perturbations (1); data: the other arguments of the objective."""
        return jax.grad(self._loss, by, has_aux=True)(values, perturbations, *data, False)[0]

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        data = (self._rest, self._data, rows, self._arrays(masks or NONE))
        return canonical(self.network, self._gradients(0, self._values(), NONE, *data))

    def step_parts(self, step: Steps) -> StepParts:
        values, rest, moments = self._state()
        inputs = (NONE, rest, self._data, step.order[0], self._arrays({n: m[0] for n, m in step.masks.items()}))
        evaluate = jax.jit(partial(self._loss, training=True))
        differentiate = jax.jit(jax.value_and_grad(partial(self._loss, training=True), has_aux=True))
        update, rate = jax.jit(self._update), step.rates[0].astype(self._dtype)
        _, gradients = differentiate(values, *inputs)

        def optimizer() -> None:
            jax.block_until_ready(update(gradients, moments, values, rate))

        return StepParts(
            lambda: float(evaluate(values, *inputs)[0]),
            lambda: float(jax.block_until_ready(differentiate(values, *inputs))[0][0]),
            optimizer,
        )

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        network = self.network
        zeros = self._arrays(network.model.state_perturbations(network.features, network.window, len(rows)))
        gradients = self._gradients(1, self._values(), zeros, self._rest, self._data, rows, NONE)
        return norms_by_lag(canonical(network, gradients))

    @partial(jax.jit, static_argnums=0)
    def _outputs(self, values: Named, rest: nnx.State, x: jax.Array, masks: Named) -> tuple[jax.Array, nnx.State]:
        network = self._network(values, rest)
        return network(x, masks, NONE, training=False), nnx.split(network, nnx.Param, ...)[2]

    def predict(self, x: Array, resets: Array | None = None) -> Array:
        values, before, windows = self._values(), self._rest, jnp.asarray(x, self._dtype)
        if resets is None:
            return np.asarray(self._outputs(values, before, windows, NONE)[0])
        self._carry(resets.shape[1])
        rest, self._rest, forecasts = self._rest, before, []
        kept = jnp.asarray(1.0 - resets, self._dtype)
        for rows, now in zip(windows.reshape(*kept.shape, *x.shape[1:]), kept, strict=True):
            outputs, rest = self._outputs(values, rest, rows, {KEPT: now})
            forecasts.append(outputs)
        return np.asarray(jnp.concatenate(forecasts))

    def weights(self) -> dict[str, Array]:
        return canonical(self.network, self._values())

    def checkpoint(self) -> Checkpoint:
        nnx.update(self.network, self._rest)
        states = canonical(self.network, self.network.carried)
        return replace(checkpoint(self.network, self.optimizer), states=states)

    def restore(self, checkpoint: Checkpoint) -> None:
        restore(self.network, self.optimizer, checkpoint)
        nnx.update(self.network, self._rest)
        for name, width in self.network.model.states().items():
            state = checkpoint.states.get(name, np.zeros((0, width)))  # a checkpoint before the first step has none
            self.network.carried[name].set_value(jnp.array(state, self._dtype))
        self._rest = nnx.split(self.network, nnx.Param, ...)[2]

    def parameter_count(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(self._zeros))

    def kernel(self) -> str:
        """The loop in the text of the compiled program."""
        network = self.network
        drawn = network.model.masks(network.features, network.window)
        masks = {name: jnp.ones((1, *mask.shape), self._dtype) for name, mask in drawn.items()}
        inputs = (self._values(), self._rest, self._data[0][:1], masks)
        program = self._outputs.lower(self, *inputs).compile().as_text()
        if not any(isinstance(spec, Recurrent) for spec in network.model.layers):
            return "XLA"
        return "XLA while" if " while(" in program else "XLA unrolled"
