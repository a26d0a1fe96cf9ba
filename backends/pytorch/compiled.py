"""PyTorch with `torch.compile`: forward and backward pass are compiled, the loop over the steps is Python.

`torch.compile` does not look into `nn.LSTM`, `nn.GRU` and `nn.RNN`. On a CPU the LSTM has a fast kernel of its own, so
it is kept; the others run as a written loop over the time steps, which is compiled as a whole.
"""

from dataclasses import replace

import torch
from torch import nn

from backends.contract import Array, Backend, BackendError, Dtype, Objective
from backends.pytorch import training
from backends.pytorch.network import Network
from backends.pytorch.training import PyTorchModel


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
        for layer in network.layers:
            if isinstance(layer, nn.GRU | nn.RNN):
                layer.written = True
        self.step_loss = torch.compile(self._loss, dynamic=False)
