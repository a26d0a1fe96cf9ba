"""Backends with one fault each, of kinds found in published comparisons. The suite must fail them."""

from dataclasses import replace

import numpy as np

from backends.recurrent import BLOCKS, Recurrent
from backends.reference.network import load_weights
from backends.reference.optimizer import NumpyOptimizer, make_optimizer
from backends.reference.training import ReferenceModel, create

REFERENCE = create("reference", dtype="float64")


def load_swapped(network, weights):
    """The first and the last gate of each cell are swapped, as with a wrong layout."""
    result = dict(weights)
    for name, value in weights.items():
        layer, kind = network.model.layers[int(name.split(".")[0])], name.split(".")[-1]
        if isinstance(layer, Recurrent) and layer.cell in BLOCKS:
            gates = np.split(value, getattr(BLOCKS[layer.cell], kind), axis=-1)
            gates[0], gates[-1] = gates[-1], gates[0]
            result[name] = np.concatenate(gates, axis=-1)
    load_weights(network, result)


def recurrent_biases(weights):
    kernels = {name.replace("recurrent_kernel", "bias") for name in weights if name.endswith("recurrent_kernel")}
    return [name for name in weights if name in kernels]


class SecondBiasOptimizer(NumpyOptimizer):
    """Each recurrent bias is the sum of two trained biases, as in PyTorch by default."""

    def step(self, gradients, rate):
        before = {name: self.weights[name].copy() for name in recurrent_biases(self.weights)}
        super().step(gradients, rate)
        for name, value in before.items():  # both biases take the same step, so their sum takes it twice
            self.weights[name] += self.weights[name] - value


class SecondBiasModel(ReferenceModel):
    def parameter_count(self):
        weights = self.weights()
        return super().parameter_count() + sum(weights[name].size for name in recurrent_biases(weights))


def second_bias_adam(network, spec, *, native):
    return SecondBiasOptimizer(network, spec)


def keras_adam(network, spec, *, native):
    """Adam with Keras's default epsilon."""
    return make_optimizer(network, replace(spec, epsilon=1e-7), native=native)


class UnscaledMasksModel(ReferenceModel):
    """Dropout that sets values to zero, but does not divide the others by 1 - rate."""

    def differentiate(self, rows, masks):
        return super().differentiate(rows, {name: np.sign(mask) for name, mask in masks.items()})


BROKEN = {
    "swapped-gates": replace(REFERENCE, load_weights=load_swapped),
    "second-bias": replace(REFERENCE, make_optimizer=second_bias_adam, model=SecondBiasModel),
    "keras-epsilon": replace(REFERENCE, make_optimizer=keras_adam),
    "unscaled-masks": replace(REFERENCE, model=UnscaledMasksModel),
}
