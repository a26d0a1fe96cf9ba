"""The settings of a training in which the benchmark `differences` changes one at a time."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

UNITS, BATCH = 32, 32
LOSS_STEPS = 200  # optimizer steps before the loss is measured, and of one call of a compiled program


class Setup(BaseModel):
    """One LSTM layer and a dense output, trained with Adam. The defaults are the common setup of all experiments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # layers
    cell: Literal["lstm", "gru", "gru-reset-before"] = "lstm"
    second_bias: bool = False  # the cell adds two biases, both trained
    initial: Literal["pytorch", "keras", "flax"] = "keras"
    forget_bias: float = 0.0  # initial value of the bias of the forget gate
    sigmoid: Literal["exact", "hard, slope 1/6", "hard, slope 1/5"] = "exact"
    bidirectional: Literal["", "own last", "last in time"] = ""  # which state of the backward direction is the output
    swapped: bool = False  # the trained reset and update gate change places before the model is evaluated
    dropout: float = 0.0  # between the recurrent and the dense layer
    dropout_scaled: bool = True  # kept values are divided by 1 - dropout in training
    input_dropout: float = 0.0  # of the layer's inputs, one mask per sequence
    recurrent_dropout: float = 0.0
    recurrent_mask: Literal["sequence", "step"] = "sequence"  # how often a mask is drawn
    # optimizer
    optimizer: Literal["adam", "rmsprop"] = "adam"
    beta2: float = 0.999  # the decay of the mean square; with "rmsprop" its only decay
    epsilon: float = 1e-8
    epsilon_place: Literal["corrected", "uncorrected"] = "corrected"  # to which root of the mean square it is added
    correction: Literal["float64", "float32"] = "float64"  # in which the bias corrections are computed
    decay: float = 0.0  # factor of a parameter in its gradient, or of its decay
    decay_place: Literal["gradient", "weights"] = "gradient"
    decay_on: Literal["all", "kernel"] = "all"
    clip: Literal["", "value", "norm of each", "global norm"] = ""
    clip_at: float = 1.0
    clip_epsilon: float = 0.0  # added to the norm before the division
    # data and numbers
    schedule: Literal["constant", "per epoch", "per step"] = "constant"
    partial_batch: Literal["drop", "use"] = "drop"
    shuffle: bool = True
    stateful: Literal["", "reset", "kept"] = ""  # the state at the start of a batch, with windows in order of time
    padding: Literal["", "masked", "read"] = ""  # windows of 5 to 20 rows, padded with zeros at the end
    dtype: Literal["float64", "float32"] = "float64"
    product: Literal["exact", "tf32"] = "exact"  # tf32: factors of products rounded to 10 bits of mantissa
    tanh: Literal["exact", "float32"] = "exact"
    loss_shown: Literal["after", "mean during"] = "after"  # the epoch


def program(setup: Setup) -> Setup:
    """The settings that decide which program is compiled; all others are numbers or arrays that it takes."""
    kept = ("cell", "stateful", "dtype", "product", "tanh")
    changed: dict[str, object] = {name: getattr(setup, name) for name in kept}
    changed["sigmoid"] = "exact" if setup.sigmoid == "exact" else "hard, slope 1/6"
    changed["bidirectional"] = "own last" if setup.bidirectional else ""
    changed["dropout"] = 0.5 if setup.dropout or setup.input_dropout else 0.0  # of either place
    changed["recurrent_dropout"] = 0.5 if setup.recurrent_dropout else 0.0
    return Setup().model_copy(update=changed)
