"""Flax: Adam from `optax`, and clipping by the global norm."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax

from backends.contract import Adam, Checkpoint, Weights
from backends.flax.network import Network, canonical, load_weights, parameters


@dataclass
class Optimizer:
    """The transformation of gradients into directions, without the learning rate, and its state."""

    transformation: optax.GradientTransformation
    state: optax.OptState


def adam(network: Network, spec: Adam, *, native: bool) -> Optimizer:
    """Adam for the network's parameters. optax's defaults are those of the paper, so native mode changes nothing."""
    bound = spec.clip_norm
    before = [] if bound is None else [optax.stateless(lambda gradients, _: clip(gradients, bound))]
    before += [optax.add_decayed_weights(spec.weight_decay)] if spec.weight_decay else []
    matched = {} if native else {"b1": spec.beta1, "b2": spec.beta2, "eps": spec.epsilon}
    transformation = optax.chain(*before, optax.scale_by_adam(**matched))
    values: dict[str, jax.Array] = {name: variable[...] for name, variable in parameters(network).items()}
    return Optimizer(transformation, transformation.init(values))


def clip(gradients: Mapping[str, jax.Array], bound: float) -> dict[str, jax.Array]:
    """if ‖g‖ > ν, g = ν g / ‖g‖, where ‖g‖ is over all parameters and ν is `bound`"""
    return optax.clip_by_global_norm(bound).update(gradients, optax.EmptyState())[0]


def checkpoint(network: Network, optimizer: Optimizer) -> Checkpoint:
    """A copy of weights, moments and step count."""
    moments = optimizer.state[-1]
    parts = (parameters(network), moments.mu, moments.nu)
    weights, first, second = (canonical(network, part) for part in parts)
    return Checkpoint(weights, first, second, int(moments.count))


def restore(network: Network, optimizer: Optimizer, state: Checkpoint) -> None:
    """Set weights, moments and step count to those of a checkpoint."""
    load_weights(network, state.weights)
    *before, last = optimizer.state

    def moments(values: Weights) -> dict[str, jax.Array]:
        return {name: jnp.array(values[name], like.dtype) for name, like in last.mu.items()}

    count = jnp.array(state.steps, jnp.int32)
    optimizer.state = (*before, last._replace(count=count, mu=moments(state.first), nu=moments(state.second)))
