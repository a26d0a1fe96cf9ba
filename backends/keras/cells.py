"""Keras: recurrent layers. Its own, and every cell as one step next to its equation in the engine's loop.

The loop runs where Keras has no layer of its own, and for the others where dropout or a look inside needs each step.
A cell takes its weights (of one direction, in Keras' layout, the GRUs' gates in its order z r h) and gives its step; a
step takes `a` = x W + b, known for all steps beforehand, `m`, the state as it enters the recurrent product, and the
last state. Each is written once, in keras.ops, for all engines. Sources as in reference_cells.py.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from backends.contract import Array, Dtype, of_direction
from backends.keras.engines import Extras, KerasLayer, Scan, State, Tensor, Variable
from backends.layers import Layer, Shape
from backends.recurrent import Recurrent

Step = Callable[[Tensor, Tensor, State], State]
Weights = Mapping[str, Tensor]

OWN = {"lstm": "LSTM", "gru": "GRU", "gru-reset-before": "GRU", "rnn": "SimpleRNN"}


def rnn(weights: Weights) -> Step:
    """h' = tanh(a + m U)"""
    from keras import ops

    U = weights["recurrent_kernel"]
    return lambda a, m, state: (ops.tanh(a + ops.matmul(m, U)),)


def lstm(weights: Weights) -> Step:
    """i, f, o = σ(a + m U); g = tanh(a + m U); c' = f c + i g; h' = o tanh(c')"""
    from keras import ops

    U = weights["recurrent_kernel"]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        i, f, g, o = ops.split(a + ops.matmul(m, U), 4, axis=-1)
        cell = ops.sigmoid(f) * state[1] + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(cell), cell

    return step


def gru(weights: Weights) -> Step:
    """u = m U; z, r = σ(a + u); n = tanh(a + r u); h' = (1 - z) n + z h"""
    from keras import ops

    U, c = weights["recurrent_kernel"], weights["recurrent_bias"]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        (a_z, a_r, a_n), (u_z, u_r, u_n) = ops.split(a, 3, axis=-1), ops.split(ops.matmul(m, U) + c, 3, axis=-1)
        z, r = ops.sigmoid(a_z + u_z), ops.sigmoid(a_r + u_r)
        n = ops.tanh(a_n + r * u_n)
        return (n + z * (state[0] - n),)

    return step


def gru_reset_before(weights: Weights) -> Step:
    """z, r = σ(a + m U); n = tanh(a + (r m) U); h' = (1 - z) n + z h

    The reduced forms differ in what r and z have: gru1 m U + b, gru2 m U, gru3 b. What is left out is zero here.
    """
    from keras import ops

    U = weights["recurrent_kernel"]
    units, gated = U.shape[0], U.shape[0] < U.shape[1]
    U_zr, U_n = U[:, :-units], U[:, -units:]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        a_zr, a_n = a[:, :-units], a[:, -units:]
        z, r = ops.split(ops.sigmoid(a_zr + ops.matmul(m, U_zr) if gated else a_zr), 2, axis=-1)
        n = ops.tanh(a_n + ops.matmul(r * m, U_n))
        return (n + z * (state[0] - n),)

    return step


def rmlp(weights: Weights) -> Step:
    """v₀ = relu(a + m U); vᵢ = relu(vᵢ₋₁ Wᵢ + bᵢ), the last without relu; prediction, memory' = its columns"""
    from keras import ops

    U = weights["recurrent_kernel"]
    count = sum(name.startswith("kernel_") for name in weights)
    deeper = [(weights[f"kernel_{n}"], weights[f"bias_{n}"]) for n in range(1, count + 1)]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        value = a + ops.matmul(m, U)
        for W, b in deeper:
            value = ops.matmul(ops.relu(value), W) + b
        width = state[1].shape[-1]
        return value[:, width:], value[:, :width]

    return step


CELLS: Mapping[str, Callable[[Weights], Step]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "gru-reset-before": gru_reset_before,
    "gru1": gru_reset_before,
    "gru2": gru_reset_before,
    "gru3": gru_reset_before,
    "rmlp": rmlp,
}


def make_recurrent(spec: Recurrent, shape: Shape, dtype: Dtype, *, native: bool) -> KerasLayer:
    """Keras' own layer, rolled: unrolled, XLA compiles four times as long and only the GRU gains by it.

    Or the parameters of one that it has not.
    """
    from keras import layers

    if spec.cell not in OWN:
        return written(spec, shape, dtype)
    settings: dict[str, object] = {"return_sequences": spec.sequences, "dtype": dtype}
    if native:
        settings |= {"dropout": spec.dropout, "recurrent_dropout": spec.recurrent_dropout}
    if spec.cell == "gru-reset-before":
        settings |= {"reset_after": False}
    if spec.cell == "gru" and not native:
        settings |= {"bias_constraint": first_row}
    layer = getattr(layers, OWN[spec.cell])
    one = layer(spec.units, **settings)
    return layers.Bidirectional(one, dtype=dtype) if spec.bidirectional else one


def first_row(bias: Tensor) -> Tensor:
    """Constraint: after each step the GRU's second bias is projected back to zero, where it started."""
    from keras import ops

    return ops.stack([bias[0], ops.zeros_like(bias[0])])


def written(spec: Recurrent, shape: Shape, dtype: Dtype) -> KerasLayer:
    """A layer that holds canonical parameters; a dot in a name becomes an underscore."""
    from keras import layers

    layer = layers.Layer(dtype=dtype)
    for name, own in spec.shapes(shape).items():
        attribute = name.replace(".", "_")
        setattr(layer, attribute, layer.add_weight(own, "zeros", name=attribute))
    return layer


def sides(layer: KerasLayer) -> tuple[KerasLayer, ...]:
    """The layer of each direction."""
    return (layer.forward_layer, layer.backward_layer) if hasattr(layer, "backward_layer") else (layer,)


def swapped(spec: Layer, value: Array) -> Array:
    """The GRUs' gates from `r z n` to `z r h`, or back; of the reduced forms, where there are any."""
    if not isinstance(spec, Recurrent) or not spec.cell.startswith("gru") or value.shape[-1] != 3 * spec.units:
        return value
    first, second, candidate = np.split(value, 3, axis=-1)
    return np.concatenate([second, first, candidate], axis=-1)


def recurrent_variables(spec: Recurrent, layer: KerasLayer, shape: Shape) -> dict[str, Variable]:
    """A layer's parameters by canonical name; the GRU's bias is both of its rows."""
    if spec.cell not in OWN:
        return {name: getattr(layer, name.replace(".", "_")) for name in spec.shapes(shape)}
    names = ("recurrent_kernel", "kernel", "bias")
    return {
        direction + name: getattr(side.cell, name)
        for direction, side in zip(spec.directions, sides(layer), strict=True)
        for name in names
    }


def recurrent(spec: Recurrent, layer: KerasLayer, x: Tensor, extras: Extras, scan: Scan, *, training: bool) -> Tensor:
    """A layer's output, from Keras' own layer where it can do what is asked."""
    from keras import ops

    if spec.cell in OWN and extras.keys() <= {"input_mask"}:
        return layer(x * extras["input_mask"][:, None] if extras else x, training=training)
    variables = recurrent_variables(spec, layer, x.shape[1:])
    weights = {name: ops.convert_to_tensor(variable) for name, variable in variables.items()}
    sequences = []
    for direction in spec.directions:
        read = ops.flip(x, 1) if direction else x
        outputs = loop(spec, of_direction(direction, weights), of_direction(direction, extras), read, scan)
        in_time = ops.flip(outputs, 0) if direction else outputs
        sequences.append(ops.swapaxes(in_time, 0, 1) if spec.sequences else outputs[-1])
    return ops.concatenate(sequences, axis=-1) if spec.bidirectional else sequences[0]


def loop(spec: Recurrent, weights: Weights, extras: Extras, x: Tensor, scan: Scan) -> Tensor:
    """One direction: the outputs of each step, (T, N, units). x: (N, T, F).

    extras: `input_mask` (N, F), `recurrent_mask` (N, width of the state), and a `probe` (T, N, width of the state) that
    is added to the state that leaves each step: the loss' derivative by it is that by the state.
    """
    from keras import ops

    bias, recurrent_mask = weights["bias"], extras.get("recurrent_mask")
    if len(bias.shape) == 2:
        weights = {**weights, "recurrent_bias": bias[1]}
        bias = bias[0]
    if "input_mask" in extras:
        x = x * extras["input_mask"][:, None]
    projected = ops.matmul(ops.swapaxes(x, 0, 1), weights["kernel"])
    a = widened(projected, spec.columns) + widened(bias, spec.columns)
    cell = CELLS[spec.cell](weights)

    def step(inputs: Sequence[Tensor], state: State) -> State:
        a_t, *probe = inputs
        after = cell(a_t, state[0] if recurrent_mask is None else state[0] * recurrent_mask, state)
        return (after[0] + probe[0], *after[1:]) if probe else after

    start = tuple(ops.zeros((x.shape[0], width), dtype=a.dtype) for width in spec.states)
    return scan(step, start, [a, extras["probe"]] if "probe" in extras else [a])[spec.output]


def widened(blocks: Tensor, columns: int) -> Tensor:
    """The gates that are left out stand first and count as zero: (..., fewer) to (..., columns)."""
    from keras import ops

    lacking = columns - blocks.shape[-1]
    if not lacking:
        return blocks
    return ops.pad(blocks, [*[(0, 0)] * (len(blocks.shape) - 1), (lacking, 0)])
