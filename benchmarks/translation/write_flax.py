"""A trained model as Flax nnx: the tensors of its state, and a source file.

`nnx.OptimizedLSTMCell`, `nnx.GRUCell` and `nnx.SimpleCell` have one bias: the sum of two. A GRU whose second bias is
not zero in the candidate, a GRU with the reset gate before the product, and padding need a cell that is written out.

The state is stored with msgpack, by `flax.serialization`: a single file that Flax itself reads and that holds names and
numbers only. Orbax writes a folder, meant for checkpoints of many hosts, whose layout depends on version and devices.
"""

from collections.abc import Mapping

from backends.layers import Conv1D, Dense, Dropout, Flatten, Layer, Repeat, Shape
from backends.recurrent import Recurrent
from benchmarks.translation.description import Array, LastStep, Masking, TrainedModel, folded, has_candidate_bias
from benchmarks.translation.source import MAIN, Call, header, laid_out, names, summary, training_note, windows

WEIGHTS = "weights.msgpack"
ACTIVATIONS: Mapping[str, str] = {"relu": "nnx.relu", "tanh": "jnp.tanh", "sigmoid": "nnx.sigmoid"}
CELLS = {"lstm": "nnx.OptimizedLSTMCell", "gru": "nnx.GRUCell", "rnn": "nnx.SimpleCell"}


def tensors(model: TrainedModel) -> dict[str, Array]:
    """The state of the class in `source`, with dots between the names of its levels."""
    result: dict[str, Array] = {}
    for position, (layer, name, masked) in enumerate(zip(model.layers, names(model), model.padded(), strict=True)):
        if not isinstance(layer, Recurrent):
            result |= {f"{name}.{key}": value for key, value in model.of(position).items()}
            continue
        for direction in layer.directions:
            side = ("backward_rnn." if direction else "forward_rnn.") if layer.bidirectional else ""
            path = f"{name}.{side}cell.{'cell.' if masked else ''}"
            named = _recurrent(layer, model.of(position, direction), two=two_biases(model, position, layer))
            result |= {path + key: value for key, value in named.items()}
    return result


def _recurrent(layer: Recurrent, weights: dict[str, Array], *, two: bool) -> dict[str, Array]:
    result = {"dense_i.kernel": weights["kernel"], "dense_h.kernel": weights["recurrent_kernel"]}
    zeros = weights["kernel"][0] * 0
    if two:
        return result | {
            "dense_i.bias": weights.get("bias", zeros),
            "dense_h.bias": weights.get("recurrent_bias", zeros),
        }
    total = folded(weights)
    place = "dense_h.bias" if layer.cell == "lstm" else "dense_i.bias"
    return result | {place: zeros if total is None else total}


def two_biases(model: TrainedModel, position: int, layer: Recurrent) -> bool:
    """Whether a GRU needs both biases."""
    return any(has_candidate_bias(layer, model.of(position, direction)) for direction in layer.directions)


def source(model: TrainedModel) -> str:
    """The text of model.py."""
    written, constructors, forward = [], [], []
    for (position, layer, shape), name, masked in zip(model.walk(), names(model), model.padded(), strict=True):
        note = training_note(layer)
        constructors += [f"        {note}"] if note else []
        if isinstance(layer, Recurrent):
            written += [RESET_BEFORE] if layer.cell == "gru-reset-before" else []
            written += [TWO_BIASES] if two_biases(model, position, layer) else []
            written += [PADDED] if masked else []
        if name:
            constructors.append(laid_out(_constructor(model, position, layer, shape, masked), 8, f"self.{name} = "))
        forward += _forward(layer, name, masked=masked)
    return TEMPLATE.format(
        header=header(model, WEIGHTS),
        imports="".join(
            f"from {module} import {name}\n"
            for module, name, text in (
                ("collections.abc", "Callable", TWO_BIASES),
                ("pathlib", "Path", None),
                ("typing", "TypeAlias", PADDED),
            )
            if text is None or text in written
        ).rstrip(),
        written="".join(f"{text}\n\n" for text in sorted(set(written))),
        summary=summary(model, 4),
        constructors="\n".join(constructors),
        forward="\n".join(f"        {line}" for line in forward),
        windows=windows(model),
        dtype=model.dtype,
    )


def _constructor(model: TrainedModel, position: int, layer: Layer, shape: Shape, masked: bool) -> Call:
    settings: tuple[str, ...] = ("param_dtype=dtype", "rngs=rngs")
    bias = () if model.has_bias(position) else ("use_bias=False",)
    match layer:
        case Dense():
            return Call("nnx.Linear", (str(shape[-1]), str(layer.units), *bias, *settings))
        case Conv1D():
            sizes = (shape[-1], layer.filters, layer.width)
            return Call("nnx.Conv", (*map(str, sizes), *bias, *settings))
        case Dropout():
            return Call("nnx.Dropout", (f"{layer.rate!r}", "rngs=rngs"))
        case Recurrent():
            function = CELLS.get(layer.cell, "ResetBeforeGRUCell")
            function = "TwoBiasGRUCell" if two_biases(model, position, layer) else function
            activation = () if layer.activation == "tanh" else (f"activation_fn={ACTIVATIONS[layer.activation]}",)
            dtype = ("dtype=dtype",) if layer.cell == "rnn" else ()  # SimpleCell computes in float32 without it
            cell = Call(function, (str(shape[-1]), str(layer.units), *activation, *dtype, *settings))
            rnn = Call("nnx.RNN", (Call("Padded", (cell,)) if masked else cell,))
            return Call("nnx.Bidirectional", (rnn, rnn)) if layer.bidirectional else rnn
    raise TypeError(layer)


def _forward(layer: Layer, name: str, *, masked: bool) -> list[str]:
    match layer:
        case Recurrent():
            inputs = "jnp.concatenate([x, real], axis=-1)" if masked else "x"
            lines = [f"x = self.{name}({inputs})"]
            if layer.sequences:
                return [*lines, "x = x * real"] if masked and layer.bidirectional else lines
            if not layer.bidirectional:
                return [*lines, "x = x[:, -1]"]
            u = layer.units
            last = f"jnp.concatenate([x[:, -1, :{u}], x[:, 0, {u}:]], axis=-1)"
            return [*lines, "# the output of each direction after its own last step", f"x = {last}"]
        case Dense() | Conv1D():
            value = f"self.{name}(x)"
            return [f"x = {value}" if layer.activation == "linear" else f"x = {ACTIVATIONS[layer.activation]}({value})"]
        case Dropout():
            return [f"x = self.{name}(x)"]
        case Flatten():
            return ["x = x.reshape(len(x), -1)"]
        case Repeat():
            return [f"x = jnp.repeat(x[:, None], {layer.times}, axis=1)"]
        case Masking():
            condition = f"jnp.any(x != {layer.value!r}, axis=-1, keepdims=True)"
            return [f"real = {condition}.astype(x.dtype)", "x = x * real"]
        case LastStep():
            return ["x = x[:, -1]"]
    raise TypeError(layer)


TEMPLATE = (
    '''\
{header}

import sys
{imports}

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx, serialization
from jax.typing import DTypeLike

WEIGHTS = Path(__file__).with_name("weights.msgpack")


{written}class Forecaster(nnx.Module):
{summary}

    def __init__(self, dtype: DTypeLike, rngs: nnx.Rngs) -> None:
{constructors}

    def __call__(self, x: jax.Array) -> jax.Array:
        """{windows} to forecasts."""
{forward}
        return x


def load(dtype: DTypeLike = jnp.{dtype}) -> Forecaster:
    """The model with its weights, for predictions. JAX needs JAX_ENABLE_X64=1 for float64."""
    model: Forecaster = nnx.eval_shape(lambda: Forecaster(dtype, nnx.Rngs(0)))
    nnx.reseed(model, default=0, carry=0)
    state = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    weights = serialization.from_bytes(state, WEIGHTS.read_bytes())
    nnx.update(model, jax.tree.map(lambda value: jnp.asarray(value, dtype), weights))
    model.eval()
    return model


def predict(model: Forecaster, windows: np.ndarray) -> np.ndarray:
    """{windows} to forecasts, in the type of the model."""
    dtype = jax.tree.leaves(nnx.state(model, nnx.Param))[0].dtype
    forward = nnx.jit(Forecaster.__call__)
    return np.asarray(forward(model, jnp.asarray(windows, dtype)))


'''
    + MAIN
)

RESET_BEFORE = '''\
class ResetBeforeGRUCell(nnx.GRUCell):
    """r, z = σ(x W + b + h U); n = φ(x W + b + (r h) U); h' = (1 - z) n + z h"""

    def __call__(
        self, carry: jax.Array, inputs: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        units = self.hidden_features
        kernel = self.dense_h.kernel[...]
        x_r, x_z, x_n = jnp.split(self.dense_i(inputs), 3, axis=-1)
        h_r, h_z = jnp.split(carry @ kernel[:, : 2 * units], 2, axis=-1)
        r, z = nnx.sigmoid(x_r + h_r), nnx.sigmoid(x_z + h_z)
        n = self.activation_fn(x_n + (r * carry) @ kernel[:, 2 * units :])
        h = (1 - z) * n + z * carry
        return h, h
'''

TWO_BIASES = '''\
class TwoBiasGRUCell(nnx.GRUCell):
    """nnx.GRUCell with a second bias c: n = φ(x W + b + r (h U + c))"""

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        activation_fn: Callable[[jax.Array], jax.Array] = jnp.tanh,
        param_dtype: DTypeLike,
        rngs: nnx.Rngs,
    ) -> None:
        super().__init__(
            inputs,
            units,
            activation_fn=activation_fn,
            param_dtype=param_dtype,
            rngs=rngs,
        )
        self.dense_h = nnx.Linear(units, 3 * units, param_dtype=param_dtype, rngs=rngs)
'''

PADDED = '''\
Carry: TypeAlias = jax.Array | tuple[jax.Array, jax.Array]


class Padded(nnx.RNNCellBase):
    """A cell whose state stays as it was where the last input, the mask, is 0."""

    def __init__(self, cell: nnx.RNNCellBase) -> None:
        self.cell = cell

    def __call__(self, carry: Carry, inputs: jax.Array) -> tuple[Carry, jax.Array]:
        real = inputs[..., -1:] > 0
        after, _ = self.cell(carry, inputs[..., :-1])
        after = jax.tree.map(lambda new, old: jnp.where(real, new, old), after, carry)
        output = after[1] if isinstance(after, tuple) else after  # an LSTM has c, h
        return after, output

    def initialize_carry(
        self, input_shape: tuple[int, ...], rngs: nnx.Rngs | None = None
    ) -> Carry:
        shape = (*input_shape[:-1], input_shape[-1] - 1)
        carry: Carry = self.cell.initialize_carry(shape, rngs)
        return carry

    @property
    def num_feature_axes(self) -> int:
        return 1
'''
