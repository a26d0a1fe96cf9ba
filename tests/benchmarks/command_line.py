"""The command line as a user types it, and a benchmark small enough for a test."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "benchmarks"]

SMALL = """
title = "Small"
backends = ["pytorch", "flax"]
seeds = [1]

[data]
series = "airline"
difference = true

[window]
length = 6

[model]
cell = "gru"
units = 4

[training]
epochs = 3
batch = 16
"""
ORACLE = SMALL.replace('["pytorch", "flax"]', '["reference"]')  # trains in NumPy, which is the fastest to start

SCRATCH = tempfile.TemporaryDirectory(prefix="like-for-like-tests-")  # of this test process; removed at its end


def environment():
    """The environment of a command: locks of its own, and threads that sleep while they wait.

    Tests share a machine and time nothing, so runs need not wait for the cores of other runs.
    """
    return os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": SCRATCH.name, "OMP_WAIT_POLICY": "PASSIVE"}


def benchmarks(*words, cwd):
    """Run `python -m benchmarks` with these words in another folder than the checkout."""
    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
