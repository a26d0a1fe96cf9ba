"""Tensors of Flax nnx to canonical: those of `nnx.RNN` with its cells, `nnx.Linear` and `nnx.Conv`.

| Flax                                      | canonical                              |
| ----------------------------------------- | -------------------------------------- |
| any layout, order of gates                | the same                               |
| `cell.dense_i.kernel`                     | `kernel`                               |
| `cell.dense_h.kernel`                     | `recurrent_kernel`                     |
| lstm: `cell.dense_h.bias`                 | `bias`                                 |
| gru, rnn: `cell.dense_i.bias`             | `bias`                                 |
| gru: `cell.dense_h.bias`, if it is there  | `recurrent_bias`                       |
| `forward_rnn`, `backward_rnn`             | "", `backward.`                        |
"""

import re
from collections.abc import Mapping

from backends.layers import Layer, Shape
from backends.recurrent import Recurrent
from benchmarks.translation.tensors import BACKWARD, Dialect

RECURRENT = re.compile(r"(?:(.*?)\.)??(?:(forward_rnn|backward_rnn)\.)?(?:cell\.)+(dense_[ih]\.(?:kernel|bias))")


def _split(name: str) -> tuple[str, int, str]:
    if match := RECURRENT.fullmatch(name):
        prefix, side, role = match.groups()
        return prefix or "", 0, f"{BACKWARD if side == 'backward_rnn' else ''}{role}"
    prefix, _, role = name.rpartition(".")
    return prefix, 0, role


def _joined(prefix: str, number: int, role: str) -> str:
    name = role.removeprefix(BACKWARD)
    side = "backward_rnn." if role.startswith(BACKWARD) else ""
    full = f"{side}cell.{name}" if name.startswith("dense_") else name
    return f"{prefix}.{full}" if prefix else full


def _shapes(layer: Layer, shapes: Mapping[str, Shape]) -> tuple[dict[str, Shape], dict[str, Shape]]:
    if not isinstance(layer, Recurrent):
        return {"kernel": shapes["kernel"]}, {"bias": shapes["bias"]}
    place = "dense_h.bias" if layer.cell == "lstm" else "dense_i.bias"
    required = {"dense_i.kernel": shapes["kernel"], "dense_h.kernel": shapes["recurrent_kernel"], place: shapes["bias"]}
    return required, {"dense_h.bias": shapes["bias"]} if layer.cell == "gru" else {}


def _canonical(layer: Layer, role: str) -> str:
    if not isinstance(layer, Recurrent):
        return role
    names = {"dense_i.kernel": "kernel", "dense_h.kernel": "recurrent_kernel", "dense_i.bias": "bias"}
    return names.get(role, "bias" if layer.cell == "lstm" else "recurrent_bias")


def _fault(layer: Recurrent) -> str | None:
    if layer.cell == "gru-reset-before":
        return 'Flax resets its GRU after the product; write cell = "gru"'
    return None


DIALECT = Dialect(_split, _joined, _shapes, _canonical, _fault, transposed=False)
