"""Dropout masks depend on seed, epoch, step and layer alone."""

import numpy as np
import pytest

from backends.layers import Dense, Dropout
from backends.model import ModelSpec
from backends.recurrent import Recurrent
from backends.seeded import draw_masks

GRU = Recurrent("gru", 5, sequences=True, bidirectional=True, dropout=0.25, recurrent_dropout=0.25)
MODEL = ModelSpec((GRU, Dropout(0.25), Recurrent("gru", 4), Dense(1)))


def draw(model=MODEL, **changes):
    return draw_masks(model, 3, 7, **({"seed": 1, "epoch": 2, "steps": 6, "batch": 8} | changes))


def test_values_keep_the_mean():
    masks = draw(steps=400)
    for name, mask in masks.items():
        assert set(np.unique(mask)) == {0.0, 1 / 0.75}, name
        assert mask.mean() == pytest.approx(1, abs=0.02), name


def test_masks_differ_by_seed_epoch_layer_and_direction():
    """Equal arguments give equal numbers."""
    draws = [draw(), draw(seed=2), draw(epoch=3)]
    same_shape = [masks[name] for masks in draws for name in ("0.recurrent_mask", "0.backward.recurrent_mask")]
    for number, mask in enumerate(same_shape):
        assert not any(np.array_equal(mask, other) for other in same_shape[:number])
    for name, mask in draw().items():
        np.testing.assert_array_equal(mask, draws[0][name])


def test_a_step_does_not_depend_on_the_number_of_later_steps():
    for name, mask in draw(steps=2).items():
        np.testing.assert_array_equal(mask, draw(steps=6)[name][:2])


def test_a_layer_does_not_depend_on_its_neighbours():
    alone = ModelSpec((GRU, Dropout(0.5), Dropout(0.25), Recurrent("lstm", 9), Dense(1)))
    for name in ("0.input_mask", "0.recurrent_mask", "0.backward.input_mask"):
        np.testing.assert_array_equal(draw(alone)[name], draw()[name])
