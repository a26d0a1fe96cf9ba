"""Flax: `nnx.RNN` over its cells, `nnx.Bidirectional`, `nnx.Linear`, `nnx.Conv`; other cells are in cells.py.

| canonical                          | Flax                                                             |
| ---------------------------------- | ---------------------------------------------------------------- |
| any layout                         | the same                                                         |
| recurrent `kernel` (F, ...)        | `cell.dense_i.kernel`                                            |
| `recurrent_kernel` (units, ...)    | `cell.dense_h.kernel`                                            |
| recurrent `bias` (gates*units,)    | lstm: `cell.dense_h.bias`; gru, rnn: `cell.dense_i.bias`         |
| `backward.` ...                    | `backward_rnn.` ...; the forward direction is `forward_rnn.` ... |
| gates: lstm `i f g o`, gru `r z n` | the same                                                         |
| dense, convolution: `kernel`       | `kernel` (F, units), (width, F, filters)                         |
| native: `recurrent_bias`           | does not exist: Flax has one bias per gate                       |
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from backends.contract import KEPT, Array, Dtype, Weights, of_layer
from backends.flax.cells import make_recurrent, recurrent, recurrent_parameters
from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.model import ModelSpec
from backends.recurrent import Recurrent

NAMES = ("kernel", "bias")
ACTIVATIONS: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "linear": lambda x: x,
    "relu": nnx.relu,
    "tanh": jnp.tanh,
}


class Carried(nnx.Variable):
    """A state after the last step of a stateful model, (N, width)."""


class Network(nnx.Module):
    """From windows (N, T, F) to outputs (N, H)."""

    def __init__(self, model: ModelSpec, features: int, window: int, dtype: Dtype, seed: int, *, native: bool) -> None:
        self.model, self.features, self.window, self.native = model, features, window, native
        rngs = nnx.Rngs(seed)
        self.layers = nnx.List(
            [make_layer(spec, shape, dtype, rngs, native=native) for _, spec, shape in model.walk(features, window)]
        )
        widths = model.states().items()
        self.carried = nnx.Dict({name: Carried(jnp.zeros((0, width), dtype)) for name, width in widths})

    def carry(self, batch: int) -> None:
        """Set the states of a stateful model to zero, unless they are those of a batch of this size."""
        for variable in self.carried.values():
            if len(variable[...]) != batch:
                variable.set_value(jnp.zeros((batch, variable.shape[1]), variable.dtype))

    def __call__(
        self, x: jax.Array, masks: Mapping[str, jax.Array], perturbations: Mapping[str, jax.Array], *, training: bool
    ) -> jax.Array:
        """masks, perturbations: by name, see ModelSpec and Steps.inputs. training: native dropout is active."""
        kept = masks[KEPT][:, None] if KEPT in masks else None
        states = {} if kept is None else {name: variable[...] * kept for name, variable in self.carried.items()}
        x, real = (x[..., :-1] * x[..., -1:], x[..., -1:] > 0) if self.model.masked else (x, None)
        for position, (spec, layer) in enumerate(zip(self.model.layers, self.layers, strict=True)):
            layer_masks = of_layer(position, masks)
            match spec:
                case Recurrent():
                    named = (layer_masks, of_layer(position, perturbations), of_layer(position, states))
                    x, after = recurrent(spec, layer, x, real, *named)
                    for name, state in after.items():
                        self.carried[f"{position}.{name}"].set_value(jax.lax.stop_gradient(state))
                case Dense() | Conv1D():
                    x = ACTIVATIONS[spec.activation](layer(x))
                case Flatten():
                    x = x.reshape(len(x), -1)
                case Repeat():
                    x = jnp.repeat(x[:, None], spec.times, axis=1)
                case Dropout():
                    x = layer(x, deterministic=not training) * layer_masks.get("mask", 1)
            if x.ndim == 2:  # a vector has no steps
                real = None
            elif real is not None:
                x = x * real
        return x


def make_network(model: ModelSpec, features: int, window: int, dtype: Dtype, seed: int, *, native: bool) -> Network:
    """The network. In matched mode its parameters are zero until `load_weights`, since drawing them takes a second."""

    def network() -> Network:
        return Network(model, features, window, dtype, seed, native=native)

    if native:
        return network()
    graph, abstract = nnx.split(nnx.eval_shape(network))
    return nnx.merge(graph, jax.tree.map(_blank, abstract))


def _blank(like: jax.ShapeDtypeStruct) -> jax.Array:
    """Zeros of this shape, or the key 0 of a random stream."""
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        return jax.random.key(0)
    return jnp.asarray(np.zeros(like.shape, like.dtype))  # from NumPy, because JAX compiles `zeros` for each shape


def make_layer(spec: Layer, shape: Shape, dtype: Dtype, rngs: nnx.Rngs, *, native: bool) -> nnx.Module:
    """Flax's own layer for inputs of this shape, or the parameters of a layer that it lacks."""
    match spec:
        case Recurrent():
            return make_recurrent(spec, shape, dtype, rngs, native=native)
        case Dense():
            return nnx.Linear(shape[-1], spec.units, dtype=dtype, param_dtype=dtype, rngs=rngs)
        case Conv1D():
            return nnx.Conv(shape[1], spec.filters, spec.width, dtype=dtype, param_dtype=dtype, rngs=rngs)
        case Dropout():
            return nnx.Dropout(spec.rate, rngs=rngs) if native else nnx.Dropout(0.0)
    return nnx.Module()


def parameters(network: Network) -> dict[str, nnx.Param]:
    """The trained parameters by canonical name."""
    result: dict[str, nnx.Param] = {}
    for position, (spec, layer) in enumerate(zip(network.model.layers, network.layers, strict=True)):
        if isinstance(spec, Recurrent):
            named = recurrent_parameters(spec, layer)
        else:
            named = {name: getattr(layer, name) for name in NAMES if hasattr(layer, name)}
        result |= {f"{position}.{name}": variable for name, variable in named.items()}
    return result


def load_weights(network: Network, weights: Weights) -> None:
    """Set the parameters to canonical weights."""
    for name, variable in parameters(network).items():
        variable.set_value(jnp.array(weights[name], variable.dtype))


def canonical(network: Network, tensors: Mapping[str, jax.Array]) -> dict[str, Array]:
    """Copies of weights, gradients or moments. Flax's layout is the canonical one."""
    return {name: np.array(tensor[...]) for name, tensor in tensors.items()}
