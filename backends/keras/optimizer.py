"""Keras: Adam, native or to the letter, told its learning rate at every step; clipping and weight decay for both.

Keras' own `weight_decay` takes its part off the weights, not through the moments (AdamW, Loshchilov & Hutter 2019), so
here it is added to the gradients.
"""

import math

from backends.contract import Adam
from backends.keras.engines import Optimizer, Tensor, Variable


def asked(spec: Adam) -> type[Optimizer]:
    """Keras' Adam, with the learning rate, clipping and weight decay that were asked for."""
    import keras

    class Rate(keras.optimizers.schedules.LearningRateSchedule):
        """Whatever the engine's loop has just set; in double, while a learning rate of Keras' own is float32."""

        def __init__(self, optimizer: Optimizer) -> None:
            self._optimizer = optimizer

        def __call__(self, step: Tensor) -> Tensor:
            return self._optimizer.rate

    class AskedAdam(keras.optimizers.Adam):
        rate = 0.0

        def __init__(self) -> None:
            super().__init__(learning_rate=Rate(self))

        def apply(self, grads: list[Tensor], trainable_variables: list[Variable] | None = None) -> None:
            variables = trainable_variables or self._trainable_variables
            if spec.clip_norm is not None:
                grads = clipped(grads, variables, spec.clip_norm)
            if spec.weight_decay:
                grads = [
                    gradient + spec.weight_decay * keras.ops.convert_to_tensor(variable)
                    for gradient, variable in zip(grads, variables, strict=True)
                ]
            super().apply(grads, trainable_variables)

    return AskedAdam


def clipped(gradients: list[Tensor], variables: list[Variable], bound: float) -> list[Tensor]:
    """if ‖g‖ > ν, g = ν g / ‖g‖, over all parameters; what a constraint holds at zero is none of them."""
    from keras import ops

    free = [
        gradient if variable.constraint is None else variable.constraint(gradient)
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
    norm = ops.sqrt(sum(ops.sum(gradient * gradient) for gradient in free))
    scale = ops.minimum(bound / norm, ops.ones_like(norm))
    return [gradient * scale for gradient in gradients]


def matched(base: type[Optimizer], spec: Adam) -> type[Optimizer]:
    """Epsilon where the paper has it, and the learning rate in double."""
    from keras import ops

    class MatchedAdam(base):
        def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
            index = self._get_variable_index(variable)
            m, v = self._momentums[index], self._velocities[index]
            self.assign_add(m, (gradient - m) * (1 - spec.beta1))
            self.assign_add(v, (gradient * gradient - v) * (1 - spec.beta2))
            # expm1, because 1 - βᵗ itself loses five digits in float32 at the first steps
            step = ops.cast(self.iterations + 1, variable.dtype)
            m_hat = m / -ops.expm1(step * math.log(spec.beta1))
            v_hat = v / -ops.expm1(step * math.log(spec.beta2))
            self.assign_sub(variable, m_hat * learning_rate / (ops.sqrt(v_hat) + spec.epsilon))

    return MatchedAdam
