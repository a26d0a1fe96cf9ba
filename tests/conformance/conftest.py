"""The backend under check, named on the command line: each framework needs a process of its own."""

import importlib

import pytest

import backends
from tests.conformance import broken


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
