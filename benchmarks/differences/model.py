"""JAX: the model and the optimizer of the benchmark `differences`, with every setting written out.

Settings that change the operations are Python branches on a `Setup`; the others are numbers, given as arrays, so that
one compiled program serves many setups. Shapes: N windows, T time steps, H units.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.differences.setup import UNITS, Setup

Array = Any  # of JAX or NumPy
Parameters = dict[str, jax.Array]
Numbers = dict[str, jax.Array]
State = tuple[jax.Array, jax.Array]


@dataclass(frozen=True)
class Model:
    """A recurrent layer and a dense output; equations as in backends/reference/cells.py."""

    setup: Setup
    numbers: Numbers

    def forward(
        self, parameters: Parameters, x: Array, lengths: Array, start: State | None, key: Array | None
    ) -> tuple[jax.Array, State]:
        """The outputs (N,), and the last state of the forward direction.

        lengths: (N,), the rows that are not padding; start: the first state, or None for zeros; key: of the dropout
        masks, or None for no dropout.
        """
        n = self.numbers
        x = jnp.asarray(x)
        lengths = jnp.where(n["padded"] > 0, lengths, x.shape[1])
        x = x * (jnp.arange(x.shape[1]) < lengths[:, None])[..., None]
        drops = self.setup.dropout > 0 and key is not None
        keys = [None] * 3 if key is None else list(jax.random.split(key, 3))
        if drops:
            x = x * _mask(keys[0], n["input_dropout"], (len(x), 1, x.shape[2]), x.dtype) / (1 - n["input_dropout"])
        outputs, state = self._direction(parameters, "", x, start, keys[1])
        place = jnp.where(n["masked"] > 0, lengths, x.shape[1]) - 1
        last = jnp.take_along_axis(outputs, place[:, None, None], axis=1)[:, 0]
        if self.setup.bidirectional:
            backward, _ = self._direction(parameters, "backward_", x[:, ::-1], None, None)
            last = jnp.concatenate([last, jnp.where(n["own_last"] > 0, backward[:, -1], backward[:, 0])], axis=1)
        if drops:
            last = last * _mask(keys[2], n["dropout"], last.shape, last.dtype) * n["dropout_scale"]
        return self._product(last, parameters["dense"]) + parameters["dense_bias"][0], state

    def _direction(
        self, parameters: Parameters, side: str, x: jax.Array, start: State | None, key: Array | None
    ) -> tuple[jax.Array, State]:
        """The outputs of all steps (N, T, H), and the last state."""
        n, U = self.numbers, parameters[f"{side}recurrent"]
        bias = parameters[f"{side}bias"] + n["second_bias"] * parameters[f"{side}bias_2"]
        a = (self._product(x, parameters[f"{side}kernel"]) + bias).swapaxes(0, 1)
        cell = self._lstm if self.setup.cell == "lstm" else self._gru
        drops = self.setup.recurrent_dropout > 0 and key is not None

        def step(state: State, inputs: Any) -> tuple[State, jax.Array]:  # noqa: ANN401
            a, place = inputs
            m = state[0]
            if drops:
                rate, drawn = n["recurrent_dropout"], jax.random.fold_in(key, (place * n["each_step"]).astype(int))
                m = m * _mask(drawn, rate, m.shape, m.dtype) / (1 - rate)
            state = cell(U, a, m, state)
            return state, state[0]

        zeros = jnp.zeros((len(x), UNITS), x.dtype)
        state, outputs = jax.lax.scan(step, start or (zeros, zeros), (a, jnp.arange(len(a))))
        return outputs.swapaxes(0, 1), state

    def _lstm(self, U: jax.Array, a: jax.Array, m: jax.Array, state: State) -> State:
        i, f, g, o = jnp.split(a + self._product(m, U), 4, axis=1)
        c = self._sigmoid(f) * state[1] + self._sigmoid(i) * self._tanh(g)
        return self._sigmoid(o) * self._tanh(c), c

    def _gru(self, U: jax.Array, a: jax.Array, m: jax.Array, state: State) -> State:
        a_r, a_z, a_n = jnp.split(a, 3, axis=1)
        U_rz, U_n = U[:, : 2 * UNITS], U[:, 2 * UNITS :]
        u_r, u_z = jnp.split(self._product(m, U_rz), 2, axis=1)
        r, z = self._sigmoid(a_r + u_r), self._sigmoid(a_z + u_z)
        before = self.setup.cell == "gru-reset-before"
        n = self._tanh(a_n + (self._product(r * m, U_n) if before else r * self._product(m, U_n)))
        return (1 - z) * n + z * state[0], state[1]

    def _product(self, a: jax.Array, b: jax.Array) -> jax.Array:
        if self.setup.product == "tf32":
            a, b = (jax.lax.reduce_precision(factor, exponent_bits=8, mantissa_bits=10) for factor in (a, b))
        return a @ b

    def _sigmoid(self, x: jax.Array) -> jax.Array:
        if self.setup.sigmoid == "exact":
            return jax.nn.sigmoid(x)
        return jnp.clip(self.numbers["hard_slope"] * x + 0.5, 0, 1)

    def _tanh(self, x: jax.Array) -> jax.Array:
        return jnp.tanh(x.astype("float32")).astype(x.dtype) if self.setup.tanh == "float32" else jnp.tanh(x)


def _mask(key: Array, rate: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:  # noqa: ANN401
    return jax.random.bernoulli(key, 1 - rate, shape).astype(dtype)


def update(
    n: Numbers, parameters: Parameters, g: Parameters, m: Parameters, v: Parameters, step: Array, rate: jax.Array
) -> tuple[Parameters, Parameters, Parameters]:
    """Adam or RMSprop: the parameters and the mean gradient and square after step number `step`, counted from 1."""
    decay = {name: n["decay"] * (1.0 if name.endswith("kernel") else n["decay_biases"]) for name in parameters}
    g = _clipped(n, {name: g[name] + n["coupled"] * decay[name] * parameters[name] for name in g})
    b1, b2 = jnp.where(n["rmsprop"] > 0, 0.0, 0.9), n["beta2"]
    m = {name: b1 * m[name] + (1 - b1) * g[name] for name in g}
    v = {name: b2 * v[name] + (1 - b2) * g[name] ** 2 for name in g}
    exact = (1 - b1**step, 1 - b2**step)
    rounded = (1 - b.astype("float32") ** step.astype("float32") for b in (b1, b2))
    c1, c2 = (jnp.where(n["rounded"] > 0, low, high) for low, high in zip(rounded, exact, strict=True))
    c1, c2 = (jnp.where(n["rmsprop"] > 0, 1.0, c) for c in (c1, c2))
    after = {}
    for name, w in parameters.items():
        corrected = m[name] / c1 / (jnp.sqrt(v[name] / c2) + n["epsilon"])
        uncorrected = m[name] * jnp.sqrt(c2) / c1 / (jnp.sqrt(v[name]) + n["epsilon"])
        change = jnp.where(n["uncorrected"] > 0, uncorrected, corrected)
        after[name] = w - rate * (change + (1 - n["coupled"]) * decay[name] * w)
    return after, m, v


def _clipped(n: Numbers, g: Parameters) -> Parameters:
    squares = {name: jnp.sum(value**2) for name, value in g.items()}
    norms = {
        name: jnp.sqrt(jnp.where(n["by_norm"] > 0, square, sum(squares.values()))) for name, square in squares.items()
    }
    factor = {name: jnp.minimum(1.0, n["clip_at"] / (norm + n["clip_epsilon"])) for name, norm in norms.items()}
    scaled = n["by_norm"] + n["by_global_norm"]
    clipped = {name: value * jnp.where(scaled > 0, factor[name], 1.0) for name, value in g.items()}
    limit = jnp.where(n["by_value"] > 0, n["clip_at"], jnp.inf)
    return {name: jnp.clip(value, -limit, limit) for name, value in clipped.items()}
