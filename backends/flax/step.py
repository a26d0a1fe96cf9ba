"""Flax with one compiled program for an optimizer step: the loop over the steps is Python."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from backends.contract import Array, Backend, Dtype, Steps
from backends.flax import training
from backends.flax.training import Data, FlaxModel, Named, State, Stepped


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend."""
    return replace(training.create(name, dtype=dtype), model=StepModel)


class StepModel(FlaxModel):
    """Calls one jitted function for each step and reads the losses at the end."""

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def _jitted(self, state: State, data: Data, rows: Array, rate: Array, masks: Named) -> Stepped:
        return self._step(state, data, rows, rate, masks)

    def train(self, steps: Steps) -> Array:
        self._carry(steps.order.shape[1])
        state, losses = self._state(), []
        masks, rates = self._arrays(steps.inputs), steps.rates.astype(self._dtype)
        for index, rows in enumerate(steps.order):
            step_masks = {name: mask[index] for name, mask in masks.items()}
            state, loss = self._jitted(state, self._data, rows, rates[index], step_masks)
            losses.append(loss)
        self._set_state(state)
        return np.asarray(jnp.stack(losses))
