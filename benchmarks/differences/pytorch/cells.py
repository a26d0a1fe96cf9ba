"""PyTorch: recurrent layers. A function for each difference; the lines of the functions `equal_...` are shown."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.differences.probe import Array, Case, Probe, shown

torch.set_default_dtype(torch.float64)
State = tuple[Tensor, Tensor]


def layer(case: Case, kind: type[nn.RNNBase] = nn.LSTM, **settings: Any) -> nn.RNNBase:  # noqa: ANN401
    """A layer with the case's weights in its first bias. The second bias is left as PyTorch draws it."""
    torch.manual_seed(0)
    made = kind(case.features, case.units, batch_first=True, **settings)
    kernels = case.lstm if kind is nn.LSTM else case.gru
    with torch.no_grad():
        for name, value in zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"), kernels, strict=True):
            for suffix in ("", "_reverse") if made.bidirectional else ("",):
                getattr(made, name + suffix).copy_(torch.tensor(value.T))
    return made


def plain(case: Case, kind: type[nn.RNNBase] = nn.LSTM, **settings: Any) -> nn.RNNBase:  # noqa: ANN401
    """A layer with the case's weights and a second bias of zero."""
    made = layer(case, kind, **settings)
    for name, parameter in made.named_parameters():
        if name.startswith("bias_hh"):
            equal_second_bias(parameter)
    return made


def last(made: nn.RNNBase, x: Array) -> Array:
    """The last outputs (N, H) of the case's windows."""
    return made(torch.tensor(x))[0][:, -1].detach().numpy()


def stepped(made: nn.RNNBase, case: Case) -> Array:
    """The last outputs after one step of gradient descent."""
    optimizer = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], lr=0.1)
    loss = ((made(torch.tensor(case.x))[0][:, -1] - torch.tensor(case.target)) ** 2).mean()
    loss.backward()
    optimizer.step()
    return last(made, case.x)


@shown
def equal_second_bias(bias_hh: Tensor) -> None:
    nn.init.zeros_(bias_hh)  # for each parameter bias_hh_l0, bias_hh_l1, ...
    bias_hh.requires_grad = False


def second_bias(case: Case) -> Probe:
    made = layer(case)
    biases = sum(p.numel() for name, p in made.named_parameters() if "bias" in name) / (4 * case.units)
    return Probe(biases, stepped(made, case), stepped(plain(case), case))


def gate_order(case: Case) -> Probe:
    made = plain(case, nn.GRU)
    return Probe(_update_block(case), last(made, case.x), last(made, case.x))


def _update_block(case: Case) -> int:
    """The place of the update gate: the block whose large bias keeps the state at zero."""
    for place in range(3):
        made = plain(case, nn.GRU)
        with torch.no_grad():
            made.bias_ih_l0[place * case.units : (place + 1) * case.units] = 100.0
        if np.abs(last(made, case.x)).max() < 1e-6:
            return place
    return -1


@shown
def equal_gru_reset(h: Tensor, a_rz: Tensor, a_n: Tensor, U_rz: Tensor, U_n: Tensor) -> Tensor:
    r, z = torch.sigmoid(a_rz + h @ U_rz).chunk(2, dim=1)  # a = x_t @ W + b; a cell of your own
    n = torch.tanh(a_n + (r * h) @ U_n)
    return (1 - z) * n + z * h


def gru_reset(case: Case) -> Probe:
    W, U, b = (torch.tensor(value) for value in case.gru)
    split = 2 * case.units
    h = torch.zeros(len(case.x), case.units)
    after = h
    for x_t in torch.tensor(case.x).unbind(1):
        a = x_t @ W + b
        h = equal_gru_reset(h, a[:, :split], a[:, split:], U[:, :split], U[:, split:])
        u = after @ U
        r, z = torch.sigmoid(a[:, :split] + u[:, :split]).chunk(2, dim=1)
        after = (1 - z) * torch.tanh(a[:, split:] + r * u[:, split:]) + z * after
    default = last(plain(case, nn.GRU), case.x)
    resets_after = np.allclose(default, after.numpy(), rtol=0, atol=1e-12)
    return Probe("after" if resets_after else "before", default, h.numpy())


@shown
def equal_initial_weights(layer: nn.LSTM) -> None:
    nn.init.xavier_uniform_(layer.weight_ih_l0)
    nn.init.orthogonal_(layer.weight_hh_l0)
    nn.init.zeros_(layer.bias_ih_l0), nn.init.zeros_(layer.bias_hh_l0)


def initial_weights(case: Case) -> Probe:
    torch.manual_seed(0)
    made = nn.LSTM(64, 64)
    default = _spread(made)
    equal_initial_weights(made)
    return Probe(default.tolist(), default, _spread(made))


def _spread(made: nn.LSTM) -> Array:
    return np.array([float(weight.detach().std()) for weight in (made.weight_ih_l0, made.weight_hh_l0)])


@shown
def equal_forget_bias(layer: nn.LSTM, units: int) -> None:
    nn.init.ones_(layer.bias_ih_l0.data[units : 2 * units])  # the gates are i, f, g, o
    nn.init.zeros_(layer.bias_hh_l0.data[units : 2 * units])


def forget_bias(case: Case) -> Probe:
    torch.manual_seed(0)
    made, part = nn.LSTM(3, 64), slice(64, 128)

    def total() -> Array:
        return (made.bias_ih_l0[part] + made.bias_hh_l0[part]).detach().numpy()

    default = total()
    equal_forget_bias(made, 64)
    return Probe(round(float(default.mean())), default, total())


@shown
def equal_padding(layer: nn.LSTM, x: Tensor, lengths: Tensor) -> Tensor:
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = layer(packed)
    return h[-1]


def padding(case: Case) -> Probe:
    made = plain(case)
    default = last(made, case.padded)
    equal = equal_padding(made, torch.tensor(case.padded), torch.tensor(case.lengths))
    return Probe(_reads_zeros(default, equal.detach().numpy()), default, equal.detach().numpy())


def _reads_zeros(default: Array, masked: Array) -> bool:
    return bool(np.abs(default - masked).max() > 1e-6)


@shown
def equal_bidirectional_last(layer: nn.LSTM, x: Tensor) -> Tensor:
    _, (h, _) = layer(x)  # not output[:, -1]
    return torch.cat([h[-2], h[-1]], dim=-1)


def bidirectional_last(case: Case) -> Probe:
    made = plain(case, bidirectional=True)
    default = last(made, case.x)
    equal = equal_bidirectional_last(made, torch.tensor(case.x)).detach().numpy()
    return Probe(bool(np.allclose(default, equal)), default, equal)


@shown
def equal_recurrent_dropout(a: Tensor, h: Tensor, c: Tensor, U: Tensor, masks: Tensor) -> State:
    # a step of a cell of your own; a = x_t @ W + b; first axis of a, U, masks: the gates; masks: drawn once a sequence
    i, f, g, o = a + torch.einsum("gnh,ghk->gnk", h * masks, U)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def recurrent_dropout(case: Case) -> Probe:
    made = plain(case)
    W, U, b = (torch.tensor(np.stack(np.split(value, 4, axis=-1))) for value in case.lstm)
    h = c = torch.zeros(len(case.x), case.units)
    for x_t in torch.tensor(case.x).unbind(1):
        h, c = equal_recurrent_dropout(x_t @ W + b[:, None], h, c, U, torch.tensor(case.masks))
    offered = hasattr(made, "recurrent_dropout")
    return Probe("offered" if offered else "none", last(made, case.x), h.numpy())


def dropout_scaling(case: Case) -> Probe:
    torch.manual_seed(0)
    values = np.unique(nn.Dropout(0.5)(torch.ones(1000)).numpy())
    return Probe(float(values.max()), values, values)


@shown
def equal_dropout_argument(layer: nn.LSTM, x: Tensor, rate: float) -> Tensor:
    mask = nn.functional.dropout(torch.ones_like(x[:, :1]), rate)  # one mask for all steps of a sequence
    return layer(x * mask)[0][:, -1]


def dropout_argument(case: Case) -> Probe:
    made = plain(case, dropout=0.999).train()
    kept = torch.allclose(made(torch.tensor(case.x))[0], plain(case)(torch.tensor(case.x))[0])
    equal = equal_dropout_argument(plain(case), torch.tensor(case.x), 0.999).detach().numpy()
    return Probe("nothing, for a single layer" if kept else "inputs", last(made, case.x), equal)
