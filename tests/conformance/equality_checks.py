"""Every backend computes what the reference implementation computes. Run by test_conformance.py.

Weights, inputs and targets are random: with constants a pair of swapped gates would not show.
"""

import hashlib
import os
import pickle
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from backends import REGISTRY
from backends.contract import Steps
from backends.reference import training
from benchmarks.worker.certification import BOUNDS, Trajectory, compare, difference, verdict
from tests.conformance.problems import AS_CERTIFIED, PROBLEMS, any_problems, at_start, recurrent_problems

REFERENCE = training.create("reference", dtype="float64")
MEAN_LOSSES = {name for name, entry in REGISTRY.items() if not entry.step_losses}
EXAMPLES = int(os.environ.get("EXAMPLES", "1"))  # number of models that hypothesis draws
LARGEST: dict[str, float] = {}  # difference from the reference implementation in this process, for the summary


def trajectory(model, problem, dtype):
    """Of 200 steps, as in a certificate, or of 60, after which every deliberate fault shows too."""
    count = 200 if problem in AS_CERTIFIED else 60
    steps = problem.steps(count)
    outputs = problem.forecasts(model, dtype)
    gradients = model.gradients(steps.order[0], {name: mask[0] for name, mask in steps.masks.items()})
    losses = model.train(steps)
    return Trajectory(outputs, gradients, losses if len(losses) == count else None, model.weights())


@cache
def expected_trajectory(problem, dtype):
    """That of the reference implementation. Processes with the same folder REFERENCES compute each once."""
    if (folder := os.environ.get("REFERENCES")) is None:
        return trajectory(problem.build(REFERENCE, dtype), problem, dtype)
    stored = Path(folder) / hashlib.sha256(f"{problem} {dtype}".encode()).hexdigest()
    if not stored.exists():
        written = stored.with_suffix(f".{os.getpid()}")
        written.write_bytes(pickle.dumps(trajectory(problem.build(REFERENCE, dtype), problem, dtype)))
        written.rename(stored)
    return pickle.loads(stored.read_bytes())


def require_equality(backend, problem, dtype):
    """Assert that outputs, gradients, the loss of each step and the final weights keep the bounds."""
    results = trajectory(at_start(problem, backend, dtype), problem, dtype)
    assert (results.losses is not None) == (backend.name not in MEAN_LOSSES)
    figures = compare(results, expected_trajectory(problem, dtype))
    LARGEST.update({name: max(value or 0.0, LARGEST.get(name, 0.0)) for name, value in figures.items()})
    failure = verdict(figures, BOUNDS[dtype], 0)
    assert failure is None, failure
    return results


def test_equals_the_reference(backend, problem, dtype):
    """The bounds are those of the certificate, and no result passes through another dtype."""
    results = require_equality(backend, problem, dtype)
    if backend.name != "reference":
        losses = [] if results.losses is None else [results.losses]
        arrays = [results.outputs, *losses, *results.gradients.values(), *results.weights.values()]
        assert {array.dtype.name for array in arrays} == {dtype}


@pytest.mark.slow
@settings(max_examples=max(1, EXAMPLES // 3), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(problem=recurrent_problems())
def test_equals_the_reference_on_any_shape(backend, dtype, problem):
    require_equality(backend, problem, dtype)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(problem=any_problems())
def test_equals_the_reference_on_any_model(backend, dtype, problem):
    require_equality(backend, problem, dtype)


def test_a_padded_window_forecasts_as_the_short_window_alone(backend, padded_problem, dtype):
    """The same weights in a model without a mask, which reads the real steps alone."""
    problem = padded_problem
    (x, y), real = problem.data(dtype), problem.real()
    forecasts = at_start(problem, backend, dtype).predict(x)
    for length in (1, problem.window // 2):
        rows = real.sum(axis=1) == length
        short = x[rows][..., :-1][real[rows]].reshape(-1, length, problem.features - 1)
        settings = (problem.objective, problem.optimizer, problem.weights(), short, y[rows])
        alone = backend.build(replace(problem.model, masked=False), *settings, dtype=dtype, seed=0)
        assert difference(forecasts[rows], alone.predict(short)) <= BOUNDS[dtype]["outputs"]


def test_gradient_norms_equal_the_reference(backend, recurrent_problem, dtype):
    """The norm of the derivative by the state, at every lag of every recurrent layer and direction."""
    problem = recurrent_problem
    rows = problem.steps(1).order[0]
    norms, expected = (at_start(problem, kind, dtype).gradient_norms(rows) for kind in (backend, REFERENCE))
    assert norms.keys() == expected.keys()
    for name, values in expected.items():
        assert difference(norms[name], values) <= BOUNDS[dtype]["gradients"], name


TO = pytest.param(False, id="to the reference", marks=pytest.mark.slow)


@pytest.mark.parametrize("from_reference", [pytest.param(True, id="from the reference"), TO])
def test_training_continues_in_another_framework(backend, resumed_problem, dtype, from_reference):
    """Weights, moments, states and step count transfer: 30 steps here and 30 there equal 60 steps of the reference."""
    problem = resumed_problem
    steps, whole = problem.steps(60), problem.build(REFERENCE, dtype)
    losses = whole.train(steps)
    first, second = problem.build(REFERENCE, dtype), at_start(problem, backend, dtype)
    if not from_reference:
        first, second = second, first
    before = first.train(steps[:30])
    second.restore(first.checkpoint())
    parts = np.concatenate([before, second.train(steps[30:])])
    state, expected = second.checkpoint(), whole.checkpoint()
    bound = BOUNDS[dtype]["weights"]
    assert np.max(np.abs(parts - losses) / losses) <= bound
    assert state.steps == expected.steps == 60
    assert state.moments.keys() == expected.moments.keys()
    parts = {"weights": (state.weights, expected.weights), "states": (state.states, expected.states)}
    parts |= {moment: (state.moments[moment], values) for moment, values in expected.moments.items()}
    for part, (values, wanted) in parts.items():
        for name, value in wanted.items():
            assert difference(values[name], value) <= bound, f"{part} {name}"
    forecasts = (problem.forecasts(model, dtype) for model in (second, whole))
    assert difference(*forecasts) <= bound


@pytest.mark.slow
def test_trains_in_pieces_with_equal_weights(backend, resumed_problem, dtype):
    """The first step is timed alone, the last has an incomplete batch, and a checkpoint returns to the first."""
    steps, expected = resumed_problem.steps(6), resumed_problem.build(REFERENCE, dtype)
    incomplete = {name: mask[5:, :3] for name, mask in steps.masks.items()}
    resets = np.ones((1, 3), bool) if resumed_problem.model.stateful else None
    last = Steps(steps.order[5:, :3], steps.rates[5:], incomplete, resets)
    losses = [*expected.train(steps[:5]), *expected.train(last)]
    model = at_start(resumed_problem, backend, dtype)
    model.train(steps[:1])
    checkpoint = model.checkpoint()
    model.train(steps[1:])
    model.restore(checkpoint)
    reported = [*model.train(steps[1:3])]
    resumed_problem.forecasts(model, dtype)  # changes no states
    reported += [*model.train(steps[3:5]), *model.train(last)]
    assert difference(np.array(reported[-1:]), np.array(losses[-1:])) <= BOUNDS[dtype]["losses"]
    for name, value in expected.weights().items():
        assert difference(model.weights()[name], value) <= BOUNDS[dtype]["weights"], name


@pytest.mark.slow
def test_the_parts_of_a_step_compute_what_training_computes(backend, dtype):
    """Their times are shown as parts of a step's time. Forward and backward pass change no weights."""
    problem = PROBLEMS["gru on lstm"]
    step, expected, model = problem.steps(1), problem.build(REFERENCE, dtype), at_start(problem, backend, dtype)
    loss, before = expected.train(step)[0], model.weights()
    parts = model.step_parts(step)
    for call in (parts.forward, parts.gradients, parts.forward):
        assert abs(call() - loss) / loss <= BOUNDS[dtype]["losses"]
    for name, value in before.items():
        np.testing.assert_array_equal(model.weights()[name], value, err_msg=name)
    parts.optimizer()
    after = model.weights()
    updated = any(not np.array_equal(after[name], value) for name, value in before.items())
    for name, value in (expected.weights() if updated else before).items():
        assert difference(after[name], value) <= BOUNDS[dtype]["weights"], name


def test_trains_exactly_the_canonical_parameters(backend, problem, dtype):
    """The framework's own count equals that of the canonical shapes: no second bias, no fixed kernel."""
    expected = sum(np.prod(shape) for shape in problem.model.shapes(problem.features, problem.window).values())
    assert problem.build(backend, dtype).parameter_count() == expected


def test_weights_are_returned_unchanged(backend, problem, dtype):
    """Bit for bit, so the mapping of layouts is its own inverse."""
    given, returned = problem.weights(), problem.build(backend, dtype).weights()
    assert returned.keys() == given.keys()
    for name, value in given.items():
        np.testing.assert_array_equal(returned[name], value.astype(dtype), err_msg=name)


@pytest.mark.slow
def test_without_masks_there_is_no_dropout(backend, dtype):
    """In training too: the objective of a step is that of the prediction."""
    problem = PROBLEMS["lstm, briefly masked"]
    model, (x, y), steps = at_start(problem, backend, dtype), problem.data(dtype), problem.steps(1)
    rows = steps.order[0]
    expected = np.mean((model.predict(x[rows]) - y[rows]) ** 2)
    assert model.train(Steps(steps.order, steps.rates))[0] == pytest.approx(expected, rel=1e-5)
