"""Keras on PyTorch: eager."""

import random
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.optim.adam import adam

from backends.contract import Adam, Array, Dtype, Steps
from backends.keras.engines import Extras, Optimizer, State, Step, Tensor, Training


class Torch:
    """Keeps the contract of backends.keras.engines.Engine."""

    name = "torch"

    @staticmethod
    def configure(dtype: Dtype, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)

    @staticmethod
    def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> list[Tensor]:
        passed = []
        for inputs_t in zip(*(x.unbind(0) for x in inputs), strict=True):
            state = step(inputs_t, state)
            passed.append(state)
        return [torch.stack(states) for states in zip(*passed, strict=True)]

    def __init__(self, training: Training) -> None:
        from keras import ops

        torch.manual_seed(random.getrandbits(63))  # native dropout draws here; Python's own was seeded for this model
        self._network, self._loss, self._optimizer = training.network, training.loss, training.optimizer
        self._variables = [variable.value for variable in self._network.trained]
        for value in self._variables:  # fused Adam walks through memory; an orthogonal kernel is born transposed
            value.data = value.data.contiguous()
        self._x, self._y = ops.convert_to_tensor(training.x), ops.convert_to_tensor(training.y)

    def _tensors(self, arrays: Mapping[str, Array]) -> dict[str, Tensor]:
        return {name: torch.tensor(array).to(self._x) for name, array in arrays.items()}

    def _loss_and_gradients(self, rows: Tensor, extras: Extras, *, training: bool) -> tuple[Tensor, list[Tensor]]:
        loss = self._loss(self._x[rows], self._y[rows], extras, training)
        return loss.detach(), list(torch.autograd.grad(loss, self._variables))

    def train(self, steps: Steps) -> Array:
        losses, masks = [], self._tensors(steps.masks)
        orders = torch.tensor(steps.order, device=self._x.device)
        for step, (rows, rate) in enumerate(zip(orders, steps.rates.tolist(), strict=True)):
            self._optimizer.rate = rate
            own = {name: mask[step] for name, mask in masks.items()}
            loss, gradients = self._loss_and_gradients(rows, own, training=True)
            with torch.no_grad():
                self._optimizer.apply(gradients, self._network.trained)
            losses.append(loss)
        return np.asarray(torch.stack(losses).cpu())

    def gradients(self, rows: Array, extras: Mapping[str, Array]) -> list[Tensor]:
        return self._loss_and_gradients(rows, self._tensors(extras), training=False)[1]

    def gradient_norms(self, rows: Array, probes: Mapping[str, Array]) -> dict[str, Array]:
        tensors = {name: tensor.requires_grad_() for name, tensor in self._tensors(probes).items()}
        if not tensors:  # nothing recurs
            return {}
        loss = self._loss(self._x[rows], self._y[rows], tensors, False)
        gradients = torch.autograd.grad(loss, list(tensors.values()), materialize_grads=True)
        return {name: np.asarray(gradient.cpu()) for name, gradient in zip(tensors, gradients, strict=True)}

    def predict(self, x: Array) -> Array:
        with torch.no_grad():
            outputs = self._network(torch.tensor(np.ascontiguousarray(x)).to(self._x), {}, training=False)
        return np.asarray(outputs.cpu())

    def kernel(self) -> str:
        """Read off the profiler: which operator the forward pass of a training step really called."""
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            self._network(self._x[:1], {}, training=True)
        if not self._network.recurs:
            return "aten"
        called = {event.key for event in profile.key_averages()}
        return "cuDNN" if "aten::_cudnn_rnn" in called else "aten loop"


def fused(base: type[Optimizer], spec: Adam) -> type[Optimizer]:
    """Adam to the letter, for an engine that runs every operation by itself: PyTorch's one kernel for all variables.

    Keras updates the whole list at once on this engine, and never calls `update_step`.
    """
    settings = {"beta1": spec.beta1, "beta2": spec.beta2, "eps": spec.epsilon}
    settings |= {"weight_decay": 0.0, "amsgrad": False, "maximize": False, "fused": True}

    class FusedAdam(base):
        def _backend_update_step(
            self, grads: list[Tensor], trainable_variables: list[Tensor], learning_rate: Tensor
        ) -> None:
            values, m, v = (
                [variable.value for variable in variables]
                for variables in (trainable_variables, self._momentums, self._velocities)
            )
            steps = [self.iterations.value.float() for _ in values]
            contiguous = [gradient.contiguous() for gradient in grads]  # a convolution's is not
            adam(values, contiguous, m, v, [], steps, lr=float(learning_rate), **settings)

    return FusedAdam
