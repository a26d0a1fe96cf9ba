"""The reference implementation's derivatives equal central differences, for every layer and cell."""

from dataclasses import replace

import numpy as np
import pytest

from backends.contract import Objective, Steps
from backends.layers import Conv1D, Dense, Dropout, Flatten, Repeat
from backends.model import ModelSpec
from backends.optimizers import SGD, Adam
from backends.recurrent import Recurrent
from backends.reference import training
from backends.seeded import draw_masks, initial_weights

N, T, F, H = 4, 5, 3, 2
CELLS = ["rnn", "lstm", "gru", "gru-reset-before", "gru1", "gru2", "gru3", "rmlp"]
STEP = 1e-6


def last(cell, **settings):
    return (Recurrent(cell, 4, **settings), Dense(H))


LAYERS = {
    **{cell: last(cell) for cell in CELLS},
    **{
        f"{cell}, both directions, masked": last(cell, bidirectional=True, dropout=0.4, recurrent_dropout=0.3)
        for cell in CELLS
    },
    **{f"{cell}, {phi}": last(cell, activation=phi) for cell in CELLS[:4] for phi in ("relu", "sigmoid")},
    **{f"{cell}, all outputs": (Recurrent(cell, 2, True, True), Flatten(), Dense(H)) for cell in CELLS},
    "rmlp, memory of its own width": last("rmlp", memory=6, hidden=(7, 5, 3)),
    "stack": (Recurrent("lstm", 4, True, dropout=0.3), Dropout(0.4), *last("gru", recurrent_dropout=0.5)),
    "dense": (Flatten(), Dense(5, "relu"), Dense(4, "tanh"), Dropout(0.5), Dense(H)),
    "dense at each step": (Dense(4, "tanh", each_step=True), Flatten(), Dense(H)),
    "convolutions": (Conv1D(4, 3, "relu"), Conv1D(3, 4, "tanh"), Conv1D(2, 5), Conv1D(2, 2), Flatten(), Dense(H)),
    "encoder and decoder": (
        Recurrent("gru", 4),
        Repeat(H),
        Recurrent("lstm", 3, True),
        Dense(1, "linear", True),
        Flatten(),
    ),
}


def build(layers, objective, weights=None, *, masked=False):
    model = ModelSpec(layers, masked)
    random = np.random.default_rng(1)
    x, y = random.normal(size=(N, T, F)), random.normal(size=(N, H))
    if masked:
        x[..., -1] = [[0, 0, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 0], [1, 1, 1, 1, 1]]
    weights = initial_weights(model, F, T, 2) if weights is None else weights
    reference = training.create("reference", dtype="float64")
    built = reference.build(model, objective, Adam(), weights, x, y, dtype="float64", seed=0)
    masks = draw_masks(model, F, T, seed=3, epoch=0, steps=1, batch=N)
    return built, {name: mask[0] for name, mask in masks.items()}


def objective_at(layers, objective, weights, masks, **options):
    """The objective at these weights: what a step reports before its update."""
    model, _ = build(layers, objective, weights, **options)
    steps = Steps(np.arange(N)[None], np.zeros(1), {name: mask[None] for name, mask in masks.items()})
    return model.train(steps)[0]


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_gradients_are_the_differences_of_the_objective(layers):
    """Of every parameter, along a random direction, so that a fault in any entry shows; with masks."""
    check(layers, Objective())


PADDED = [name for name in LAYERS if "both directions" in name or "all outputs" in name] + ["stack", "convolutions"]


@pytest.mark.parametrize("name", PADDED)
def test_gradients_with_padding_are_the_differences_of_the_objective(name):
    """Padding on the left, on the right and between real steps."""
    check(LAYERS[name], Objective(), masked=True)


def test_quantiles():
    check((Recurrent("gru", 4), Dense(3 * H)), Objective("quantile", quantiles=(0.1, 0.5, 0.7)))


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_losses_and_penalty(loss):
    check(LAYERS["gru"], Objective(loss, l2=0.05, l2_on=("0.kernel", "1.kernel")))


def check(layers, objective, **options):
    model, masks = build(layers, objective, **options)
    gradients, weights = model.gradients(np.arange(N), masks), model.weights()
    assert gradients.keys() == weights.keys()
    random = np.random.default_rng(4)
    for name, value in weights.items():
        direction = random.normal(size=value.shape)
        moved = (weights | {name: value + step * direction} for step in (STEP, -STEP))
        above, below = (objective_at(layers, objective, at, masks, **options) for at in moved)
        slope = (above - below) / (2 * STEP)
        assert np.sum(gradients[name] * direction) == pytest.approx(slope, rel=1e-6, abs=1e-8), name


def test_it_computes_with_one_thread_and_restores_the_number(monkeypatch):
    """Its products are small, so threads would wait for each other; the process may have other work for them."""
    model, masks = build(LAYERS["gru"], Objective())
    forward, seen = type(model.network).__call__, []

    def threads():
        return {pool["num_threads"] for pool in training.POOLS.info()}

    def watched(*arguments, **options):
        seen.append(threads())
        return forward(*arguments, **options)

    monkeypatch.setattr(type(model.network), "__call__", watched)
    with training.POOLS.limit(limits=2):
        model.predict(model.x)
        model.gradients(np.arange(N), masks)
        model.train(Steps(np.arange(N)[None], np.zeros(1), {name: mask[None] for name, mask in masks.items()}))
        assert threads() == {2}
    assert seen == [{1}] * 3


@pytest.mark.parametrize("cell", CELLS)
def test_a_carried_state_is_a_constant_of_its_step(cell):
    """Truncated backpropagation: the gradient is that of a step from a given state, which the weights do not change."""
    model, reference = ModelSpec(last(cell), stateful=True), training.create("reference", dtype="float64")
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2 * N, T, F)), random.normal(size=(2 * N, H))
    weights, order = initial_weights(model, F, T, 2), np.arange(2 * N).reshape(2, N)
    resets = np.stack([np.full(N, True), np.arange(N) == 1])  # row 1 starts anew

    def built(weights):
        return reference.build(model, Objective(), SGD(), weights, x, y, dtype="float64", seed=0)

    trained = built(weights)
    trained.train(Steps(order[:1], np.zeros(1), resets=resets[:1]))
    start = trained.checkpoint()
    trained.train(Steps(order[1:], np.ones(1), resets=resets[1:]))
    for name, value in weights.items():
        gradient = value - trained.weights()[name]  # a learning rate of 1
        for place in random.permutation(value.size)[:4]:
            ends = []
            for sign in (1, -1):
                moved = value.copy()
                moved.flat[place] += sign * STEP
                other = built(weights)
                other.restore(replace(start, weights=weights | {name: moved}))
                ends.append(other.train(Steps(order[1:], np.zeros(1), resets=resets[1:]))[0])
            slope = (ends[0] - ends[1]) / (2 * STEP)
            assert gradient.flat[place] == pytest.approx(slope, rel=1e-6, abs=1e-8), f"{name}[{place}]"


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_norms_are_the_differences_when_a_state_is_perturbed(cell):
    """Every entry of the state after every step is perturbed, and the objective computed again."""
    layers = last(cell, memory=3, bidirectional=True) if cell == "rmlp" else last(cell, bidirectional=True)
    model, _ = build(layers, Objective())
    perturbations = model.network.model.state_perturbations(F, T, N)
    norms = model.gradient_norms(np.arange(N))
    assert perturbations.keys() == {"0.state", "0.backward.state"}
    assert norms.keys() == {"0", "0.backward"}
    for name, zeros in perturbations.items():
        slopes = np.zeros_like(zeros)
        for place in np.ndindex(zeros.shape):
            ends = []
            for size in (STEP, -STEP):
                perturbed = zeros.copy()
                perturbed[place] = size
                outputs, _ = model.network(model.x, {}, {name: perturbed}, training=False)
                ends.append(np.mean((outputs - model.y) ** 2))
            slopes[place] = (ends[0] - ends[1]) / (2 * STEP)
        expected = np.linalg.norm(slopes, axis=(1, 2))[::-1]
        np.testing.assert_allclose(norms[name.removesuffix(".state")], expected, rtol=1e-5, atol=1e-9)


def test_clipping_and_decay_follow_their_formulas():
    """Adam's moments after one step show the gradient that the step used."""
    layers, bound, decay = LAYERS["gru"], 0.01, 0.3
    model, _ = build(layers, Objective())
    raw, weights = model.gradients(np.arange(N)), model.weights()
    norm = np.sqrt(sum(np.sum(g**2) for g in raw.values()))
    assert norm > bound
    model.optimizer.spec = replace(Adam(), clip_norm=bound, weight_decay=decay)
    model.train(Steps(np.arange(N)[None], np.full(1, 1e-3)))
    for name, first in model.checkpoint().moments["first"].items():
        np.testing.assert_allclose(first, 0.1 * (raw[name] * bound / norm + decay * weights[name]), rtol=1e-9)
