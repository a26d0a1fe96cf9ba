"""PyTorch: recurrent layers. The fused ones, and every cell as one step next to its equation in a loop over the steps.

The loop serves cells and activations that PyTorch lacks, recurrent dropout, and state perturbations. A cell takes the
weights of one direction in PyTorch's layout, which is the transposed canonical one, and the activation φ, and gives its
step. A step takes `a` = x W + b, computed for all time steps beforehand; `m`, the state as it enters the recurrent
product; and the last state. The sources of the equations are in backends/reference/cells.py.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from backends.contract import BackendError, Dtype, of_direction
from backends.layers import Shape
from backends.recurrent import Recurrent

State = tuple[Tensor, ...]  # see Recurrent.states
Step = Callable[[Tensor, Tensor, State], State]
Weights = Mapping[str, Tensor]
Activation = Callable[[Tensor], Tensor]  # φ

ACTIVATIONS: Mapping[str, Activation] = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}
FUSED = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
CLOSED = -1e4  # the sigmoid of this is zero, whatever else is added
NAMES = {
    "kernel": "weight_ih_l0",
    "recurrent_kernel": "weight_hh_l0",
    "bias": "bias_ih_l0",
    "recurrent_bias": "bias_hh_l0",
}


def rnn(weights: Weights, phi: Activation) -> Step:
    """h' = φ(a + m U)"""
    U, c = weights["recurrent_kernel"], weights.get("recurrent_bias")
    return lambda a, m, state: (phi(a + functional.linear(m, U, c)),)


def lstm(weights: Weights, phi: Activation) -> Step:
    """i, f, o = σ(a + m U); g = φ(a + m U); c' = f c + i g; h' = o φ(c')"""
    U, c = weights["recurrent_kernel"], weights.get("recurrent_bias")

    def step(a: Tensor, m: Tensor, state: State) -> State:
        i, f, g, o = (a + functional.linear(m, U, c)).chunk(4, 1)
        cell = torch.addcmul(f.sigmoid() * state[1], i.sigmoid(), phi(g))
        return o.sigmoid() * phi(cell), cell

    return step


def gru(weights: Weights, phi: Activation) -> Step:
    """u = m U; r, z = σ(a + u); n = φ(a + r u); h' = (1 - z) n + z h"""
    U, c = weights["recurrent_kernel"], weights.get("recurrent_bias")
    parts = [2 * U.shape[1], U.shape[1]]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        (a_rz, a_n), (u_rz, u_n) = a.split(parts, 1), functional.linear(m, U, c).split(parts, 1)
        r, z = torch.sigmoid(a_rz + u_rz).chunk(2, 1)
        return (torch.lerp(phi(torch.addcmul(a_n, r, u_n)), state[0], z),)

    return step


def gru_reset_before(weights: Weights, phi: Activation) -> Step:
    """r, z = σ(a + m U); n = φ(a + (r m) U); h' = (1 - z) n + z h

    The reduced forms differ in the terms of r and z: gru1 has m U + b, gru2 m U, gru3 b. Missing terms are zero.
    """
    U = weights["recurrent_kernel"].T
    units, gated = len(U), len(U) < U.shape[1]
    U_rz, U_n = U[:, :-units], U[:, -units:]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        a_rz, a_n = a.split([2 * units, units], 1)
        r, z = torch.sigmoid(torch.addmm(a_rz, m, U_rz) if gated else a_rz).chunk(2, 1)
        return (torch.lerp(phi(torch.addmm(a_n, r * m, U_n)), state[0], z),)

    return step


def rmlp(weights: Weights, phi: Activation) -> Step:
    """v₀ = relu(a + m U); vᵢ = relu(vᵢ₋₁ Wᵢ + bᵢ), the last without relu; (prediction, memory') = the last v, split"""
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


CELLS: Mapping[str, Callable[[Weights, Activation], Step]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "rmlp": rmlp,
    **dict.fromkeys(("gru-reset-before", "gru1", "gru2", "gru3"), gru_reset_before),
}


class Unrolled(nn.Module):
    """A layer whose steps are written out: its parameters by canonical name, in PyTorch's layout."""

    def __init__(self, named: Mapping[str, nn.Parameter]) -> None:
        super().__init__()
        self.attributes = {name: name.replace(".", "_") for name in named}
        for name, parameter in named.items():
            self.register_parameter(self.attributes[name], parameter)


def make_recurrent(spec: Recurrent, shape: Shape, dtype: Dtype, *, native: bool) -> nn.Module:
    """PyTorch's own layer for inputs (T, F), or the parameters of a layer that it lacks."""
    dropout = " with dropout in it" if spec.dropout or spec.recurrent_dropout else ""
    if native and (dropout or not _has(spec)):
        raise BackendError(f"PyTorch has no layer of its own for {spec}{dropout}; use matched mode")
    if not _has(spec):
        return Unrolled({name: nn.Parameter(torch.zeros(size[::-1])) for name, size in spec.shapes(shape).items()})
    settings = {"nonlinearity": spec.activation} if spec.cell == "rnn" else {}
    return FUSED[spec.cell](shape[1], spec.units, batch_first=True, bidirectional=spec.bidirectional, **settings)


def _has(spec: Recurrent) -> bool:
    """Whether PyTorch has this layer: its LSTM and GRU have tanh alone, its RNN also ReLU."""
    return spec.cell in FUSED and (spec.activation == "tanh" or (spec.cell, spec.activation) == ("rnn", "relu"))


def recurrent_parameters(spec: Recurrent, layer: nn.Module) -> dict[str, nn.Parameter]:
    """The layer's parameters by their canonical names in the layer."""
    if isinstance(layer, Unrolled):
        return {name: getattr(layer, attribute) for name, attribute in layer.attributes.items()}
    return {
        direction + name: getattr(layer, attribute + ("_reverse" if direction else ""))
        for direction in spec.directions
        for name, attribute in NAMES.items()
    }


def recurrent(
    spec: Recurrent,
    layer: nn.Module,
    x: Tensor,
    real: Tensor | None,
    masks: Weights,
    perturbations: Weights,
    states: Weights,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The layer's output, (N, T, width) or (N, width), from PyTorch's own layer where it offers what is needed.

    Its states after the last step follow, or {} without `states`.

    real: (N, T, 1), whether a step is real; the state passes other steps unchanged. None: all steps are real.
    masks, perturbations: those of this layer, by name; see ModelSpec.
    states: those of this layer before the first step, (N, width) each, see ModelSpec.states; {}: zero.
    """
    if not isinstance(layer, Unrolled) and masks.keys() <= {"input_mask"} and not perturbations:
        x = x * masks["input_mask"][:, None] if masks else x
        if real is not None:
            return (_closed if spec.cell == "lstm" else _packed)(spec, layer, x, real), {}
        start = tuple(state[None] for state in states.values())
        outputs, last = layer(x, (start if spec.cell == "lstm" else start[0]) if start else None)
        after = [state[0] for state in (last if spec.cell == "lstm" else (last,))] if start else []
        return outputs if spec.sequences else _last(spec, outputs), dict(zip(states, after, strict=True))
    weights, sides, last = recurrent_parameters(spec, layer), [], ()
    for direction in spec.directions:
        named = (of_direction(direction, part) for part in (weights, masks, perturbations))
        read = real.flip(1) if real is not None and direction else real
        outputs, last = _loop(spec, x.flip(1) if direction else x, read, tuple(states.values()), *named)
        sides.append(torch.stack(outputs[::-1] if direction else outputs, 1) if spec.sequences else outputs[-1])
    return torch.cat(sides, -1) if spec.bidirectional else sides[0], dict(zip(states, last, strict=False))


def _packed(spec: Recurrent, layer: nn.Module, x: Tensor, real: Tensor) -> Tensor:
    """The output of PyTorch's own layer on a packed sequence, which has no padding. Any steps may be padding."""
    order = _real_first(real)
    front, lengths = x.gather(1, order.expand(-1, -1, x.shape[2])), real.sum((1, 2)).cpu()
    packed = nn.utils.rnn.pack_padded_sequence(front, lengths, batch_first=True, enforce_sorted=False)
    outputs, last = layer(packed)
    if not spec.sequences:
        return last.transpose(0, 1).flatten(1)
    padded, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])
    return _in_time(padded, order)


def _real_first(real: Tensor) -> Tensor:
    """(N, T, 1): the place in time of each step when the real ones come first."""
    return real.logical_not().to(torch.uint8).argsort(dim=1, stable=True)


def _in_time(outputs: Tensor, order: Tensor) -> Tensor:
    """Outputs in the order of time, from that of `_real_first`."""
    return torch.zeros_like(outputs).scatter(1, order.expand(-1, -1, outputs.shape[2]), outputs)


def _closed(spec: Recurrent, layer: nn.LSTM, x: Tensor, real: Tensor) -> Tensor:
    """The output of `nn.LSTM` with an input more, which is 1 in steps of padding and then closes the input gate.

    So the state stays zero until a direction has read its first real step; what it reads after its last one is not
    used. A packed sequence takes three times as long, because the LSTM's fast kernel for CPUs cannot read it.
    """
    order = _real_first(real)
    front = x.gather(1, order.expand(-1, -1, x.shape[2]))
    padding = real.gather(1, order).logical_not().to(x)
    if not hasattr(layer, "closing"):  # not registered, because its parameters are those of the layer
        size = (x.shape[2] + 1, spec.units)
        layer.__dict__["closing"] = nn.LSTM(*size, batch_first=True, bidirectional=spec.bidirectional, device="meta")
    weights = dict(layer.named_parameters())
    for name in ("weight_ih_l0", "weight_ih_l0_reverse")[: len(spec.directions)]:
        column = weights[name].new_zeros(4 * spec.units, 1)
        column[: spec.units] = CLOSED
        weights[name] = torch.cat([weights[name], column], 1)
    outputs, _ = torch.func.functional_call(layer.closing, weights, torch.cat([front, padding], 2))
    if spec.sequences:
        return _in_time(outputs, order)
    last = real.sum(1, keepdim=True).expand(-1, -1, spec.units) - 1
    sides = [outputs[:, :, : spec.units].gather(1, last)[:, 0], outputs[:, 0, spec.units :]]
    return torch.cat(sides, 1)


def _last(spec: Recurrent, outputs: Tensor) -> Tensor:
    """The output after each direction's own last step, which is first in time for the backward direction."""
    if not spec.bidirectional:
        return outputs[:, -1]
    return torch.cat([outputs[:, -1, : spec.units], outputs[:, 0, spec.units :]], 1)


def _loop(
    spec: Recurrent,
    x: Tensor,
    real: Tensor | None,
    start: State,
    weights: Weights,
    masks: Weights,
    perturbations: Weights,
) -> tuple[list[Tensor], State]:
    """One direction: the output of each step, (N, units), and the state after the last. start: before the first."""
    if "input_mask" in masks:
        x = x * masks["input_mask"][:, None]
    projected = functional.linear(x.transpose(0, 1), weights["kernel"])
    a = _widened(projected, spec.columns) + _widened(weights["bias"], spec.columns)
    state = start or tuple(x.new_zeros(len(x), width) for width in spec.states)
    step, mask, perturbation = (
        CELLS[spec.cell](weights, ACTIVATIONS[spec.activation]),
        masks.get("recurrent_mask"),
        perturbations.get("state"),
    )
    outputs = []
    for t, a_t in enumerate(a.unbind(0)):
        after = step(a_t, state[0] if mask is None else state[0] * mask, state)
        if perturbation is not None:
            after = (after[0] + perturbation[t], *after[1:])
        if real is not None:
            after = tuple(torch.where(real[:, t], new, old) for new, old in zip(after, state, strict=True))
        state = after
        outputs.append(state[spec.output])
    return outputs, state


def _widened(blocks: Tensor, columns: int) -> Tensor:
    """(..., fewer) to (..., columns): zeros for the first gates, which have no block."""
    lacking = columns - blocks.shape[-1]
    return functional.pad(blocks, (lacking, 0)) if lacking else blocks
