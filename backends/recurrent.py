"""The vocabulary of models: recurrent layers and their cells.

Canonical parameters: `kernel` (F, blocks*units), `recurrent_kernel` (units, blocks*units) and `bias` (blocks*units,),
with the gates side by side in the order of the cell. The backward direction of a bidirectional layer has parameters of
its own: `backward.kernel` and so on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

from backends.layers import NEEDS_SEQUENCE, Layer, Mask, Shape, count_fault, rate_fault

RecurrentActivation = Literal["tanh", "relu", "sigmoid"]
Cell = Literal["rnn", "lstm", "gru", "gru-reset-before", "gru1", "gru2", "gru3", "rmlp"]


@dataclass(frozen=True)
class Blocks:
    """Number of gates in a cell's `kernel`, `recurrent_kernel` and `bias`. Omitted gates are the cell's first ones."""

    kernel: int
    recurrent_kernel: int
    bias: int

    @property
    def gates(self) -> int:
        return max(self.kernel, self.recurrent_kernel, self.bias)


BLOCKS: Mapping[str, Blocks] = {
    "rnn": Blocks(1, 1, 1),
    "lstm": Blocks(4, 4, 4),  # i f g o
    "gru": Blocks(3, 3, 3),  # r z n, as in all cells below
    "gru-reset-before": Blocks(3, 3, 3),
    "gru1": Blocks(1, 3, 3),
    "gru2": Blocks(1, 3, 1),
    "gru3": Blocks(1, 1, 3),
}


@dataclass(frozen=True)
class Recurrent(Layer):
    """A recurrent layer: (T, F) to (T, units) with `sequences`, otherwise the output of the last step (units,).

    cell: "rnn"; "lstm"; "gru", with the reset gate after the product (cuDNN's form); "gru-reset-before" (Cho et al.
        2014); the reduced "gru1", "gru2", "gru3", whose gates read state and bias, state, or bias (Dey & Salem 2017);
        or "rmlp", a perceptron that maps input and memory to prediction and memory (De Mari, 50.039, week 5).
    bidirectional: a second direction reads the sequence backwards. Outputs are (..., 2*units), forward direction first.
        Without `sequences` they are each direction's output after its own last step.
    dropout, recurrent_dropout: rates of the masks on the input and on the state where it enters the recurrent product,
        each drawn once a sequence (Gal & Ghahramani 2016).
    activation: φ of the cell's equations, as Keras's argument of this name: of the candidate and, in the lstm, of the
        cell's state on its way to the output. The gates keep the sigmoid.
    hidden: widths of the rmlp's hidden layers with ReLU.
    memory: width of the rmlp's memory; None means `units`, which is the width of its prediction.
    """

    cell: Cell
    units: int
    sequences: bool = False
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    activation: RecurrentActivation = "tanh"
    hidden: tuple[int, ...] = (32, 8)
    memory: int | None = None

    def __str__(self) -> str:
        settings = {
            self.activation: self.activation != "tanh",
            f"memory {self.memory}": self.memory,
            f"hidden {self.hidden}": self.cell == "rmlp",
            "both directions": self.bidirectional,
            "all outputs": self.sequences,
            f"dropout {self.dropout}": self.dropout,
            f"recurrent dropout {self.recurrent_dropout}": self.recurrent_dropout,
        }
        return ", ".join([f"{self.cell} {self.units}", *(text for text, shown in settings.items() if shown)])

    @property
    def directions(self) -> tuple[str, ...]:
        """Prefix of the names of each direction's parameters and masks."""
        return ("", "backward.") if self.bidirectional else ("",)

    @property
    def states(self) -> tuple[int, ...]:
        """Widths of the states that a step passes to the next: lstm h, c; rmlp memory, prediction; all others h.

        The first state enters the recurrent product.
        """
        if self.cell == "rmlp":
            return (self.units if self.memory is None else self.memory, self.units)
        return (self.units, self.units) if self.cell == "lstm" else (self.units,)

    @property
    def columns(self) -> int:
        """Width of x W + b for all gates, with zeros for gates that have no block."""
        return self.hidden[0] if self.cell == "rmlp" else BLOCKS[self.cell].gates * self.units

    @property
    def output(self) -> int:
        """Index of the state that is the layer's output."""
        return 1 if self.cell == "rmlp" else 0

    def fault(self) -> str | None:
        if self.cell not in get_args(Cell):
            return f"there is no such cell; use one of {', '.join(get_args(Cell))}"
        if self.activation not in get_args(RecurrentActivation):
            known = ", ".join(get_args(RecurrentActivation))
            return f"there is no activation {self.activation!r} for a recurrent layer; use one of {known}"
        if self.cell == "rmlp" and self.activation != "tanh":
            return "the cell rmlp has ReLU in its hidden layers; remove activation"
        if self.cell != "rmlp" and (self.hidden, self.memory) != ((32, 8), None):
            return "hidden and memory belong to the cell rmlp; remove them"
        counts = {"units": self.units} | {f"hidden[{n}]": width for n, width in enumerate(self.hidden)}
        counts |= {} if self.memory is None else {"memory": self.memory}
        if not self.hidden:
            return "hidden is empty; give at least one width, as in (32, 8)"
        return count_fault(**counts) or rate_fault(dropout=self.dropout, recurrent_dropout=self.recurrent_dropout)

    def misfit(self, shape: Shape) -> str | None:
        return NEEDS_SEQUENCE if len(shape) == 1 else None

    def result(self, shape: Shape) -> Shape:
        width = self.units * len(self.directions)
        return (shape[0], width) if self.sequences else (width,)

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        shapes = self._perceptron(shape[1]) if self.cell == "rmlp" else self._gates(shape[1])
        return {direction + name: size for direction in self.directions for name, size in shapes.items()}

    def _gates(self, features: int) -> dict[str, Shape]:
        blocks = BLOCKS[self.cell]
        return {
            "recurrent_kernel": (self.units, blocks.recurrent_kernel * self.units),
            "kernel": (features, blocks.kernel * self.units),
            "bias": (blocks.bias * self.units,),
        }

    def _perceptron(self, features: int) -> dict[str, Shape]:
        """The first hidden layer, named as in any cell; then `kernel_1`, `bias_1`, ...; the last feeds both states."""
        first, *rest = (*self.hidden, sum(self.states))
        shapes: dict[str, Shape] = {"recurrent_kernel": (self.states[0], first), "kernel": (features, first)}
        shapes["bias"] = (first,)
        for number, (rows, columns) in enumerate(zip([first, *rest], rest, strict=False), start=1):
            shapes |= {f"kernel_{number}": (rows, columns), f"bias_{number}": (columns,)}
        return shapes

    def input_multiply_adds(self, shape: Shape) -> int:
        return shape[0] * len(self.directions) * prod(self.shapes(shape)["kernel"])

    def masks(self, shape: Shape) -> dict[str, Mask]:
        masks = {"input_mask": Mask(self.dropout, (shape[1],))} if self.dropout else {}
        masks |= {"recurrent_mask": Mask(self.recurrent_dropout, self.states[:1])} if self.recurrent_dropout else {}
        return {direction + name: mask for direction in self.directions for name, mask in masks.items()}
