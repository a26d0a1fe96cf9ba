"""PyTorch: recurrent layers. The fused ones, and every cell as one step next to its equation in a loop over the steps.

The loop runs where PyTorch has no fused layer, and for the others where dropout or a look inside needs each step.
A cell takes its weights (of one direction, in PyTorch's layout, columns first) and gives its step; a step takes `a`
= x W + b, known for all steps beforehand, `m`, the state as it enters the recurrent product, and the last state.
Sources as in reference_cells.py.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from backends.contract import of_direction
from backends.recurrent import Recurrent

State = tuple[Tensor, ...]  # see Recurrent.states
Step = Callable[[Tensor, Tensor, State], State]
States = dict[str, list[Tensor]]
Weights = Mapping[str, Tensor]

FUSED = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
NAMES = {
    "kernel": "weight_ih_l0",
    "recurrent_kernel": "weight_hh_l0",
    "bias": "bias_ih_l0",
    "recurrent_bias": "bias_hh_l0",
}


def recurrent_names(spec: Recurrent, layer: nn.Module) -> dict[str, str]:
    """A layer's parameters: their canonical names and PyTorch's."""
    if isinstance(layer, Unrolled):
        return layer.names
    return {
        direction + ours: theirs + ("_reverse" if direction else "")
        for direction in spec.directions
        for ours, theirs in NAMES.items()
    }


def rnn(weights: Weights) -> Step:
    """h' = tanh(a + m U)"""
    U, c = weights["recurrent_kernel"], weights.get("recurrent_bias")
    return lambda a, m, state: (torch.tanh(a + functional.linear(m, U, c)),)


def lstm(weights: Weights) -> Step:
    """i, f, o = σ(a + m U); g = tanh(a + m U); c' = f c + i g; h' = o tanh(c')"""
    U, c = weights["recurrent_kernel"], weights.get("recurrent_bias")

    def step(a: Tensor, m: Tensor, state: State) -> State:
        i, f, g, o = (a + functional.linear(m, U, c)).chunk(4, 1)
        cell = torch.addcmul(f.sigmoid() * state[1], i.sigmoid(), g.tanh())
        return o.sigmoid() * cell.tanh(), cell

    return step


def gru(weights: Weights) -> Step:
    """u = m U; r, z = σ(a + u); n = tanh(a + r u); h' = (1 - z) n + z h"""
    U, c = weights["recurrent_kernel"], weights.get("recurrent_bias")
    parts = [2 * U.shape[1], U.shape[1]]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        (a_rz, a_n), (u_rz, u_n) = a.split(parts, 1), functional.linear(m, U, c).split(parts, 1)
        r, z = torch.sigmoid(a_rz + u_rz).chunk(2, 1)
        return (torch.lerp(torch.tanh(torch.addcmul(a_n, r, u_n)), state[0], z),)

    return step


def gru_reset_before(weights: Weights) -> Step:
    """r, z = σ(a + m U); n = tanh(a + (r m) U); h' = (1 - z) n + z h

    The reduced forms differ in what r and z have: gru1 m U + b, gru2 m U, gru3 b. What is left out is zero here.
    """
    U = weights["recurrent_kernel"].T
    units, gated = len(U), len(U) < U.shape[1]
    U_rz, U_n = U[:, :-units], U[:, -units:]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        a_rz, a_n = a.split([2 * units, units], 1)
        r, z = torch.sigmoid(torch.addmm(a_rz, m, U_rz) if gated else a_rz).chunk(2, 1)
        return (torch.lerp(torch.tanh(torch.addmm(a_n, r * m, U_n)), state[0], z),)

    return step


def rmlp(weights: Weights) -> Step:
    """v₀ = relu(a + m U); vᵢ = relu(vᵢ₋₁ Wᵢ + bᵢ), the last without relu; prediction, memory' = its columns"""
    U = weights["recurrent_kernel"].T
    count = sum(name.startswith("kernel_") for name in weights)
    deeper = [(weights[f"kernel_{n}"], weights[f"bias_{n}"]) for n in range(1, count + 1)]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        value = torch.addmm(a, m, U)
        for W, b in deeper:
            value = functional.linear(value.relu(), W, b)
        prediction, memory = value.split([state[1].shape[1], m.shape[1]], 1)
        return memory, prediction

    return step


CELLS: Mapping[str, Callable[[Weights], Step]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "gru-reset-before": gru_reset_before,
    "gru1": gru_reset_before,
    "gru2": gru_reset_before,
    "gru3": gru_reset_before,
    "rmlp": rmlp,
}


class Unrolled(nn.Module):
    """The parameters of a layer that PyTorch has not, in its layout; a dot in a name becomes an underscore."""

    def __init__(self, spec: Recurrent, width: int) -> None:
        super().__init__()
        shapes = spec.shapes((1, width))
        self.names = {name: name.replace(".", "_") for name in shapes}
        for name, shape in shapes.items():
            self.register_parameter(self.names[name], nn.Parameter(torch.zeros(shape[::-1])))


def recurrent(
    spec: Recurrent, layer: nn.Module, x: Tensor, masks: Weights, prefix: str, states: States | None
) -> Tensor:
    """A layer's output, from the fused layer where it can do what is asked; states: see unroll."""
    if spec.cell in FUSED and masks.keys() <= {"input_mask"} and states is None:
        outputs, _ = layer(x * masks["input_mask"][:, None] if masks else x)
        return outputs if spec.sequences else last(spec, outputs)
    weights = {ours: getattr(layer, theirs) for ours, theirs in recurrent_names(spec, layer).items()}
    output, passed = unroll(spec, weights, masks, x)
    if states is not None:
        states |= {f"{prefix}{direction}".rstrip("."): steps for direction, steps in passed.items()}
    return output


def last(spec: Recurrent, outputs: Tensor) -> Tensor:
    """The output after each direction's own last step: the second one's stands first in time."""
    if not spec.bidirectional:
        return outputs[:, -1]
    return torch.cat([outputs[:, -1, : spec.units], outputs[:, 0, spec.units :]], 1)


def unroll(spec: Recurrent, weights: Weights, masks: Weights, x: Tensor) -> tuple[Tensor, States]:
    """A layer's output, and for each direction the state after each of its steps, in the order of reading."""
    sides, states = [], {}
    for direction in spec.directions:
        read = x.flip(1) if direction else x
        passed = loop(spec, of_direction(direction, weights), of_direction(direction, masks), read)
        outputs = [state[spec.output] for state in passed]
        sides.append(torch.stack(outputs[::-1] if direction else outputs, 1) if spec.sequences else outputs[-1])
        states[direction] = [state[0] for state in passed]
    return (torch.cat(sides, -1) if spec.bidirectional else sides[0]), states


def loop(spec: Recurrent, weights: Weights, masks: Weights, x: Tensor) -> list[State]:
    """One direction: the states after each step. x: (N, T, F), masks: (N, F) and (N, width of the state)."""
    if "input_mask" in masks:
        x = x * masks["input_mask"][:, None]
    projected = functional.linear(x.transpose(0, 1), weights["kernel"])
    a = widened(projected, spec.columns) + widened(weights["bias"], spec.columns)
    state = tuple(x.new_zeros(len(x), width) for width in spec.states)
    step, mask, states = CELLS[spec.cell](weights), masks.get("recurrent_mask"), []
    for a_t in a.unbind(0):
        state = step(a_t, state[0] if mask is None else state[0] * mask, state)
        states.append(state)
    return states


def widened(blocks: Tensor, columns: int) -> Tensor:
    """The gates that are left out stand first and count as zero: (..., fewer) to (..., columns)."""
    lacking = columns - blocks.shape[-1]
    return functional.pad(blocks, (lacking, 0)) if lacking else blocks
