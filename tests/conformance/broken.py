"""Backends with one fault each, of kinds found in published comparisons: the suite must see them."""

from dataclasses import replace

import numpy as np

from backends.recurrent import BLOCKS, Recurrent
from backends.reference.network import ReferenceBackend, ReferenceModel


class SwappedGates(ReferenceBackend):
    """The first and the last gate of each cell stand in each other's place, as if the layouts were confused."""

    def build(self, model, objective, optimizer, weights, x, y, *, dtype, seed):
        return super().build(model, objective, optimizer, swapped(model, weights), x, y, dtype=dtype, seed=seed)


def swapped(model, weights):
    result = dict(weights)
    for name, value in weights.items():
        layer, own = model.layers[int(name.split(".")[0])], name.split(".")[-1]
        if isinstance(layer, Recurrent) and layer.cell in BLOCKS:
            gates = np.split(value, getattr(BLOCKS[layer.cell], own), axis=-1)
            gates[0], gates[-1] = gates[-1], gates[0]
            result[name] = np.concatenate(gates, axis=-1)
    return result


class SecondBias(ReferenceBackend):
    """Each recurrent bias is the sum of two trained ones, as PyTorch has it unless told otherwise."""

    def build(self, model, objective, optimizer, weights, x, y, *, dtype, seed):
        return SecondBiasModel(model, objective, optimizer, weights, x, y)


class SecondBiasModel(ReferenceModel):
    def _adam_step(self, gradients, rate):
        before = self.weights()
        super()._adam_step(gradients, rate)
        for name in (name for name in gradients if name.replace("bias", "recurrent_kernel") in gradients):
            if name.endswith(".bias"):  # both biases take the same step, so their sum takes it twice
                self._weights[name] = 2 * self._weights[name] - before[name]

    def parameter_count(self):
        extra = sum(
            w.size
            for name, w in self._weights.items()
            if f"{name.split('.')[0]}.recurrent_kernel" in self._weights and name.endswith(".bias")
        )
        return super().parameter_count() + extra


class KerasEpsilon(ReferenceBackend):
    """Adam with Keras' default epsilon."""

    def build(self, model, objective, optimizer, weights, x, y, *, dtype, seed):
        changed = replace(optimizer, epsilon=1e-7)
        return super().build(model, objective, changed, weights, x, y, dtype=dtype, seed=seed)


class UnscaledMasks(ReferenceBackend):
    """Dropout that zeroes, but does not divide what is left by 1 - rate."""

    def build(self, model, objective, optimizer, weights, x, y, *, dtype, seed):
        return UnscaledMasksModel(model, objective, optimizer, weights, x, y)


class UnscaledMasksModel(ReferenceModel):
    def _backward(self, rows, masks):
        return super()._backward(rows, {name: np.sign(mask) for name, mask in masks.items()})


BROKEN = {
    "swapped-gates": SwappedGates,
    "second-bias": SecondBias,
    "keras-epsilon": KerasEpsilon,
    "unscaled-masks": UnscaledMasks,
}
