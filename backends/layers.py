"""The vocabulary of models: layers, described by shapes. Uses no arrays and no framework.

A shape is that of one window, without the batch: (T, F) for a sequence, (F,) for a vector. Canonical parameters:

- a dense layer has `kernel` (F, units) and `bias` (units,);
- a convolution has `kernel` (width, F, filters) and `bias` (filters,);
- recurrent layers are in recurrent.py.

The name of a parameter or mask is the layer's position and its name in the layer: `0.kernel`, `0.backward.bias`.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

Activation = Literal["linear", "relu", "tanh"]
Shape = tuple[int, ...]


class ModelError(ValueError):
    """The layers of a model do not fit. The message is one sentence that names the layer and a remedy."""


NEEDS_SEQUENCE = (
    "it needs a sequence but gets a vector; set sequences=True in the recurrent layer before it, or insert Repeat"
)


@dataclass(frozen=True)
class Mask:
    """A dropout mask for one window: each entry is 0 with probability `rate`, otherwise 1 / (1 - rate)."""

    rate: float
    shape: Shape


class Layer:
    """Base class of all layers. The argument `shape` is always the shape of the layer's input."""

    def fault(self) -> str | None:
        """A sentence on an invalid setting, with a remedy, or None."""
        return None

    def misfit(self, shape: Shape) -> str | None:
        """A sentence on why the layer cannot read this input, with a remedy, or None."""
        return None

    def result(self, shape: Shape) -> Shape:
        """Shape of the output."""
        return shape

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        """Shape of every parameter, by name."""
        return {}

    def masks(self, shape: Shape) -> dict[str, Mask]:
        """Dropout masks used in training, by name."""
        return {}

    def multiply_adds(self, shape: Shape) -> int:
        """Multiply-add operations of the matrix products for one window: every kernel is used once a step."""
        steps = shape[0] if len(shape) == 2 else 1
        return steps * sum(prod(kernel) for kernel in self.shapes(shape).values() if len(kernel) > 1)

    def input_multiply_adds(self, shape: Shape) -> int:
        """The part of `multiply_adds` that reads the layer's input."""
        return self.multiply_adds(shape)


@dataclass(frozen=True)
class Dense(Layer):
    """Affine map and activation: (F,) to (units,), or with `each_step` for every step, (T, F) to (T, units)."""

    units: int
    activation: Activation = "linear"
    each_step: bool = False

    def __str__(self) -> str:
        return f"dense {self.units}{activation_suffix(self.activation)}{' at each step' if self.each_step else ''}"

    def fault(self) -> str | None:
        return count_fault(units=self.units) or activation_fault(self.activation)

    def misfit(self, shape: Shape) -> str | None:
        if len(shape) == 2 and not self.each_step:
            return (
                f"it gets a sequence of {shape[0]} steps; set sequences=False in the recurrent layer before it, insert "
                "Flatten, or set each_step=True"
            )
        if len(shape) == 1 and self.each_step:
            return "each_step needs a sequence but the input is a vector; set each_step=False"
        return None

    def result(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (shape[-1], self.units), "bias": (self.units,)}


@dataclass(frozen=True)
class Conv1D(Layer):
    """Convolution over the steps of a sequence with stride 1: (T, F) to (T, filters).

    The kernel is not flipped, as in PyTorch, Keras and Flax. Padding is "same": width - 1 zero steps, half of them
    before and half after the sequence; of an odd number, the larger half is after it.
    """

    filters: int
    width: int
    activation: Activation = "linear"

    def __str__(self) -> str:
        return f"convolution {self.filters} × {self.width}{activation_suffix(self.activation)}"

    def fault(self) -> str | None:
        return count_fault(filters=self.filters, width=self.width) or activation_fault(self.activation)

    def misfit(self, shape: Shape) -> str | None:
        if len(shape) == 1:
            return NEEDS_SEQUENCE
        if self.width > shape[0]:
            return f"its width is {self.width} but the sequence has {shape[0]} steps; use a width of at most {shape[0]}"
        return None

    def result(self, shape: Shape) -> Shape:
        return (shape[0], self.filters)

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (self.width, shape[1], self.filters), "bias": (self.filters,)}

    def multiply_adds(self, shape: Shape) -> int:
        """The padding's zeros are not counted."""
        before, after = (self.width - 1) // 2, self.width // 2
        padded = (before * (before + 1) + after * (after + 1)) // 2
        return (shape[0] * self.width - padded) * shape[1] * self.filters


@dataclass(frozen=True)
class Flatten(Layer):
    """(T, F) to (T*F,), step by step."""

    def __str__(self) -> str:
        return "flatten"

    def misfit(self, shape: Shape) -> str | None:
        return NEEDS_SEQUENCE if len(shape) == 1 else None

    def result(self, shape: Shape) -> Shape:
        return (prod(shape),)


@dataclass(frozen=True)
class Repeat(Layer):
    """(F,) to (times, F): the output of an encoder as the input of a decoder at each step (Cho et al. 2014)."""

    times: int

    def __str__(self) -> str:
        return f"repeat {self.times}"

    def fault(self) -> str | None:
        return count_fault(times=self.times)

    def misfit(self, shape: Shape) -> str | None:
        if len(shape) == 2:
            return "it needs a vector but gets a sequence; set sequences=False in the layer before it"
        return None

    def result(self, shape: Shape) -> Shape:
        return (self.times, *shape)


@dataclass(frozen=True)
class Dropout(Layer):
    """In training only, sets each value to zero with probability `rate` and divides the others by 1 - rate."""

    rate: float

    def __str__(self) -> str:
        return f"dropout {self.rate}"

    def fault(self) -> str | None:
        return rate_fault(rate=self.rate)

    def masks(self, shape: Shape) -> dict[str, Mask]:
        return {"mask": Mask(self.rate, shape)} if self.rate else {}


def activation_suffix(name: Activation) -> str:
    return "" if name == "linear" else f" {name}"


def count_fault(**counts: int) -> str | None:
    """A sentence on the first value that is not a whole number of at least 1, or None."""
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            return f"{name} is {value}; it must be a whole number of at least 1"
    return None


def rate_fault(**rates: float) -> str | None:
    """A sentence on the first value outside [0, 1), or None."""
    for name, value in rates.items():
        if not 0 <= value < 1:
            return f"{name} is {value}; it must be at least 0 and less than 1"
    return None


def activation_fault(name: str) -> str | None:
    known = get_args(Activation)
    return None if name in known else f"there is no activation {name!r}; use one of {', '.join(known)}"
