"""What every backend must do, held against the oracle. Collected only when named: see test_conformance.py.

Weights, inputs and targets are random, never constant: with constants a pair of swapped gates goes unseen.
"""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from backends.contract import Steps
from backends.reference import training
from benchmarks.worker.certification import BOUNDS, Trajectory, compare, difference, verdict
from tests.conformance.problems import MODELS, any_models, recurrent_models

EXAMPLES = int(os.environ.get("EXAMPLES", "4"))  # of models drawn by hypothesis


def oracle_of(problem, dtype):
    return problem.build(training.ReferenceBackend(), dtype)


def follow(model, problem, dtype, count=200):
    x, _ = problem.data(dtype)
    steps = problem.steps(count)
    gradients = model.gradients(steps.order[0], {name: mask[0] for name, mask in steps.masks.items()})
    return Trajectory(model.predict(x), gradients, model.train(steps), model.weights())


def test_equals_the_oracle(backend, problem, dtype):
    """Outputs, gradients, the loss of each of 200 Adam steps and the weights after, to the certificate's bounds."""
    mine = follow(problem.build(backend, dtype), problem, dtype)
    oracle = follow(oracle_of(problem, dtype), problem, dtype)
    assert mine.losses.shape == (200,)
    assert verdict(compare(mine, oracle), BOUNDS[dtype], 0) is None


@pytest.mark.slow
@settings(max_examples=max(1, EXAMPLES // 3), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(problem=recurrent_models())
def test_equals_the_oracle_on_any_shape(backend, dtype, problem):
    mine = follow(problem.build(backend, dtype), problem, dtype)
    assert verdict(compare(mine, follow(oracle_of(problem, dtype), problem, dtype)), BOUNDS[dtype], 0) is None


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(problem=any_models())
def test_equals_the_oracle_on_any_model(backend, dtype, problem):
    mine = follow(problem.build(backend, dtype), problem, dtype)
    assert verdict(compare(mine, follow(oracle_of(problem, dtype), problem, dtype)), BOUNDS[dtype], 0) is None


def test_flow_equals_the_oracle(backend, problem, dtype):
    """The norm of the gradient by the state, at every lag of every recurrent layer."""
    rows = problem.steps(1).order[0]
    mine, oracle = (model.gradient_norms(rows) for model in (problem.build(backend, dtype), oracle_of(problem, dtype)))
    assert mine.keys() == oracle.keys()
    for name, norms in oracle.items():
        assert difference(mine[name], norms) <= BOUNDS[dtype]["gradients"], name


FROM, TO = (pytest.param(True, id="from the oracle"), pytest.param(False, id="to the oracle", marks=pytest.mark.slow))


@pytest.mark.parametrize("there", [FROM, TO])
def test_a_model_goes_on_in_another_framework(backend, later, dtype, there):
    """Weights, moments and step count travel: half of the steps here, half there, is all of them anywhere."""
    steps, whole = later.steps(60), oracle_of(later, dtype)
    losses = whole.train(steps)
    first, second = oracle_of(later, dtype), later.build(backend, dtype)
    if not there:
        first, second = second, first
    before = first.train(steps[:30])
    second.restore(first.checkpoint())
    parts = np.concatenate([before, second.train(steps[30:])])
    mine, oracle = second.checkpoint(), whole.checkpoint()
    bound = BOUNDS[dtype]["weights"]
    assert np.max(np.abs(parts - losses) / losses) <= bound
    assert mine.steps == oracle.steps == 60
    for part in ("weights", "first", "second"):
        for name, value in getattr(oracle, part).items():
            assert difference(getattr(mine, part)[name], value) <= bound, f"{part} {name}"


@pytest.mark.slow
def test_a_snapshot_is_a_point_to_return_to(backend, later, dtype):
    """Early stopping returns to the best weights; before the first step there is one too."""
    steps, model = later.steps(5), later.build(backend, dtype)
    start = model.checkpoint()
    assert start.steps == 0
    once = model.train(steps)
    model.restore(start)
    np.testing.assert_array_equal(model.train(steps), once)


@pytest.mark.slow
def test_without_masks_nothing_is_dropped(backend, dtype):
    """In training too: the objective of a step is then that of the prediction."""
    problem = MODELS["lstm, masked"]
    model, (x, y), steps = problem.build(backend, dtype), problem.data(dtype), problem.steps(1)
    rows = steps.order[0]
    expected = np.mean((model.predict(x[rows]) - y[rows]) ** 2)
    assert model.train(Steps(steps.order, steps.rates))[0] == pytest.approx(expected, rel=1e-5)


def test_trains_exactly_the_canonical_parameters(backend, problem, dtype):
    """No second bias, no frozen kernel: the framework's own count is that of the canonical shapes."""
    expected = sum(np.prod(shape) for shape in problem.model.shapes(problem.features, problem.window).values())
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
    steps = simple.steps(2)
    arrays = [model.train(steps), model.predict(x), *model.weights().values()]
    arrays += model.gradients(steps.order[0]).values()
    assert {array.dtype.name for array in arrays} == {dtype}


@pytest.mark.slow
def test_training_in_pieces_is_training_at_once(backend, simple, dtype):
    """The harness times the first step apart: that must not change what is learnt."""
    steps = simple.steps(6)
    whole, pieces = simple.build(backend, dtype), simple.build(backend, dtype)
    at_once = whole.train(steps)
    np.testing.assert_array_equal(np.concatenate([pieces.train(steps[:1]), pieces.train(steps[1:])]), at_once)
    for name, value in whole.weights().items():
        np.testing.assert_array_equal(pieces.weights()[name], value, err_msg=name)
