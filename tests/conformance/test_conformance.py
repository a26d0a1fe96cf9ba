"""Every backend of the registry passes the checks, and backends with a deliberate fault fail them.

`pytest tests/conformance -m "not slow"` checks in float64 on a few models, `-m slow` on all models and in float32;
`-k NAME` selects a backend.
"""

import json
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
# Checked by the slow tests alone: the code of keras serves its engines, and nothing is faster than NumPy.
SLOW = {"reference", "keras-jax", "keras-torch"}
ENGINES = {"keras-jax", "keras-torch"}  # on which Keras runs besides TensorFlow
BACKENDS = [name for name, entry in REGISTRY.items() if not entry.base]
BOTH_CELLS = "test_equals_the_reference[gru on lstm]"
PIECES = "test_trains_in_pieces_with_equal_weights"
PARTS = "test_the_parts_of_a_step_compute_what_training_computes"
UNOPTIMIZED = (  # compiles in half the time
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)
# One process imports a framework once for its backend and its other programs: a list of arguments of pytest for each.
IN_ONE_PROCESS = "import json, sys, pytest; sys.exit(max(pytest.main(words) for words in json.loads(sys.argv[1])))"


def checks(backend, dtype, *tests, slow=False, only=""):
    """The arguments of pytest for the checks, for their slow part, or for some tests.

    only: those with this text in their names.
    """
    named = [f"{EQUALITY}::{test}" for test in tests] or [EQUALITY, BEHAVIOUR]
    part = [] if tests else ["-m", "slow" if slow else "not slow"]
    chosen = ["-k", only] if only else []
    return [*named, "-q", "-rf", "-p", "no:cacheprovider", *chosen, f"--backend={backend}", f"--dtype={dtype}", *part]


@pytest.fixture(scope="session")
def run_checks(tmp_path_factory):
    """A function that runs checks in a new process and returns its exit status and output.

    counted: count the programs that XLA compiles. The other processes store JAX's programs and the results of the
    reference implementation, so that each is computed once. fast: XLA leaves out the optimization of machine code.
    """
    parts = tmp_path_factory.getbasetemp()
    shared = (parts.parent if "PYTEST_XDIST_WORKER" in os.environ else parts) / "conformance"  # by all test processes
    shared.mkdir(exist_ok=True)
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "REFERENCES": str(shared)}
    stored = {"JAX_COMPILATION_CACHE_DIR": str(shared / "jax"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}

    def run(*arguments, counted=False, fast=False):
        with tempfile.TemporaryDirectory() as dump:
            flags = [f"--xla_dump_to={dump}"] if counted else []
            flags += [UNOPTIMIZED] if fast or counted else []
            settings = {"XLA_FLAGS": " ".join(flags)} | ({} if counted else stored)
            command = [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(arguments)]
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | quiet | settings, capture_output=True, text=True, check=False
            )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name not in SLOW])
def test_conforms(backend, run_checks):
    """In float64, which shows equality up to the order of additions."""
    status, output = run_checks(checks(backend, "float64"), counted=True)
    assert status == 0, output


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_conforms_on_every_architecture(backend, run_checks):
    """All models, and models that hypothesis draws: layers, cells, depths, sizes and trainings.

    Of a slow backend, in the same process, the checks that `test_conforms` makes of the others.

    On Keras's other engines equality on some of the listed models, and what depends on the engine: the quick part has
    a model with every mask, and other checks would run the code that keras runs too.

    The other programs of a backend have its layers. They are checked on the training: losses, weights and checkpoints,
    in float64; the certificate of a run checks the dtype that is timed.
    """
    some = "directions or carried or sgd or rmsprop or encoder or settings or larger"
    engine = "denormal or readings or parts_of_a_step or (lstm and (in_pieces_with_equal_weights or can_be_restored))"
    equality = f"test_equals_the_reference and not on_any and not masked and ({some})"
    only = f"({equality}) or {engine}" if backend in ENGINES else ""
    training = (BOTH_CELLS, f"{PIECES}[lstm, carried state]", PARTS)
    programs = [name for name, entry in REGISTRY.items() if entry.base == backend]
    parts = [checks(backend, "float64")] if backend in SLOW else []
    parts += [checks(backend, "float64", slow=True, only=only)]
    parts += [checks(program, "float64", *training) for program in programs]
    status, output = run_checks(*parts, counted=backend in SLOW, fast=True)
    assert status == 0, output
    assert output.count(" passed") == len(parts), output


@pytest.mark.slow
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "reference"])
def test_conforms_in_float32(backend, run_checks):
    """The dtype that is timed."""
    status, output = run_checks(checks(backend, "float32", BOTH_CELLS))
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
def test_a_fault_fails_the_suite(run_checks):
    """In a process, as for a backend: the exit status and the name of the test."""
    status, output = run_checks(checks("keras-epsilon", "float64", "test_equals_the_reference[gru]"))
    assert status == 1, output
    assert f"FAILED {EQUALITY}::test_equals_the_reference[gru]" in output
