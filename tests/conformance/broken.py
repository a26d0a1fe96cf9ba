"""Backends with one fault each, of kinds found in published comparisons. The suite must fail them."""

from dataclasses import replace

import numpy as np

from backends.contract import of_layer
from backends.optimizers import SGD
from backends.recurrent import BLOCKS, Recurrent
from backends.reference.cells import recurrent
from backends.reference.network import Network, _forward, load_weights
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


class OutputMaskNetwork(Network):
    """The mask is applied to the outputs of layers, but the state runs through the steps of padding."""

    def __call__(self, x, masks, perturbations, *, training):
        open_mask = np.concatenate([x[..., :-1] * x[..., -1:], np.ones_like(x[..., -1:])], axis=-1)
        return super().__call__(open_mask if self.model.masked else x, masks, perturbations, training=training)


class LastInTimeNetwork(Network):
    """A bidirectional layer gives both directions' outputs at the last step, where the backward one has just begun."""

    def __call__(self, x, masks, perturbations, *, training):
        caches = []
        for position, (spec, layer) in enumerate(zip(self.model.layers, self.layers, strict=True)):
            last = isinstance(spec, Recurrent) and spec.bidirectional and not spec.sequences
            every = replace(spec, sequences=True) if last else spec
            if isinstance(spec, Recurrent):
                x, _, cache = recurrent(every, layer, x, None, of_layer(position, masks), {}, {})
            else:
                x, cache = _forward(spec, layer, x, of_layer(position, masks))
            x = x[:, -1] if last else x
            caches.append((cache, None))
        return x, caches


class KerasMomentumOptimizer(NumpyOptimizer):
    """The learning rate is inside the velocity, as in Keras: v = μ v - α g; w += v."""

    def step(self, gradients, rate):
        spec = self.spec
        if not isinstance(spec, SGD):
            super().step(gradients, rate)
            return
        self.steps += 1
        for name, w in self.weights.items():
            v = self.moments["velocity"][name]
            v[...] = spec.momentum * v + rate * gradients[name]
            w -= v


def keras_momentum(network, spec, *, native):
    return KerasMomentumOptimizer(network, spec)


class LateResetsModel(ReferenceModel):
    """The state is set to zero a step after the one that begins a new chain of windows."""

    def train(self, steps):
        late = np.roll(steps.resets, 1, axis=0)
        late[0] = True
        return super().train(replace(steps, resets=late))


class ResetByBatchModel(ReferenceModel):
    """The state of all rows is set to zero where that of any row should be, as by Keras's `reset_states`."""

    def train(self, steps):
        every = steps.resets | steps.resets.any(axis=1, keepdims=True)
        return super().train(replace(steps, resets=every))


BROKEN = {
    "swapped-gates": replace(REFERENCE, load_weights=load_swapped),
    "second-bias": replace(REFERENCE, make_optimizer=second_bias_adam, model=SecondBiasModel),
    "keras-epsilon": replace(REFERENCE, make_optimizer=keras_adam),
    "unscaled-masks": replace(REFERENCE, model=UnscaledMasksModel),
    "mask-on-outputs": replace(REFERENCE, network=OutputMaskNetwork),
    "last-in-time": replace(REFERENCE, network=LastInTimeNetwork),
    "keras-momentum": replace(REFERENCE, make_optimizer=keras_momentum),
    "late-resets": replace(REFERENCE, model=LateResetsModel),
    "reset-by-batch": replace(REFERENCE, model=ResetByBatchModel),
}
# The problems on which a fault has an effect; those of the others are plain.
AFFECTED = {
    "unscaled-masks": ("gru on lstm, masked", "input dropout alone"),
    "mask-on-outputs": ("lstm, both directions, padded", "gru on rnn, both directions, padded on the right"),
    "last-in-time": ("rnn on lstm, both directions", "gru, both directions, dense head"),
    "keras-momentum": ("sgd, momentum",),
    "late-resets": ("lstm, carried state",),
    "reset-by-batch": ("gru on rnn, carried state",),
}
