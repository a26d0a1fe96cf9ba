"""The house's rules: which folders there are, who may import whom, and that nothing imports a framework unasked."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("backends", "benchmarks", "datasets", "reports")
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", "optax", "ray"}
OWN_FRAMEWORKS = {
    "backends/pytorch.py": {"torch"},
    "backends/pytorch_cells.py": {"torch"},
    "backends/flax_nnx.py": {"jax", "flax", "optax"},
    "backends/flax_cells.py": {"jax", "flax"},
    "backends/keras3.py": {"keras"},
    "backends/keras_cells.py": {"keras"},
    "backends/keras_optimizer.py": {"keras"},
    "backends/keras_engines.py": {"keras"},
    "backends/keras_tensorflow.py": {"tensorflow"},
    "backends/keras_jax.py": {"jax", "keras"},
    "backends/keras_torch.py": {"keras", "torch"},
    "backends/devices.py": {"torch", "tensorflow", "jax"},  # what each says about its device, side by side
    "benchmarks/runner/executors/cluster.py": {"ray"},
    "benchmarks/runner/executors/connection.py": {"ray"},
    "benchmarks/bare_loops.py": FRAMEWORKS,  # bare loops to compare with are the script's purpose
}
MAY_IMPORT = {
    "datasets": {"datasets"},
    "backends": {"backends"},
    "benchmarks": {"benchmarks", "backends", "datasets", "reports"},
    "reports": {"reports", "benchmarks.runner.records", "benchmarks.runner.storage"},
}
LINES = 260


def modules():
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def name(path):
    return path.relative_to(ROOT).as_posix()


def imports(path):
    """Dotted names that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=name)
def test_arrows_run_one_way(path):
    """datasets and backends know nobody, reports read records alone."""
    room = path.relative_to(ROOT).parts[0]
    for imported in imports(path):
        if imported.split(".")[0] in ROOMS:
            assert any(f"{imported}.".startswith(f"{allowed}.") for allowed in MAY_IMPORT[room]), imported


@pytest.mark.parametrize("path", modules(), ids=name)
def test_a_framework_stays_in_its_own_file(path):
    used = {imported.split(".")[0] for imported in imports(path)} & FRAMEWORKS
    assert used <= OWN_FRAMEWORKS.get(name(path), set())


@pytest.mark.parametrize(
    "module",
    ["backends", "backends.reference", "datasets", "reports", "benchmarks.suite", "benchmarks.__main__"],
)
def test_importing_loads_no_framework(module):
    """Also by way of other packages: a report is rebuilt, and a mistake is told, without waiting for TensorFlow."""
    code = f"import sys, {module}; print(*sorted({FRAMEWORKS!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_top_level_is_the_plan():
    """A visitor sees the architecture in the folder list."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("not a git checkout")
    folders = {line.split("/")[0] for line in tracked.splitlines() if "/" in line}
    assert folders <= {*ROOMS, "tests", ".ci"}


def test_nothing_is_distributed():
    """`datasets` would collide with another library of that name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["setuptools"]["packages"] == []


@pytest.mark.parametrize("path", [*modules(), *sorted((ROOT / "tests").rglob("*.py"))], ids=name)
def test_files_stay_small(path):
    """A file that outgrows this asks for a new room."""
    assert len(path.read_text().splitlines()) <= LINES


def test_the_backend_files_read_side_by_side():
    """The same names in the same order, so that three files are a phrasebook."""
    order = ["create", "make_layer", "parameters", "load_weights", "canonical", "adam"]
    methods = [
        *("train", "gradients", "flow", "predict", "weights", "snapshot", "restore", "parameter_count", "kernel"),
    ]
    for file in ("pytorch.py", "keras3.py", "flax_nnx.py"):
        tree = ast.parse((ROOT / "backends" / file).read_text())
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert [function for function in functions if function in order] == order, file
        model = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.endswith("Model"))
        defined = [node.name for node in model.body if isinstance(node, ast.FunctionDef)]
        assert [method for method in defined if method in methods] == methods, file


def test_every_benchmark_has_its_target_and_help():
    for path in (ROOT / "benchmarks").glob("*.toml"):
        done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert f"make bench-{path.stem} " in done.stdout
