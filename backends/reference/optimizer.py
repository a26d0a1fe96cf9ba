"""NumPy: Adam (Kingma & Ba 2015) and clipping by the global norm (Pascanu, Mikolov & Bengio 2013)."""

import numpy as np

from backends.contract import Adam, Array, Checkpoint, Weights
from backends.reference.network import Network, canonical, parameters


class Optimizer:
    """Adam's moments, and the step that updates the weights of a network."""

    def __init__(self, network: Network, spec: Adam) -> None:
        self.spec, self.weights, self.steps = spec, parameters(network), 0
        self.first, self.second = ({name: np.zeros_like(w) for name, w in self.weights.items()} for _ in range(2))

    def step(self, gradients: Weights, rate: float) -> None:
        """Update the weights in place, with weight decay λ and learning rate α:

        g += λ w; m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; m̂ = m/(1-β₁ᵗ); v̂ = v/(1-β₂ᵗ); w -= α m̂ / (√v̂ + ε)
        """
        spec = self.spec
        self.steps += 1
        if spec.clip_norm is not None:
            gradients = clip(gradients, spec.clip_norm)
        for name, w in self.weights.items():
            g = gradients[name] + spec.weight_decay * w
            m = self.first[name] = spec.beta1 * self.first[name] + (1 - spec.beta1) * g
            v = self.second[name] = spec.beta2 * self.second[name] + (1 - spec.beta2) * g**2
            m_hat, v_hat = m / (1 - spec.beta1**self.steps), v / (1 - spec.beta2**self.steps)
            w -= rate * m_hat / (np.sqrt(v_hat) + spec.epsilon)


def adam(network: Network, spec: Adam, *, native: bool) -> Optimizer:
    """Adam for the network's parameters, with zero moments."""
    return Optimizer(network, spec)


def clip(gradients: Weights, bound: float) -> dict[str, Array]:
    """if ‖g‖ > ν: g = ν g / ‖g‖, where ‖g‖ is over all parameters and ν is `bound`"""
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
    scale = 1.0 if norm <= bound else bound / norm
    return {name: scale * g for name, g in gradients.items()}


def checkpoint(network: Network, optimizer: Optimizer) -> Checkpoint:
    """A copy of weights, moments and step count."""
    parts = (parameters(network), optimizer.first, optimizer.second)
    weights, first, second = (canonical(network, part) for part in parts)
    return Checkpoint(weights, first, second, optimizer.steps)


def restore(network: Network, optimizer: Optimizer, state: Checkpoint) -> None:
    """Set weights, moments and step count to those of a checkpoint."""
    optimizer.steps = state.steps
    targets = (parameters(network), optimizer.first, optimizer.second)
    for target, values in zip(targets, (state.weights, state.first, state.second), strict=True):
        for name, value in target.items():
            value[...] = values[name]
