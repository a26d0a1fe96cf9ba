"""Models: shapes, arithmetic, and the sentence about layers that do not fit."""

import re

import pytest

from backends.layers import Conv1D, Dense, Dropout, Flatten, Mask, ModelError, Repeat
from backends.model import ModelSpec, forecaster
from backends.recurrent import Recurrent


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ((), "the model has no layers"),
        (
            (Recurrent("gruu", 5), Dense(1)),
            "layer 0 (gruu 5): there is no such cell; use one of rnn, lstm, gru, gru-reset-before",
        ),
        ((Recurrent("gru", 0), Dense(1)), "layer 0 (gru 0): units is 0; it must be a whole number of at least 1"),
        ((Recurrent("gru", 5), Dense(2.5)), "layer 1 (dense 2.5): units is 2.5; it must be a whole number"),
        ((Dropout(1.0), Dense(1)), "layer 0 (dropout 1.0): rate is 1.0; it must be at least 0 and less than 1"),
        (
            (Recurrent("lstm", 5, dropout=-0.1),),
            "layer 0 (lstm 5, dropout -0.1): dropout is -0.1; it must be at least 0",
        ),
        (
            (Recurrent("lstm", 5, recurrent_dropout=1),),
            "layer 0 (lstm 5, recurrent dropout 1): recurrent_dropout is 1; it must",
        ),
        ((Recurrent("lstm", 5, memory=3),), "layer 0 (lstm 5, memory 3): hidden and memory belong to the cell rmlp"),
        ((Recurrent("rmlp", 5, memory=0),), "layer 0 (rmlp 5, hidden (32, 8)): memory is 0; it must be a whole number"),
        ((Recurrent("rmlp", 5, hidden=()),), "layer 0 (rmlp 5, hidden ()): hidden is empty; give at least one width"),
        (
            (Flatten(), Dense(3, "sigmoid")),
            "layer 1 (dense 3 sigmoid): there is no activation 'sigmoid'; use one of linear, relu",
        ),
        (
            (Conv1D(4, 9), Flatten()),
            "layer 0 (convolution 4 × 9): its width is 9 but the sequence has 7 steps; use a width of at most",
        ),
        (
            (Recurrent("gru", 5, sequences=True), Dense(1)),
            "layer 1 (dense 1): it gets a sequence of 7 steps; set sequences=False",
        ),
        (
            (Flatten(), Dense(1, each_step=True)),
            "layer 1 (dense 1 at each step): each_step needs a sequence but",
        ),
        (
            (Flatten(), Recurrent("gru", 2)),
            "layer 1 (gru 2): it needs a sequence but gets a vector; set sequences=True in",
        ),
        ((Flatten(), Conv1D(4, 1)), "layer 1 (convolution 4 × 1): it needs a sequence but gets a vector"),
        ((Flatten(), Flatten()), "layer 1 (flatten): it needs a sequence but gets a vector"),
        ((Repeat(2), Flatten()), "layer 0 (repeat 2): it needs a vector but gets a sequence; set sequences=False"),
        (
            (Recurrent("gru", 2, sequences=True),),
            "layer 0 (gru 2, all outputs): it ends in a sequence; set sequences=False",
        ),
    ],
)
def test_layers_that_do_not_fit_raise_a_sentence(layers, sentence):
    with pytest.raises(ModelError, match="^" + re.escape(sentence)):
        ModelSpec(layers).shapes(features=3, window=7)


def test_the_order_of_parameters_is_fixed():
    """Initial weights are drawn in this order, so a change would change every result."""
    assert forecaster("gru", units=5, layers=1, horizon=2).shapes(3, 7) == {
        "0.recurrent_kernel": (5, 15),
        "0.kernel": (3, 15),
        "0.bias": (15,),
        "1.kernel": (5, 2),
        "1.bias": (2,),
    }


@pytest.mark.parametrize(
    ("cell", "parameters"),
    [
        ("rnn", 50 * 3 + 50 * 50 + 50),
        ("lstm", 4 * (50 * 3 + 50 * 50 + 50)),
        ("gru", 3 * (50 * 3 + 50 * 50 + 50)),
        ("gru-reset-before", 3 * (50 * 3 + 50 * 50 + 50)),
        # Dey & Salem: the gates lose their input's weights, then their bias, or their state's weights instead
        ("gru1", 50 * 3 + 50 * 50 + 50 + 2 * (50 * 50 + 50)),
        ("gru2", 50 * 3 + 50 * 50 + 50 + 2 * 50 * 50),
        ("gru3", 50 * 3 + 50 * 50 + 50 + 2 * 50),
        # De Mari: linear layers from input and memory to 32, to 8, to prediction and memory
        ("rmlp", (3 + 50 + 1) * 32 + (32 + 1) * 8 + (8 + 1) * 100),
    ],
)
def test_parameters_of_each_cell(cell, parameters):
    def size(shape):
        return shape[0] * (shape[1] if len(shape) > 1 else 1)

    assert sum(size(shape) for shape in Recurrent(cell, 50).shapes((7, 3)).values()) == parameters
    both = Recurrent(cell, 50, bidirectional=True)
    assert sum(size(shape) for shape in both.shapes((7, 3)).values()) == 2 * parameters


def test_masks_have_names_and_shapes():
    first = Recurrent("lstm", 5, True, True, dropout=0.2, recurrent_dropout=0.3)
    model = ModelSpec((first, Dropout(0.4), Recurrent("rmlp", 2, memory=6, recurrent_dropout=0.1), Dropout(0.0)))
    assert model.masks(3, 7) == {
        "0.input_mask": Mask(0.2, (3,)),
        "0.recurrent_mask": Mask(0.3, (5,)),
        "0.backward.input_mask": Mask(0.2, (3,)),
        "0.backward.recurrent_mask": Mask(0.3, (5,)),
        "1.mask": Mask(0.4, (7, 10)),
        "2.recurrent_mask": Mask(0.1, (6,)),
    }


def test_multiply_adds_by_hand():
    """For one window: every kernel once a step, without the zeros around a convolution."""
    assert forecaster("lstm", units=5, layers=1, horizon=2).multiply_adds(3, 7) == 7 * 4 * (3 * 5 + 5 * 5) + 5 * 2
    encoder = ModelSpec((Recurrent("gru3", 5), Repeat(4), Dense(6, each_step=True), Flatten()))
    assert encoder.multiply_adds(3, 7) == 7 * (3 * 5 + 5 * 5) + 4 * 5 * 6
    convolution = ModelSpec((Conv1D(4, 4), Flatten(), Dense(1)))  # 28 taps; 1 falls before the window, 1 + 2 after it
    assert convolution.multiply_adds(3, 7) == (28 - 4) * 3 * 4 + 28
    assert convolution.outputs(3, 7) == 1
