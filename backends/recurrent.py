"""The vocabulary of models: recurrent layers and their cells.

Parameters are canonical: `kernel` (F, blocks*units), `recurrent_kernel` (units, blocks*units), `bias` (blocks*units,),
the gates side by side in the order of their cell. A second direction has its own, `backward.kernel` and so on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

from backends.layers import SEQUENCE, Layer, Mask, Shape, counts_fault, rates_fault

Cell = Literal["rnn", "lstm", "gru", "gru-reset-before", "gru1", "gru2", "gru3", "rmlp"]


@dataclass(frozen=True)
class Blocks:
    """How many gates stand in a cell's `kernel`, `recurrent_kernel` and `bias`: the last so many of all its gates."""

    kernel: int
    recurrent_kernel: int
    bias: int

    @property
    def gates(self) -> int:
        return max(self.kernel, self.recurrent_kernel, self.bias)


BLOCKS: Mapping[str, Blocks] = {
    "rnn": Blocks(1, 1, 1),
    "lstm": Blocks(4, 4, 4),  # i f g o
    "gru": Blocks(3, 3, 3),  # r z n, like all that follow
    "gru-reset-before": Blocks(3, 3, 3),
    "gru1": Blocks(1, 3, 3),
    "gru2": Blocks(1, 3, 1),
    "gru3": Blocks(1, 1, 3),
}


@dataclass(frozen=True)
class Recurrent(Layer):
    """A recurrent layer: (T, F) to (T, units) with `sequences`, else the last output (units,).

    cell: "rnn", "lstm", "gru" (reset after the product, cuDNN's form), "gru-reset-before" (Cho et al. 2014), its
    reduced forms "gru1", "gru2", "gru3" (Dey & Salem 2017: gates from state and bias, from state, from bias), or
    "rmlp": a perceptron that maps input and memory to prediction and memory (De Mari, 50.039, week 5), through
    `hidden` layers with ReLU; its `units` are the prediction, its `memory` is as wide as that unless it says otherwise.
    bidirectional: a second direction reads the sequence backwards; outputs are (..., 2*units), forward first, and the
    last output is the one after each direction's own last step.
    dropout, recurrent_dropout: rates of the masks on the input and on the state where it enters the recurrent
    product, each drawn once a sequence (Gal & Ghahramani 2016).
    """

    cell: Cell
    units: int
    sequences: bool = False
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    hidden: tuple[int, ...] = (32, 8)
    memory: int | None = None

    def __str__(self) -> str:
        settings = {
            f"memory {self.memory}": self.memory,
            f"hidden {self.hidden}": self.cell == "rmlp",
            "both directions": self.bidirectional,
            "all outputs": self.sequences,
            f"dropout {self.dropout}": self.dropout,
            f"recurrent dropout {self.recurrent_dropout}": self.recurrent_dropout,
        }
        return ", ".join([f"{self.cell} {self.units}", *(words for words, so in settings.items() if so)])

    @property
    def directions(self) -> tuple[str, ...]:
        """What stands before the names of each direction's parameters and masks."""
        return ("", "backward.") if self.bidirectional else ("",)

    @property
    def states(self) -> tuple[int, ...]:
        """The widths of what a step hands to the next; the recurrent product takes the first.

        lstm: h, c; rmlp: memory and prediction; all others: h.
        """
        if self.cell == "rmlp":
            return (self.units if self.memory is None else self.memory, self.units)
        return (self.units, self.units) if self.cell == "lstm" else (self.units,)

    @property
    def columns(self) -> int:
        """The width of the input's part of a step, for all gates: x W + b with zeros where a gate has no block."""
        return self.hidden[0] if self.cell == "rmlp" else BLOCKS[self.cell].gates * self.units

    @property
    def output(self) -> int:
        """Which of its states a layer puts out."""
        return 1 if self.cell == "rmlp" else 0

    def fault(self) -> str | None:
        if self.cell not in get_args(Cell):
            return f"there is no such cell; {', '.join(get_args(Cell))} would do"
        if self.cell != "rmlp" and (self.hidden, self.memory) != ((32, 8), None):
            return "hidden and memory belong to the cell rmlp; without them it would do"
        counts = {"units": self.units} | {f"hidden[{n}]": width for n, width in enumerate(self.hidden)}
        counts |= {} if self.memory is None else {"memory": self.memory}
        if not self.hidden:
            return "hidden is empty; at least one layer of at least 1 would do, as in (32, 8)"
        return counts_fault(**counts) or rates_fault(dropout=self.dropout, recurrent_dropout=self.recurrent_dropout)

    def misfit(self, shape: Shape) -> str | None:
        return SEQUENCE if len(shape) == 1 else None

    def result(self, shape: Shape) -> Shape:
        width = self.units * len(self.directions)
        return (shape[0], width) if self.sequences else (width,)

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        own = self._perceptron(shape[1]) if self.cell == "rmlp" else self._gates(shape[1])
        return {direction + name: of for direction in self.directions for name, of in own.items()}

    def _gates(self, features: int) -> dict[str, Shape]:
        blocks = BLOCKS[self.cell]
        return {
            "recurrent_kernel": (self.units, blocks.recurrent_kernel * self.units),
            "kernel": (features, blocks.kernel * self.units),
            "bias": (blocks.bias * self.units,),
        }

    def _perceptron(self, features: int) -> dict[str, Shape]:
        """The first hidden layer like any cell's, then `kernel_1`, `bias_1` and so on; the last gives both states."""
        first, *rest = (*self.hidden, sum(self.states))
        own: dict[str, Shape] = {"recurrent_kernel": (self.states[0], first), "kernel": (features, first)}
        own["bias"] = (first,)
        for number, (rows, columns) in enumerate(zip([first, *rest], rest, strict=False), start=1):
            own |= {f"kernel_{number}": (rows, columns), f"bias_{number}": (columns,)}
        return own

    def input_multiply_adds(self, shape: Shape) -> int:
        return shape[0] * len(self.directions) * prod(self.shapes(shape)["kernel"])

    def masks(self, shape: Shape) -> dict[str, Mask]:
        own = {"input_mask": Mask(self.dropout, (shape[1],))} if self.dropout else {}
        own |= {"recurrent_mask": Mask(self.recurrent_dropout, self.states[:1])} if self.recurrent_dropout else {}
        return {direction + name: mask for direction in self.directions for name, mask in own.items()}
