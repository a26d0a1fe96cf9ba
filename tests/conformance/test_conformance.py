"""Every backend passes the one suite (checks.py, checks_of_conduct.py), and backends wrong on purpose fail it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import backends
from tests.conformance.broken import BROKEN

ROOT = Path(__file__).resolve().parents[2]
CHECKS, CONDUCT = "tests/conformance/checks.py", "tests/conformance/checks_of_conduct.py"
TIMED = ["test_equals_the_oracle[lstm]", "test_equals_the_oracle[gru]", "test_works_in_the_dtype_asked_for"]
GOOD = list(backends.REGISTRY)
ENGINES = ("keras-jax", "keras-torch")  # share most of their code with keras, so that a quick look leaves them out


def suite(backend, dtype, *tests, slow=False, only=""):
    """The suite, its slow part, or some of its tests, in a process of its own: its status and what it printed.

    only: of those the ones with this in their name.
    """
    named = [test if "::" in test else f"{CHECKS}::{test}" for test in tests] or [CHECKS, CONDUCT]
    command = [sys.executable, "-m", "pytest", *named, "-q", "-rf", "-p", "no:cacheprovider"]
    command += ["-k", only] if only else []
    command += [f"--backend={backend}", f"--dtype={dtype}", *([] if tests else ["-m", "slow" if slow else "not slow"])]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as dump:
        environment = os.environ | quiet | {"XLA_FLAGS": f"--xla_dump_to={dump}"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "backend", [pytest.param(name, marks=[pytest.mark.slow] if name in ENGINES else []) for name in GOOD]
)
def test_conforms(backend):
    """In float64, where equality can be seen."""
    status, said = suite(backend, "float64")
    assert status == 0, said


@pytest.mark.slow
@pytest.mark.parametrize("backend", GOOD)
def test_conforms_on_every_architecture(backend):
    """All the models, and those drawn by hypothesis: layers, cells, depths, sizes and trainings.

    Of an engine of Keras the architectures alone: what is done with a model besides is the code that keras runs too.
    """
    status, said = suite(backend, "float64", slow=True, only="test_equals_the_oracle" if backend in ENGINES else "")
    assert status == 0, said


@pytest.mark.slow
@pytest.mark.parametrize("backend", [name for name in GOOD if name != "reference"])
def test_conforms_in_float32(backend):
    """What is timed; the float64 suite shows the rest."""
    status, said = suite(backend, "float32", *TIMED)
    assert status == 0, said


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_found(fault):
    """Swapped gates, a second trained bias, Keras' epsilon, careless dropout: each must fail where it shows."""
    models = ("lstm, masked", "input dropout alone") if fault == "unscaled-masks" else ("lstm", "gru")
    status, said = suite(fault, "float64", *(f"test_equals_the_oracle[{model}]" for model in models))
    assert status == 1, said
    for model in models:
        assert f"FAILED {CHECKS}::test_equals_the_oracle[{model}]" in said


def test_a_second_bias_is_counted():
    status, said = suite("second-bias", "float64", "test_trains_exactly_the_canonical_parameters")
    assert status == 1, said
