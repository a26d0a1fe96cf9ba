"""Batches, scores, digests, differences of the certificate, background load, and environment variables."""

import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.layers import Dense
from backends.model import ModelSpec
from backends.recurrent import Recurrent
from benchmarks.runner import environment
from benchmarks.worker import certification, scores, training
from benchmarks.worker.checkpoints import digest_arrays
from benchmarks.worker.timing import LoadMonitor

MASK = "0.recurrent_mask"


def planned(rows, batch, **options):
    """The plan of a training on so many windows of six rows and two columns."""
    model = ModelSpec((Recurrent("gru", 4, recurrent_dropout=0.5), Dense(1)))
    schedule = training.Schedule("constant", 1e-3)
    return training.TrainingPlan(model, (rows, 6, 2), batch, schedule, **({"seed": 3} | options))


@given(seed=st.integers(0, 2**32), epoch=st.integers(0, 50), rows=st.integers(1, 200), batch=st.integers(1, 50))
def test_an_epoch_takes_no_row_twice(seed, epoch, rows, batch):
    full, *rest = planned(rows, batch, seed=seed).epoch(epoch)
    assert rest == []
    assert full.order.shape == (rows // batch, batch)
    assert len(np.unique(full.order)) == full.order.size
    np.testing.assert_array_equal(full.order, planned(rows, batch, seed=seed).epoch(epoch)[0].order)


@given(rows=st.integers(1, 200), batch=st.integers(1, 50), epoch=st.integers(0, 5))
def test_with_the_incomplete_batch_an_epoch_takes_every_row_once(rows, batch, epoch):
    """The full batches, their masks and a constant rate are those of an epoch without the incomplete batch."""
    (full, *rest), (without,) = (planned(rows, batch, partial=partial).epoch(epoch) for partial in (True, False))
    orders = [full.order, *(steps.order for steps in rest)]
    assert sorted(np.concatenate([order.ravel() for order in orders])) == list(range(rows))
    assert [steps.order.shape for steps in rest] == ([(1, rows % batch)] if rows % batch else [])
    np.testing.assert_array_equal(full.order, without.order)
    np.testing.assert_array_equal(full.rates, without.rates)
    np.testing.assert_array_equal(full.masks[MASK], without.masks[MASK])
    for steps in rest:
        assert steps.masks[MASK].shape[:2] == steps.order.shape
        assert steps.rates.shape == (1,)


def test_the_mask_of_the_incomplete_batch_is_its_own():
    full, rest = planned(43, 20, partial=True).epoch(0)
    assert not any(np.array_equal(mask[:3], rest.masks[MASK][0]) for mask in full.masks[MASK])


def test_epochs_and_seeds_shuffle_differently():
    first = training.epoch_order(1, 0, 100)
    assert not np.array_equal(first, training.epoch_order(1, 1, 100))
    assert not np.array_equal(first, training.epoch_order(2, 0, 100))


@pytest.mark.parametrize("partial", [False, True])
def test_the_certificate_takes_the_batches_of_the_training(partial):
    plan = planned(53, 10, seed=3, partial=partial)
    expected = [steps for epoch in range(2) for steps in plan.epoch(epoch)]
    calls = list(plan.first(7))
    assert sum(map(len, calls)) == 7
    assert max(map(len, calls)) == 5
    for call, steps in zip(calls, expected, strict=False):
        np.testing.assert_array_equal(call.order, steps.order[: len(call)])
        np.testing.assert_array_equal(call.masks[MASK], steps.masks[MASK][: len(call)])
        np.testing.assert_array_equal(call.rates, np.full(len(call), 1e-3))


def test_scores_by_hand():
    forecast, truth = np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[1.0, 2.0], [3.0, 2.0]])
    result = scores.scores(forecast, truth, scale=np.array([1.0, 4.0]))
    assert (result.mse, result.rmse, result.mae) == (4.0, 2.0, 1.0)
    assert (result.scaled_mse, result.scaled_mae) == (0.25, 0.25)


def test_digests_differ_for_other_values_shapes_and_dtypes():
    values = np.arange(6.0)
    variants = [values, values[::-1], values.reshape(2, 3), values.astype(np.float32), values + 1e-15]
    assert len({digest_arrays([variant]) for variant in variants}) == len(variants)
    assert digest_arrays([values.astype(">f8")]) == digest_arrays([values])
    assert digest_arrays([np.repeat(values, 2)[::2]]) == digest_arrays([values])


def test_a_difference_is_relative_to_the_largest_reference_number():
    reference = np.array([1e-9, 2.0, -4.0])
    assert certification.difference(reference + np.array([0, 0, 4e-3]), reference) == pytest.approx(1e-3)
    assert certification.difference(np.array([0.0, np.nan, 0.0]), reference) == np.inf
    assert certification.difference(reference[:2], reference) == np.inf


def test_a_verdict_names_each_difference_over_its_bound():
    bounds = {"outputs": 1e-12, "losses": 1e-10}
    assert certification.verdict({"outputs": 1e-12, "losses": 0.0}, bounds, 0) is None
    assert (
        certification.verdict({"outputs": 2e-12, "losses": 0.0}, bounds, 0) == "outputs differ by 2.0e-12 (bound 1e-12)"
    )
    assert "losses" in certification.verdict({"outputs": 0.0, "losses": np.nan}, bounds, 0)
    assert "by +12" in certification.verdict({"outputs": 0.0, "losses": 0.0}, bounds, 12)
    assert certification.verdict({"outputs": 0.0, "losses": None}, bounds, 0) is None  # a program without step losses


def test_the_first_parameter_that_differs_is_named():
    """In the order of the steps; of several, the one that differs most. Losses that are not reported are left out."""
    random = np.random.default_rng(4)
    names = [f"{steps} {name}" for steps in certification.WEIGHED for name in ("0.kernel", "0.bias")]
    weights = {name: random.normal(size=3) for name in names}
    reference = certification.Trajectory(random.normal(size=2), {}, random.normal(size=200), weights)
    gradients = {"0.kernel": random.normal(size=3)}
    changed = {name: value * (1 + 1e-3 * (name in ("10 0.bias", "50 0.kernel"))) for name, value in weights.items()}
    other = certification.Trajectory(reference.outputs, gradients, None, changed)
    assert (
        certification.first_difference(other, reference, 1e-10)
        == "after 10 steps, the parameter 0.bias differs by 1.0e-03"
    )
    assert certification.first_difference(reference, reference, 1e-10) == ""
    changed = {name: value * (1 + 1e-3 * name.startswith("10 ")) for name, value in weights.items()}
    changed["10 0.kernel"] = changed["10 0.kernel"] + np.inf
    other = certification.Trajectory(reference.outputs, gradients, None, changed)
    clause = "after 10 steps, 2 of 2 parameters differ, 0.kernel most, by inf"
    assert certification.first_difference(other, reference, 1e-10) == clause
    equal = certification.Trajectory(reference.outputs, gradients, None, weights)
    expected = certification.Trajectory(reference.outputs, gradients, reference.losses, weights)
    assert certification.compare(equal, expected) == {"outputs": 0, "gradients": 0, "losses": None, "weights": 0}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin a process to a core")
@pytest.mark.parametrize("started_here", [False, True])
def test_background_load_is_that_of_other_programs(started_here):
    """A process keeps the core busy: another program's, or one that this process started, such as a compiler."""
    core = (min(os.sched_getaffinity(0)),)
    pinned = f"import os; os.sched_setaffinity(0, {core})\nwhile True: pass"
    busy = shlex.join([sys.executable, "-c", pinned])
    command = f"exec {busy}" if started_here else f"{busy} > /dev/null & echo $!"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, text=True) as shell:
        other = shell.pid if started_here else int(shell.stdout.readline())
        time.sleep(0.3)
        monitor = LoadMonitor(core)
        time.sleep(1.0)
        monitor.stop()
        os.kill(other, signal.SIGKILL)
    if started_here:  # other tests may keep the core busy too, so its load is not known
        assert monitor._elapsed()[2] > 0.2, "CPU seconds of this process, which slept, and of those that it started"
    else:
        assert monitor.background_load() > 0.7


def test_thread_settings_of_the_user_are_recorded(monkeypatch):
    """They reach the workers. Private settings of a framework do not, nor are scikit-learn's own settings recorded."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
    variables = environment.worker_variables(2)
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
    assert variables["OMP_NUM_THREADS"] == "2"
    assert "KMP_INIT_AT_FORK" not in variables
    assert "KERAS_BACKEND" not in environment.worker_environment(variables)


def test_the_peak_memory_of_a_worker_is_not_that_of_the_process_that_started_it():
    ours = np.ones(2**26)  # 512 MiB
    script = "from benchmarks.worker.timing import peak_memory_bytes; print(peak_memory_bytes())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 2**20 < int(done.stdout) < ours.nbytes
