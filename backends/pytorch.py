"""PyTorch: `nn.LSTM`, `nn.GRU`, `nn.RNN`, `nn.Linear`, `torch.optim.Adam`.

| canonical                          | PyTorch                                                          |
| ---------------------------------- | ---------------------------------------------------------------- |
| `kernel` (F, gates*units)          | `weight_ih_l0` (gates*units, F): transposed                      |
| `recurrent_kernel` (units, ...)    | `weight_hh_l0` (gates*units, units): transposed                  |
| `bias` (gates*units,)              | `bias_ih_l0`; the second, `bias_hh_l0`, is held at zero          |
| gates: lstm `i f g o`, gru `r z n` | the same                                                         |
| dense `kernel` (F, units)          | `weight` (units, F): transposed                                  |
| native: `recurrent_bias`           | `bias_hh_l0`, trained                                            |
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from backends.contract import Adam, Array, Dtype, Layer, ModelSpec, Recurrent, Weights

RECURRENT = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
NAMES = {
    "kernel": "weight_ih_l0",
    "recurrent_kernel": "weight_hh_l0",
    "bias": "bias_ih_l0",
    "recurrent_bias": "bias_hh_l0",
}
DENSE_NAMES = {"kernel": "weight", "bias": "bias"}


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
        network = Network(model, x.shape[2]).to(device, getattr(torch, dtype))
        if weights is not None:
            load_weights(network, weights)
        return PyTorchModel(network, adam(network, optimizer, native=weights is None), x, y)


class Network(nn.Module):
    """(N, T, F) to (N, H)."""

    def __init__(self, model: ModelSpec, features: int) -> None:
        super().__init__()
        widths = (features, *(layer.units for layer in model.layers))
        self.specs = model.layers
        self.layers = nn.ModuleList(make_layer(spec, width) for spec, width in zip(self.specs, widths, strict=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for spec, layer in zip(self.specs, self.layers, strict=True):
            if isinstance(spec, Recurrent):
                outputs, _ = layer(x)
                x = outputs if spec.sequences else outputs[:, -1]
            else:
                x = layer(x)
        return x


def make_layer(spec: Layer, width: int) -> nn.Module:
    """The framework's own layer for inputs of `width` features."""
    if isinstance(spec, Recurrent):
        return RECURRENT[spec.cell](width, spec.units, batch_first=True)
    return nn.Linear(width, spec.units)


def parameters(network: Network) -> dict[str, nn.Parameter]:
    """The trained parameters by canonical name."""
    found: dict[str, nn.Parameter] = {}
    for position, (spec, layer) in enumerate(zip(network.specs, network.layers, strict=True)):
        names = NAMES if isinstance(spec, Recurrent) else DENSE_NAMES
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


def canonical(tensors: dict[str, torch.Tensor]) -> dict[str, Array]:
    """PyTorch's layout to the canonical one, of weights or of their gradients."""
    return {name: tensor.detach().cpu().numpy().T.copy() for name, tensor in tensors.items()}


def adam(network: Network, spec: Adam, *, native: bool) -> torch.optim.Adam:
    """One fused kernel over all parameters."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if native:
        return torch.optim.Adam(trained, lr=spec.learning_rate, fused=True)
    return torch.optim.Adam(
        trained, lr=spec.learning_rate, betas=(spec.beta1, spec.beta2), eps=spec.epsilon, fused=True
    )


class PyTorchModel:
    """Keeps the contract of backends.contract.Model."""

    def __init__(self, network: Network, optimizer: torch.optim.Adam, x: Array, y: Array) -> None:
        self._network, self._optimizer = network, optimizer
        self._like = next(network.parameters())
        self._x, self._y = self._tensor(x), self._tensor(y)

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.tensor(np.ascontiguousarray(values)).to(self._like)

    def _loss(self, rows: torch.Tensor) -> torch.Tensor:
        return functional.mse_loss(self._network(self._x[rows]), self._y[rows])

    def train(self, order: Array) -> Array:
        losses = torch.empty(len(order), dtype=self._like.dtype, device=self._like.device)
        for step, rows in enumerate(torch.tensor(order, device=self._like.device)):
            self._optimizer.zero_grad()
            loss = self._loss(rows)
            loss.backward()
            self._optimizer.step()
            losses[step] = loss.detach()
        return losses.cpu().numpy()

    def gradients(self, rows: Array) -> dict[str, Array]:
        trained = parameters(self._network)
        loss = self._loss(torch.tensor(rows, device=self._like.device))
        return canonical(dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True)))

    @torch.no_grad()
    def predict(self, x: Array) -> Array:
        return self._network(self._tensor(x)).cpu().numpy()

    def weights(self) -> dict[str, Array]:
        return canonical(dict(parameters(self._network)))

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self._network.parameters() if parameter.requires_grad)

    def kernel(self) -> str:
        """Read off the profiler: which operator the forward pass of a training step really called."""
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            self._network(self._x[:1])
        called = {event.key for event in profile.key_averages()}
        fused = {"aten::mkldnn_rnn_layer": "mkldnn_rnn_layer", "aten::_cudnn_rnn": "cuDNN"}
        return next((name for operator, name in fused.items() if operator in called), "aten loop")
