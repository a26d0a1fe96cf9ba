"""Backends with one fault each, of kinds found in published comparisons: the suite must see them."""

from dataclasses import replace

import numpy as np

from backends.contract import GATES, Recurrent
from backends.reference import ReferenceBackend, ReferenceModel


class SwappedGates(ReferenceBackend):
    """The first and the last gate of each cell stand in each other's place, as if the layouts were confused."""

    def build(self, model, optimizer, weights, x, y, *, dtype, seed):
        return super().build(model, optimizer, swapped(model, weights), x, y, dtype=dtype, seed=seed)


def swapped(model, weights):
    result = dict(weights)
    for name, value in weights.items():
        layer = model.layers[int(name.split(".")[0])]
        if isinstance(layer, Recurrent):
            first, *middle, last = np.split(value, GATES[layer.cell], axis=-1)
            result[name] = np.concatenate([last, *middle, first], axis=-1)
    return result


class SecondBias(ReferenceBackend):
    """Each recurrent bias is the sum of two trained ones, as PyTorch has it unless told otherwise."""

    def build(self, model, optimizer, weights, x, y, *, dtype, seed):
        return SecondBiasModel(model, optimizer, weights, x, y)


class SecondBiasModel(ReferenceModel):
    def _adam_step(self, gradients):
        before = self.weights()
        super()._adam_step(gradients)
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

    def build(self, model, optimizer, weights, x, y, *, dtype, seed):
        return super().build(model, replace(optimizer, epsilon=1e-7), weights, x, y, dtype=dtype, seed=seed)


BROKEN = {"swapped-gates": SwappedGates, "second-bias": SecondBias, "keras-epsilon": KerasEpsilon}
