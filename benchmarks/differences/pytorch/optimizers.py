"""PyTorch: optimizers, penalties and clipping. A function for each difference; the functions `equal_...` are shown."""

import inspect
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.differences.probe import Array, Case, Probe, shown

torch.set_default_dtype(torch.float64)
Make = Callable[[list[Tensor]], torch.optim.Optimizer]


def default(kind: type[torch.optim.Optimizer], argument: str) -> float:
    """The default value of an argument of an optimizer."""
    return float(inspect.signature(kind).parameters[argument].default)


def after(make: Make, weights: Array, gradients: Array, dtype: torch.dtype = torch.float64) -> Array:
    """The weights after a step with each of the gradients."""
    w = torch.tensor(weights, dtype=dtype, requires_grad=True)
    optimizer = make([w])
    for gradient in gradients:
        w.grad = torch.tensor(gradient, dtype=dtype)
        optimizer.step()
    return w.detach().numpy().astype(np.float64)


def adam_epsilon(case: Case) -> Probe:
    def adam(w: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(w, betas=(0.9, 0.5))  # after 30 steps, the bias correction of 0.5 is 1

    gradients = 1e-7 * case.gradients
    weights = after(adam, case.weights, gradients) - after(adam, case.weights, gradients[:30])
    return Probe(default(torch.optim.Adam, "eps"), weights, weights)


def epsilon_place(case: Case) -> Probe:
    def adam(w: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(w, lr=0.1, eps=1e-3)

    step = -after(adam, np.zeros(1), np.full((1, 1), 1e-3))[0] / 0.1
    weights = after(adam, case.weights, 1e-2 * case.gradients)
    return Probe(round(step, 3), weights, weights)


def bias_correction(case: Case) -> Probe:
    steps = after(lambda w: torch.optim.Adam(w, lr=1.0, eps=0.0), np.zeros(6), case.gradients[:1], torch.float32)
    return Probe(bool(np.abs(np.abs(steps) - 1).max() > 1e-6), steps, steps)


@shown
def equal_weight_decay(parameters: Iterable[Tensor], rate: float, decay: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)


def weight_decay(case: Case) -> Probe:
    def adam(w: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(w, lr=0.1, weight_decay=0.01)

    observed = after(adam, np.ones(1), np.zeros((1, 1)))[0]
    equal = after(lambda w: equal_weight_decay(w, 0.1, 0.01), case.weights, case.gradients[:3])
    return Probe(round(float(observed), 4), after(adam, case.weights, case.gradients[:3]), equal)


@shown
def equal_adamw_decay(parameters: Iterable[Tensor], rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)


def adamw_decay(case: Case) -> Probe:
    weights = after(lambda w: torch.optim.AdamW(w, lr=0.1), case.weights, case.gradients[:3])
    equal = after(lambda w: equal_adamw_decay(w, 0.1), case.weights, case.gradients[:3])
    return Probe(default(torch.optim.AdamW, "weight_decay"), weights, equal)


@shown
def equal_l2_factor(parameters: Iterable[Tensor], rate: float, l2: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=rate, weight_decay=2 * l2)


def l2_factor(case: Case) -> Probe:
    zeros = np.zeros((1, 6))
    weights = after(lambda w: torch.optim.SGD(w, lr=0.1, weight_decay=0.5), case.weights, zeros)
    factor = float(np.mean((case.weights - weights) / (0.1 * 0.5 * case.weights)))
    return Probe(round(factor, 6), weights, after(lambda w: equal_l2_factor(w, 0.1, 0.5), case.weights, zeros))


@shown
def equal_l2_parameters(layer: nn.LSTM, rate: float, l2: float) -> torch.optim.Optimizer:
    kernels = [{"params": [layer.weight_ih_l0], "weight_decay": 2 * l2}]
    others = [{"params": [layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]}]
    return torch.optim.SGD(kernels + others, lr=rate)


def l2_parameters(case: Case) -> Probe:
    made = nn.LSTM(2, 3)
    shrunk = _shrunk(made, torch.optim.SGD(made.parameters(), lr=0.1, weight_decay=0.5))
    made = nn.LSTM(2, 3)
    return Probe(" ".join(sorted(shrunk)), _kinds(shrunk), _kinds(_shrunk(made, equal_l2_parameters(made, 0.1, 0.5))))


def _kinds(shrunk: set[str]) -> Array:
    return np.array([kind in shrunk for kind in ("bias", "kernel", "recurrent")], float)


def _shrunk(made: nn.LSTM, optimizer: torch.optim.Optimizer) -> set[str]:
    """The kinds of parameters that a step with zero gradients changes."""
    kinds = {"weight_ih_l0": "kernel", "weight_hh_l0": "recurrent", "bias_ih_l0": "bias", "bias_hh_l0": "bias"}
    before = {name: value.detach().clone() for name, value in made.named_parameters()}
    for parameter in made.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return {kinds[name] for name, value in made.named_parameters() if not torch.equal(value, before[name])}


def clipped(case: Case, clip: Callable[[list[Tensor]], object], scale: float = 1.0) -> Array:
    """The case's first two gradients, of two parameters of different size, after clipping."""
    parameters = [torch.zeros(6, requires_grad=True), torch.zeros(2, requires_grad=True)]
    parameters[0].grad, parameters[1].grad = (
        torch.tensor(scale * g) for g in (case.gradients[0], case.gradients[1][:2])
    )
    clip(parameters)
    return np.concatenate([p.grad.numpy() for p in parameters])


def clip_scope(case: Case) -> Probe:
    values = clipped(case, lambda p: nn.utils.clip_grad_norm_(p, 0.5))
    return Probe(round(float(np.linalg.norm(values)), 4), values, values)


@shown
def equal_clip_value(parameters: Iterable[Tensor]) -> None:
    nn.utils.clip_grad_value_(parameters, 0.5)


def clip_value(case: Case) -> Probe:
    values = clipped(case, lambda p: nn.utils.clip_grad_norm_(p, 0.5))
    equal = clipped(case, equal_clip_value)
    return Probe(float(np.abs(equal).max()), values, equal)


@shown
def equal_clip_epsilon(parameters: list[Tensor], bound: float) -> None:
    norm = nn.utils.get_total_norm([p.grad for p in parameters])
    for p in parameters:
        p.grad *= min(1.0, bound / norm)


def clip_epsilon(case: Case) -> Probe:
    values = clipped(case, lambda p: nn.utils.clip_grad_norm_(p, 1e-6), 1e-5)
    equal = clipped(case, lambda p: equal_clip_epsilon(p, 1e-6), 1e-5)
    ratio = float(np.linalg.norm(values)) / 1e-6
    return Probe(ratio < 0.99, values, equal)


@shown
def equal_rmsprop(parameters: Iterable[Tensor], rate: float) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(parameters, lr=rate, alpha=0.9, eps=1e-8)


def rmsprop(case: Case) -> Probe:
    weights = after(lambda w: torch.optim.RMSprop(w, lr=0.1), case.weights, case.gradients[:3])
    equal = after(lambda w: equal_rmsprop(w, 0.1), case.weights, case.gradients[:3])
    return Probe(default(torch.optim.RMSprop, "alpha"), weights, equal)
