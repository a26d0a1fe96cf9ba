"""What Flax and Keras cannot do yet, refused in one sentence; it goes when both can."""

from typing import NoReturn

from backends.contract import Adam, Array, BackendError, Objective, Snapshot
from backends.layers import Dense
from backends.model import ModelSpec
from backends.recurrent import Recurrent


def refuse(framework: str, model: ModelSpec, objective: Objective, optimizer: Adam) -> None:
    """Anything but lstm, gru and rnn in one direction under linear dense layers, with the plain training."""
    for position, layer in enumerate(model.layers):
        known = layer in (Dense(layer.units),) if isinstance(layer, Dense) else False
        if isinstance(layer, Recurrent) and layer.cell in ("lstm", "gru", "rnn"):
            known = layer == Recurrent(layer.cell, layer.units, layer.sequences)
        if not known:
            raise BackendError(f"{framework} does not know layer {position} ({layer}) in this form yet; PyTorch does")
    if objective != Objective() or optimizer.clip_norm is not None or optimizer.weight_decay:
        raise BackendError(f"{framework} only knows the mean squared error and plain Adam yet; PyTorch knows the rest")


class NotYet:
    """The part of the contract that is still to come."""

    def flow(self, rows: Array) -> NoReturn:
        raise BackendError("this backend cannot give the gradient flow yet; PyTorch can")

    def snapshot(self) -> Snapshot:
        raise BackendError("this backend cannot give its optimizer's state yet; PyTorch can")

    def restore(self, snapshot: Snapshot) -> None:
        raise BackendError("this backend cannot take an optimizer's state yet; PyTorch can")
