"""A trained model as PyTorch: tensors of a state dict, and a source file.

PyTorch's own layers where they compute the same. Otherwise the cell is written out and run in a loop: a GRU with the
reset gate before the product, an activation other than the layer's own, and any recurrent layer that skips padding.
"""

from collections.abc import Mapping

from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.recurrent import Recurrent
from benchmarks.translation.description import Array, LastStep, Masking, TrainedModel
from benchmarks.translation.source import MAIN, Call, header, laid_out, names, summary, training_note, windows

WEIGHTS = "weights.pt"
ACTIVATIONS: Mapping[str, str] = {"relu": "torch.relu", "tanh": "torch.tanh", "sigmoid": "torch.sigmoid"}
FUSED = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


def fused(layer: Recurrent, *, masked: bool) -> bool:
    """Whether `nn.LSTM`, `nn.GRU` or `nn.RNN` computes this layer."""
    usual = layer.activation == "tanh" or (layer.cell, layer.activation) == ("rnn", "relu")
    return layer.cell in FUSED and usual and not masked


def tensors(model: TrainedModel) -> dict[str, Array]:
    """The state dict of the class in `source`."""
    result: dict[str, Array] = {}
    for (position, layer, _), name, masked in zip(model.walk(), names(model), model.padded(), strict=True):
        if not isinstance(layer, Recurrent):
            weights = model.of(position)
            result |= {f"{name}.{'weight' if key == 'kernel' else key}": value.T for key, value in weights.items()}
            continue
        for number, direction in enumerate(layer.directions):
            weights = model.of(position, direction)
            if fused(layer, masked=masked):
                suffix = "_l0_reverse" if direction else "_l0"
                named = {key + suffix: value for key, value in _fused(weights).items()}
            else:
                named = {f"cells.{number}.{key}": value for key, value in _written(layer, weights).items()}
            result |= {f"{name}.{key}": value for key, value in named.items()}
    return result


def _fused(weights: Mapping[str, Array]) -> dict[str, Array]:
    kernel, bias, second = weights["kernel"], weights.get("bias"), weights.get("recurrent_bias")
    result = {"weight_ih": kernel.T, "weight_hh": weights["recurrent_kernel"].T}
    if bias is None and second is None:
        return result
    zeros = kernel[0] * 0
    return result | {"bias_ih": zeros if bias is None else bias, "bias_hh": zeros if second is None else second}


def _written(layer: Recurrent, weights: Mapping[str, Array]) -> dict[str, Array]:
    named = _fused(weights)
    zeros = weights["kernel"][0] * 0
    result = {"inputs.weight": named["weight_ih"], "inputs.bias": named.get("bias_ih", zeros)}
    recurrent = named["weight_hh"]
    if layer.cell == "gru-reset-before":
        gates = 2 * layer.units
        return result | {"gates.weight": recurrent[:gates], "candidate.weight": recurrent[gates:]}
    return result | {"state.weight": recurrent, "state.bias": named.get("bias_hh", zeros)}


def source(model: TrainedModel) -> str:
    """The text of model.py."""
    cells, constructors, forward = set(), [], []
    for (position, layer, shape), name, masked in zip(model.walk(), names(model), model.padded(), strict=True):
        note = training_note(layer)
        constructors += [f"        {note}"] if note else []
        if isinstance(layer, Recurrent) and not fused(layer, masked=masked):
            cells.add(layer.cell)
        if name:
            constructor = _constructor(model, position, layer, shape, masked=masked)
            constructors.append(laid_out(constructor, 8, f"self.{name} = "))
        forward += _forward(layer, name, masked=masked)
    written = "".join(f"{CELLS[cell]}\n\n" for cell in sorted(cells))
    if cells:
        written += LOOP.replace("{state}", MASKED_STATE if model.masked else STATE).replace(
            "{real}", ", real: Tensor" if model.masked else ""
        )
        written += "\n\n"
    return TEMPLATE.format(
        header=header(model, WEIGHTS),
        imports="from collections.abc import Callable\n" if cells else "",
        written=written,
        summary=summary(model, 4),
        constructors="\n".join(constructors),
        forward="\n".join(f"        {line}" for line in forward),
        windows=windows(model),
        dtype=model.dtype,
    )


def _constructor(model: TrainedModel, position: int, layer: Layer, shape: Shape, *, masked: bool) -> Call:
    bias = () if model.has_bias(position) else ("bias=False",)
    match layer:
        case Dense():
            return Call("nn.Linear", (str(shape[-1]), str(layer.units), *bias))
        case Conv1D():
            sizes = (str(shape[-1]), str(layer.filters), str(layer.width))
            return Call("nn.Conv1d", (*sizes, 'padding="same"', *bias))
        case Dropout():
            return Call("nn.Dropout", (f"{layer.rate!r}",))
        case Recurrent():
            width = (str(shape[-1]), str(layer.units))
            if not fused(layer, masked=masked):
                cell = Call(_cell_name(layer.cell), (*width, ACTIVATIONS[layer.activation]))
                widths = f"({', '.join(map(str, layer.states))}{',' if len(layer.states) == 1 else ''})"
                return Call("Loop", (widths, *(cell for _ in layer.directions)))
            settings = ("batch_first=True", *(("bidirectional=True",) if layer.bidirectional else ()))
            settings += ('nonlinearity="relu"',) if layer.activation == "relu" else ()
            return Call(f"nn.{FUSED[layer.cell]}", (*width, *settings, *bias))
    raise TypeError(layer)


def _forward(layer: Layer, name: str, *, masked: bool) -> list[str]:
    match layer:
        case Recurrent():
            lines = [f"x, _ = self.{name}(x)"]
            if not fused(layer, masked=masked):
                lines = [f"x = self.{name}(x, real)" if masked else f"x = self.{name}(x)"]
            if layer.sequences:
                return [*lines, "x = x * real"] if masked and layer.bidirectional else lines
            if not layer.bidirectional:
                return [*lines, "x = x[:, -1]"]
            u = layer.units
            return [*lines, f"x = torch.cat([x[:, -1, :{u}], x[:, 0, {u}:]], dim=1)  # each direction's last step"]
        case Dense():
            return [_activated(f"self.{name}(x)", layer.activation)]
        case Conv1D():
            return [_activated(f"self.{name}(x.mT).mT", layer.activation)]
        case Dropout():
            return [f"x = self.{name}(x)"]
        case Flatten():
            return ["x = x.flatten(1)"]
        case Repeat():
            return [f"x = x[:, None].expand(-1, {layer.times}, -1)"]
        case Masking():
            return [f"real = (x != {layer.value!r}).any(-1, keepdim=True)", "x = x * real"]
        case LastStep():
            return ["x = x[:, -1]"]
    raise TypeError(layer)


def _activated(value: str, activation: str) -> str:
    return f"x = {value}" if activation == "linear" else f"x = {ACTIVATIONS[activation]}({value})"


def _cell_name(cell: str) -> str:
    return {"rnn": "RNNCell", "lstm": "LSTMCell", "gru": "GRUCell", "gru-reset-before": "ResetBeforeGRUCell"}[cell]


TEMPLATE = (
    '''\
{header}

import sys
{imports}from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_name("weights.pt")


{written}class Forecaster(nn.Module):
{summary}

    def __init__(self) -> None:
        super().__init__()
{constructors}

    def forward(self, x: Tensor) -> Tensor:
        """{windows} to forecasts."""
{forward}
        return x


def load(dtype: torch.dtype = torch.{dtype}) -> Forecaster:
    """The model with its weights, for predictions."""
    model: Forecaster = Forecaster().to(dtype)
    model.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    model.eval()
    return model


def predict(model: Forecaster, windows: np.ndarray) -> np.ndarray:
    """{windows} to forecasts, in the type of the model."""
    dtype = next(model.parameters()).dtype
    with torch.no_grad():
        return np.asarray(model(torch.as_tensor(windows, dtype=dtype)))


'''
    + MAIN
)

LOOP = '''\
class Loop(nn.Module):
    """Runs a cell over the steps of a window, and a second cell backwards.

    widths: of the states of the cell, the output first.
    """

    def __init__(self, widths: tuple[int, ...], *cells: nn.Module) -> None:
        super().__init__()
        self.widths = widths
        self.cells = nn.ModuleList(cells)

    def forward(self, x: Tensor{real}) -> Tensor:
        """(N, T, F) to (N, T, units), the directions side by side."""
        sides = []
        for backward, cell in enumerate(self.cells):
            state = tuple(x.new_zeros(len(x), width) for width in self.widths)
            steps = range(x.shape[1])
            outputs = []
            for t in reversed(steps) if backward else steps:
{state}
                outputs.append(state[0])
            sides.append(torch.stack(outputs[::-1] if backward else outputs, dim=1))
        return torch.cat(sides, dim=-1)
'''
STATE = "                state = cell(x[:, t], state)"
MASKED_STATE = """\
                after = cell(x[:, t], state)
                pairs = zip(after, state, strict=True)
                state = tuple(torch.where(real[:, t], new, old) for new, old in pairs)"""

CELL = '''\
class {name}(nn.Module):
    """{equations}"""

    def __init__(
        self, inputs: int, units: int, phi: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.phi = phi
{constructors}

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
{forward}
'''


def _cell(cell: str, equations: str, constructors: str, forward: str) -> str:
    parts = ("\n".join(f"        {line}" for line in text.splitlines()) for text in (constructors, forward))
    return CELL.format(
        name=_cell_name(cell), equations=equations, **dict(zip(("constructors", "forward"), parts, strict=True))
    )


CELLS = {
    "rnn": _cell(
        "rnn",
        "h' = φ(x W + b + h U + c)",
        "self.inputs = nn.Linear(inputs, units)\nself.state = nn.Linear(units, units)",
        "return (self.phi(self.inputs(x) + self.state(state[0])),)",
    ),
    "lstm": _cell(
        "lstm",
        "i, f, o = σ(x W + b + h U + c); g = φ(...); c' = f c + i g; h' = o φ(c')",
        "self.inputs = nn.Linear(inputs, 4 * units)\nself.state = nn.Linear(units, 4 * units)",
        """\
h, c = state
i, f, g, o = (self.inputs(x) + self.state(h)).chunk(4, dim=-1)
c = torch.sigmoid(f) * c + torch.sigmoid(i) * self.phi(g)
return torch.sigmoid(o) * self.phi(c), c""",
    ),
    "gru": _cell(
        "gru",
        "u = h U + c; r, z = σ(x W + b + u); n = φ(x W + b + r u); h' = (1 - z) n + z h",
        "self.inputs = nn.Linear(inputs, 3 * units)\nself.state = nn.Linear(units, 3 * units)",
        """\
h = state[0]
x_r, x_z, x_n = self.inputs(x).chunk(3, dim=-1)
h_r, h_z, h_n = self.state(h).chunk(3, dim=-1)
r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
n = self.phi(x_n + r * h_n)
return ((1 - z) * n + z * h,)""",
    ),
    "gru-reset-before": _cell(
        "gru-reset-before",
        "r, z = σ(x W + b + h U); n = φ(x W + b + (r h) U); h' = (1 - z) n + z h",
        """\
self.inputs = nn.Linear(inputs, 3 * units)
self.gates = nn.Linear(units, 2 * units, bias=False)
self.candidate = nn.Linear(units, units, bias=False)""",
        """\
h = state[0]
x_r, x_z, x_n = self.inputs(x).chunk(3, dim=-1)
h_r, h_z = self.gates(h).chunk(2, dim=-1)
r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
n = self.phi(x_n + self.candidate(r * h))
return ((1 - z) * n + z * h,)""",
    ),
}
