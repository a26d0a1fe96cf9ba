"""How every backend must behave, beyond being right. Collected only when named: see test_conformance.py."""

import numpy as np
import pytest

from backends.contract import BackendError, Steps
from backends.layers import Conv1D, Dense, Dropout, Flatten
from backends.model import ModelSpec
from backends.recurrent import Recurrent
from backends.reference import training
from tests.conformance.problems import Problem


def test_compiles_nothing_after_the_first_step(backend, simple, dtype, compiled_programs):
    """An epoch that compiles would be charged with it: only the first call may, whatever the number of steps later."""
    model, order = simple.build(backend, dtype), simple.steps(simple.rows // simple.batch)
    before = compiled_programs()
    model.train(order[:1])
    after_first_step = compiled_programs()
    for steps in (order[1:], order, order[:2]):
        model.train(steps)
    assert compiled_programs() == after_first_step
    compiles = "XLA" in model.kernel()
    assert (after_first_step > before) == compiles


def test_looking_changes_nothing(backend, simple, dtype):
    """predict, gradients, flow, weights and kernel leave no trace in what is learnt afterwards."""
    steps, (x, _) = simple.steps(3), simple.data(dtype)
    watched, left_alone = simple.build(backend, dtype), simple.build(backend, dtype)
    for step in range(3):
        watched.predict(x)
        watched.gradients(steps.order[step])
        watched.kernel()
        watched.gradient_norms(steps.order[step])
        for value in watched.weights().values():
            value[...] = 0  # what came out is the caller's own
        watched.train(steps[step : step + 1])
    left_alone.train(steps)
    np.testing.assert_array_equal(watched.predict(x), left_alone.predict(x))


@pytest.mark.slow
def test_views_may_be_strided_and_read_only(backend, simple, dtype):
    """Windows come as read-only views into one array."""
    series = np.random.default_rng(3).normal(size=(simple.rows + simple.window - 1, simple.features)).astype(dtype)
    series.flags.writeable = False
    views = np.lib.stride_tricks.sliding_window_view(series, simple.window, axis=0).transpose(0, 2, 1)
    _, y = simple.data(dtype)
    results = [
        backend.build(
            simple.model, simple.objective, simple.optimizer, simple.weights(), x, y, dtype=dtype, seed=0
        ).train(simple.steps(2))
        for x in (views, views.copy())
    ]
    np.testing.assert_array_equal(*results)


def test_says_what_computes_the_recurrence(backend, simple, dtype):
    assert simple.build(backend, dtype).kernel()


def test_native_mode_follows_its_seed(backend, simple, dtype):
    """Native mode draws its own weights: the same from one seed, others from another, and it learns."""
    if isinstance(backend, training.ReferenceBackend):
        pytest.skip("the oracle has no native mode")
    one, same, other = (simple.build(backend, dtype, native=True, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weights()["0.kernel"], same.weights()["0.kernel"])
    assert not np.array_equal(one.weights()["0.kernel"], other.weights()["0.kernel"])
    losses = one.train(simple.native_steps(200))
    assert losses[-40:].mean() < losses[:40].mean()
    np.testing.assert_array_equal(losses, same.train(simple.native_steps(200)))


@pytest.mark.slow
def test_native_mode_drops_out_by_itself(backend, dtype):
    """In training alone: a prediction repeats, a step does not, and the seed decides."""
    if isinstance(backend, training.ReferenceBackend):
        pytest.skip("the oracle has no native mode")
    layers = (Conv1D(6, 3, "relu"), Recurrent("gru", 5, bidirectional=True), Dropout(0.5), Dense(2))
    problem, steps = Problem(ModelSpec(layers)), Problem(ModelSpec((Flatten(), Dense(2)))).native_steps(3)
    still, (x, _) = Steps(np.repeat(steps.order[:1], 3, axis=0), np.zeros(3)), problem.data(dtype)
    seen = []
    for _ in range(2):
        model = problem.build(backend, dtype, native=True, seed=1)
        np.testing.assert_array_equal(model.predict(x), model.predict(x))
        model.gradients(still.order[0])
        seen.append(model.train(still))
    assert len(set(seen[0].tolist())) == 3
    np.testing.assert_array_equal(*seen)


@pytest.mark.parametrize("layer", [Recurrent("gru1", 5), Recurrent("rmlp", 5)], ids=str)
def test_native_mode_has_only_the_frameworks_own_layers(backend, dtype, layer):
    """What it has not is refused in a sentence that names it."""
    with pytest.raises(BackendError, match=f"{layer.cell}|no native mode"):
        Problem(ModelSpec((layer, Dense(2)))).build(backend, dtype, native=True)
