"""Backends with one fault each, of kinds found in published comparisons. The suite must fail them."""

from dataclasses import replace

import numpy as np

from backends.recurrent import BLOCKS, Recurrent
from backends.reference.optimizer import Optimizer
from backends.reference.training import ReferenceBackend, ReferenceModel


class SwappedGates(ReferenceBackend):
    """The first and the last gate of each cell are swapped, as with a wrong layout."""

    def build(self, model, objective, optimizer, weights, x, y, *, dtype, seed):
        return super().build(model, objective, optimizer, swapped(model, weights), x, y, dtype=dtype, seed=seed)


def swapped(model, weights):
    result = dict(weights)
    for name, value in weights.items():
        layer, kind = model.layers[int(name.split(".")[0])], name.split(".")[-1]
        if isinstance(layer, Recurrent) and layer.cell in BLOCKS:
            gates = np.split(value, getattr(BLOCKS[layer.cell], kind), axis=-1)
            gates[0], gates[-1] = gates[-1], gates[0]
            result[name] = np.concatenate(gates, axis=-1)
    return result


class SecondBias(ReferenceBackend):
    """Each recurrent bias is the sum of two trained biases, as in PyTorch by default."""

    def build(self, model, objective, optimizer, weights, x, y, *, dtype, seed):
        built = super().build(model, objective, optimizer, weights, x, y, dtype=dtype, seed=seed)
        return SecondBiasModel(built.network, objective, SecondBiasOptimizer(built.network, optimizer), x, y)


def recurrent_biases(weights):
    return [name for name in weights if name.endswith(".bias") and name.replace("bias", "recurrent_kernel") in weights]


class SecondBiasOptimizer(Optimizer):
    def step(self, gradients, rate):
        before = {name: self.weights[name].copy() for name in recurrent_biases(self.weights)}
        super().step(gradients, rate)
        for name, value in before.items():  # both biases take the same step, so their sum takes it twice
            self.weights[name] += self.weights[name] - value


class SecondBiasModel(ReferenceModel):
    def parameter_count(self):
        weights = self.weights()
        return super().parameter_count() + sum(weights[name].size for name in recurrent_biases(weights))


class KerasEpsilon(ReferenceBackend):
    """Adam with Keras's default epsilon."""

    def build(self, model, objective, optimizer, weights, x, y, *, dtype, seed):
        changed = replace(optimizer, epsilon=1e-7)
        return super().build(model, objective, changed, weights, x, y, dtype=dtype, seed=seed)


class UnscaledMasks(ReferenceBackend):
    """Dropout that sets values to zero, but does not divide the others by 1 - rate."""

    def build(self, model, objective, optimizer, weights, x, y, *, dtype, seed):
        built = super().build(model, objective, optimizer, weights, x, y, dtype=dtype, seed=seed)
        return UnscaledMasksModel(built.network, objective, built.optimizer, x, y)


class UnscaledMasksModel(ReferenceModel):
    def differentiate(self, rows, masks):
        return super().differentiate(rows, {name: np.sign(mask) for name, mask in masks.items()})


BROKEN = {
    "swapped-gates": SwappedGates,
    "second-bias": SecondBias,
    "keras-epsilon": KerasEpsilon,
    "unscaled-masks": UnscaledMasks,
}
