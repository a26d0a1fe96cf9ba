"""What every backend must do, held against the oracle. Collected only when named: see test_conformance.py.

Weights, inputs and targets are random, never constant: with constants a pair of swapped gates goes unseen.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends import reference
from backends.contract import Adam, Dense, ModelSpec, Recurrent, forecaster
from backends.initial import initial_weights
from benchmarks.equivalence import BOUNDS, Trajectory, compare, verdict

ADAM = Adam(learning_rate=3e-3)


@dataclass(frozen=True)
class Problem:
    """A model with something to learn; every size differs from every other, so that no two axes can be confused."""

    model: ModelSpec
    features: int = 3
    window: int = 7
    horizon: int = 2
    rows: int = 41
    batch: int = 8
    seed: int = 5

    def data(self, dtype):
        random = np.random.default_rng(self.seed)
        x = random.normal(size=(self.rows, self.window, self.features)).astype(dtype)
        y = random.normal(size=(self.rows, self.horizon)).astype(dtype)
        return x, y

    def weights(self):
        return initial_weights(self.model, self.features, self.seed)

    def order(self, steps):
        random = np.random.default_rng(self.seed + 1)
        return np.stack([random.permutation(self.rows)[: self.batch] for _ in range(steps)])

    def build(self, backend, dtype, *, native=False, seed=0):
        x, y = self.data(dtype)
        weights = None if native else self.weights()
        return backend.build(self.model, ADAM, weights, x, y, dtype=dtype, seed=seed)


def standard(cell, layers=1):
    return Problem(forecaster(cell, units=5, layers=layers, horizon=2))


MODELS = {
    "lstm": standard("lstm"),
    "gru": standard("gru"),
    "rnn": standard("rnn"),
    "two lstm layers": standard("lstm", 2),
    "gru on lstm": Problem(ModelSpec((Recurrent("lstm", 6, sequences=True), Recurrent("gru", 4), Dense(2)))),
    "two dense layers": Problem(ModelSpec((Recurrent("gru", 5), Dense(4), Dense(2)))),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def problem(request):
    return request.param


@pytest.fixture(params=["lstm", "gru"])
def simple(request):
    return MODELS[request.param]


def follow(model, problem, dtype, steps=200):
    x, _ = problem.data(dtype)
    order = problem.order(steps)
    return Trajectory(model.predict(x), model.gradients(order[0]), model.train(order), model.weights())


def test_equals_the_oracle(backend, problem, dtype):
    """Outputs, gradients, the loss of each of 200 Adam steps and the weights after, to the certificate's bounds."""
    mine = follow(problem.build(backend, dtype), problem, dtype)
    oracle = follow(problem.build(reference.ReferenceBackend(), dtype), problem, dtype)
    assert mine.losses.shape == (200,)
    assert verdict(compare(mine, oracle), BOUNDS[dtype], 0) is None


@st.composite
def problems(draw):
    """Any stack of recurrent layers under a dense head, on any shape."""
    sizes = st.integers(1, 9)
    depth, horizon = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    layers = [
        Recurrent(draw(st.sampled_from(["lstm", "gru", "rnn"])), draw(sizes), n < depth - 1) for n in range(depth)
    ]
    model = ModelSpec((*layers, Dense(horizon)))
    return Problem(model, draw(sizes), draw(sizes), horizon, rows=23, batch=draw(sizes), seed=draw(st.integers(0, 99)))


@pytest.mark.slow
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(problem=problems())
def test_equals_the_oracle_on_any_shape(backend, dtype, problem):
    mine = follow(problem.build(backend, dtype), problem, dtype)
    oracle = follow(problem.build(reference.ReferenceBackend(), dtype), problem, dtype)
    assert verdict(compare(mine, oracle), BOUNDS[dtype], 0) is None


def test_trains_exactly_the_canonical_parameters(backend, problem, dtype):
    """No second bias, no frozen kernel: the framework's own count is that of the canonical shapes."""
    expected = sum(np.prod(shape) for shape in problem.model.shapes(problem.features).values())
    assert problem.build(backend, dtype).parameter_count() == expected


def test_weights_go_in_and_come_out_unchanged(backend, problem, dtype):
    """The layout's mapping is its own inverse, bit for bit."""
    given, returned = problem.weights(), problem.build(backend, dtype).weights()
    assert returned.keys() == given.keys()
    for name, value in given.items():
        np.testing.assert_array_equal(returned[name], value.astype(dtype), err_msg=name)


def test_works_in_the_dtype_asked_for(backend, simple, dtype):
    """Losses, outputs, weights and gradients in float64 are float64: nothing passes through float32."""
    model, x = simple.build(backend, dtype), simple.data(dtype)[0]
    arrays = [model.train(simple.order(2)), model.predict(x), *model.weights().values()]
    arrays += model.gradients(simple.order(1)[0]).values()
    assert {array.dtype.name for array in arrays} == {dtype}


def test_training_in_pieces_is_training_at_once(backend, simple, dtype):
    """The harness times the first step apart: that must not change what is learnt."""
    order = simple.order(6)
    whole, pieces = simple.build(backend, dtype), simple.build(backend, dtype)
    at_once = whole.train(order)
    np.testing.assert_array_equal(np.concatenate([pieces.train(order[:1]), pieces.train(order[1:])]), at_once)
    for name, value in whole.weights().items():
        np.testing.assert_array_equal(pieces.weights()[name], value, err_msg=name)


def test_compiles_nothing_after_the_first_step(backend, simple, dtype, compiled_programs):
    """An epoch that compiles would be charged with it: only the first call may, whatever the number of steps later."""
    model, order = simple.build(backend, dtype), simple.order(simple.rows // simple.batch)
    before = compiled_programs()
    model.train(order[:1])
    after_first_step = compiled_programs()
    for steps in (order[1:], order, order[:2]):
        model.train(steps)
    assert compiled_programs() == after_first_step
    compiles = "XLA" in model.kernel()
    assert (after_first_step > before) == compiles


def test_looking_changes_nothing(backend, simple, dtype):
    """predict, gradients, weights and kernel leave no trace in what is learnt afterwards."""
    order, (x, _) = simple.order(3), simple.data(dtype)
    watched, left_alone = simple.build(backend, dtype), simple.build(backend, dtype)
    for step in order:
        watched.predict(x)
        watched.gradients(step)
        watched.kernel()
        for value in watched.weights().values():
            value[...] = 0  # what came out is the caller's own
        watched.train(step[None])
    left_alone.train(order)
    np.testing.assert_array_equal(watched.predict(x), left_alone.predict(x))


def test_views_may_be_strided_and_read_only(backend, simple, dtype):
    """Windows come as read-only views into one array."""
    series = np.random.default_rng(3).normal(size=(simple.rows + simple.window - 1, simple.features)).astype(dtype)
    series.flags.writeable = False
    views = np.lib.stride_tricks.sliding_window_view(series, simple.window, axis=0).transpose(0, 2, 1)
    _, y = simple.data(dtype)
    results = [
        backend.build(simple.model, ADAM, simple.weights(), x, y, dtype=dtype, seed=0).train(simple.order(2))
        for x in (views, views.copy())
    ]
    np.testing.assert_array_equal(*results)


def test_says_what_computes_the_recurrence(backend, simple, dtype):
    assert simple.build(backend, dtype).kernel()


def test_native_mode_follows_its_seed(backend, simple, dtype):
    """Native mode draws its own weights: the same from one seed, others from another, and it learns."""
    if isinstance(backend, reference.ReferenceBackend):
        pytest.skip("the oracle has no native mode")
    one, same, other = (simple.build(backend, dtype, native=True, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weights()["0.kernel"], same.weights()["0.kernel"])
    assert not np.array_equal(one.weights()["0.kernel"], other.weights()["0.kernel"])
    losses = one.train(simple.order(200))
    assert losses[-40:].mean() < losses[:40].mean()
    np.testing.assert_array_equal(losses, same.train(simple.order(200)))
