"""backends/README.md: its example is a backend that passes the checks and whose name is in a report."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "backends" / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
NAME = "pytorch-foreach"
BENCHMARK = """
title = "Small"
backends = ["pytorch-foreach", "reference"]
seeds = [1]
baselines = []
[data]
csv = "series.csv"
target = "value"
[window]
length = 6
[model]
cell = "gru"
units = 3
[training]
epochs = 2
batch = 8
threads = 1
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of the checkout with the README's file and registry entry added."""
    for folder in ("backends", "benchmarks", "datasets", "reports", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("golden"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = re.search(r"Save it\s+as\s+`(backends/\S+)`", README).group(1)
    (tmp_path / file).write_text(next(block for block in BLOCKS if "def create" in block))
    entry = next(block for block in BLOCKS if "Entry(" in block)
    registry = tmp_path / "backends" / "registry.py"
    text = registry.read_text()
    assert "REGISTRY: dict[str, Entry] = {\n" in text
    registry.write_text(text.replace("REGISTRY: dict[str, Entry] = {\n", "REGISTRY: dict[str, Entry] = {\n" + entry))
    return tmp_path


def python(checkout, *arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_example_is_a_backend(checkout):
    """It passes the checks, and a run compares it with the reference and reports it, with no other file changed."""
    checks = python(checkout, "-m", "pytest", "tests/conformance", "-q", "-k", NAME, "-m", "not slow")
    assert "1 passed" in checks.stdout, checks.stdout + checks.stderr
    series = "value\n" + "\n".join(f"{(row * 7) % 11 + row / 20:.3f}" for row in range(120))
    (checkout / "series.csv").write_text(series)
    (checkout / "small.toml").write_text(BENCHMARK)
    run = python(checkout, "-m", "benchmarks", "run", "small.toml", "--results", "results")
    assert run.returncode == 0, run.stdout + run.stderr
    report = checkout / "results" / "small" / "latest" / "report.md"
    assert NAME in report.read_text()


def test_the_models_of_the_readme_have_the_shapes_it_states():
    block = next(block for block in BLOCKS if "ModelSpec" in block)
    *statements, last = block.strip().splitlines()
    call, stated = last.split("  # ")
    names: dict[str, object] = {}
    exec("\n".join(statements), names)
    assert eval(call, names) == eval(stated)


def test_the_table_of_backends_is_that_of_the_registry():
    from backends import REGISTRY

    rows = re.findall(r"^\| (`.*?`) \|.*?\| (.*?) \|$", README, re.MULTILINE)
    programs = {name: program for names, program in rows for name in re.findall("`(.*?)`", names)}
    assert programs == {name: entry.program for name, entry in REGISTRY.items()}
