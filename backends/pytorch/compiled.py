"""PyTorch with `torch.compile`: forward and backward pass are compiled, the loop over the steps is Python.

`torch.compile` leaves compiled code wherever a model touches `nn.LSTM`, `nn.GRU` or `nn.RNN`. On a CPU the LSTM has a
fast kernel of its own, so it is kept; the others run as a written loop over the time steps, and the whole loss is one
compiled function.
"""

from dataclasses import replace

import torch
from torch import nn

from backends.contract import Array, Backend, BackendError, Dtype, Objective
from backends.pytorch import training
from backends.pytorch.cells import Unrolled, recurrent_parameters
from backends.pytorch.network import Network
from backends.pytorch.training import PyTorchModel
from backends.recurrent import Recurrent


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend. Raises BackendError if there is no C++ compiler."""
    from torch._inductor import config, cpp_builder, exc

    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        raise BackendError(
            f"backend '{name}' needs a C++ compiler, and none is installed; on Debian and Ubuntu type "
            "`apt-get install g++`, on macOS `xcode-select --install`"
        ) from None
    config.force_disable_caches = True  # every process compiles, so that its first step is comparable
    return replace(training.create(name, dtype=dtype), model=CompiledModel)


class CompiledModel(PyTorchModel):
    """`torch.compile` of the objective of a training step; the loop over the steps is that of `PyTorchModel`."""

    def __init__(
        self, network: Network, objective: Objective, optimizer: torch.optim.Optimizer, x: Array, y: Array
    ) -> None:
        super().__init__(network, objective, optimizer, x, y)
        for position, (spec, layer) in enumerate(zip(network.model.layers, network.layers, strict=True)):
            if isinstance(spec, Recurrent) and (spec.recurrent_dropout or isinstance(layer, nn.GRU | nn.RNN)):
                named = recurrent_parameters(spec, layer).items()
                network.layers[position] = Unrolled({name: value for name, value in named if value.requires_grad})
        self.step_loss = torch.compile(self._loss, dynamic=False)
