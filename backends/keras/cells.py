"""Keras: recurrent layers. Its own, and every cell as one step next to its equation in the engine's loop over steps.

The loop serves cells that Keras lacks, recurrent dropout, and state perturbations. A cell takes the weights of one
direction in Keras's layout, with the GRUs' gates in its order z r h, and the activation φ, and gives its step. A step
takes `a` = x W + b, computed for all time steps beforehand; `m`, the state as it enters the recurrent product; and the
last state. Each cell is written once, in keras.ops, for all engines. The sources of the equations are in
backends/reference/cells.py.
"""

from collections.abc import Callable, Mapping, Sequence

import keras
from keras import layers, ops

from backends.contract import BackendError, Dtype, of_direction
from backends.keras.engines import ENGINE, KerasLayer, Named, State, Tensor, Variable
from backends.layers import Shape
from backends.recurrent import Recurrent

Step = Callable[[Tensor, Tensor, State], State]
Activation = Callable[[Tensor], Tensor]  # φ

ACTIVATIONS: Mapping[str, Activation] = {"tanh": ops.tanh, "relu": ops.relu, "sigmoid": ops.sigmoid}
FUSED = {"lstm": layers.LSTM, "gru": layers.GRU, "gru-reset-before": layers.GRU, "rnn": layers.SimpleRNN}


def rnn(weights: Named, phi: Activation) -> Step:
    """h' = φ(a + m U)"""
    U = weights["recurrent_kernel"]
    return lambda a, m, state: (phi(a + ops.matmul(m, U)),)


def lstm(weights: Named, phi: Activation) -> Step:
    """i, f, o = σ(a + m U); g = φ(a + m U); c' = f c + i g; h' = o φ(c')"""
    U = weights["recurrent_kernel"]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        i, f, g, o = ops.split(a + ops.matmul(m, U), 4, axis=-1)
        cell = ops.sigmoid(f) * state[1] + ops.sigmoid(i) * phi(g)
        return ops.sigmoid(o) * phi(cell), cell

    return step


def gru(weights: Named, phi: Activation) -> Step:
    """u = m U; z, r = σ(a + u); n = φ(a + r u); h' = (1 - z) n + z h"""
    U, c = weights["recurrent_kernel"], weights["recurrent_bias"]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        (a_z, a_r, a_n), (u_z, u_r, u_n) = ops.split(a, 3, axis=-1), ops.split(ops.matmul(m, U) + c, 3, axis=-1)
        z, r = ops.sigmoid(a_z + u_z), ops.sigmoid(a_r + u_r)
        n = phi(a_n + r * u_n)
        return (n + z * (state[0] - n),)

    return step


def gru_reset_before(weights: Named, phi: Activation) -> Step:
    """z, r = σ(a + m U); n = φ(a + (r m) U); h' = (1 - z) n + z h

    The reduced forms differ in the terms of r and z: gru1 has m U + b, gru2 m U, gru3 b. Missing terms are zero.
    """
    U = weights["recurrent_kernel"]
    units, gated = U.shape[0], U.shape[0] < U.shape[1]
    U_zr, U_n = U[:, :-units], U[:, -units:]

    def step(a: Tensor, m: Tensor, state: State) -> State:
        a_zr, a_n = a[:, :-units], a[:, -units:]
        z, r = ops.split(ops.sigmoid(a_zr + ops.matmul(m, U_zr) if gated else a_zr), 2, axis=-1)
        n = phi(a_n + ops.matmul(r * m, U_n))
        return (n + z * (state[0] - n),)

    return step


def rmlp(weights: Named, phi: Activation) -> Step:
    """v₀ = relu(a + m U); vᵢ = relu(vᵢ₋₁ Wᵢ + bᵢ), the last without relu; (prediction, memory') = the last v, split"""
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


CELLS: Mapping[str, Callable[[Named, Activation], Step]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "rmlp": rmlp,
    **dict.fromkeys(("gru-reset-before", "gru1", "gru2", "gru3"), gru_reset_before),
}


def make_recurrent(spec: Recurrent, shape: Shape, dtype: Dtype, *, native: bool) -> KerasLayer:
    """Keras's own layer, or the parameters of a layer that it lacks; a dot in a name becomes an underscore.

    Keras's layers are not unrolled: XLA compiles an unrolled one four times as long, and only the GRU gets faster.
    """
    if native and spec.cell not in FUSED:
        raise BackendError(f"Keras has no layer of its own for {spec}; use matched mode")
    if spec.cell not in FUSED:
        layer = layers.Layer(dtype=dtype)
        for name, size in spec.shapes(shape).items():
            attribute = name.replace(".", "_")
            setattr(layer, attribute, layer.add_weight(size, "zeros", name=attribute))
        return layer
    settings: dict[str, object] = {"return_sequences": spec.sequences, "activation": spec.activation, "dtype": dtype}
    if native:
        settings |= {"dropout": spec.dropout, "recurrent_dropout": spec.recurrent_dropout}
    if spec.cell == "gru-reset-before":
        settings |= {"reset_after": False}
    if spec.cell == "gru" and not native:
        settings |= {"bias_constraint": _first_row}
    layer = FUSED[spec.cell](spec.units, **settings)
    return layers.Bidirectional(layer, dtype=dtype) if spec.bidirectional else layer


@keras.saving.register_keras_serializable("like-for-like")  # Bidirectional copies its layer
def _first_row(bias: Tensor) -> Tensor:
    """Constraint: after each step the GRU's second bias is projected to zero, its initial value."""
    return ops.stack([bias[0], ops.zeros_like(bias[0])])


def recurrent_parameters(spec: Recurrent, layer: KerasLayer) -> dict[str, Variable]:
    """The layer's parameters by their canonical names in the layer. The GRU's bias has both rows."""
    if spec.cell not in FUSED:
        return {name: getattr(layer, name.replace(".", "_")) for name in spec.shapes((1, 1))}
    sides = {"": layer.forward_layer, "backward.": layer.backward_layer} if spec.bidirectional else {"": layer}
    return {
        direction + name: getattr(side.cell, name)
        for direction, side in sides.items()
        for name in ("kernel", "recurrent_kernel", "bias")
    }


def recurrent(
    spec: Recurrent,
    layer: KerasLayer,
    x: Tensor,
    real: Tensor | None,
    masks: Named,
    perturbations: Named,
    states: Named,
    *,
    training: bool,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The layer's output, (N, T, width) or (N, width), from Keras's own layer where it offers what is needed.

    Its states after the last step follow, or {} without `states`.

    real: (N, T, 1), whether a step is real; the state passes other steps unchanged. None: all steps are real.
    masks, perturbations: those of this layer, by name; see ModelSpec. training: native dropout is active.
    states: those of this layer before the first step, (N, width) each, see ModelSpec.states; {}: zero.
    """
    # Keras's own masking takes three times as long on PyTorch; native dropout is in Keras's own layer alone.
    drops = spec.dropout or spec.recurrent_dropout
    written = real is not None and not drops and keras.backend.backend() == "torch"
    if spec.cell in FUSED and masks.keys() <= {"input_mask"} and not perturbations and not written:
        options = {} if real is None else {"mask": real[..., 0]}
        options |= {"initial_state": list(states.values())} if states else {}
        returned = layer(x * masks["input_mask"][:, None] if masks else x, training=training, **options)
        output, *last = returned if getattr(layer, "return_state", False) else (returned,)
        return output, dict(zip(states, last, strict=False))
    variables = recurrent_parameters(spec, layer)
    weights = {name: ops.convert_to_tensor(variable) for name, variable in variables.items()}
    sides, last = [], ()
    for direction in spec.directions:
        named = (of_direction(direction, part) for part in (weights, masks, perturbations))
        read = ops.flip(real, 1) if real is not None and direction else real
        each = _loop(spec, ops.flip(x, 1) if direction else x, read, tuple(states.values()), *named)
        outputs, last = each[spec.output], tuple(state[-1] for state in each)
        in_time = ops.flip(outputs, 0) if direction else outputs
        sides.append(ops.swapaxes(in_time, 0, 1) if spec.sequences else outputs[-1])
    return ops.concatenate(sides, axis=-1) if spec.bidirectional else sides[0], dict(zip(states, last, strict=False))


def _loop(
    spec: Recurrent, x: Tensor, real: Tensor | None, start: State, weights: Named, masks: Named, perturbations: Named
) -> list[Tensor]:
    """One direction: the states after each step, (T, N, width). start: those before the first step; (): zero."""
    bias, mask = weights["bias"], masks.get("recurrent_mask")
    if len(bias.shape) == 2:
        weights = {**weights, "recurrent_bias": bias[1]}
        bias = bias[0]
    if "input_mask" in masks:
        x = x * masks["input_mask"][:, None]
    projected = ops.matmul(ops.swapaxes(x, 0, 1), weights["kernel"])
    a = _widened(projected, spec.columns) + _widened(bias, spec.columns)
    cell = CELLS[spec.cell](weights, ACTIVATIONS[spec.activation])

    def step(inputs: Sequence[Tensor], state: State) -> State:
        a_t, *more = inputs
        after = cell(a_t, state[0] if mask is None else state[0] * mask, state)
        if perturbations:
            after = (after[0] + more[0], *after[1:])
        if real is None:
            return after
        return tuple(ops.where(more[-1], new, old) for new, old in zip(after, state, strict=True))

    start = start or tuple(ops.zeros((x.shape[0], width), dtype=a.dtype) for width in spec.states)
    steps = [] if real is None else [ops.swapaxes(real, 0, 1)]
    return ENGINE.scan(step, start, [a, *perturbations.values(), *steps])


def _widened(blocks: Tensor, columns: int) -> Tensor:
    """(..., fewer) to (..., columns): zeros for the first gates, which have no block."""
    lacking = columns - blocks.shape[-1]
    return ops.pad(blocks, [*[(0, 0)] * (len(blocks.shape) - 1), (lacking, 0)]) if lacking else blocks
