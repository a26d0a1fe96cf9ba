"""PyTorch: `nn.LSTM`, `nn.GRU`, `nn.RNN`, `nn.Linear`, `nn.Conv1d`; other cells are in cells.py.

| canonical                          | PyTorch                                                          |
| ---------------------------------- | ---------------------------------------------------------------- |
| any layout                         | its axes in the opposite order                                   |
| recurrent `kernel`                 | `weight_ih_l0` (gates*units, F)                                  |
| `recurrent_kernel`                 | `weight_hh_l0` (gates*units, units)                              |
| recurrent `bias`                   | `bias_ih_l0`; the second, `bias_hh_l0`, is fixed at zero         |
| `backward.` ...                    | ... `_reverse`                                                   |
| gates: lstm `i f g o`, gru `r z n` | the same                                                         |
| dense, convolution: `kernel`       | `weight` (units, F), (filters, F, width)                         |
| native: `recurrent_bias`           | `bias_hh_l0`, trained                                            |
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from backends.contract import KEPT, Array, Dtype, Weights, of_layer
from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.model import ModelSpec
from backends.pytorch.cells import make_recurrent, recurrent, recurrent_parameters
from backends.recurrent import Recurrent

NAMES = {"kernel": "weight", "bias": "bias"}
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"linear": lambda x: x, "relu": torch.relu, "tanh": torch.tanh}


class Network(nn.Module):
    """From windows (N, T, F) to outputs (N, H), on the GPU if there is one."""

    def __init__(self, model: ModelSpec, features: int, window: int, dtype: Dtype, seed: int, *, native: bool) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.model, self.features, self.window, self.native = model, features, window, native
        self.layers = nn.ModuleList(
            make_layer(spec, shape, dtype, native=native) for _, spec, shape in model.walk(features, window)
        )
        self.to("cuda" if torch.cuda.is_available() else "cpu", getattr(torch, dtype))
        self.carried: dict[str, Tensor] = {}  # the states after the last step, see ModelSpec.states

    def carry(self, batch: int) -> None:
        """Set the states of a stateful model to zero, unless they are those of a batch of this size."""
        if any(len(self.carried.get(name, ())) != batch for name in self.model.states()):
            like = next(self.parameters())
            self.carried = {name: like.new_zeros(batch, width) for name, width in self.model.states().items()}

    def forward(
        self, x: Tensor, masks: Mapping[str, Tensor], perturbations: Mapping[str, Tensor], *, training: bool
    ) -> Tensor:
        """masks, perturbations: by name, see ModelSpec and Steps.inputs. training: native dropout is active."""
        kept = masks[KEPT][:, None] if KEPT in masks else None
        states = {} if kept is None else {name: state * kept for name, state in self.carried.items()}
        after: dict[str, Tensor] = {}
        if self.training != training:
            self.train(training)
        x, real = (x[..., :-1] * x[..., -1:], x[..., -1:] > 0) if self.model.masked else (x, None)
        for position, (spec, layer) in enumerate(zip(self.model.layers, self.layers, strict=True)):
            layer_masks = of_layer(position, masks)
            match spec:
                case Recurrent():
                    named = (layer_masks, of_layer(position, perturbations), of_layer(position, states))
                    x, last = recurrent(spec, layer, x, real, *named)
                    after |= {f"{position}.{name}": state.detach() for name, state in last.items()}
                case Dense():
                    x = ACTIVATIONS[spec.activation](layer(x))
                case Conv1D():
                    x = ACTIVATIONS[spec.activation](layer(x.mT).mT)
                case Flatten():
                    x = x.flatten(1)
                case Repeat():
                    x = x[:, None].expand(-1, spec.times, -1)
                case Dropout():
                    x = layer(x) * layer_masks["mask"] if layer_masks else layer(x)
            if x.ndim == 2:  # a vector has no steps
                real = None
            elif real is not None:
                x = x * real
        if states:
            self.carried = after
        return x


def make_layer(spec: Layer, shape: Shape, dtype: Dtype, *, native: bool) -> nn.Module:
    """PyTorch's own layer for inputs of this shape, or the parameters of a layer that it lacks."""
    match spec:
        case Recurrent():
            return make_recurrent(spec, shape, dtype, native=native)
        case Dense():
            return nn.Linear(shape[-1], spec.units)
        case Conv1D():
            return nn.Conv1d(shape[1], spec.filters, spec.width, padding="same")
        case Dropout() if native:
            return nn.Dropout(spec.rate)
    return nn.Identity()


def parameters(network: Network) -> dict[str, nn.Parameter]:
    """The trained parameters by canonical name."""
    result: dict[str, nn.Parameter] = {}
    for position, (spec, layer) in enumerate(zip(network.model.layers, network.layers, strict=True)):
        if isinstance(spec, Recurrent):
            named = recurrent_parameters(spec, layer)
        else:
            named = {name: getattr(layer, attribute) for name, attribute in NAMES.items() if hasattr(layer, attribute)}
        result |= {f"{position}.{name}": parameter for name, parameter in named.items() if parameter.requires_grad}
    return result


def load_weights(network: Network, weights: Weights) -> None:
    """Set the parameters to canonical weights, and fix parameters without a weight, the second biases, at zero."""
    for name, parameter in parameters(network).items():
        value = weights.get(name)
        if value is None:
            parameter.requires_grad_(False).zero_()
        else:
            parameter.data.copy_(torch.tensor(value.T))


def canonical(network: Network, tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Weights, gradients or moments from PyTorch's layout to the canonical one."""
    return {name: tensor.detach().cpu().numpy().T.copy() for name, tensor in tensors.items()}
