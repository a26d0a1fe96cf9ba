"""The vocabulary of models: the layers. Shapes only, no arrays and no framework.

A shape is that of one window, without the batch: (T, F) a sequence, (F,) a vector. Parameters are canonical:

- a dense layer has `kernel` (F, units) and `bias` (units,), a convolution `kernel` (width, F, filters) and `bias`
  (filters,); those of a recurrent layer are in recurrent.py;
- a parameter's name is its layer's position and its own name: `0.kernel`, `0.backward.bias`, `1.bias`. So is a mask's.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

Activation = Literal["linear", "relu", "tanh"]
Shape = tuple[int, ...]


class ModelError(ValueError):
    """The layers of a model do not fit; the message is one sentence that names the layer and says what would."""


SEQUENCE = "it reads a sequence and gets a vector; sequences=True in a recurrent layer before it, or Repeat, would do"


@dataclass(frozen=True)
class Mask:
    """A dropout mask for one window: 0 with probability `rate`, else 1 / (1 - rate)."""

    rate: float
    shape: Shape


class Layer:
    """What every layer says of itself. `shape` is that of its input, and fits."""

    def fault(self) -> str | None:
        """What is wrong with its settings, whatever it is given, and what would do."""
        return None

    def misfit(self, shape: Shape) -> str | None:
        """Why it cannot read this, and what would do."""
        return None

    def result(self, shape: Shape) -> Shape:
        """The shape of its output."""
        return shape

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        """Name and shape of every parameter."""
        return {}

    def masks(self, shape: Shape) -> dict[str, Mask]:
        """Every dropout mask that it takes in training."""
        return {}

    def multiply_adds(self, shape: Shape) -> int:
        """Of its matrix products, for one window: every kernel is used once a step."""
        steps = shape[0] if len(shape) == 2 else 1
        return steps * sum(prod(kernel) for kernel in self.shapes(shape).values() if len(kernel) > 1)

    def input_multiply_adds(self, shape: Shape) -> int:
        """Those of them that take its input."""
        return self.multiply_adds(shape)


@dataclass(frozen=True)
class Dense(Layer):
    """An affine map: (F,) to (units,), or with `each_step` the same one at every step, (T, F) to (T, units)."""

    units: int
    activation: Activation = "linear"
    each_step: bool = False

    def __str__(self) -> str:
        return f"dense {self.units}{activated(self.activation)}{' at each step' if self.each_step else ''}"

    def fault(self) -> str | None:
        return counts_fault(units=self.units) or activation_fault(self.activation)

    def misfit(self, shape: Shape) -> str | None:
        if len(shape) == 2 and not self.each_step:
            return (
                f"it gets a sequence of {shape[0]} steps; sequences=False in a recurrent layer before it, Flatten "
                "between them, or each_step=True would do"
            )
        if len(shape) == 1 and self.each_step:
            return "each_step needs a sequence and it gets a vector; each_step=False would do"
        return None

    def result(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (shape[-1], self.units), "bias": (self.units,)}


@dataclass(frozen=True)
class Conv1D(Layer):
    """A convolution over the steps of a sequence: (T, F) to (T, filters), stride 1.

    The kernel is not flipped (what all three frameworks call a convolution). Padding is "same": width - 1 zero steps,
    half before and half after the sequence, of an odd number the larger half after it.
    """

    filters: int
    width: int
    activation: Activation = "linear"

    def __str__(self) -> str:
        return f"convolution {self.filters} × {self.width}{activated(self.activation)}"

    def fault(self) -> str | None:
        return counts_fault(filters=self.filters, width=self.width) or activation_fault(self.activation)

    def misfit(self, shape: Shape) -> str | None:
        if len(shape) == 1:
            return SEQUENCE
        if self.width > shape[0]:
            return f"it is {self.width} wide and reads {shape[0]} steps; a width of at most {shape[0]} would do"
        return None

    def result(self, shape: Shape) -> Shape:
        return (shape[0], self.filters)

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (self.width, shape[1], self.filters), "bias": (self.filters,)}

    def multiply_adds(self, shape: Shape) -> int:
        """Zeros of the padding need no work."""
        before, after = (self.width - 1) // 2, self.width // 2
        padded = (before * (before + 1) + after * (after + 1)) // 2
        return (shape[0] * self.width - padded) * shape[1] * self.filters


@dataclass(frozen=True)
class Flatten(Layer):
    """(T, F) to (T*F,), step by step."""

    def __str__(self) -> str:
        return "flatten"

    def misfit(self, shape: Shape) -> str | None:
        return SEQUENCE if len(shape) == 1 else None

    def result(self, shape: Shape) -> Shape:
        return (prod(shape),)


@dataclass(frozen=True)
class Repeat(Layer):
    """(F,) to (times, F): what an encoder found, given to a decoder at each of its steps (Cho et al. 2014)."""

    times: int

    def __str__(self) -> str:
        return f"repeat {self.times}"

    def fault(self) -> str | None:
        return counts_fault(times=self.times)

    def misfit(self, shape: Shape) -> str | None:
        if len(shape) == 2:
            return "it repeats a vector and gets a sequence; sequences=False in the layer before it would do"
        return None

    def result(self, shape: Shape) -> Shape:
        return (self.times, *shape)


@dataclass(frozen=True)
class Dropout(Layer):
    """Zeroes each value with probability `rate` and divides the others by 1 - rate; in training alone."""

    rate: float

    def __str__(self) -> str:
        return f"dropout {self.rate}"

    def fault(self) -> str | None:
        return rates_fault(rate=self.rate)

    def masks(self, shape: Shape) -> dict[str, Mask]:
        return {"mask": Mask(self.rate, shape)} if self.rate else {}


def activated(name: Activation) -> str:
    return "" if name == "linear" else f" {name}"


def counts_fault(**counts: int) -> str | None:
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            return f"{name} is {value}; a whole number of at least 1 would do"
    return None


def rates_fault(**rates: float) -> str | None:
    for name, value in rates.items():
        if not 0 <= value < 1:
            return f"{name} is {value}; 0 or more and less than 1 would do"
    return None


def activation_fault(name: str) -> str | None:
    known = get_args(Activation)
    return None if name in known else f"there is no activation {name!r}; {', '.join(known)} would do"
