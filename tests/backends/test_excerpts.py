"""The source text that shows a program: complete, short, and that of the file."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from backends import REGISTRY, excerpt

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "flax")


@pytest.mark.parametrize("name", REGISTRY)
def test_every_program_is_shown_in_a_few_lines(name):
    """Whole functions or classes that a reader takes in at a glance."""
    text = excerpt(name)
    assert 8 <= len(text.splitlines()) <= 20
    assert ast.parse(text).body


@pytest.mark.parametrize("name", REGISTRY)
def test_the_text_is_that_of_the_file(name):
    """Line by line, apart from the indentation."""
    module = REGISTRY[name].code[0].split(".")[:2]
    lines = [line.strip() for line in ROOT.joinpath("backends", *module).with_suffix(".py").read_text().splitlines()]
    for part in excerpt(name).split("\n\n\n"):
        for line in part.splitlines():
            assert line.strip() in lines


def test_decorators_belong_to_the_text():
    assert excerpt("flax").count("@partial(jax.jit") == 1


def test_reading_the_texts_imports_no_framework():
    """A run reads them before it starts a worker."""
    reads = "import sys, backends; [*map(backends.excerpt, backends.REGISTRY)]"
    code = f"{reads}; print({{*{FRAMEWORKS}}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
