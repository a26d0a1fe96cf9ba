"""Every backend of the registry passes the checks, and backends with a deliberate fault fail them.

`pytest tests/conformance -m "not slow"` checks in float64 on a few models, `-m slow` on all models and in float32;
`-k NAME` selects a backend.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from backends import REGISTRY
from tests.conformance import equality_checks
from tests.conformance.broken import AFFECTED, BROKEN
from tests.conformance.problems import PROBLEMS

ROOT = Path(__file__).resolve().parents[2]
EQUALITY, BEHAVIOUR = "tests/conformance/equality_checks.py", "tests/conformance/behaviour_checks.py"
SLOW = {"reference", "keras-jax", "keras-torch"}  # the code of keras serves its engines; nothing is faster than NumPy
ENGINES = {"keras-jax", "keras-torch"}  # on which Keras runs besides TensorFlow
BACKENDS = [name for name, entry in REGISTRY.items() if not entry.base]
PROGRAMS = [name for name, entry in REGISTRY.items() if entry.base]
BOTH_CELLS = "test_equals_the_reference[gru on lstm]"
UNOPTIMIZED = (  # compiles in half the time
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)
COMPILED = tempfile.TemporaryDirectory(prefix="like-for-like-tests-")  # JAX's programs; removed at the end


def run_checks(backend, dtype, *tests, slow=False, only=""):
    """Exit status and output of the checks, of their slow part, or of some tests, in a process of its own.

    only: run those with this text in their names. slow: run the slow part, or some tests that compile for long.

    The quick part counts the programs that XLA compiles. The rest stores them, so that JAX compiles each once. In the
    slow part XLA leaves out the optimization of machine code.
    """
    named = [f"{EQUALITY}::{test}" for test in tests] or [EQUALITY, BEHAVIOUR]
    command = [sys.executable, "-m", "pytest", *named, "-q", "-rf", "-p", "no:cacheprovider"]
    command += ["-k", only] if only else []
    command += [f"--backend={backend}", f"--dtype={dtype}", *([] if tests else ["-m", "slow" if slow else "not slow"])]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    stored = {"JAX_COMPILATION_CACHE_DIR": COMPILED.name, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    with tempfile.TemporaryDirectory() as dump:
        counted = {"XLA_FLAGS": f"--xla_dump_to={dump} {UNOPTIMIZED}"}
        settings = stored | {"XLA_FLAGS": UNOPTIMIZED} if slow else stored if tests else counted
        environment = os.environ | quiet | settings
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "backend", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in BACKENDS]
)
def test_conforms(backend):
    """In float64, which shows equality up to the order of additions."""
    status, output = run_checks(backend, "float64")
    assert status == 0, output


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_conforms_on_every_architecture(backend):
    """All models, and models that hypothesis draws: layers, cells, depths, sizes and trainings.

    On Keras's other engines equality on some of the listed models, and what depends on the engine: the quick part has
    a model with every mask, and other checks would run the code that keras runs too.
    """
    some = "directions or carried or sgd or rmsprop or encoder or settings or larger"
    engine = "denormal or readings or parts_of_a_step or (in_pieces_with_equal_weights and lstm)"
    equality = f"test_equals_the_reference and not on_any and not masked and ({some})"
    only = f"({equality}) or {engine}" if backend in ENGINES else ""
    status, output = run_checks(backend, "float64", slow=True, only=only)
    assert status == 0, output


@pytest.mark.slow
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "reference"])
def test_conforms_in_float32(backend):
    """The dtype that is timed."""
    status, output = run_checks(backend, "float32", BOTH_CELLS)
    assert status == 0, output


@pytest.mark.slow
@pytest.mark.parametrize("backend", PROGRAMS)
def test_a_program_learns_the_same(backend):
    """A program has the layers of its base. It is checked on the training: losses, weights and checkpoints.

    In float64; the certificate of a run checks the dtype that is timed.
    """
    pieces = "test_trains_in_pieces_with_equal_weights[lstm, carried state]"
    parts = "test_the_parts_of_a_step_compute_what_training_computes"
    status, output = run_checks(backend, "float64", BOTH_CELLS, pieces, parts, slow=True)
    assert status == 0, output


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_found(fault):
    """Each fault, as that of the padding's state or of another framework's momentum, fails where it has an effect."""
    for name in AFFECTED.get(fault, ("lstm", "gru")):
        with pytest.raises(AssertionError, match="differ by"):
            equality_checks.test_equals_the_reference(BROKEN[fault], PROBLEMS[name], "float64")


def test_a_second_bias_is_counted():
    with pytest.raises(AssertionError):
        equality_checks.test_trains_exactly_the_canonical_parameters(BROKEN["second-bias"], PROBLEMS["gru"], "float64")


@pytest.mark.slow
def test_a_fault_fails_the_suite():
    """In a process, as for a backend: the exit status and the name of the test."""
    status, output = run_checks("keras-epsilon", "float64", "test_equals_the_reference[gru]")
    assert status == 1, output
    assert f"FAILED {EQUALITY}::test_equals_the_reference[gru]" in output
