"""PyTorch's tensors, `nn.LSTM`, `nn.GRU`, `nn.RNN`, `nn.Linear`, `nn.Conv1d` and their cells, to canonical weights.

| PyTorch                                   | canonical                              |
| ----------------------------------------- | -------------------------------------- |
| any layout                                | its axes in the opposite order         |
| `weight_ih_l0`, `weight_hh_l0`            | `kernel`, `recurrent_kernel`           |
| `bias_ih_l0`, `bias_hh_l0`                | `bias`, `recurrent_bias`               |
| ... `_reverse`                            | `backward.` ...                        |
| layer 1 of `nn.LSTM(num_layers=2)`: `_l1` | a layer of its own                     |
| gates: lstm `i f g o`, gru `r z n`        | the same                               |
"""

import re
from collections.abc import Mapping

from backends.layers import Layer, Shape
from backends.recurrent import Recurrent
from benchmarks.translation.tensors import BACKWARD, Dialect

ROLES = {"weight_ih": "kernel", "weight_hh": "recurrent_kernel", "bias_ih": "bias", "bias_hh": "recurrent_bias"}
RECURRENT = re.compile(r"(?:(.*)\.)?((?:weight|bias)_(?:ih|hh))(?:_l(\d+))?(_reverse)?")


def _split(name: str) -> tuple[str, int, str]:
    if match := RECURRENT.fullmatch(name):
        prefix, role, number, reverse = match.groups()
        return prefix or "", int(number or 0), f"{BACKWARD if reverse else ''}{role}"
    prefix, _, role = name.rpartition(".")
    return prefix, 0, role


def _joined(prefix: str, number: int, role: str) -> str:
    direction, name = role.startswith(BACKWARD), role.removeprefix(BACKWARD)
    full = f"{name}_l{number}{'_reverse' if direction else ''}" if name in ROLES else name
    return f"{prefix}.{full}" if prefix else full


def _shapes(layer: Layer, shapes: Mapping[str, Shape]) -> tuple[dict[str, Shape], dict[str, Shape]]:
    if not isinstance(layer, Recurrent):
        return {"weight": shapes["kernel"]}, {"bias": shapes["bias"]}
    required = {"weight_ih": shapes["kernel"], "weight_hh": shapes["recurrent_kernel"]}
    return required, dict.fromkeys(("bias_ih", "bias_hh"), shapes["bias"])


def _canonical(layer: Layer, role: str) -> str:
    return ROLES[role] if isinstance(layer, Recurrent) else {"weight": "kernel"}.get(role, role)


def _fault(layer: Recurrent) -> str | None:
    if layer.cell == "gru-reset-before":
        return 'PyTorch resets its GRU after the product; write cell = "gru"'
    if layer.activation != "tanh" and (layer.cell, layer.activation) != ("rnn", "relu"):
        return f'PyTorch has no {layer.cell} with {layer.activation}; write activation = "tanh"'
    return None


DIALECT = Dialect(_split, _joined, _shapes, _canonical, _fault, transposed=True)
