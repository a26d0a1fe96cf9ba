"""PyTorch: `torch.optim.Adam`, and clipping by the global norm."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from backends.contract import Adam, Checkpoint
from backends.pytorch.network import Network, canonical, parameters

MOMENTS = ("exp_avg", "exp_avg_sq")


def adam(network: Network, spec: Adam, *, native: bool) -> torch.optim.Adam:
    """Adam in one fused kernel over all parameters. The training loop sets the learning rate of each step."""
    trained = list(parameters(network).values())
    matched = {} if native else {"betas": (spec.beta1, spec.beta2), "eps": spec.epsilon}
    optimizer = torch.optim.Adam(trained, weight_decay=spec.weight_decay, fused=True, **matched)
    for parameter in trained:  # the state that the first step creates, so that it can be read and set before
        moments = {moment: torch.zeros_like(parameter) for moment in MOMENTS}
        optimizer.state[parameter] = {"step": torch.zeros((), device=parameter.device), **moments}
    bound = spec.clip_norm
    if bound is not None:

        def clip_first(*_: Any) -> None:  # noqa: ANN401
            clip([parameter.grad for parameter in trained], bound)

        optimizer.register_step_pre_hook(clip_first)
    return optimizer


def clip(gradients: Iterable[Tensor], bound: float) -> None:
    """In place: if ‖g‖ > ν, g = ν g / ‖g‖ exactly. PyTorch's own clip_grad_norm_ divides by ‖g‖ + 1e-6."""
    gradients = list(gradients)
    scale = (bound / nn.utils.get_total_norm(gradients)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale)


def checkpoint(network: Network, optimizer: torch.optim.Adam) -> Checkpoint:
    """A copy of weights, moments and step count."""
    trained = parameters(network)
    states = {name: optimizer.state[parameter] for name, parameter in trained.items()}
    first, second = (canonical(network, {name: state[moment] for name, state in states.items()}) for moment in MOMENTS)
    return Checkpoint(canonical(network, trained), first, second, int(next(iter(states.values()))["step"]))


def restore(network: Network, optimizer: torch.optim.Adam, state: Checkpoint) -> None:
    """Set weights, moments and step count to those of a checkpoint."""
    for name, parameter in parameters(network).items():
        adam_state = optimizer.state[parameter]
        adam_state["step"].fill_(state.steps)
        targets = (parameter.data, *(adam_state[moment] for moment in MOMENTS))
        for tensor, values in zip(targets, (state.weights, state.first, state.second), strict=True):
            tensor.copy_(torch.tensor(values[name].T))
