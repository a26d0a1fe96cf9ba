"""The training loop, and the checks that a finished training must pass."""

import time
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datasets
from backends.contract import Objective
from backends.layers import Dense
from backends.model import ModelSpec, forecaster
from backends.recurrent import Recurrent
from benchmarks.runner.manifest import step_flops
from benchmarks.worker import training
from benchmarks.worker.timing import LoadMonitor
from benchmarks.worker.training import Schedule, Training, TrainingPlan, TrialError, check_learning, predict
from datasets.windows import Chosen

ROWS, BATCH = 40, 8
MODEL = forecaster("gru", units=2, layers=1, horizon=1)


def part(name, rows=ROWS):
    random = np.random.default_rng(3)
    return datasets.Part(
        name, Chosen(random.normal(size=(rows, 5, 2))), random.normal(size=(rows, 1)), range(rows), None
    )


class Mean:
    """The smallest model that can be trained: it forecasts one number, which it learns."""

    def __init__(self, y, *, rate=0.1, step=0.0, hidden=0.0, loss=None):
        self.y, self.rate, self.step, self.hidden, self.loss, self.value = y, rate, step, hidden, loss, 5.0

    def train(self, steps):
        losses = []
        for rows in steps.order:
            time.sleep(self.step)
            error = self.value - self.y[rows]
            losses.append(np.mean(error**2) if self.loss is None else self.loss)
            self.value -= self.rate * 2 * np.mean(error)
        return np.array(losses)

    def checkpoint(self):
        return self.value

    def restore(self, value):
        self.value = value

    def predict(self, x):
        return np.full((len(x), 1), self.value)

    def weights(self):
        time.sleep(self.hidden)  # work that a device does after the last step has returned
        return {}


def trained(epochs=3, validation=0, batch=BATCH, patience=None, **behaviour):
    train = part("train")
    loop = Training(Mean(train.y, **behaviour), part("validation", validation), Objective(), patience)
    loop.run(TrainingPlan(MODEL, train.x.shape, batch, Schedule("constant", 1e-3), seed=4), epochs, LoadMonitor((0,)))
    return loop, train


def test_a_model_that_learns_passes():
    loop, train = trained(validation=9)
    check_learning(loop, train)
    assert len(loop.epochs) == len(loop.validation_seconds) == len(loop.validation_losses) == 3
    assert loop.first_loss == loop.step_losses[0][0]
    assert loop.losses[-1] < loop.losses[0]


def test_the_wall_time_of_the_loop_covers_its_parts():
    loop, _ = trained(step=0.002, validation=9)
    parts = loop.first_step + sum(loop.epochs) + sum(loop.validation_seconds)
    assert 0 < parts <= loop.loop


def test_work_outside_the_clocks_is_in_the_time_of_the_loop():
    """A report compares the two, so that a backend that returns before its device has finished is noticed."""
    loop, _ = trained(hidden=0.2)
    assert loop.loop - (loop.first_step + sum(loop.epochs)) >= 0.2


def test_a_model_that_does_not_learn_is_refused():
    loop, train = trained(rate=0.0)
    with pytest.raises(TrialError, match="the loss did not fall"):
        check_learning(loop, train)


def test_a_model_that_learns_the_wrong_way_is_refused():
    loop, train = trained(rate=-0.01)
    with pytest.raises(TrialError, match="the loss did not fall"):
        check_learning(loop, train)


def test_a_single_step_on_a_full_batch_passes():
    """The loss is evaluated on the same windows before and after, so that one step is enough."""
    loop, train = trained(epochs=1, batch=ROWS)
    check_learning(loop, train)


def test_patience_ends_a_training_and_restores_its_best_weights():
    """A validation part unlike the training part: its loss falls while the value passes by, then rises."""
    train = part("train")
    model = Mean(train.y, rate=0.03)
    validation = datasets.Part("validation", Chosen(train.x[:9]), np.full((9, 1), 2.0), range(9), None)
    loop = Training(model, validation, Objective(), patience=2)
    loop.run(TrainingPlan(MODEL, train.x.shape, BATCH, Schedule("constant", 1e-3), seed=4), 50, LoadMonitor((0,)))
    best = int(np.argmin(loop.validation_losses))
    assert 0 < best == loop.best.epoch
    assert len(loop.epochs) == best + 3
    assert np.mean((model.predict(validation.x) - 2.0) ** 2) == loop.validation_losses[best]


def test_without_patience_every_epoch_is_trained_and_the_last_weights_are_kept():
    loop, _ = trained(epochs=7, validation=9)
    assert len(loop.epochs) == 7
    assert loop.best is None


def test_a_loss_that_is_not_finite_names_its_step():
    with pytest.raises(TrialError, match="the loss is nan at step 1 of epoch 1"):
        trained(loss=np.nan)


def test_the_check_of_the_loss_takes_a_limited_number_of_windows(monkeypatch):
    loop, train = trained()
    monkeypatch.setattr(training, "CHECK_ROWS", 2 * BATCH)
    sizes = []
    monkeypatch.setattr(loop.model, "predict", lambda x: sizes.append(len(x)) or np.zeros((len(x), 1)))
    check_learning(loop, train)
    assert sizes == [2 * BATCH]


def test_flops_by_hand():
    """One dense layer: its product forward, and once backward for the weights; a layer above has two backward."""
    dense = ModelSpec((Recurrent("rnn", 3), Dense(2)))
    # T = 5: kernel 4x3 once forward and once backward, recurrent kernel 3x3 once and twice, dense 3x2 once and twice
    by_hand = 2 * 7 * (5 * 4 * 3 * 2 + 5 * 3 * 3 * 3 + 3 * 2 * 3)
    assert step_flops(dense, features=4, window=5, batch=7) == by_hand


def test_flops_grow_with_the_computation():
    sizes = {"features": 3, "window": 10, "batch": 4}
    one_layer, two_layers = (step_flops(forecaster("gru", units=8, layers=n, horizon=2), **sizes) for n in (1, 2))
    lstm = step_flops(forecaster("lstm", units=8, layers=1, horizon=2), **sizes)
    twice = step_flops(forecaster("gru", units=8, layers=1, horizon=2), **sizes | {"batch": 8})
    assert one_layer < lstm < two_layers
    assert twice == 2 * one_layer


@given(rows=st.integers(0, 400), most=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_forecasts_in_batches_are_those_of_all_windows_at_once(rows, most, seed):
    """In order, each window once, and never more windows at a time than allowed, so that memory is bounded."""
    x, sizes = np.random.default_rng(seed).normal(size=(rows, 3, 2)), set()

    class Sum:
        def predict(self, windows):
            sizes.add(len(windows))
            return windows.sum(axis=1)

    with patch.object(training, "MOST_ROWS", most):
        np.testing.assert_array_equal(predict(Sum(), x), x.sum(axis=1))
    assert len(sizes) == 1  # one compiled program
    assert max(sizes) <= most
