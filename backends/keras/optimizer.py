"""Keras: optimizers with a learning rate for every step, clipping and weight decay.

In native mode Keras's own, in matched mode with the update rules of the descriptions, written in Keras's terms. Keras's
own `weight_decay` subtracts from the weights (AdamW), so for the other optimizers the decay is added to the gradients.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from backends.contract import Checkpoint
from backends.keras.engines import Optimizer, Tensor, Variable
from backends.keras.network import Network, assign, canonical, parameters
from backends.optimizers import SGD, Adam, AdamW, RMSprop
from backends.optimizers import Optimizer as Description

Moments = Mapping[str, Variable]  # of one variable

if keras.backend.backend() == "torch":
    from torch.optim.adam import adam as torch_adam


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """The rate that the training loop has set last, in its dtype: Keras's own learning rate is float32."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def __call__(self, step: Tensor) -> Tensor:
        return self._optimizer.rate


class Described:
    """For any optimizer of Keras: the clipping and the weight decay of the description."""

    rate = 0.0
    spec: Description
    _trainable_variables: list[Variable]

    def apply(self, grads: list[Tensor], trainable_variables: list[Variable] | None = None) -> None:
        variables = trainable_variables or self._trainable_variables
        if self.spec.clip_norm is not None:
            free = [
                gradient if variable.constraint is None else variable.constraint(gradient)
                for gradient, variable in zip(grads, variables, strict=True)
            ]  # without the entries that a constraint holds at zero
            grads = clip(free, self.spec.clip_norm)
        if self.spec.coupled_decay:
            grads = [
                gradient + self.spec.coupled_decay * ops.convert_to_tensor(variable)
                for gradient, variable in zip(grads, variables, strict=True)
            ]
        super().apply(grads, trainable_variables)  # type: ignore[misc]


class Matched(Described, keras.optimizers.Optimizer):
    """The update rule of the description, with the learning rate in the model's dtype."""

    def __init__(self, spec: Description) -> None:
        super().__init__(learning_rate=Rate(self))
        self.spec = spec

    def build(self, variables: list[Variable]) -> None:
        super().build(variables)
        self.moments = {
            moment: [self.add_variable_from_reference(variable, name=moment) for variable in variables]
            for moment in self.spec.moments
        }

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        place = self._get_variable_index(variable)
        moments = {moment: variables[place] for moment, variables in self.moments.items()}
        UPDATES[type(self.spec)](self, self.spec, variable, gradient, moments, learning_rate)


def _adam(optimizer: Matched, spec: Adam, w: Variable, g: Tensor, moments: Moments, rate: Tensor) -> None:
    """m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; m̂ = m/(1-β₁ᵗ); v̂ = v/(1-β₂ᵗ); w -= α m̂ / (√v̂ + ε)"""
    m, v = moments["first"], moments["second"]
    optimizer.assign_add(m, (g - m) * (1 - spec.beta1))
    optimizer.assign_add(v, (g * g - v) * (1 - spec.beta2))
    # expm1, because in float32 1 - βᵗ loses five digits at the first steps
    step = ops.cast(optimizer.iterations + 1, w.dtype)
    m_hat = m / -ops.expm1(step * math.log(spec.beta1))
    v_hat = v / -ops.expm1(step * math.log(spec.beta2))
    optimizer.assign_sub(w, m_hat * rate / (ops.sqrt(v_hat) + spec.epsilon))


def _adamw(optimizer: Matched, spec: AdamW, w: Variable, g: Tensor, moments: Moments, rate: Tensor) -> None:
    """w -= α λ w with the weights before the step, then Adam's update"""
    optimizer.assign_sub(w, w * rate * spec.weight_decay)
    _adam(optimizer, spec, w, g, moments, rate)


def _sgd(optimizer: Matched, spec: SGD, w: Variable, g: Tensor, moments: Moments, rate: Tensor) -> None:
    """b = μ b + g; w -= α b, or with Nesterov's momentum w -= α (g + μ b)"""
    if spec.momentum:
        b = moments["velocity"]
        optimizer.assign(b, b * spec.momentum + g)
        g = g + b * spec.momentum if spec.nesterov else ops.convert_to_tensor(b)
    optimizer.assign_sub(w, g * rate)


def _rmsprop(optimizer: Matched, spec: RMSprop, w: Variable, g: Tensor, moments: Moments, rate: Tensor) -> None:
    """v = ρ v + (1-ρ) g²; w -= α g / (√v + ε)"""
    v = moments["square"]
    optimizer.assign_add(v, (g * g - v) * (1 - spec.decay))
    optimizer.assign_sub(w, g * rate / (ops.sqrt(v) + spec.epsilon))


UPDATES: Mapping[type[Description], Callable[..., None]] = {Adam: _adam, AdamW: _adamw, SGD: _sgd, RMSprop: _rmsprop}


class FusedAdam(Matched):
    """Adam on PyTorch, in PyTorch's one kernel for all variables."""

    def _backend_update_step(
        self, grads: list[Tensor], trainable_variables: list[Variable], learning_rate: Tensor
    ) -> None:
        spec = self.spec
        assert isinstance(spec, Adam)
        settings = {"beta1": spec.beta1, "beta2": spec.beta2, "eps": spec.epsilon}
        settings |= {"weight_decay": spec.weight_decay - spec.coupled_decay, "decoupled_weight_decay": True}
        settings |= {"amsgrad": False, "maximize": False, "fused": True}
        places = [self._get_variable_index(variable) for variable in trainable_variables]
        values = [variable.value for variable in trainable_variables]
        m, v = ([variables[place].value for place in places] for variables in self.moments.values())
        steps = [self.iterations.value.float() for _ in values]
        contiguous = [gradient.contiguous() for gradient in grads]  # a convolution's gradient is not
        torch_adam(values, contiguous, m, v, [], steps, lr=float(learning_rate), **settings)


# Keras's own: the class, its settings that are no defaults, and the attributes with the lists of its moments.
NATIVE: Mapping[type[Description], tuple[type[Optimizer], Callable[[Any], dict[str, Any]], tuple[str, ...]]] = {
    Adam: (keras.optimizers.Adam, lambda spec: {}, ("_momentums", "_velocities")),
    AdamW: (keras.optimizers.AdamW, lambda spec: {"weight_decay": spec.weight_decay}, ("_momentums", "_velocities")),
    SGD: (
        keras.optimizers.SGD,
        lambda spec: {"momentum": spec.momentum, "nesterov": spec.nesterov},
        ("momentums",),
    ),
    RMSprop: (keras.optimizers.RMSprop, lambda spec: {}, ("_velocities",)),
}


def make_optimizer(network: Network, spec: Description, *, native: bool) -> Optimizer:
    """Keras's own optimizer, or one exactly as described. The training loop sets the learning rate of each step."""
    if native:
        base, settings, attributes = NATIVE[type(spec)]
        optimizer = type(base.__name__, (Described, base), {"spec": spec})(**settings(spec))
        optimizer.learning_rate = Rate(optimizer)
    else:
        fused = isinstance(spec, Adam) and keras.backend.backend() == "torch"
        optimizer = (FusedAdam if fused else Matched)(spec)
    optimizer.build(network.trained)
    if native:
        optimizer.moments = dict(zip(spec.moments, (getattr(optimizer, name) for name in attributes), strict=False))
    return optimizer


def clip(gradients: list[Tensor], bound: float) -> list[Tensor]:
    """if ‖g‖ > ν, g = ν g / ‖g‖, where ‖g‖ is over all parameters and ν is `bound`"""
    norm = ops.sqrt(sum(ops.sum(gradient * gradient) for gradient in gradients))
    scale = ops.minimum(bound / norm, ops.ones_like(norm))
    return [gradient * scale for gradient in gradients]


def checkpoint(network: Network, optimizer: Optimizer) -> Checkpoint:
    """A copy of weights, moments and step count."""
    weights, *moments = (canonical(network, named) for named in _named(network, optimizer))
    named = dict(zip(optimizer.spec.moments, moments, strict=True))
    return Checkpoint(weights, named, int(optimizer.iterations))


def restore(network: Network, optimizer: Optimizer, state: Checkpoint) -> None:
    """Set weights, moments and step count to those of a checkpoint."""
    parts = (state.weights, *(state.moments[moment] for moment in optimizer.spec.moments))
    for variables, values in zip(_named(network, optimizer), parts, strict=True):
        assign(network, variables, values)
    optimizer.iterations.assign(state.steps)


def _named(network: Network, optimizer: Optimizer) -> list[dict[str, Variable]]:
    """The variables of the weights and of each moment, by the names of the parameters."""
    parts = (network.trained, *optimizer.moments.values())
    return [dict(zip(parameters(network), part, strict=True)) for part in parts]
