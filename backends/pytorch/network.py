"""PyTorch: `nn.LSTM`, `nn.GRU`, `nn.RNN`, `nn.Linear`, `nn.Conv1d`, `torch.optim.Adam`; other cells: pytorch_cells.py.

| canonical                          | PyTorch                                                          |
| ---------------------------------- | ---------------------------------------------------------------- |
| any layout                         | its axes in the opposite order                                   |
| recurrent `kernel`                 | `weight_ih_l0` (gates*units, F)                                  |
| `recurrent_kernel`                 | `weight_hh_l0` (gates*units, units)                              |
| recurrent `bias`                   | `bias_ih_l0`; the second, `bias_hh_l0`, is held at zero          |
| `backward.` ...                    | ... `_reverse`                                                   |
| gates: lstm `i f g o`, gru `r z n` | the same                                                         |
| dense, convolution: `kernel`       | `weight` (units, F), (filters, F, width)                         |
| native: `recurrent_bias`           | `bias_hh_l0`, trained                                            |
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from backends.contract import Adam, Array, BackendError, Checkpoint, Dtype, Objective, Steps, Weights, of_layer
from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.model import ModelSpec
from backends.pytorch.cells import FUSED, States, Unrolled, recurrent, recurrent_names
from backends.recurrent import Recurrent

Functions = Mapping[str, Callable[..., Tensor]]

NAMES = {"kernel": "weight", "bias": "bias"}
ACTIVATIONS: Functions = {"linear": lambda x: x, "relu": torch.relu, "tanh": torch.tanh}
LOSSES: Functions = {"mse": functional.mse_loss, "mae": functional.l1_loss, "huber": functional.huber_loss}
NOTHING: Mapping[str, Tensor] = {}


def create(name: str, *, dtype: Dtype, threads: int) -> "PyTorchBackend":
    """Configure PyTorch for this process."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    return PyTorchBackend()


class PyTorchBackend:
    """PyTorch, eager."""

    name = "pytorch"

    def build(
        self,
        model: ModelSpec,
        objective: Objective,
        optimizer: Adam,
        weights: Weights | None,
        x: Array,
        y: Array,
        *,
        dtype: Dtype,
        seed: int,
    ) -> "PyTorchModel":
        torch.manual_seed(seed)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        window, features = x.shape[1:]
        network = Network(model, features, window, native=weights is None).to(device, getattr(torch, dtype))
        if weights is not None:
            load_weights(network, weights)
        return PyTorchModel(network, objective, adam(network, optimizer, native=weights is None), optimizer, x, y)


class Network(nn.Module):
    """(N, T, F) to (N, H)."""

    def __init__(self, model: ModelSpec, features: int, window: int, *, native: bool) -> None:
        super().__init__()
        self.specs = model.layers
        self.masks = {} if native else model.masks(features, window)
        self.layers = nn.ModuleList(
            make_layer(spec, shape, native=native) for _, spec, shape in model.walk(features, window)
        )

    def forward(self, x: Tensor, masks: Mapping[str, Tensor] = NOTHING, states: States | None = None) -> Tensor:
        """states: where a look inside is asked for, filled with the state after each step of each direction."""
        for position, (spec, layer) in enumerate(zip(self.specs, self.layers, strict=True)):
            own = of_layer(position, masks)
            match spec:
                case Recurrent():
                    x = recurrent(spec, layer, x, own, f"{position}.", states)
                case Dense():
                    x = ACTIVATIONS[spec.activation](layer(x))
                case Conv1D():
                    x = ACTIVATIONS[spec.activation](layer(x.mT).mT)
                case Flatten():
                    x = x.flatten(1)
                case Repeat():
                    x = x[:, None].expand(-1, spec.times, -1)
                case Dropout():
                    x = layer(x) * own["mask"] if own else layer(x)
        return x


def make_layer(spec: Layer, shape: Shape, *, native: bool) -> nn.Module:
    """The framework's own layer for inputs of this shape, or the parameters of one that it has not."""
    match spec:
        case Recurrent():
            masked = " with dropout in it" if spec.dropout or spec.recurrent_dropout else ""
            if native and (masked or spec.cell not in FUSED):
                raise BackendError(f"PyTorch has no layer of its own for {spec}{masked}; in matched mode there is one")
            if spec.cell in FUSED:
                return FUSED[spec.cell](shape[1], spec.units, batch_first=True, bidirectional=spec.bidirectional)
            return Unrolled(spec, shape[1])
        case Dense():
            return nn.Linear(shape[-1], spec.units)
        case Conv1D():
            return nn.Conv1d(shape[1], spec.filters, spec.width, padding="same")
        case Dropout() if native:
            return nn.Dropout(spec.rate)
    return nn.Identity()


def parameters(network: Network) -> dict[str, nn.Parameter]:
    """The trained parameters by canonical name."""
    found: dict[str, nn.Parameter] = {}
    for position, (spec, layer) in enumerate(zip(network.specs, network.layers, strict=True)):
        own = {ours: theirs for ours, theirs in NAMES.items() if hasattr(layer, theirs)}
        names = recurrent_names(spec, layer) if isinstance(spec, Recurrent) else own
        found |= {f"{position}.{ours}": getattr(layer, theirs) for ours, theirs in names.items()}
    return {name: parameter for name, parameter in found.items() if parameter.requires_grad}


def load_weights(network: Network, weights: Weights) -> None:
    """Canonical weights in, and the second bias held at zero."""
    for name, parameter in parameters(network).items():
        value = weights.get(name)
        if value is None:
            parameter.requires_grad_(False).zero_()
        else:
            parameter.data.copy_(torch.tensor(value.T))


def canonical(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """PyTorch's layout to the canonical one, of weights, of their gradients or of their moments."""
    return {name: tensor.detach().cpu().numpy().T.copy() for name, tensor in tensors.items()}


def adam(network: Network, spec: Adam, *, native: bool) -> torch.optim.Adam:
    """One fused kernel over all parameters; each step sets its own learning rate."""
    trained = list(parameters(network).values())
    matched = {} if native else {"betas": (spec.beta1, spec.beta2), "eps": spec.epsilon}
    optimizer = torch.optim.Adam(trained, weight_decay=spec.weight_decay, fused=True, **matched)
    for parameter in trained:  # what the first step would make, so that it can be taken out and put in before
        moments = {"exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
        optimizer.state[parameter] = {"step": torch.zeros((), device=parameter.device), **moments}
    return optimizer


def clip(gradients: list[Tensor], bound: float) -> None:
    """In place: if ‖g‖ > ν, g = ν g / ‖g‖, exactly; PyTorch's own clip_grad_norm_ divides by ‖g‖ + 1e-6."""
    scale = (bound / nn.utils.get_total_norm(gradients)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale)


class PyTorchModel:
    """Keeps the contract of backends.contract.Model."""

    def __init__(
        self, network: Network, objective: Objective, optimizer: torch.optim.Adam, spec: Adam, x: Array, y: Array
    ) -> None:
        self._network, self._objective, self._optimizer, self._spec = network, objective, optimizer, spec
        self._trained = parameters(network)
        self._like = next(network.parameters())
        self._x, self._y = self._tensor(x), self._tensor(y)

    def _tensor(self, values: Array) -> Tensor:
        return torch.tensor(np.ascontiguousarray(values)).to(self._like)

    def _loss(self, rows: Tensor, masks: Mapping[str, Tensor] = NOTHING, states: States | None = None) -> Tensor:
        """The objective."""
        loss = LOSSES[self._objective.loss](self._network(self._x[rows], masks, states), self._y[rows])
        for name in self._objective.l2_on:
            loss = loss + self._objective.l2 * self._trained[name].square().sum()
        return loss

    def train(self, steps: Steps) -> Array:
        self._network.train()
        masks = {name: self._tensor(mask) for name, mask in steps.masks.items()}
        losses = torch.empty(len(steps), dtype=self._like.dtype, device=self._like.device)
        orders = torch.tensor(steps.order, device=self._like.device)
        for step, (rows, rate) in enumerate(zip(orders, steps.rates.tolist(), strict=True)):
            self._optimizer.zero_grad()
            loss = self._loss(rows, {name: mask[step] for name, mask in masks.items()})
            loss.backward()
            if self._spec.clip_norm is not None:
                clip([parameter.grad for parameter in self._trained.values()], self._spec.clip_norm)
            self._optimizer.param_groups[0]["lr"] = rate
            self._optimizer.step()
            losses[step] = loss.detach()
        return losses.cpu().numpy()

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        tensors = {name: self._tensor(mask) for name, mask in (masks or {}).items()}
        with torch.random.fork_rng():  # native dropout draws
            loss = self._loss(torch.tensor(rows, device=self._like.device), tensors)
        gradients = torch.autograd.grad(loss, list(self._trained.values()))
        return canonical(dict(zip(self._trained, gradients, strict=True)))

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        self._network.eval()
        states: States = {}
        loss = self._loss(torch.tensor(rows, device=self._like.device), states=states)
        norms = {}
        for name, steps in states.items():
            gradients = torch.autograd.grad(loss, steps, retain_graph=True, materialize_grads=True)
            norms[name] = torch.stack([gradient.norm() for gradient in reversed(gradients)]).cpu().numpy()
        return norms

    @torch.no_grad()
    def predict(self, x: Array) -> Array:
        self._network.eval()
        return self._network(self._tensor(x)).cpu().numpy()

    def weights(self) -> dict[str, Array]:
        return canonical(self._trained)

    def checkpoint(self) -> Checkpoint:
        states = {name: self._optimizer.state[parameter] for name, parameter in self._trained.items()}
        first, second = (
            canonical({name: state[moment] for name, state in states.items()}) for moment in ("exp_avg", "exp_avg_sq")
        )
        return Checkpoint(self.weights(), first, second, int(next(iter(states.values()))["step"]))

    def restore(self, checkpoint: Checkpoint) -> None:
        for name, parameter in self._trained.items():
            state = self._optimizer.state[parameter]
            state["step"].fill_(checkpoint.steps)
            pairs = ((parameter.data, checkpoint.weights), (state["exp_avg"], checkpoint.first))
            for tensor, values in (*pairs, (state["exp_avg_sq"], checkpoint.second)):
                tensor.copy_(torch.tensor(values[name].T))

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self._network.parameters() if parameter.requires_grad)

    def kernel(self) -> str:
        """Read off the profiler: which operator the forward pass of a training step really called."""
        masks = {name: self._like.new_ones(1, *mask.shape) for name, mask in self._network.masks.items()}
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            self._network(self._x[:1], masks)
        if not any(isinstance(spec, Recurrent) for spec in self._network.specs):
            return "aten"
        called = {event.key for event in profile.key_averages()}
        fused = {"aten::mkldnn_rnn_layer": "mkldnn_rnn_layer", "aten::_cudnn_rnn": "cuDNN"}
        return next((name for operator, name in fused.items() if operator in called), "aten loop")
