"""Keras 3: its own layers, on three engines; the cells that it lacks are in cells.py.

| canonical                          | Keras                                                            |
| ---------------------------------- | ---------------------------------------------------------------- |
| any `kernel`, `recurrent_kernel`   | the same                                                         |
| recurrent `bias`                   | `bias`; the GRU's is (2, ...), its second row is fixed at zero   |
| `backward.` ...                    | ... of `Bidirectional`'s `backward_layer`                        |
| gates: lstm `i f g o`, gru `r z n` | lstm the same (`i f c o`), gru `z r h`: the first two swap       |
| native: `recurrent_bias`           | the second row of the GRU's `bias`, trained                      |
"""

import random
from collections.abc import Mapping

import keras
import numpy as np
from keras import layers, ops

from backends.contract import KEPT, Array, Dtype, Weights, of_layer
from backends.keras.cells import make_recurrent, recurrent, recurrent_parameters
from backends.keras.engines import KerasLayer, Named, Tensor, Variable
from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.model import ModelSpec
from backends.recurrent import Recurrent


class Network:
    """From windows (N, T, F) to outputs (N, H)."""

    def __init__(self, model: ModelSpec, features: int, window: int, dtype: Dtype, seed: int, *, native: bool) -> None:
        random.seed(seed)  # the source of all draws; keras.utils.set_random_seed would import TensorFlow on any engine
        self.model, self.features, self.window, self.native = model, features, window, native
        self.layers = [make_layer(spec, shape, dtype, native=native) for _, spec, shape in model.walk(features, window)]
        self.trained = list(parameters(self).values())
        self._drawing = [variable for layer in self.layers for variable in layer.non_trainable_variables if native]
        self._states: dict[int, dict[str, Variable]] = {}  # by batch size, because compiled programs refer to them
        self.carried: dict[str, Variable] = {}  # the states after the last step, see ModelSpec.states
        self.changing = self._drawing  # what a call changes: random generators, and the carried states
        for name in model.states():
            self.layers[int(name.split(".")[0])].return_state = True  # an attribute without effect in other layers
        self.recurs = any(isinstance(spec, Recurrent) for spec in model.layers)
        sides = ("forward_layer", "backward_layer")  # of Bidirectional
        self.compiles = all(getattr(layer, side, layer).supports_jit for layer in self.layers for side in sides)

    def carry(self, batch: int) -> None:
        """Take the states of a stateful model for a batch of this size; they are zero if the last batch had another."""
        if batch not in self._states:
            self._states[batch] = {
                name: keras.Variable(np.zeros((batch, width)), trainable=False, dtype=keras.config.floatx())
                for name, width in self.model.states().items()
            }
        if self.carried is not self._states[batch]:
            self.carried = self._states[batch]
            for state in self.carried.values():
                state.assign(np.zeros(state.shape))
        self.changing = [*self._drawing, *self.carried.values()]

    def __call__(self, x: Tensor, masks: Named, perturbations: Named, *, training: bool) -> Tensor:
        """masks, perturbations: by name, see ModelSpec and Steps.inputs. training: native dropout is active."""
        kept = masks.get(KEPT)
        states = {} if kept is None else {name: state * kept[:, None] for name, state in self.carried.items()}
        after: dict[str, Tensor] = {}
        x, real = (x[..., :-1] * x[..., -1:], x[..., -1:] > 0) if self.model.masked else (x, None)
        for position, (spec, layer) in enumerate(zip(self.model.layers, self.layers, strict=True)):
            layer_masks = of_layer(position, masks)
            match spec:
                case Recurrent():
                    named = (layer_masks, of_layer(position, perturbations), of_layer(position, states))
                    x, last = recurrent(spec, layer, x, real, *named, training=training)
                    after |= {f"{position}.{name}": state for name, state in last.items()}
                case Dropout():
                    dropped = layer(x, training=training)
                    x = dropped * layer_masks["mask"] if layer_masks else dropped
                case _:
                    x = layer(x)
            if len(x.shape) == 2:  # a vector has no steps
                real = None
            elif real is not None:
                x = x * ops.cast(real, x.dtype)
        for name, state in after.items():
            self.carried[name].assign(ops.stop_gradient(state))
        return x


def make_layer(spec: Layer, shape: Shape, dtype: Dtype, *, native: bool) -> KerasLayer:
    """Keras's own layer, built for inputs of this shape, or the parameters of a layer that it lacks."""
    match spec:
        case Recurrent():
            layer = make_recurrent(spec, shape, dtype, native=native)
        case Dense():
            layer = layers.Dense(spec.units, activation=spec.activation, dtype=dtype)
        case Conv1D():
            layer = layers.Conv1D(spec.filters, spec.width, padding="same", activation=spec.activation, dtype=dtype)
        case Flatten():
            layer = layers.Flatten(dtype=dtype)
        case Repeat():
            layer = layers.RepeatVector(spec.times, dtype=dtype)
        case _:  # in matched mode the mask alone drops out
            layer = layers.Dropout(spec.rate if native and isinstance(spec, Dropout) else 0.0, dtype=dtype)
    layer.build((None, *shape))
    return layer


def parameters(network: Network) -> dict[str, Variable]:
    """The trained variables by canonical name."""
    result: dict[str, Variable] = {}
    for position, (spec, layer) in enumerate(zip(network.model.layers, network.layers, strict=True)):
        if isinstance(spec, Recurrent):
            named = recurrent_parameters(spec, layer)
        else:
            named = {variable.name: variable for variable in layer.trainable_variables}
        result |= {f"{position}.{name}": variable for name, variable in named.items()}
    return result


def load_weights(network: Network, weights: Weights) -> None:
    """Set the variables to canonical weights, and the GRU's second bias to zero if it is missing."""
    assign(network, parameters(network), weights)


def assign(network: Network, variables: Mapping[str, Variable], values: Weights) -> None:
    """Set variables, named as their parameters, to canonical weights or moments."""
    for name, variable in variables.items():
        rows = [values[name]]
        if len(variable.shape) > rows[0].ndim:
            rows.append(values.get(name.replace("bias", "recurrent_bias"), np.zeros_like(rows[0])))
        value = _swapped(network, name, np.stack(rows))
        variable.assign(value if len(rows) > 1 else value[0])


def canonical(network: Network, tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Weights, gradients or moments from Keras's layout to the canonical one."""
    result = {}
    for name, tensor in tensors.items():
        value = _swapped(network, name, np.array(ops.convert_to_numpy(tensor)))
        if name.endswith("bias") and value.ndim == 2:
            value, second = value
            if network.native:
                result[name.replace("bias", "recurrent_bias")] = second
        result[name] = value
    return result


def _swapped(network: Network, name: str, value: Array) -> Array:
    """The GRUs' gates from `r z n` to `z r h`, or back. Parameters of other layers and reduced forms are unchanged."""
    spec = network.model.layers[int(name.split(".")[0])]
    if not isinstance(spec, Recurrent) or not spec.cell.startswith("gru") or value.shape[-1] != 3 * spec.units:
        return value
    first, second, candidate = np.split(value, 3, axis=-1)
    return np.concatenate([second, first, candidate], axis=-1)
