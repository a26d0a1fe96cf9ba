"""Keras 3: its own layers and `optimizers.Adam`, on three engines; the cells that it lacks are in keras_cells.py.

| canonical                          | Keras                                                            |
| ---------------------------------- | ---------------------------------------------------------------- |
| any `kernel`, `recurrent_kernel`   | the same                                                         |
| recurrent `bias`                   | `bias`; the GRU's is (2, ...), its second row is held at zero    |
| `backward.` ...                    | ... of `Bidirectional`'s `backward_layer`                        |
| gates: lstm `i f g o`, gru `r z n` | lstm the same (`i f c o`), gru `z r h`: the first two swap       |
| native: `recurrent_bias`           | the second row of the GRU's `bias`, trained                      |

Keras chooses its engine when it is first imported, so nothing here imports it, or an engine, before `create`. What each
engine does its own way is told in keras_engines.py.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from backends.contract import Adam, Array, BackendError, Checkpoint, Dtype, Objective, Steps, Weights, of_layer
from backends.keras.cells import OWN, first_row, make_recurrent, recurrent, recurrent_variables, sides, swapped
from backends.keras.engines import Engine, Extras, KerasLayer, Optimizer, Scan, Tensor, Training, Variable, start
from backends.keras.optimizer import asked, matched
from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.model import ModelSpec
from backends.recurrent import Recurrent

LOSSES = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "huber": "huber"}


def create(name: str, *, dtype: Dtype, threads: int) -> "KerasBackend":
    """Import Keras on the engine that the backend's name asks for, and configure both for this process."""
    engine = start(name, dtype, threads)
    import keras

    keras.config.set_floatx(dtype)
    keras.saving.register_keras_serializable("like-for-like")(first_row)  # Bidirectional copies its layer
    return KerasBackend(name, engine)


class KerasBackend:
    """Keras, in a training loop of its engine's own."""

    def __init__(self, name: str, engine: type[Engine]) -> None:
        self.name, self._engine = name, engine

    def build(
        self,
        model: ModelSpec,
        objective: Objective,
        optimizer: Adam,
        weights: Weights | None,
        x: Array,
        y: Array,
        *,
        dtype: Dtype,
        seed: int,
    ) -> "KerasModel":
        random.seed(seed)  # all that layers draw on; keras.utils.set_random_seed would import TensorFlow on any engine
        window, features = x.shape[1:]
        network = Network(model, features, window, dtype, self._engine.scan, native=weights is None)
        if weights is not None:
            load_weights(network.specs, network.parameters, weights)
        stepper = adam(network, optimizer, native=weights is None)
        return KerasModel(network, objective, stepper, self._engine, x.astype(dtype), y.astype(dtype))


class Network:
    """(N, T, F) to (N, H)."""

    def __init__(self, model: ModelSpec, features: int, window: int, dtype: Dtype, scan: Scan, *, native: bool) -> None:
        self.specs, self.shapes = model.layers, [shape for _, _, shape in model.walk(features, window)]
        self.layers = [make_layer(spec, shape, dtype, native=native) for _, spec, shape in model.walk(features, window)]
        self.parameters, self.native, self._scan = parameters(self), native, scan
        self.trained = list(self.parameters.values())
        self.drawing = [variable for layer in self.layers for variable in layer.non_trainable_variables if native]
        self.recurs = any(isinstance(spec, Recurrent) for spec in self.specs)
        self.compiles = all(side.supports_jit for layer in self.layers for side in sides(layer))

    def __call__(self, x: Tensor, extras: Extras, *, training: bool) -> Tensor:
        """extras: masks, and probes where a look inside is asked for; see keras_cells.loop."""
        for position, (spec, layer) in enumerate(zip(self.specs, self.layers, strict=True)):
            own = of_layer(position, extras)
            match spec:
                case Recurrent():
                    x = recurrent(spec, layer, x, own, self._scan, training=training)
                case Dropout():
                    x = layer(x, training=training) * own["mask"] if own else layer(x, training=training)
                case _:
                    x = layer(x)
        return x


def make_layer(spec: Layer, shape: Shape, dtype: Dtype, *, native: bool) -> KerasLayer:
    """The framework's own layer, built for inputs of this shape, or the parameters of one that it has not."""
    from keras import layers

    match spec:
        case Recurrent():
            if native and spec.cell not in OWN:
                raise BackendError(f"Keras has no layer of its own for {spec}; in matched mode there is one")
            layer = make_recurrent(spec, shape, dtype, native=native)
        case Dense():
            layer = layers.Dense(spec.units, activation=spec.activation, dtype=dtype)
        case Conv1D():
            layer = layers.Conv1D(spec.filters, spec.width, padding="same", activation=spec.activation, dtype=dtype)
        case Flatten():
            layer = layers.Flatten(dtype=dtype)
        case Repeat():
            layer = layers.RepeatVector(spec.times, dtype=dtype)
        case _:  # matched, the mask is all there is of it
            layer = layers.Dropout(spec.rate if native and isinstance(spec, Dropout) else 0.0, dtype=dtype)
    layer.build((None, *shape))
    return layer


def parameters(network: Network) -> dict[str, Variable]:
    """The trained variables by canonical name."""
    found: dict[str, Variable] = {}
    for position, (spec, layer, shape) in enumerate(zip(network.specs, network.layers, network.shapes, strict=True)):
        own = {variable.name: variable for variable in layer.trainable_variables}
        if isinstance(spec, Recurrent):
            own = recurrent_variables(spec, layer, shape)
        found |= {f"{position}.{name}": variable for name, variable in own.items()}
    return found


def load_weights(specs: tuple[Layer, ...], variables: Mapping[str, Variable], weights: Weights) -> None:
    """Canonical weights (or moments) in, and the GRU's second bias zero, if it is not given."""
    for name, variable in variables.items():
        rows = [weights[name]]
        if len(variable.shape) > rows[0].ndim:
            rows.append(weights.get(name.replace("bias", "recurrent_bias"), np.zeros_like(rows[0])))
        value = swapped(specs[int(name.split(".")[0])], np.stack(rows))
        variable.assign(value if len(rows) > 1 else value[0])


def canonical(specs: tuple[Layer, ...], tensors: Mapping[str, Tensor], *, native: bool) -> dict[str, Array]:
    """Keras' layout to the canonical one, of weights, of their gradients or of their moments."""
    from keras import ops

    found = {}
    for name, tensor in tensors.items():
        value = swapped(specs[int(name.split(".")[0])], np.array(ops.convert_to_numpy(tensor)))
        if name.endswith("bias") and value.ndim == 2:
            value, second = value
            if native:
                found[name.replace("bias", "recurrent_bias")] = second
        found[name] = value
    return found


def adam(network: Network, spec: Adam, *, native: bool) -> Optimizer:
    """Keras' own Adam, or one to the letter of `spec`."""
    import keras

    kind = asked(spec)
    if not native and keras.backend.backend() == "torch":
        from backends.keras.engine_torch import fused

        kind = fused(kind, spec)
    elif not native:
        kind = matched(kind, spec)
    optimizer = kind()
    optimizer.build(network.trained)
    return optimizer


class KerasModel:
    """Keeps the contract of backends.contract.Model."""

    def __init__(
        self, network: Network, objective: Objective, optimizer: Optimizer, engine: type[Engine], x: Array, y: Array
    ) -> None:
        self._network, self._objective, self._optimizer = network, objective, optimizer
        self._engine = engine(Training(network, self._loss, optimizer, x, y))

    def _loss(self, x: Tensor, y: Tensor, extras: Extras, training: bool) -> Tensor:
        """The objective."""
        from keras import losses, ops

        outputs = self._network(x, extras, training=training)
        loss = ops.mean(getattr(losses, LOSSES[self._objective.loss])(y, outputs))
        for name in self._objective.l2_on if self._objective.l2 else ():
            loss = loss + self._objective.l2 * ops.sum(ops.square(self._network.parameters[name]))
        return loss

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        """Keras' recurrent layers draw masks even when they drop nothing: put the generators back."""
        from keras import ops

        before = [np.array(ops.convert_to_numpy(variable)) for variable in self._network.drawing]
        yield
        for variable, value in zip(self._network.drawing, before, strict=True):
            variable.assign(value)

    def train(self, steps: Steps) -> Array:
        return self._engine.train(steps)

    def gradients(self, rows: Array, masks: Weights | None = None) -> dict[str, Array]:
        with self._unseen():
            gradients = self._engine.gradients(rows, masks or {})
        return self._canonical(gradients)

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        probes = {
            f"{position}.{direction}probe": np.zeros((self._network.shapes[position][0], len(rows), spec.states[0]))
            for position, spec in enumerate(self._network.specs)
            if isinstance(spec, Recurrent)
            for direction in spec.directions
        }
        with self._unseen():
            by_state = self._engine.gradient_norms(rows, probes)
        return {name.removesuffix(".probe"): np.linalg.norm(d, axis=(1, 2))[::-1] for name, d in by_state.items()}

    def predict(self, x: Array) -> Array:
        with self._unseen():
            return self._engine.predict(x)

    def weights(self) -> dict[str, Array]:
        return self._canonical(self._network.trained)

    def _canonical(self, tensors: list[Tensor]) -> dict[str, Array]:
        named = dict(zip(self._network.parameters, tensors, strict=True))
        return canonical(self._network.specs, named, native=self._network.native)

    def _states(self) -> tuple[list[Variable], ...]:
        """Weights and Adam's moments, in the order of the parameters."""
        return self._network.trained, self._optimizer._momentums, self._optimizer._velocities

    def checkpoint(self) -> Checkpoint:
        weights, first, second = map(self._canonical, self._states())
        return Checkpoint(weights, first, second, int(self._optimizer.iterations))

    def restore(self, checkpoint: Checkpoint) -> None:
        parts = (checkpoint.weights, checkpoint.first, checkpoint.second)
        for variables, values in zip(self._states(), parts, strict=True):
            load_weights(self._network.specs, dict(zip(self._network.parameters, variables, strict=True)), values)
        self._optimizer.iterations.assign(checkpoint.steps)

    def parameter_count(self) -> int:
        return sum(value.size for value in self.weights().values())

    def kernel(self) -> str:
        with self._unseen():
            return self._engine.kernel()
