"""Every backend passes the one suite in checks.py, and backends that are wrong on purpose fail it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import backends
from tests.conformance.broken import BROKEN

ROOT = Path(__file__).resolve().parents[2]
GOOD = list(backends.REGISTRY)


def suite(backend, dtype, *options):
    """The suite's run in a process of its own: its status and what it printed."""
    command = [sys.executable, "-m", "pytest", "tests/conformance/checks.py", "-q", "-p", "no:cacheprovider"]
    command += [f"--backend={backend}", f"--dtype={dtype}", *options]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("backend", GOOD)
def test_conforms_in_float64(backend):
    status, said = suite(backend, "float64")
    assert status == 0, said


@pytest.mark.parametrize("backend", [name for name in GOOD if name != "reference"])
def test_conforms_in_float32(backend):
    """What is timed. The float64 suite shows the rest, the models here are the ones that benchmarks time."""
    status, said = suite(backend, "float32", "-k", "(oracle or asked) and (lstm or gru)")
    assert status == 0, said


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_found(fault):
    """Swapped gates, a second trained bias, Keras' epsilon: each must fail the comparison with the oracle."""
    status, said = suite(fault, "float64", "-k", "oracle", "-rf")
    assert status == 1, said
    for model in ("lstm", "gru"):
        assert f"FAILED tests/conformance/checks.py::test_equals_the_oracle[{model}]" in said


def test_a_second_bias_is_counted():
    status, said = suite("second-bias", "float64", "-k", "canonical_parameters")
    assert status == 1, said
