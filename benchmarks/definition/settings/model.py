"""[model]: a preset of recurrent or of convolutional layers, or a list of layers."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from backends.layers import Activation, Conv1D, Dense, Dropout, Flatten, Layer, Repeat
from backends.model import ModelSpec
from backends.recurrent import Cell, Recurrent
from benchmarks.definition.settings.base import Count, Flag, Rate, Settings

CONVOLUTIONAL = "cnn"  # what a convolutional model without a name is called


class DenseSettings(Settings):
    kind: Literal["dense"]
    units: Count | None = None  # None: as many as there are outputs
    activation: Activation = "linear"
    each_step: Flag = False

    def layer(self, outputs: int) -> Layer:
        return Dense(self.units or outputs, self.activation, self.each_step)


class ConvolutionSettings(Settings):
    kind: Literal["conv1d"]
    filters: Count
    width: Count
    activation: Activation = "linear"

    def layer(self, outputs: int) -> Layer:
        return Conv1D(self.filters, self.width, self.activation)


class RecurrentSettings(Settings):
    kind: Literal["recurrent"]
    cell: Cell
    units: Count | None = None  # None: as many as there are outputs
    sequences: Flag = False
    bidirectional: Flag = False
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    hidden: tuple[Count, ...] = (32, 8)  # cell "rmlp"
    memory: Count | None = None  # cell "rmlp"; None: as its units

    def layer(self, outputs: int) -> Layer:
        given = self.model_dump(exclude={"kind", "units"})
        return Recurrent(units=self.units or outputs, **given)


class DropoutSettings(Settings):
    kind: Literal["dropout"]
    rate: Rate

    def layer(self, outputs: int) -> Layer:
        return Dropout(self.rate)


class FlattenSettings(Settings):
    kind: Literal["flatten"]

    def layer(self, outputs: int) -> Layer:
        return Flatten()


class RepeatSettings(Settings):
    kind: Literal["repeat"]
    times: Count | None = None  # None: as often as there are outputs

    def layer(self, outputs: int) -> Layer:
        return Repeat(self.times or outputs)


AnyLayer = Annotated[
    DenseSettings | ConvolutionSettings | RecurrentSettings | DropoutSettings | FlattenSettings | RepeatSettings,
    Field(discriminator="kind"),
]


class ModelSettings(Settings):
    """A preset: `layers` recurrent layers of `cell`, dense layers with ReLU, a dense head. Or its own `stack`.

    Or a preset of convolutions: one with ReLU for each of `filters`, then all steps as one vector into the same dense
    layers and head. In a stack, the units of a layer that does not say are the outputs (horizon times targets).
    """

    name: Annotated[str, Field(min_length=1)] | None = None  # in labels and tables; None: the cell's
    cell: Cell | None = None
    units: Count | None = None
    layers: Count = 1
    bidirectional: Flag = False
    dropout: Rate = 0.0  # after each recurrent layer
    input_dropout: Rate = 0.0  # of each recurrent layer, one mask a sequence
    recurrent_dropout: Rate = 0.0  # of each recurrent layer's state, one mask a sequence
    filters: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None  # of each convolution
    width: Count | None = None  # of every convolution
    dense: tuple[Count, ...] = ()  # hidden dense layers before the head
    stack: Annotated[tuple[AnyLayer, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        fields = {name: field for name, field in type(self).model_fields.items() if name not in ("name", "stack")}
        given = [name for name, field in fields.items() if getattr(self, name) != field.default]
        strange = [name for name in given if name not in ("filters", "width", "dense")]
        recurrent, convolutional = (
            self.cell is not None and self.units is not None,
            None not in (self.filters, self.width),
        )
        if self.stack is None and not recurrent and not convolutional:
            raise ValueError(
                'a model is a cell and its units, as in cell = "gru", units = 50, or a stack of layers, or filters and '
                "their width, as in filters = [64, 32], width = 5"
            )
        if self.stack is not None and given:
            raise ValueError(f"a stack names its layers itself; leave {', '.join(given)} out, or the stack")
        if self.filters is not None and strange:
            raise ValueError(f"a model with filters is convolutional; leave {', '.join(strange)} out, or filters")
        if self.stack is not None and self.name is None:
            raise ValueError('a stack needs a name, as in name = "CNN"')
        if self.name is not None and ("," in self.name or not self.name.isprintable()):
            raise ValueError(f"name = {self.name!r} has a comma or unprintable characters, which no label can carry")
        if self.cell == "rmlp":
            raise ValueError('rmlp is its own head; write a stack, [{kind = "recurrent", cell = "rmlp"}]')
        return self

    @property
    def called(self) -> str:
        """Its name, or its cell's."""
        return self.name or self.cell or CONVOLUTIONAL

    def architecture(self, outputs: int) -> ModelSpec:
        """The model for `outputs` values a window. A ModelError names the layer that is wrong in itself."""
        if self.stack is not None:
            return ModelSpec(tuple(layer.layer(outputs) for layer in self.stack))
        layers = self._convolutions() if self.filters is not None else self._recurrences()
        return ModelSpec((*layers, *(Dense(units, "relu") for units in self.dense), Dense(outputs)))

    def _convolutions(self) -> list[Layer]:
        assert self.filters is not None
        assert self.width is not None
        return [*(Conv1D(filters, self.width, "relu") for filters in self.filters), Flatten()]

    def _recurrences(self) -> list[Layer]:
        layers: list[Layer] = []
        for depth in range(self.layers):
            layers.append(self._recurrent(sequences=depth < self.layers - 1))
            layers += [Dropout(self.dropout)] if self.dropout else []
        return layers

    def _recurrent(self, *, sequences: bool) -> Layer:
        assert self.cell is not None
        assert self.units is not None
        masks = (self.input_dropout, self.recurrent_dropout)
        return Recurrent(self.cell, self.units, sequences, self.bidirectional, *masks)
