"""PyTorch: the backend, the objective, and the eager training loop."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backends.contract import (
    KEPT,
    Array,
    Backend,
    Checkpoint,
    Dtype,
    Objective,
    StepParts,
    Steps,
    Weights,
    norms_by_lag,
)
from backends.pytorch.network import Network, canonical, load_weights, parameters
from backends.pytorch.optimizer import checkpoint, make_optimizer, restore
from backends.recurrent import Recurrent

LOSSES: Mapping[str, Callable[..., Tensor]] = {
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "huber": functional.huber_loss,
}


def _pinball(outputs: Tensor, y: Tensor, quantiles: Tensor) -> Tensor:
    """max(q e, (q - 1) e) of outputs (N, H * Q), y (N, H) and quantiles (H * Q,); see Objective."""
    error = y.repeat_interleave(outputs.shape[1] // y.shape[1], 1) - outputs
    return torch.maximum(quantiles * error, (quantiles - 1) * error).mean()


NONE: Mapping[str, Tensor] = {}


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend."""
    return Backend(name, Network, load_weights, make_optimizer, PyTorchModel)


class PyTorchModel:
    """Implements backends.contract.Model."""

    def __init__(
        self, network: Network, objective: Objective, optimizer: torch.optim.Optimizer, x: Array, y: Array
    ) -> None:
        self.network, self.objective, self.optimizer = network, objective, optimizer
        self._trained = parameters(network)
        self._like = next(network.parameters())
        self._x, self._y = self._tensor(x), self._tensor(y)
        self._quantiles = self._tensor(np.tile(objective.quantiles, y.shape[1]))
        self.step_loss: Callable[..., Tensor] = self._loss  # in training steps; a program may compile it

    def _tensor(self, values: Array) -> Tensor:
        return torch.tensor(np.ascontiguousarray(values)).to(self._like)

    def _loss(
        self, x: Tensor, y: Tensor, masks: Mapping[str, Tensor], perturbations: Mapping[str, Tensor], *, training: bool
    ) -> Tensor:
        """The objective of inputs x and targets y."""
        outputs = self.network(x, masks, perturbations, training=training)
        if self.objective.loss == "quantile":
            loss = _pinball(outputs, y, self._quantiles)
        else:
            loss = LOSSES[self.objective.loss](outputs, y)
        for name in self.objective.l2_on:
            loss = loss + self.objective.l2 * self._trained[name].square().sum()
        return loss

    def _inputs(self, steps: Steps) -> dict[str, Tensor]:
        """What the network gets at each step besides the rows."""
        self.network.carry(steps.order.shape[1])
        return {name: self._tensor(value) for name, value in steps.inputs.items()}

    def train(self, steps: Steps) -> Array:
        masks = self._inputs(steps)
        losses = []
        orders = torch.tensor(steps.order, device=self._like.device)
        for step, (rows, rate) in enumerate(zip(orders, steps.rates.tolist(), strict=True)):
            self.optimizer.zero_grad()
            step_masks = {name: mask[step] for name, mask in masks.items()}
            loss = self.step_loss(self._x[rows], self._y[rows], step_masks, NONE, training=True)
            loss.backward()
            self.optimizer.param_groups[0]["lr"] = rate
            self.optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).cpu().numpy()

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        tensors = {name: self._tensor(mask) for name, mask in (masks or {}).items()}
        with torch.random.fork_rng():  # native dropout draws: cuDNN computes gradients in training mode only
            loss = self._loss(self._x[rows], self._y[rows], tensors, NONE, training=True)
        gradients = torch.autograd.grad(loss, list(self._trained.values()))
        return canonical(self.network, dict(zip(self._trained, gradients, strict=True)))

    def step_parts(self, step: Steps) -> StepParts:
        masks = {name: self._tensor(mask[0]) for name, mask in step.masks.items()}
        rows = torch.tensor(step.order[0], device=self._like.device)
        x, y = self._x[rows], self._y[rows]

        def forward() -> float:
            return self.step_loss(x, y, masks, NONE, training=True).item()

        def gradients() -> float:
            self.optimizer.zero_grad()
            loss = self.step_loss(x, y, masks, NONE, training=True)
            loss.backward()
            return loss.item()

        def optimizer() -> None:
            self.optimizer.step()
            self._like.view(-1)[0].item()  # reading a weight waits for the device

        gradients()
        self.optimizer.param_groups[0]["lr"] = float(step.rates[0])
        return StepParts(forward, gradients, optimizer)

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        network = self.network
        zeros = network.model.state_perturbations(network.features, network.window, len(rows))
        perturbations = {name: self._tensor(value).requires_grad_() for name, value in zeros.items()}
        if not perturbations:
            return {}
        loss = self._loss(self._x[rows], self._y[rows], NONE, perturbations, training=False)
        gradients = torch.autograd.grad(loss, list(perturbations.values()), materialize_grads=True)
        return norms_by_lag({name: by.cpu().numpy() for name, by in zip(perturbations, gradients, strict=True)})

    @torch.no_grad()
    def predict(self, x: Array, resets: Array | None = None) -> Array:
        network, windows = self.network, self._tensor(x)
        if resets is None:
            return network(windows, NONE, NONE, training=False).cpu().numpy()
        carried, kept = network.carried, self._tensor(1.0 - resets)
        network.carry(resets.shape[1])
        steps = zip(windows.unflatten(0, kept.shape), kept, strict=True)
        forecasts = [network(rows, {KEPT: now}, NONE, training=False) for rows, now in steps]
        network.carried = carried
        return torch.cat(forecasts).cpu().numpy()

    def weights(self) -> dict[str, Array]:
        return canonical(self.network, self._trained)

    def checkpoint(self) -> Checkpoint:
        states = {name: state.cpu().numpy().copy() for name, state in self.network.carried.items()}
        return replace(checkpoint(self.network, self.optimizer), states=states)

    def restore(self, checkpoint: Checkpoint) -> None:
        restore(self.network, self.optimizer, checkpoint)
        self.network.carried = {name: self._tensor(state) for name, state in checkpoint.states.items()}

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters() if parameter.requires_grad)

    def kernel(self) -> str:
        """The operator that the profiler sees in the forward pass of a training step."""
        network = self.network
        drawn = {} if network.native else network.model.masks(network.features, network.window)
        masks = {name: self._like.new_ones(1, *mask.shape) for name, mask in drawn.items()}
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.random.fork_rng(), torch.profiler.profile(activities=activities) as profile:
            network(self._x[:1], masks, NONE, training=True)
        if not any(isinstance(spec, Recurrent) for spec in network.model.layers):
            return "aten"
        called = {event.key for event in profile.key_averages()}
        fused = {"aten::mkldnn_rnn_layer": "mkldnn_rnn_layer", "aten::_cudnn_rnn": "cuDNN"}
        return next((name for operator, name in fused.items() if operator in called), "aten loop")
