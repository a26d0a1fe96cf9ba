"""How every backend behaves apart from its numbers: compilation, side effects, checkpoints, native mode.

Run by test_conformance.py.
"""

from dataclasses import replace

import numpy as np
import pytest

import backends
from backends.contract import BackendError, Objective, Steps
from backends.layers import Conv1D, Dense, Dropout, Flatten
from backends.model import ModelSpec
from backends.optimizers import Adam
from backends.recurrent import Recurrent
from tests.conformance.problems import CELLS, Problem, at_start


def test_compiles_nothing_after_the_first_step(backend, simple, dtype, compiled_programs):
    """Only the first call of `train` may compile, whatever the number of steps of later calls."""
    model, order = simple.build(backend, dtype), simple.steps(simple.rows // simple.batch)
    before = compiled_programs()
    model.train(order[:1])
    after_first_step = compiled_programs()
    for steps in (order[1:], order, order[:2]):
        model.train(steps)
    assert compiled_programs() == after_first_step
    compiles = "XLA" in model.kernel()
    assert (after_first_step > before) == compiles


@pytest.mark.slow
def test_readings_do_not_change_training(backend, simple, dtype):
    """predict, gradients, gradient_norms, weights and kernel between the steps leave the results equal."""
    model, steps, (x, _) = at_start(simple, backend, dtype), simple.steps(3), simple.data(dtype)
    start = model.checkpoint()
    losses = model.train(steps)
    expected = model.predict(x)
    model.restore(start)
    for step in range(3):
        model.predict(x)
        model.gradients(steps.order[step])
        assert model.kernel()
        model.gradient_norms(steps.order[step])
        for value in model.weights().values():
            value[...] = 0  # the returned arrays are copies
        np.testing.assert_array_equal(model.train(steps[step : step + 1]), losses[step : step + 1])
    np.testing.assert_array_equal(model.predict(x), expected)


@pytest.mark.slow
def test_a_checkpoint_can_be_restored(backend, resumed_problem, dtype):
    """Early stopping returns to the best weights. A checkpoint exists before the first step too, without states.

    The forecasts of a stateful model depend on the states before them.
    """
    if resumed_problem.model.stateful:  # the states of a model that other tests have trained could hide a fault
        model = resumed_problem.build(backend, dtype)
    else:
        model = at_start(resumed_problem, backend, dtype)
    steps = resumed_problem.steps(5)
    expected, start = resumed_problem.forecasts(model, dtype), model.checkpoint()
    assert start.steps == 0
    losses = model.train(steps)
    for checkpoint in (start, replace(start, states={})):
        model.restore(checkpoint)
        np.testing.assert_array_equal(resumed_problem.forecasts(model, dtype), expected)
        np.testing.assert_array_equal(model.train(steps), losses)


@pytest.mark.slow
def test_training_in_pieces_equals_training_at_once(backend, simple, dtype):
    """The benchmark times the first step apart, which must not change the results."""
    steps = simple.steps(6)
    whole, pieces = at_start(simple, backend, dtype), simple.build(backend, dtype)
    losses = whole.train(steps)
    np.testing.assert_array_equal(np.concatenate([pieces.train(steps[:1]), pieces.train(steps[1:])]), losses)
    for name, value in whole.weights().items():
        np.testing.assert_array_equal(pieces.weights()[name], value, err_msg=name)


@pytest.mark.slow
def test_windows_may_be_strided_and_read_only(backend, simple, dtype):
    """Windows are read-only views into one array."""
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


SLOWLY_COMPILED = [pytest.param(Recurrent(cell, 4), id=cell, marks=pytest.mark.slow) for cell in ("lstm", "gru")]


@pytest.mark.parametrize("layer", [pytest.param(Dense(4), id="dense"), *SLOWLY_COMPILED])
def test_denormal_numbers_are_zero(native_backend, dtype, layer):
    """In forecasts, gradients and Adam's moments, in every framework: a CPU computes slowly with denormal numbers."""
    model = ModelSpec((Flatten(), layer) if isinstance(layer, Dense) else (layer,))
    shapes, rows = model.shapes(1, 3), np.arange(8)
    kernel = next(name for name in shapes if name.endswith(".kernel"))
    root = 2.0 ** (np.finfo(dtype).minexp // 2 - 1)  # a normal number; its square is denormal

    def build(weight, x, y):
        weights = {name: np.full(shape, weight if name == kernel else 0.0) for name, shape in shapes.items()}
        data = np.full((8, 3, 1), x, dtype), np.full((8, 4), y, dtype)
        return native_backend.build(model, Objective(), Adam(), weights, *data, dtype=dtype, seed=0)

    small, large = build(root, root, root), build(root, 1, 0)
    assert np.count_nonzero(large.predict(np.ones((8, 3, 1), dtype))) > 0
    assert np.count_nonzero(large.predict(np.full((8, 3, 1), root, dtype))) == 0
    assert np.count_nonzero(large.gradients(rows)[kernel]) > 0
    assert np.count_nonzero(small.gradients(rows)[kernel]) == 0
    large.train(Steps(rows[None], np.array([1e-3])))
    moments = large.checkpoint()
    assert np.count_nonzero(moments.moments["first"][kernel]) > 0
    assert np.count_nonzero(moments.moments["second"][kernel]) == 0


@pytest.mark.slow
def test_native_mode_follows_its_seed(native_backend, simple, dtype):
    """Equal seeds give equal initial weights, other seeds others, and the model learns."""
    first, same, other = (simple.build(native_backend, dtype, native=True, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.weights()["0.kernel"], same.weights()["0.kernel"])
    assert not np.array_equal(first.weights()["0.kernel"], other.weights()["0.kernel"])
    losses = first.train(simple.native_steps(200))
    assert losses[-40:].mean() < losses[:40].mean()


@pytest.mark.slow
def test_native_training_follows_its_seed(native_backend, simple, dtype):
    first, same = (simple.build(native_backend, dtype, native=True, seed=1) for _ in range(2))
    losses = first.train(simple.native_steps(200))
    np.testing.assert_array_equal(losses, same.train(simple.native_steps(200)))


@pytest.mark.slow
def test_native_mode_draws_its_dropout(native_backend, dtype):
    """In training only: predictions repeat, steps do not, and the seed decides."""
    layers = (Conv1D(6, 3, "relu"), Recurrent("gru", 5, bidirectional=True), Dropout(0.5), Dense(2))
    problem, steps = Problem(ModelSpec(layers)), Problem(ModelSpec((Flatten(), Dense(2)))).native_steps(3)
    repeated, (x, _) = Steps(np.repeat(steps.order[:1], 3, axis=0), np.zeros(3)), problem.data(dtype)
    losses = []
    for _ in range(2):
        model = problem.build(native_backend, dtype, native=True, seed=1)
        np.testing.assert_array_equal(model.predict(x), model.predict(x))
        model.gradients(repeated.order[0])
        losses.append(model.train(repeated))
    assert len(set(losses[0].tolist())) == 3
    np.testing.assert_array_equal(*losses)


LAYERS = [
    *(Recurrent(cell, 5, activation=phi) for cell in CELLS[:4] for phi in ("tanh", "relu", "sigmoid")),
    *(Recurrent(cell, 5) for cell in CELLS[4:]),
    Recurrent("lstm", 5, recurrent_dropout=0.2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_native_mode_refuses_layers_that_the_framework_lacks(backend, dtype, layer):
    """The registry knows which they are, so that a run refuses them before it starts. The error names the layer."""
    native, problem = backends.entry(backend.name).native, Problem(ModelSpec((layer, Dense(2))))
    if native is not None and native.lacking(problem.model) is None:
        problem.build(backend, dtype, native=True)
        return
    with pytest.raises(BackendError, match=f"{layer.cell}|no native mode"):
        problem.build(backend, dtype, native=True)
