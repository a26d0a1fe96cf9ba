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
ORACLE = SMALL.replace('["pytorch", "flax"]', '["reference"]')  # trains in NumPy: no framework to wait for


OWN = tempfile.TemporaryDirectory(prefix="like-for-like-tests-")  # of this process of tests, removed with it


def environment():
    """Runs wait for nobody's cores and waiting threads do not spin: tests share a machine, and time nothing."""
    return os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": OWN.name, "OMP_WAIT_POLICY": "PASSIVE"}


def benchmarks(*words, cwd):
    """Run a command of ours from another folder than the checkout; nothing may depend on where a user stands."""
    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
