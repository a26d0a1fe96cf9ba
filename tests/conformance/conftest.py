"""The backend under check, named on the command line: each framework needs a process of its own."""

import importlib
import os
import re
from pathlib import Path

import pytest

import backends
from tests.conformance import broken
from tests.conformance.problems import MODELS, QUICK


def pytest_addoption(parser):
    parser.addoption("--backend", help="the backend to check, or one of broken.py's")
    parser.addoption("--dtype", default="float64")


@pytest.fixture(scope="session")
def dtype(pytestconfig):
    return pytestconfig.getoption("--dtype")


@pytest.fixture(scope="session")
def backend(pytestconfig, dtype):
    name = pytestconfig.getoption("--backend")
    if name in broken.BROKEN:
        return importlib.import_module("tests.conformance.broken").BROKEN[name]()
    return backends.load(name, dtype=dtype, threads=1)


def some(names, quick):
    """Names as a fixture's parameters, those beyond the quick ones marked slow."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in names]


@pytest.fixture(params=some(MODELS, QUICK))
def problem(request):
    return MODELS[request.param]


@pytest.fixture(params=["gru"])
def simple(request):
    return MODELS[request.param]


@pytest.fixture(params=some(["lstm, masked", "rmlp", "weight decay"], ["lstm, masked"]))
def later(request):
    """Some that between them use all that can be taken out of a model and put into it."""
    return MODELS[request.param]


@pytest.fixture
def compiled_programs():
    """Counts the programs that XLA has compiled so far in this process, by what it leaves in its dump folder."""
    _, _, folder = os.environ.get("XLA_FLAGS", "").partition("--xla_dump_to=")
    if not folder:
        pytest.skip("XLA_FLAGS names no dump folder")

    def count():
        return len({re.match(r"module_\d+", path.name).group() for path in Path(folder).glob("module_*")})

    return count
