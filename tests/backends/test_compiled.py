"""`torch.compile` gets the whole loss as one function, unless the LSTM's fast kernel is in it."""

from dataclasses import replace

import numpy as np
import pytest
from torch import _dynamo as dynamo

from backends.contract import Objective, Steps
from backends.model import forecaster
from backends.optimizers import Adam
from backends.pytorch.compiled import CompiledModel
from backends.pytorch.training import NONE, create
from backends.seeded import draw_masks, initial_weights


@pytest.mark.parametrize(("cell", "rate"), [("gru", 0.0), ("rnn", 0.0), ("lstm", 0.3)])
def test_a_written_cell_is_compiled_with_the_loss(cell, rate):
    """A break in the graph would leave the loop over the layers to Python, which costs a fifth of a GRU's epoch."""
    random = np.random.default_rng(3)
    x, y = random.normal(size=(8, 5, 2)), random.normal(size=(8, 1))
    spec = forecaster(cell, units=3, layers=2, horizon=1)
    layers = tuple(replace(layer, recurrent_dropout=rate) for layer in spec.layers[:-1])
    spec = replace(spec, layers=(*layers, spec.layers[-1]))
    backend = replace(create("pytorch-compile", dtype="float32"), model=CompiledModel)
    weights = initial_weights(spec, 2, 5, 1)
    model = backend.build(spec, Objective(), Adam(), weights, x, y, dtype="float32", seed=1)
    masks = draw_masks(spec, 2, 5, seed=1, epoch=0, steps=1, batch=8)
    step = {name: model._tensor(mask[0]) for name, mask in Steps(np.arange(8)[None], np.ones(1), masks).masks.items()}
    traced = dynamo.explain(model._loss)(model._x, model._y, step, NONE, training=True)
    assert (traced.graph_count, traced.graph_break_count) == (1, 0), traced.break_reasons
