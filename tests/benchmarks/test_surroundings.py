"""The command line in other surroundings: another folder, and a Python without packages."""

import subprocess
import sys

import pytest

import backends
from backends.contract import BackendError
from benchmarks.errors import UserError
from benchmarks.runner import run
from benchmarks.runner.environment import ROOT
from tests.benchmarks.command_line import benchmarks


def test_a_mistake_ends_the_process_with_status_2(tmp_path):
    """In a process of its own, and from another folder than the checkout."""
    done = benchmarks("rnu", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no command 'rnu'")


def test_a_missing_framework_comes_with_its_install_command(monkeypatch):
    monkeypatch.setattr(backends.registry.util, "find_spec", lambda name: None if name == "optax" else object())
    run.require(("pytorch", "keras"))
    with pytest.raises(UserError, match=r"'flax' needs optax; install it with: .*pip install .* optax$"):
        run.require(("pytorch", "flax"))
    with pytest.raises(BackendError, match="optax"):
        backends.load("flax", dtype="float32", threads=1)


def test_a_python_without_the_packages_says_what_to_type():
    """A newcomer types `python -m benchmarks` before `make install`, or with another Python."""
    command = [sys.executable, "-S", "-m", "benchmarks", "list"]  # -S: without the installed packages
    done = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not installed in this Python" in done.stderr
    assert "type `make install`, then `.venv/bin/python -m benchmarks`" in done.stderr
    assert "Traceback" not in done.stderr
