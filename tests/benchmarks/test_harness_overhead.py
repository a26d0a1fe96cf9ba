"""The harness overhead: hand-written loops of every program, in processes that the suite does not set."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext

import pytest

from backends import REGISTRY
from benchmarks.errors import UserError
from benchmarks.microbenchmarks import harness, harness_overhead
from benchmarks.microbenchmarks.bare_loops import LOOPS
from reports.records.store import read_overhead
from tests.benchmarks.command_line import ROOT


@pytest.fixture(autouse=True)
def without_reservation(monkeypatch):
    """Other runs on this machine may hold the cores; nothing is timed here."""
    monkeypatch.setattr(harness_overhead, "reserved", lambda cores, alone: nullcontext())


def test_every_program_has_a_hand_written_loop():
    """So that a program is compared with itself. The reference implementation is its own loop."""
    assert {entry.module for name, entry in REGISTRY.items() if name != "reference"} == set(LOOPS)
    assert harness_overhead.measurable(["reference", "flax", "own_program.py"]) == ["flax"]


def test_a_backend_without_a_loop_is_refused_in_a_sentence():
    with pytest.raises(SystemExit, match="error: flux has no hand-written loop; name one of pytorch, keras, flax, "):
        harness_overhead.main(["flux"])


def test_the_processes_take_turns_and_the_loop_gets_the_users_environment(monkeypatch, tmp_path):
    """The first one changes from round to round. A process of the contract alone has the suite's variables."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    started = []

    def printed(module, environment, *arguments):
        started.append((module, environment, arguments))
        return [[0.2, 0.3], [0.4, 0.3], [0.2, 0.3]] if module == "bare_loops" else [[0.3, 0.6]]

    monkeypatch.setattr(harness, "printed", printed)
    harness_overhead.add(tmp_path, ["keras-jax"], 2)
    assert [module for module, _, _ in started[:4]] == [
        "harness_overhead",
        "bare_loops",
        "bare_loops",
        "harness_overhead",
    ]
    (_, contract, _), (_, bare, arguments) = started[:2]
    assert bare == {**os.environ, "KERAS_BACKEND": "jax"}
    assert contract["PYTHONHASHSEED"] == "0"
    assert arguments[:2] == ("keras-jax", "lstm")
    record = read_overhead(tmp_path)
    assert [(row.backend, row.cell) for row in record.overheads] == [("keras-jax", "lstm"), ("keras-jax", "gru")]
    assert record.overheads[0].ratios("wall") == pytest.approx((1.5, 1.5))
    assert record.overheads[0].ratios("cpu") == pytest.approx((2, 2))
    harness_overhead.add(tmp_path, ["keras-jax"], 2)
    assert len(started) == 8  # a record that is there is kept


def test_a_process_that_fails_loses_no_other_measurement(monkeypatch):
    """As `torch.compile` without a C++ compiler."""

    def printed(module, environment, name, *arguments):
        if "pytorch" in (name, *arguments):
            raise UserError("bare_loops pytorch lstm ended with status 1; its last output: no compiler")
        return [[0.1, 0.1]]

    monkeypatch.setattr(harness, "printed", printed)
    failed, _, good, _ = harness_overhead.measure(["pytorch", "flax"], 1).overheads
    assert "no compiler" in failed.failure
    assert (failed.contract, failed.bare, good.failure) == ((), (), None)


def test_a_failed_process_gives_its_last_output():
    with pytest.raises(UserError, match="bare_loops nothing lstm 0 ended with status 1; its last output: KeyError"):
        harness.printed("bare_loops", os.environ, "nothing", "lstm", "0")


SMALL_LOOPS = """
import runpy, sys
from benchmarks.microbenchmarks import harness
harness.WINDOW, harness.STEPS, harness.WARM_UP, harness.EPOCHS = 4, 3, 1, 2
for name in sys.argv[1:]:
    sys.argv[1:] = [name, "gru", "0"]
    runpy.run_module("benchmarks.microbenchmarks.bare_loops", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("base", [name for name, entry in REGISTRY.items() if entry.module in LOOPS and not entry.base])
def test_every_loop_trains(base):
    """The loops of a framework on a small problem, on a single core and in the user's environment."""
    names = [name for name, entry in REGISTRY.items() if base in (name, entry.base)]
    environment = {**os.environ, **REGISTRY[base].environment, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SMALL_LOOPS, *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]
    assert [len(epochs) for epochs in printed] == [2] * len(names)
    assert all(wall > 0 and cpu > 0 for epochs in printed for wall, cpu in epochs), done.stdout
