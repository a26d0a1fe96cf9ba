"""The oracle's cells: one step of each recurrence, and its derivative, written out in float64 NumPy.

Each is written in terms of `a` = x W + b (N, gates*units), known for all steps beforehand, with zeros where a gate has
no block in W or b; of `m`, the state as it enters the recurrent product, (N, units), which dropout may have masked;
and of U, the recurrent kernel. Sources: LSTM, Gers, Schmidhuber & Cummins 2000 (forget gate, no peepholes); GRU, Cho et
al. 2014, and with the reset gate after the product (the form of cuDNN); reduced GRUs, Dey & Salem 2017; recurrent
perceptron, De Mari, Theory and Practice of Deep Learning (50.039), week 5.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from backends.contract import Array, Weights

State = tuple[Array, ...]  # what the recurrent product takes first, see Recurrent.states; each (N, width)
Cache = Any  # what a forward pass keeps for its own backward pass
Back = tuple[Array, Array, State, dict[str, Array]]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def widened(blocks: Array, columns: int) -> Array:
    """The gates that are left out stand first and count as zero: (..., fewer) to (..., columns)."""
    lacking = columns - blocks.shape[-1]
    return np.concatenate([np.zeros((*blocks.shape[:-1], lacking)), blocks], axis=-1)


class Cell(ABC):
    """One step of a recurrence, and its derivative. `weights` are the layer's own, of this direction."""

    @staticmethod
    @abstractmethod
    def step(weights: Weights, a: Array, m: Array, state: State) -> tuple[State, Cache]:
        """The next state."""

    @staticmethod
    @abstractmethod
    def back(weights: Weights, cache: Cache, d_state: State) -> Back:
        """From the loss' derivative by the next state: that by `a`, by `m`, by the last state where it is not `m`.

        And that by those of the weights that the step itself uses.
        """


class RNN(Cell):
    """h' = tanh(a + m U)"""

    @staticmethod
    def step(weights: Weights, a: Array, m: Array, state: State) -> tuple[State, Cache]:
        h = np.tanh(a + m @ weights["recurrent_kernel"])
        return (h,), (m, h)

    @staticmethod
    def back(weights: Weights, cache: Cache, d_state: State) -> Back:
        m, h = cache
        d_a = d_state[0] * (1 - h**2)
        d_m, d_U = d_a @ weights["recurrent_kernel"].T, m.T @ d_a
        return d_a, d_m, (np.zeros_like(h),), {"recurrent_kernel": d_U}


class LSTM(Cell):
    """i, f, o = σ(a + m U); g = tanh(a + m U); c' = f c + i g; h' = o tanh(c')"""

    @staticmethod
    def step(weights: Weights, a: Array, m: Array, state: State) -> tuple[State, Cache]:
        i, f, g, o = np.split(a + m @ weights["recurrent_kernel"], 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * state[1] + i * g
        squashed = np.tanh(c)
        return (o * squashed, c), (m, i, f, g, o, squashed, state[1])

    @staticmethod
    def back(weights: Weights, cache: Cache, d_state: State) -> Back:
        m, i, f, g, o, squashed, c_last = cache
        d_h, d_c = d_state
        d_c = d_c + d_h * o * (1 - squashed**2)
        d_i, d_f, d_g, d_o = d_c * g, d_c * c_last, d_c * i, d_h * squashed
        d_a = np.hstack([d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g**2), d_o * o * (1 - o)])
        d_m, d_U = d_a @ weights["recurrent_kernel"].T, m.T @ d_a
        return d_a, d_m, (np.zeros_like(d_h), d_c * f), {"recurrent_kernel": d_U}


class GRU(Cell):
    """u = m U; r, z = σ(a + u); n = tanh(a + r u); h' = (1 - z) n + z h"""

    @staticmethod
    def step(weights: Weights, a: Array, m: Array, state: State) -> tuple[State, Cache]:
        u = m @ weights["recurrent_kernel"]
        (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
        r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
        n = np.tanh(a_n + r * u_n)
        return ((1 - z) * n + z * state[0],), (m, r, z, n, u_n, state[0])

    @staticmethod
    def back(weights: Weights, cache: Cache, d_state: State) -> Back:
        m, r, z, n, u_n, h_last = cache
        d_h = d_state[0]
        d_n = d_h * (1 - z) * (1 - n**2)
        d_r = d_n * u_n * r * (1 - r)
        d_z = d_h * (h_last - n) * z * (1 - z)
        d_u = np.hstack([d_r, d_z, d_n * r])
        d_m, d_U = d_u @ weights["recurrent_kernel"].T, m.T @ d_u
        return np.hstack([d_r, d_z, d_n]), d_m, (d_h * z,), {"recurrent_kernel": d_U}


class ResetBefore(Cell):
    """r, z = σ(a + m U); n = tanh(a + (r m) U); h' = (1 - z) n + z h

    The reduced forms differ in what r and z have: gru1 m U + b, gru2 m U, gru3 b. What is left out is zero here.
    """

    @staticmethod
    def step(weights: Weights, a: Array, m: Array, state: State) -> tuple[State, Cache]:
        U_rz, U_n = ResetBefore._parts(weights, m.shape[1])
        r, z = np.split(sigmoid(a[:, : 2 * m.shape[1]] + widened(m @ U_rz, 2 * m.shape[1])), 2, axis=1)
        n = np.tanh(a[:, 2 * m.shape[1] :] + (r * m) @ U_n)
        return ((1 - z) * n + z * state[0],), (m, r, z, n, state[0])

    @staticmethod
    def back(weights: Weights, cache: Cache, d_state: State) -> Back:
        m, r, z, n, h_last = cache
        U_rz, U_n = ResetBefore._parts(weights, m.shape[1])
        d_h = d_state[0]
        d_n = d_h * (1 - z) * (1 - n**2)
        d_rm = d_n @ U_n.T
        d_rz = np.hstack([d_rm * m * r * (1 - r), d_h * (h_last - n) * z * (1 - z)])
        d_u = d_rz[:, d_rz.shape[1] - U_rz.shape[1] :]
        d_U = np.hstack([m.T @ d_u, (r * m).T @ d_n])
        return np.hstack([d_rz, d_n]), d_rm * r + d_u @ U_rz.T, (d_h * z,), {"recurrent_kernel": d_U}

    @staticmethod
    def _parts(weights: Weights, units: int) -> tuple[Array, Array]:
        """The gates' part of U, without columns where the gates have none, and the candidate's."""
        U = weights["recurrent_kernel"]
        return U[:, :-units], U[:, -units:]


class Perceptron(Cell):
    """v₀ = relu(a + m U); vᵢ = relu(vᵢ₋₁ Wᵢ + bᵢ), the last without relu; prediction, memory' = its columns

    The columns in that order; the memory is the state, the prediction what the layer puts out.
    """

    @staticmethod
    def step(weights: Weights, a: Array, m: Array, state: State) -> tuple[State, Cache]:
        values = [np.maximum(a + m @ weights["recurrent_kernel"], 0)]
        last = Perceptron._last(weights)
        for number in range(1, last + 1):
            value = values[-1] @ weights[f"kernel_{number}"] + weights[f"bias_{number}"]
            values.append(value if number == last else np.maximum(value, 0))
        prediction, memory = np.split(values[-1], [state[1].shape[1]], axis=1)
        return (memory, prediction), (m, values)

    @staticmethod
    def back(weights: Weights, cache: Cache, d_state: State) -> Back:
        m, values = cache
        d_value, gradients = np.hstack([d_state[1], d_state[0]]), {}
        for number in range(Perceptron._last(weights), 0, -1):
            gradients[f"kernel_{number}"] = values[number - 1].T @ d_value
            gradients[f"bias_{number}"] = d_value.sum(axis=0)
            d_value = d_value @ weights[f"kernel_{number}"].T * (values[number - 1] > 0)
        gradients["recurrent_kernel"] = m.T @ d_value
        d_m = d_value @ weights["recurrent_kernel"].T
        return d_value, d_m, (np.zeros_like(d_state[0]), np.zeros_like(d_state[1])), gradients

    @staticmethod
    def _last(weights: Weights) -> int:
        return sum(name.startswith("kernel_") for name in weights)


CELLS: dict[str, type[Cell]] = {
    "rnn": RNN,
    "lstm": LSTM,
    "gru": GRU,
    "gru-reset-before": ResetBefore,
    "gru1": ResetBefore,
    "gru2": ResetBefore,
    "gru3": ResetBefore,
    "rmlp": Perceptron,
}
