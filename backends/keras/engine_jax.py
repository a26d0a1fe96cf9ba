"""Keras on JAX: a whole epoch in one compiled program; the variables' values go in and come out."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from backends.contract import Array, Dtype, Steps
from backends.keras.engines import Extras, State, Step, Tensor, Training, Variable, compiled_loop, padded

Values = list[Tensor]


class Jax:
    """Keeps the contract of backends.keras.engines.Engine."""

    name = "jax"

    @staticmethod
    def configure(dtype: Dtype, threads: int) -> None:
        """JAX' thread pool takes the size of the process' core set, not `threads`."""
        jax.config.update("jax_enable_x64", dtype == "float64")

    @staticmethod
    def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> list[Tensor]:
        def both(state: State, inputs: list[Tensor]) -> tuple[State, State]:
            after = step(inputs, state)
            return after, after

        return list(jax.lax.scan(both, state, list(inputs))[1])

    def __init__(self, training: Training) -> None:
        self._network, self._objective, self._optimizer = training.network, training.loss, training.optimizer
        self._x, self._y = jax.numpy.asarray(training.x), jax.numpy.asarray(training.y)
        self._epoch = jax.jit(self._steps, donate_argnums=0)
        self._by_values = jax.jit(jax.grad(self._loss_alone))
        self._by_probes = jax.jit(jax.grad(self._loss_alone, argnums=4))
        self._outputs = jax.jit(self._forward)

    def _groups(self) -> tuple[list[Variable], ...]:
        return self._network.trained, self._network.drawing, self._optimizer.variables

    def _forward(self, values: Values, drawing: Values, x: Tensor) -> Tensor:
        from keras import StatelessScope

        with StatelessScope(state_mapping=self._mapping(values, drawing)):
            return self._network(x, {}, training=False)

    def _mapping(self, values: Values, drawing: Values) -> list[tuple[Variable, Tensor]]:
        return [
            *zip(self._network.trained, values, strict=True),
            *zip(self._network.drawing, drawing, strict=True),
        ]

    def _loss(
        self, values: Values, drawing: Values, x: Tensor, y: Tensor, extras: Extras, training: bool
    ) -> tuple[Tensor, Values]:
        """The objective, and what the generators have drawn on to."""
        from keras import StatelessScope

        with StatelessScope(state_mapping=self._mapping(values, drawing)) as scope:
            loss = self._objective(x, y, extras, training)
        drawn = [scope.get_current_value(variable) for variable in self._network.drawing]
        return loss, drawn

    def _loss_alone(self, values: Values, drawing: Values, x: Tensor, y: Tensor, extras: Extras) -> Tensor:
        return self._loss(values, drawing, x, y, extras, False)[0]

    def _steps(
        self, state: Tensor, x: Tensor, y: Tensor, order: Tensor, rates: Tensor, masks: Extras, steps: Tensor
    ) -> Tensor:
        differentiated = jax.value_and_grad(self._loss, has_aux=True)

        def step(index: Tensor, carry: Tensor) -> Tensor:
            values, drawing, moments, losses = carry
            rows, own = order[index], {name: mask[index] for name, mask in masks.items()}
            (loss, drawing), gradients = differentiated(values, drawing, x[rows], y[rows], own, True)
            self._optimizer.rate = rates[index]
            values, moments = self._optimizer.stateless_apply(moments, gradients, values)
            return values, drawing, moments, losses.at[index].set(loss)

        return jax.lax.fori_loop(0, steps, step, (*state, jax.numpy.zeros(len(order), y.dtype)))

    def train(self, steps: Steps) -> Array:
        groups = self._groups()
        state = tuple([variable.value for variable in group] for group in groups)
        full = padded(steps, len(self._x), self._y.dtype.name)
        *state, losses = self._epoch(state, self._x, self._y, *full, len(steps))
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return np.asarray(losses)[: len(steps)]

    def _at(self, rows: Array, extras: Mapping[str, Array]) -> tuple[Tensor, ...]:
        given = {name: array.astype(self._x.dtype) for name, array in extras.items()}
        return *self._values(), self._x[rows], self._y[rows], given

    def gradients(self, rows: Array, extras: Mapping[str, Array]) -> list[Tensor]:
        return list(self._by_values(*self._at(rows, extras)))

    def gradient_norms(self, rows: Array, probes: Mapping[str, Array]) -> dict[str, Array]:
        return {name: np.asarray(gradient) for name, gradient in self._by_probes(*self._at(rows, probes)).items()}

    def _values(self) -> tuple[Values, ...]:
        return tuple([variable.value for variable in group] for group in self._groups()[:2])

    def predict(self, x: Array) -> Array:
        return np.asarray(self._outputs(*self._values(), x.astype(self._x.dtype)))

    def kernel(self) -> str:
        """Read off the compiled program."""
        program = self._outputs.lower(*self._values(), self._x[:1]).compile().as_text()
        return compiled_loop(program, self._network)
