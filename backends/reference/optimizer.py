"""NumPy: every optimizer's update next to its equation, and clipping by the global norm (Pascanu et al. 2013)."""

from collections.abc import Callable, Mapping

import numpy as np

from backends.contract import Array, Checkpoint, Weights
from backends.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from backends.reference.network import Network, canonical, parameters


def _adam(spec: Adam, w: Array, g: Array, moments: Weights, rate: float, t: int) -> None:
    """m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; m̂ = m/(1-β₁ᵗ); v̂ = v/(1-β₂ᵗ); w -= α m̂ / (√v̂ + ε)"""
    m, v = moments["first"], moments["second"]
    m[...] = spec.beta1 * m + (1 - spec.beta1) * g
    v[...] = spec.beta2 * v + (1 - spec.beta2) * g**2
    m_hat, v_hat = m / (1 - spec.beta1**t), v / (1 - spec.beta2**t)
    w -= rate * m_hat / (np.sqrt(v_hat) + spec.epsilon)


def _adamw(spec: AdamW, w: Array, g: Array, moments: Weights, rate: float, t: int) -> None:
    """w -= α λ w with the weights before the step, then Adam's update"""
    w -= rate * spec.weight_decay * w
    _adam(spec, w, g, moments, rate, t)


def _sgd(spec: SGD, w: Array, g: Array, moments: Weights, rate: float, t: int) -> None:
    """b = μ b + g; w -= α b, or with Nesterov's momentum w -= α (g + μ b)"""
    if spec.momentum:
        b = moments["velocity"]
        b[...] = spec.momentum * b + g
        g = g + spec.momentum * b if spec.nesterov else b
    w -= rate * g


def _rmsprop(spec: RMSprop, w: Array, g: Array, moments: Weights, rate: float, t: int) -> None:
    """v = ρ v + (1-ρ) g²; w -= α g / (√v + ε)"""
    v = moments["square"]
    v[...] = spec.decay * v + (1 - spec.decay) * g**2
    w -= rate * g / (np.sqrt(v) + spec.epsilon)


# From the description, the weights, their gradient and moments, the learning rate α and the number t of the step, from
# 1. Changes weights and moments in place.
UPDATES: Mapping[type[Optimizer], Callable[..., None]] = {Adam: _adam, AdamW: _adamw, SGD: _sgd, RMSprop: _rmsprop}


class NumpyOptimizer:
    """The moments, and the step that updates the weights of a network."""

    def __init__(self, network: Network, spec: Optimizer) -> None:
        self.spec, self.weights, self.steps = spec, parameters(network), 0
        self.moments = {moment: {name: np.zeros_like(w) for name, w in self.weights.items()} for moment in spec.moments}

    def step(self, gradients: Weights, rate: float) -> None:
        """Clip, add the weight decay (g += λ w), and update the weights in place."""
        spec = self.spec
        self.steps += 1
        if spec.clip_norm is not None:
            gradients = clip(gradients, spec.clip_norm)
        for name, w in self.weights.items():
            g = gradients[name] + spec.coupled_decay * w
            moments = {moment: named[name] for moment, named in self.moments.items()}
            UPDATES[type(spec)](spec, w, g, moments, rate, self.steps)


def make_optimizer(network: Network, spec: Optimizer, *, native: bool) -> NumpyOptimizer:
    """The optimizer for the network's parameters, with zero moments."""
    return NumpyOptimizer(network, spec)


def clip(gradients: Weights, bound: float) -> dict[str, Array]:
    """if ‖g‖ > ν: g = ν g / ‖g‖, where ‖g‖ is over all parameters and ν is `bound`"""
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
    scale = 1.0 if norm <= bound else bound / norm
    return {name: scale * g for name, g in gradients.items()}


def checkpoint(network: Network, optimizer: NumpyOptimizer) -> Checkpoint:
    """A copy of weights, moments and step count."""
    moments = {moment: canonical(network, named) for moment, named in optimizer.moments.items()}
    return Checkpoint(canonical(network, parameters(network)), moments, optimizer.steps)


def restore(network: Network, optimizer: NumpyOptimizer, state: Checkpoint) -> None:
    """Set weights, moments and step count to those of a checkpoint."""
    optimizer.steps = state.steps
    targets = (parameters(network), *optimizer.moments.values())
    sources = (state.weights, *(state.moments[moment] for moment in optimizer.moments))
    for target, values in zip(targets, sources, strict=True):
        for name, value in target.items():
            value[...] = values[name]
