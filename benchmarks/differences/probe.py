"""What the experiments in a framework have in common: the numbers they start from, what they give, and shown code."""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from textwrap import dedent
from typing import Any, ParamSpec, TypeVar

import numpy as np

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Array = np.ndarray

SHOWN: dict[str, str] = {}  # the text of each shown function that has run in this process, by its name


def shown(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Mark a function whose body a page shows. The text is recorded when the function runs, so it is code that ran."""

    @wraps(function)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        SHOWN[function.__name__] = body(function)
        return function(*arguments, **named)

    return run


def body(function: Callable[..., Any]) -> str:
    """The text of a function's body without its docstring, its indentation, and the `return` of a single statement."""
    text = dedent(inspect.getsource(function))
    definition = ast.parse(text).body[0]
    assert isinstance(definition, ast.FunctionDef)
    statements = definition.body[1:] if ast.get_docstring(definition) else definition.body
    lines, first = text.splitlines(), statements[0].lineno - 1
    while lines[first - 1].lstrip().startswith("#"):  # comments above the first statement belong to it
        first -= 1
    shown = dedent("\n".join(lines[first : definition.end_lineno]))
    return shown.removeprefix("return ") if len(statements) == 1 else shown


@dataclass(frozen=True)
class Probe:
    """What a framework does. observed: what the claim is compared with.

    default, equal: the same quantity in every framework, as it comes by default, and with the shown lines.
    """

    observed: object
    default: Array
    equal: Array


@dataclass(frozen=True)
class Case:
    """Random numbers that all frameworks start from, in float64.

    kernels: (F, gates * H), (H, gates * H) and (gates * H,), with the gates in PyTorch's order: i f g o, or r z n.
    """

    units: int = 5
    features: int = 3
    lstm: tuple[Array, Array, Array] = field(default_factory=lambda: _kernels(4))
    gru: tuple[Array, Array, Array] = field(default_factory=lambda: _kernels(3))
    x: Array = field(default_factory=lambda: _random(4).normal(size=(4, 7, 3)))
    target: Array = field(default_factory=lambda: _random(5).normal(size=(4, 5)))
    lengths: Array = field(default_factory=lambda: np.array([7, 3, 5, 1]))
    gradients: Array = field(default_factory=lambda: _random(6).normal(size=(60, 6)))  # of 60 steps
    weights: Array = field(default_factory=lambda: _random(7).normal(size=6))
    masks: Array = field(default_factory=lambda: 2.0 * (_random(8).random((4, 4, 5)) < 0.5))  # (gates, N, H)
    grid: Array = field(default_factory=lambda: np.linspace(-8, 8, 20001, dtype=np.float32))

    @property
    def padded(self) -> Array:
        """x with zeros after the length of each sequence."""
        return self.x * (np.arange(7) < self.lengths[:, None])[..., None]

    @property
    def lstm_outputs(self) -> Array:
        """The LSTM's outputs after the last step, (N, H), written out in NumPy."""
        W, U, b = self.lstm
        h = c = np.zeros((len(self.x), self.units))
        for t in range(self.x.shape[1]):
            i, f, g, o = np.split(self.x[:, t] @ W + h @ U + b, 4, axis=1)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
        return h


def is_float64(outputs: Array, exact: Array) -> bool:
    """Whether outputs have the accuracy of float64, and not that of a float32 result in between."""
    return bool(np.abs(outputs - exact).max() < 1e-13)


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng([2026, seed])


def _kernels(gates: int) -> tuple[Array, Array, Array]:
    random = _random(gates)
    return random.normal(size=(3, gates * 5)), random.normal(size=(5, gates * 5)), random.normal(size=gates * 5)
