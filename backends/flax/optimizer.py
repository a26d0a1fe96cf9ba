"""Flax: the optimizers of `optax`, and clipping by the global norm."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax

from backends.contract import Checkpoint, Weights
from backends.flax.network import Network, canonical, load_weights, parameters
from backends.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop


@dataclass(frozen=True)
class Kind:
    """An optimizer of `optax`, without the learning rate.

    create: from the description and whether the mode is native. moments: the fields of its state, by moment.
    """

    create: Callable[..., optax.GradientTransformation]
    moments: Mapping[str, str]


def _adam(spec: Adam, *, native: bool) -> optax.GradientTransformation:
    return optax.scale_by_adam(**({} if native else {"b1": spec.beta1, "b2": spec.beta2, "eps": spec.epsilon}))


def _sgd(spec: SGD, *, native: bool) -> optax.GradientTransformation:
    return optax.trace(spec.momentum, spec.nesterov) if spec.momentum else optax.identity()


def _rmsprop(spec: RMSprop, *, native: bool) -> optax.GradientTransformation:
    matched = {"decay": spec.decay, "eps": spec.epsilon, "eps_in_sqrt": False}
    return optax.scale_by_rms(**({} if native else matched))


KINDS: Mapping[type[Optimizer], Kind] = {
    Adam: Kind(_adam, {"first": "mu", "second": "nu"}),
    AdamW: Kind(_adam, {"first": "mu", "second": "nu"}),
    SGD: Kind(_sgd, {"velocity": "trace"}),
    RMSprop: Kind(_rmsprop, {"square": "nu"}),
}


@dataclass
class OptaxOptimizer:
    """The transformation of gradients into directions, without the learning rate, and its state.

    The state has four parts: of the transformations before the optimizer's own, of its own, of those after it, and the
    number of steps, unless the optimizer's own state has a count.
    """

    spec: Optimizer
    transformation: optax.GradientTransformation
    state: optax.OptState


def make_optimizer(network: Network, spec: Optimizer, *, native: bool) -> OptaxOptimizer:
    """The optimizer of `optax` for the network's parameters, with zero moments."""
    bound = spec.clip_norm
    before = [] if bound is None else [optax.stateless(lambda gradients, _: clip(gradients, bound))]
    before += [optax.add_decayed_weights(spec.coupled_decay)] if spec.coupled_decay else []
    inner = KINDS[type(spec)].create(spec, native=native)
    after = optax.add_decayed_weights(spec.weight_decay) if isinstance(spec, AdamW) else optax.identity()
    steps = optax.identity() if isinstance(spec, Adam) else _COUNT
    transformation = optax.chain(optax.chain(optax.identity(), *before), inner, after, steps)
    values: dict[str, jax.Array] = {name: variable[...] for name, variable in parameters(network).items()}
    return OptaxOptimizer(spec, transformation, transformation.init(values))


_COUNT = optax.GradientTransformation(
    lambda values: jnp.zeros((), jnp.int32), lambda updates, count, values=None: (updates, count + 1)
)


def clip(gradients: Mapping[str, jax.Array], bound: float) -> dict[str, jax.Array]:
    """if ‖g‖ > ν, g = ν g / ‖g‖, where ‖g‖ is over all parameters and ν is `bound`"""
    return optax.clip_by_global_norm(bound).update(gradients, optax.EmptyState())[0]


def checkpoint(network: Network, optimizer: OptaxOptimizer) -> Checkpoint:
    """A copy of weights, moments and step count."""
    _, inner, _, steps = optimizer.state
    fields = KINDS[type(optimizer.spec)].moments
    moments = {moment: canonical(network, getattr(inner, fields[moment])) for moment in optimizer.spec.moments}
    return Checkpoint(
        canonical(network, parameters(network)),
        moments,
        int(inner.count if isinstance(optimizer.spec, Adam) else steps),
    )


def restore(network: Network, optimizer: OptaxOptimizer, state: Checkpoint) -> None:
    """Set weights, moments and step count to those of a checkpoint."""
    load_weights(network, state.weights)
    before, inner, after, counted = optimizer.state
    fields = KINDS[type(optimizer.spec)].moments

    def restored(like: Mapping[str, jax.Array], values: Weights) -> dict[str, jax.Array]:
        return {name: jnp.array(values[name], array.dtype) for name, array in like.items()}

    steps = jnp.array(state.steps, jnp.int32)
    for moment in optimizer.spec.moments:
        field = fields[moment]
        inner = inner._replace(**{field: restored(getattr(inner, field), state.moments[moment])})
    if isinstance(optimizer.spec, Adam):
        inner = inner._replace(count=steps)
    else:
        counted = steps
    optimizer.state = (before, inner, after, counted)
