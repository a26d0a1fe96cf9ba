"""Rules of the architecture: the folders, the direction of imports, and where frameworks may be imported."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from backends import REGISTRY

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("backends", "benchmarks", "datasets", "reports")
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", "optax", "ray"}
FRAMEWORKS_OF = {
    "benchmarks/runner/executors": {"ray"},
    "benchmarks/translation/isolated.py": {"torch", "keras", "flax"},  # programs written by `translate`, and files
    "benchmarks/differences/pytorch": {"torch"},
    "benchmarks/differences/keras": {"keras", "tensorflow", "jax"},
    "benchmarks/differences/flax": {"jax", "flax", "optax"},
    "benchmarks/differences/model.py": {"jax"},  # the trainings that carry the effects
    "benchmarks/differences/trainer.py": {"jax"},
    "benchmarks/microbenchmarks/bare_loops.py": FRAMEWORKS,  # training loops written by hand in every framework
}
MAY_IMPORT = {
    "datasets": {"datasets"},
    "backends": {"backends"},
    "reports": {"reports"},
    "benchmarks": {"benchmarks", "backends", "datasets", "reports"},
}
LINES = 400
FILES = 16  # Python files in a folder


def modules():
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


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
    """datasets, backends and reports import no other package; benchmarks may import all three."""
    package = path.relative_to(ROOT).parts[0]
    for imported in imports(path):
        if imported.split(".")[0] in PACKAGES:
            assert any(f"{imported}.".startswith(f"{allowed}.") for allowed in MAY_IMPORT[package]), imported


INSIDE_BENCHMARKS = {  # what each part of benchmarks may import besides itself
    "definition": (),
    "worker": ("definition",),
    "runner": ("definition", "worker"),
    "microbenchmarks": ("definition", "worker", "runner"),
    "commands": ("definition", "worker", "runner", "microbenchmarks"),
    "translation": ("definition", "worker", "commands"),
    "differences": ("worker", "runner", "commands"),  # a command with a package of its own
}


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*/**/*.py")), ids=name)
def test_imports_inside_benchmarks_run_one_way(path):
    """definition <- worker <- runner <- commands <- translation; every part may use the errors."""
    part = path.relative_to(ROOT).parts[1]
    for imported in imports(path):
        top, _, rest = imported.partition(".")
        if top == "benchmarks":
            assert rest.split(".")[0] in {"errors", part, *INSIDE_BENCHMARKS[part]}, imported


# The layers of reports: a module imports from its own layer and from those to the left.
LAYERS = ("records", "render", "analysis", "figures", "sections", "pages")


@pytest.mark.parametrize("path", sorted((ROOT / "reports").glob("*/**/*.py")), ids=name)
def test_imports_inside_reports_run_one_way(path):
    """records <- render <- analysis <- figures <- sections <- pages; none imports `reports` itself or the exports."""
    layer = path.relative_to(ROOT).parts[1]
    for imported in imports(path):
        top, _, rest = imported.partition(".")
        if top == "reports":
            assert rest.split(".")[0] in LAYERS[: LAYERS.index(layer) + 1], imported


def places_of_backends():
    """The folders of frameworks, and the files beside the registry that are a backend, with their entries' packages."""
    places: dict[str, set[str]] = {}
    for entry in REGISTRY.values():
        folder, _, inside = entry.module.partition(".")
        places.setdefault(f"backends/{folder}" if inside else f"backends/{folder}.py", set()).update(entry.packages)
    return places


@pytest.mark.parametrize("path", modules(), ids=name)
def test_a_framework_stays_in_its_own_file(path):
    """Only the folder or the file of a backend imports its framework."""
    used = {imported.split(".")[0] for imported in imports(path)} & FRAMEWORKS
    places = FRAMEWORKS_OF | places_of_backends()
    allowed = [frameworks for place, frameworks in places.items() if f"{name(path)}/".startswith(f"{place}/")]
    assert used <= set().union(*allowed)


@pytest.mark.parametrize(
    "module",
    [
        "backends",
        "backends.reference.training",
        "datasets",
        "reports",
        "benchmarks.definition.loading",
        "benchmarks.__main__",
    ],
)
def test_importing_loads_no_framework(module):
    """Nor through other modules: reports and error messages do not wait for the import of TensorFlow."""
    code = f"import sys, {module}; print(*sorted({FRAMEWORKS!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("module", ["reports.records.store", "benchmarks.worker.__main__", "benchmarks.__main__"])
def test_workers_and_the_command_line_start_without_the_report_libraries(module):
    """Every trial is a process: libraries that only reports need would cost each trial seconds."""
    code = f"import sys, {module}; print(*sorted({{'matplotlib', 'pandas', 'scipy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_reports_start_without_scipys_statistics():
    """Their import takes a second, and every command that reads a definition or writes a page would pay it."""
    code = "import sys, reports.pages.run_page; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_top_level_is_the_plan():
    """The folder list at the top level shows the architecture."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("not a git checkout")
    folders = {line.split("/")[0] for line in tracked.splitlines() if "/" in line}
    assert folders <= {*PACKAGES, "tests", ".ci"}


def test_nothing_is_distributed():
    """An installed package `datasets` would collide with another library of that name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["setuptools"]["packages"] == []


@pytest.mark.parametrize("path", [*modules(), *sorted((ROOT / "tests").rglob("*.py"))], ids=name)
def test_files_stay_small(path):
    """A longer file should be split, or part of it moved to another module."""
    assert len(path.read_text().splitlines()) <= LINES


def test_folders_stay_small():
    """A fuller folder should be divided, so that the folder list shows the architecture."""
    folders = {path.parent for path in modules()}
    crowded = {name(folder): count for folder in folders if (count := len(list(folder.glob("*.py")))) > FILES}
    assert not crowded


FOLDERS = sorted(path.parent.name for path in (ROOT / "backends").glob("*/network.py"))
# Functions and arguments that one framework needs beyond those of the others.
EXTRAS = {
    "reference/cells.py": {"recurrent_back": None},  # derivatives are written out
    "reference/training.py": {"loss": None},
    "flax/network.py": {"make_layer": "rngs", "make_network": None},  # no global random generator; slow initialisation
    "flax/cells.py": {"make_recurrent": "rngs"},
    "keras/network.py": {"assign": None},  # values of weights and moments in Keras's order of gates
    "keras/cells.py": {"recurrent": "training"},  # Keras's recurrent layers have dropout of their own
}


def signatures(body):
    """Name and argument names of every public function in a module or class, in their order."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            parts = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            yield node.name, [argument.arg for argument in parts]


@pytest.mark.parametrize("file", ["network.py", "cells.py", "optimizer.py", "training.py", "device.py"])
def test_the_backend_folders_have_the_same_functions(file):
    """The same functions and classes with the same arguments in the same order, so that they read as a phrasebook."""
    listings = {}
    for folder in FOLDERS:
        body = ast.parse((ROOT / "backends" / folder / file).read_text()).body
        extras = EXTRAS.get(f"{folder}/{file}", {})
        listing = [
            (name, [argument for argument in arguments if argument != extras.get(name)])
            for name, arguments in signatures(body)
            if name not in extras or extras[name]
        ]
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name.endswith(("Backend", "Model", "Network")):
                kind = re.search("Backend|Model|Network", node.name).group()
                methods = [(kind, name, arguments) for name, arguments in signatures(node.body)]
                # a network is called by another name in PyTorch; the Keras backend keeps its name from `create`
                listing += [method for method in methods if method[1] not in ("forward", "back", "differentiate")]
        listings[folder] = [entry for entry in listing if entry[:2] != ("Backend", "__init__")]
    for folder in FOLDERS:
        assert listings[folder] == listings["pytorch"], folder


def test_every_network_takes_the_same_inputs():
    """Windows, masks and state perturbations, under one word each."""
    for folder in FOLDERS:
        tree = ast.parse((ROOT / "backends" / folder / "network.py").read_text())
        network = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Network")
        calls = [node for node in network.body if getattr(node, "name", "") in ("__call__", "forward")]
        names = [argument.arg for argument in calls[0].args.args + calls[0].args.kwonlyargs]
        assert names == ["self", "x", "masks", "perturbations", "training"], folder


def test_every_benchmark_has_its_target_and_help():
    for path in (ROOT / "benchmarks").glob("*.toml"):
        done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert f"make bench-{path.stem} " in done.stdout
