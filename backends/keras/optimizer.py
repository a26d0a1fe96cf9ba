"""Keras: Adam with a learning rate for every step, clipping and weight decay; in matched mode exactly as specified.

Keras's own `weight_decay` subtracts from the weights, not through the moments (AdamW, Loshchilov & Hutter 2019), so the
decay is added to the gradients here.
"""

import math

import keras
from keras import ops

from backends.contract import Adam, Checkpoint
from backends.keras.engines import Optimizer, Tensor, Variable
from backends.keras.network import Network, assign, canonical, parameters

if keras.backend.backend() == "torch":
    from torch.optim.adam import adam as torch_adam


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """The rate that the training loop has set last, in its dtype: Keras's own learning rate is float32."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def __call__(self, step: Tensor) -> Tensor:
        return self._optimizer.rate


class NativeAdam(keras.optimizers.Adam):
    """Keras's Adam and its defaults, with the clipping and weight decay of the specification."""

    rate = 0.0

    def __init__(self, spec: Adam) -> None:
        super().__init__(learning_rate=Rate(self))
        self.spec = spec

    def apply(self, grads: list[Tensor], trainable_variables: list[Variable] | None = None) -> None:
        variables = trainable_variables or self._trainable_variables
        if self.spec.clip_norm is not None:
            free = [
                gradient if variable.constraint is None else variable.constraint(gradient)
                for gradient, variable in zip(grads, variables, strict=True)
            ]  # without the entries that a constraint holds at zero
            grads = clip(free, self.spec.clip_norm)
        if self.spec.weight_decay:
            grads = [
                gradient + self.spec.weight_decay * ops.convert_to_tensor(variable)
                for gradient, variable in zip(grads, variables, strict=True)
            ]
        super().apply(grads, trainable_variables)


class MatchedAdam(NativeAdam):
    """Adam of the paper: epsilon outside the root, the learning rate in the model's dtype."""

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index, spec = self._get_variable_index(variable), self.spec
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - spec.beta1))
        self.assign_add(v, (gradient * gradient - v) * (1 - spec.beta2))
        # expm1, because in float32 1 - βᵗ loses five digits at the first steps
        step = ops.cast(self.iterations + 1, variable.dtype)
        m_hat = m / -ops.expm1(step * math.log(spec.beta1))
        v_hat = v / -ops.expm1(step * math.log(spec.beta2))
        self.assign_sub(variable, m_hat * learning_rate / (ops.sqrt(v_hat) + spec.epsilon))


class FusedAdam(NativeAdam):
    """The same on PyTorch, in PyTorch's one kernel for all variables; Keras never calls `update_step` there."""

    def _backend_update_step(
        self, grads: list[Tensor], trainable_variables: list[Variable], learning_rate: Tensor
    ) -> None:
        spec = self.spec
        settings = {"beta1": spec.beta1, "beta2": spec.beta2, "eps": spec.epsilon, "weight_decay": 0.0}
        settings |= {"amsgrad": False, "maximize": False, "fused": True}
        places = [self._get_variable_index(variable) for variable in trainable_variables]
        values = [variable.value for variable in trainable_variables]
        m, v = ([moments[place].value for place in places] for moments in (self._momentums, self._velocities))
        steps = [self.iterations.value.float() for _ in values]
        contiguous = [gradient.contiguous() for gradient in grads]  # a convolution's gradient is not
        torch_adam(values, contiguous, m, v, [], steps, lr=float(learning_rate), **settings)


def adam(network: Network, spec: Adam, *, native: bool) -> Optimizer:
    """Keras's own Adam, or one exactly as specified. The training loop sets the learning rate of each step."""
    matched = FusedAdam if keras.backend.backend() == "torch" else MatchedAdam
    optimizer = (NativeAdam if native else matched)(spec)
    optimizer.build(network.trained)
    return optimizer


def clip(gradients: list[Tensor], bound: float) -> list[Tensor]:
    """if ‖g‖ > ν, g = ν g / ‖g‖, where ‖g‖ is over all parameters and ν is `bound`"""
    norm = ops.sqrt(sum(ops.sum(gradient * gradient) for gradient in gradients))
    scale = ops.minimum(bound / norm, ops.ones_like(norm))
    return [gradient * scale for gradient in gradients]


def checkpoint(network: Network, optimizer: Optimizer) -> Checkpoint:
    """A copy of weights, moments and step count."""
    weights, first, second = (canonical(network, named) for named in _named(network, optimizer))
    return Checkpoint(weights, first, second, int(optimizer.iterations))


def restore(network: Network, optimizer: Optimizer, state: Checkpoint) -> None:
    """Set weights, moments and step count to those of a checkpoint."""
    parts = (state.weights, state.first, state.second)
    for variables, values in zip(_named(network, optimizer), parts, strict=True):
        assign(network, variables, values)
    optimizer.iterations.assign(state.steps)


def _named(network: Network, optimizer: Optimizer) -> list[dict[str, Variable]]:
    """The variables of the weights and of both moments, by the names of the parameters."""
    parts = (network.trained, optimizer._momentums, optimizer._velocities)
    return [dict(zip(parameters(network), part, strict=True)) for part in parts]
