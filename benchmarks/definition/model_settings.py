"""The table `[model]`: a preset of recurrent or convolutional layers, or a list of layers (`stack`)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from backends.layers import Activation, Conv1D, Dense, Dropout, Flatten, Layer, Repeat
from backends.model import ModelSpec
from backends.recurrent import Cell, Recurrent, RecurrentActivation
from datasets.spec import Count, Flag, Settings

CONVOLUTIONAL = "cnn"  # label of a convolutional model without a name

Rate = Annotated[float, Field(ge=0, lt=1, strict=True)]  # of dropout


class DenseSettings(Settings):
    kind: Literal["dense"]
    units: Count | None = None  # None: the number of outputs
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
    units: Count | None = None  # None: the number of outputs
    sequences: Flag = False
    bidirectional: Flag = False
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    activation: RecurrentActivation = "tanh"
    hidden: tuple[Count, ...] = (32, 8)  # cell "rmlp"
    memory: Count | None = None  # cell "rmlp"; None: its units

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
    times: Count | None = None  # None: the number of outputs

    def layer(self, outputs: int) -> Layer:
        return Repeat(self.times or outputs)


AnyLayer = Annotated[
    DenseSettings | ConvolutionSettings | RecurrentSettings | DropoutSettings | FlattenSettings | RepeatSettings,
    Field(discriminator="kind"),
]


class ModelSettings(Settings):
    """A recurrent preset, a convolutional preset, or a stack of layers.

    Recurrent: `layers` layers of `cell`, dense layers with ReLU, and a linear output layer. Convolutional: one
    convolution with ReLU for each entry of `filters`, flattened, then the same dense layers and output layer. In a
    stack, a layer without `units` has as many units as there are outputs (horizon times targets).
    """

    name: Annotated[str, Field(min_length=1)] | None = None  # in labels and tables; None: the name of the cell
    cell: Cell | None = None
    units: Count | None = None
    layers: Count = 1
    bidirectional: Flag = False
    dropout: Rate = 0.0  # after each recurrent layer
    input_dropout: Rate = 0.0  # of the inputs of each recurrent layer, one mask per sequence
    recurrent_dropout: Rate = 0.0  # of the state of each recurrent layer, one mask per sequence
    activation: RecurrentActivation = "tanh"  # of each recurrent layer, as Keras's argument of this name
    filters: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None  # of each convolution
    width: Count | None = None  # of all convolutions
    stateful: Flag = False  # the state passes from each window to the one that continues it; see worker/streams.py
    dense: tuple[Count, ...] = ()  # units of the hidden dense layers before the output layer
    stack: Annotated[tuple[AnyLayer, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_one_kind_of_model(self) -> Self:
        fields = {name: field for name, field in type(self).model_fields.items() if name not in ("name", "stack")}
        given = [name for name, field in fields.items() if getattr(self, name) != field.default]
        not_convolutional = [name for name in given if name not in ("filters", "width", "dense")]
        recurrent = self.cell is not None and self.units is not None
        convolutional = self.filters is not None and self.width is not None
        if self.stack is None and not recurrent and not convolutional:
            raise ValueError(
                'a model needs a cell and units, as in cell = "gru", units = 50, or filters and width, as in '
                "filters = [64, 32], width = 5, or a stack of layers"
            )
        of_layers = [name for name in given if name != "stateful"]
        if self.stack is not None and of_layers:
            raise ValueError(f"a stack lists all layers; remove {', '.join(of_layers)}, or remove the stack")
        if self.filters is not None and not_convolutional:
            raise ValueError(
                f"a model with filters is convolutional; remove {', '.join(not_convolutional)}, or remove filters"
            )
        if self.stack is not None and self.name is None:
            raise ValueError('a stack needs a name, as in name = "CNN"')
        if self.name is not None and ("," in self.name or not self.name.isprintable()):
            raise ValueError(f"name = {self.name!r} has a comma or unprintable characters; labels cannot contain them")
        if self.cell == "rmlp":
            example = 'name = "perceptron", stack = [{ kind = "recurrent", cell = "rmlp", memory = 1 }]'
            raise ValueError(f"rmlp has its own output layer; write it in a stack, as in {example}")
        return self

    @property
    def label(self) -> str:
        """The name of the model, or of its cell."""
        return self.name or self.cell or CONVOLUTIONAL

    def architecture(self, outputs: int) -> ModelSpec:
        """The layers of the model for `outputs` values per window. Raises ModelError for an invalid layer."""
        if self.stack is not None:
            return ModelSpec(tuple(layer.layer(outputs) for layer in self.stack))
        layers = self._convolutions() if self.filters is not None else self._recurrent_layers()
        return ModelSpec((*layers, *(Dense(units, "relu") for units in self.dense), Dense(outputs)))

    def _convolutions(self) -> list[Layer]:
        assert self.filters is not None
        assert self.width is not None
        return [*(Conv1D(filters, self.width, "relu") for filters in self.filters), Flatten()]

    def _recurrent_layers(self) -> list[Layer]:
        assert self.cell is not None
        assert self.units is not None
        rates = (self.input_dropout, self.recurrent_dropout)
        layers: list[Layer] = []
        for depth in range(self.layers):
            sequences = depth < self.layers - 1
            layers.append(
                Recurrent(self.cell, self.units, sequences, self.bidirectional, *rates, activation=self.activation)
            )
            layers += [Dropout(self.dropout)] if self.dropout else []
        return layers
