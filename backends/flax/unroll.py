"""Flax with a compiled epoch in which each turn of the loop over time holds several time steps."""

from dataclasses import replace

from flax import nnx

from backends.contract import Array, Backend, Dtype, Objective
from backends.flax import training
from backends.flax.network import Network
from backends.flax.optimizer import OptaxOptimizer
from backends.flax.training import FlaxModel

UNROLL = 4  # time steps in one turn of the loop; more take longer to compile and are no faster on a CPU


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend."""
    return replace(training.create(name, dtype=dtype), model=UnrolledModel)


class UnrolledModel(FlaxModel):
    """Sets `unroll` of every `nnx.RNN`; cells that Flax lacks keep their scan."""

    def __init__(self, network: Network, objective: Objective, optimizer: OptaxOptimizer, x: Array, y: Array) -> None:
        for _, module in nnx.iter_modules(network):
            if isinstance(module, nnx.RNN):
                module.unroll = UNROLL
        super().__init__(network, objective, optimizer, x, y)
