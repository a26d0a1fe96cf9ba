"""The backend under check, named on the command line: each framework needs a process of its own."""

import os
import re
from pathlib import Path

import pytest

import backends
from backends.optimizers import Adam
from tests.conformance import equality_checks
from tests.conformance.broken import BROKEN
from tests.conformance.problems import ACTIVATIONS, CARRIED, CELLS, PADDED, PROBLEMS, QUICK


def pytest_addoption(parser):
    parser.addoption("--backend", help="the backend to check, or one of broken.py's")
    parser.addoption("--dtype", default="float64")


def pytest_terminal_summary(terminalreporter):
    if equality_checks.LARGEST:
        figures = ", ".join(f"{name} {value:.1e}" for name, value in equality_checks.LARGEST.items())
        terminalreporter.write_line(f"largest relative difference from the reference implementation: {figures}")


@pytest.fixture(scope="session")
def dtype(pytestconfig):
    return pytestconfig.getoption("--dtype")


@pytest.fixture(scope="session")
def backend(pytestconfig, dtype):
    name = pytestconfig.getoption("--backend")
    return BROKEN[name] if name in BROKEN else backends.load(name, dtype=dtype, threads=1)


@pytest.fixture
def native_backend(backend):
    if not backends.REGISTRY[backend.name].native:
        pytest.skip(f"backend '{backend.name}' has no native mode")
    return backend


def parameters(names, quick):
    """Names as a fixture's parameters; those that are not quick are marked slow."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in names]


@pytest.fixture(params=parameters(PROBLEMS, QUICK))
def problem(request):
    return PROBLEMS[request.param]


# Their norms take long to compile, in code that other models run too: norms are computed without dropout.
MASKED = [f"{cell}, masked" for cell in CELLS if cell != "gru1"] + ["input dropout alone", "quantiles"]
COVERED = {*PADDED, *ACTIVATIONS, *CARRIED, *MASKED} - {"masked twice and padded anywhere"}
RECURRENT = [
    name for name, problem in PROBLEMS.items() if problem.recurs and problem.optimizer == Adam() and name not in COVERED
]


@pytest.fixture(params=parameters(RECURRENT, QUICK[1:]))
def recurrent_problem(request):
    """Problems for gradient norms, on which the optimizer has no effect."""
    return PROBLEMS[request.param]


SAME_ALONE = [name for name in PADDED if "convolution" not in name]  # a convolution reads across the edge of padding


@pytest.fixture(params=parameters(SAME_ALONE, QUICK))
def padded_problem(request):
    return PADDED[request.param]


@pytest.fixture
def simple():
    return PROBLEMS["gru"]


RESUMED = ["lstm, carried state", "masked, carried state", "gru", "lstm, masked", "rmlp", "sgd, nesterov", "rmsprop"]


@pytest.fixture(params=parameters(RESUMED, ["lstm, carried state"]))
def resumed_problem(request):
    """Problems that together have every kind of state that a checkpoint holds."""
    return PROBLEMS[request.param]


@pytest.fixture
def compiled_programs():
    """A function that counts the programs that XLA has compiled in this process, from the files in its dump folder."""
    named = re.search(r"--xla_dump_to=(\S+)", os.environ.get("XLA_FLAGS", ""))
    if named is None:
        pytest.skip("XLA_FLAGS names no dump folder")
    folder = Path(named[1])

    def count():
        return len({re.match(r"module_\d+", path.name).group() for path in folder.glob("module_*")})

    return count
