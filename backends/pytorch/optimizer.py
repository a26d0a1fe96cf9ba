"""PyTorch: the optimizers of `torch.optim`, and clipping by the global norm."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from backends.contract import Checkpoint
from backends.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from backends.pytorch.network import Network, canonical, parameters

STEPS = "step"  # the number of steps taken, in the state of every parameter


@dataclass(frozen=True)
class Kind:
    """An optimizer of `torch.optim`.

    moments: its name of each moment. always: the settings that are no defaults of a framework, also in native mode.
    matched: the others. fast: one kernel over all parameters, or one call for each operation.
    """

    create: Callable[..., torch.optim.Optimizer]
    moments: Mapping[str, str]
    matched: Callable[[Any], dict[str, Any]]
    always: Callable[[Any], dict[str, Any]] = lambda spec: {}
    fast: str = "fused"


ADAM = {"first": "exp_avg", "second": "exp_avg_sq"}
KINDS: Mapping[type[Optimizer], Kind] = {
    Adam: Kind(torch.optim.Adam, ADAM, lambda spec: {"betas": (spec.beta1, spec.beta2), "eps": spec.epsilon}),
    AdamW: Kind(torch.optim.AdamW, ADAM, lambda spec: {"betas": (spec.beta1, spec.beta2), "eps": spec.epsilon}),
    SGD: Kind(
        torch.optim.SGD,
        {"velocity": "momentum_buffer"},
        lambda spec: {},
        always=lambda spec: {"momentum": spec.momentum, "nesterov": spec.nesterov},
    ),
    RMSprop: Kind(
        torch.optim.RMSprop,
        {"square": "square_avg"},
        lambda spec: {"alpha": spec.decay, "eps": spec.epsilon},
        fast="foreach",
    ),
}


def make_optimizer(network: Network, spec: Optimizer, *, native: bool) -> torch.optim.Optimizer:
    """The optimizer of `torch.optim`. The training loop sets the learning rate of each step."""
    trained, kind = list(parameters(network).values()), KINDS[type(spec)]
    settings = kind.always(spec) | ({} if native else kind.matched(spec)) | {kind.fast: True}
    optimizer = kind.create(trained, weight_decay=spec.weight_decay, **settings)
    for parameter in trained:  # the state that the first step creates, so that it can be read and set before
        moments = {kind.moments[moment]: torch.zeros_like(parameter) for moment in spec.moments}
        optimizer.state[parameter] = {STEPS: torch.zeros((), device=parameter.device), **moments}
    if isinstance(spec, SGD):
        optimizer.register_step_post_hook(_count)
    if spec.clip_norm is not None:
        bound = spec.clip_norm

        def clip_first(*_: Any) -> None:  # noqa: ANN401
            clip([parameter.grad for parameter in trained], bound)

        optimizer.register_step_pre_hook(clip_first)
    return optimizer


def _count(optimizer: torch.optim.Optimizer, *_: Any) -> None:  # noqa: ANN401
    """PyTorch's SGD does not count its steps."""
    for state in optimizer.state.values():
        state[STEPS] += 1


def clip(gradients: Iterable[Tensor], bound: float) -> None:
    """In place: if ‖g‖ > ν, g = ν g / ‖g‖ exactly. PyTorch's own clip_grad_norm_ divides by ‖g‖ + 1e-6."""
    gradients = list(gradients)
    scale = (bound / nn.utils.get_total_norm(gradients)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale)


def checkpoint(network: Network, optimizer: torch.optim.Optimizer) -> Checkpoint:
    """A copy of weights, moments and step count."""
    trained = parameters(network)
    states = {name: optimizer.state[parameter] for name, parameter in trained.items()}
    first = next(iter(states.values()))
    moments = {
        moment: canonical(network, {name: state[attribute] for name, state in states.items()})
        for moment, attribute in _moments(first).items()
    }
    return Checkpoint(canonical(network, trained), moments, int(first[STEPS]))


def restore(network: Network, optimizer: torch.optim.Optimizer, state: Checkpoint) -> None:
    """Set weights, moments and step count to those of a checkpoint."""
    for name, parameter in parameters(network).items():
        stored = optimizer.state[parameter]
        stored[STEPS].fill_(state.steps)
        parameter.data.copy_(torch.tensor(state.weights[name].T))
        for moment, attribute in _moments(stored).items():
            stored[attribute].copy_(torch.tensor(state.moments[moment][name].T))


def _moments(state: Mapping[str, Tensor]) -> dict[str, str]:
    """The moments in the state of a parameter, with PyTorch's names for them."""
    known = {name: attribute for kind in KINDS.values() for name, attribute in kind.moments.items()}
    return {name: attribute for name, attribute in known.items() if attribute in state}
