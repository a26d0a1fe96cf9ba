"""The backend under check, named on the command line: each framework needs a process of its own."""

import os
import re
from pathlib import Path

import pytest

import backends
from tests.conformance import equality_checks
from tests.conformance.broken import BROKEN
from tests.conformance.problems import PADDED, PROBLEMS, QUICK


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


# Norms are computed without dropout, by layers that compile for long; of each kind of layer, one model.
RECURRENT = ["gru on lstm", "gru-reset-before on rnn", "rnn on lstm, both directions", "gru2 on gru1, masked"]
RECURRENT += ["rmlp on gru3, masked", "rmlp, larger memory", "masked twice and padded anywhere", "encoder and decoder"]


@pytest.fixture(params=parameters(["lstm, briefly masked", *RECURRENT], QUICK))
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


RESUMED = ["lstm, carried state", "masked, carried state", "gru", "sgd, nesterov", "rmsprop"]


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
