"""Plain technical English: phrases and variable names that readers could not follow must not come back."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("*.py", "*.md", "*.toml", "*.j2", "*.js", "Makefile")
# Each pattern, and what to write instead.
PHRASES = {
    r"would do\b": "say what is needed",
    r"\bheld against\b": "compared with",
    r"\bgoes on\b|\bgo on\b": "continues, resumes",
    r"\bhangs? on\b": "depends on",
    r"\btold\b": "reported, given, shown",
    r"what it is not": "name the thing",
    r"\bto build on\b|\bdo not build on\b": "reliable",
    r"(JAX|Flax|Keras)'(?!s)(?=[\s.,;:)])": "JAX's, Flax's, Keras's",
    r"\bas they come\b": "say in which order or form",
    r"likewise said": "say it",
    r"\bgainsay": "contradict",
    r"\bby and by\b|\bof its own accord\b|\blikewise\b": "plain words",
    r"\boracle\b|\bOracle\b": "reference implementation",
    r"\btrace in what\b|\bas if nothing had happened\b": "say what stays equal",
}
# A time is that of a program: "the eager loop in PyTorch takes twice as long", never "PyTorch is slower".
FRAMEWORK = r"(?:PyTorch|TensorFlow|Keras|Flax|JAX|NumPy)(?: on \w+)?(?: \(\w+\))?"
SPEED = r"faster|slower|fastest|slowest|fast|slow|times as"
SPEED_OF_A_FRAMEWORK = (
    rf"(?<! in ){FRAMEWORK} (?:is|are|was|were|takes?|took|trains?|needs?|runs?) (?:[^.;:]|\.\d)*?\b(?:{SPEED})\b",
    rf"\b(?:as fast as|as long as|faster than|slower than|relative to|the times? of|fastest:) {FRAMEWORK}",
    r"\b(?:fastest|slowest) frameworks?\b",
    r"(?<!in which )\bframeworks? (?:is|are) (?:the )?(?:faster|slower|fastest|slowest|fast|slow)\b",
)
VARIABLES = {"found", "one", "own", "told", "asked", "who", "whose", "mine", "theirs"}


def files(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    paths = listed.stdout.split()
    return [path for path in paths if "golden" not in path and path != "tests/test_language.py"]


@pytest.mark.parametrize("path", files(*TEXTS))
def test_texts_use_plain_words(path):
    """Docstrings, comments, messages, pages and READMEs alike."""
    if not (ROOT / path).exists():
        pytest.skip("deleted")
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        for pattern, instead in PHRASES.items():
            assert not re.search(pattern, line), f"{path}:{number}: {line.strip()} (write: {instead})"


def speed_of_a_framework(text):
    """The statements of a text that call a framework itself fast or slow."""
    plain = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    return [match.group() for pattern in SPEED_OF_A_FRAMEWORK for match in re.finditer(pattern, plain, re.IGNORECASE)]


@pytest.mark.parametrize(
    "text",
    [
        "PyTorch is slower.",
        "Flax trains this GRU 2.9 times as fast",
        "Keras (JAX) takes 1.9 times as long",
        "twice as fast as PyTorch",
        "which framework is the fastest",
        "the fastest framework",
    ],
)
def test_the_speed_of_a_framework_is_recognised(text):
    assert speed_of_a_framework(text)


@pytest.mark.parametrize(
    "text",
    [
        "the compiled epoch in Flax trains this GRU 2.9 times as fast as the eager loop in PyTorch",
        "relative to the eager loop in PyTorch, the compiled epoch in Keras (JAX) takes 1.9 times as long",
    ],
)
def test_the_speed_of_a_program_is_not(text):
    assert not speed_of_a_framework(text)


@pytest.mark.parametrize("path", files("*.md", "*.toml", "reports/*.py", "benchmarks/*.py", "*.j2"))
def test_speed_is_that_of_a_program(path):
    """In READMEs, definitions and sentences in the code; tests/reports checks the pages."""
    if not (ROOT / path).exists():
        pytest.skip("deleted")
    assert not speed_of_a_framework((ROOT / path).read_text())


@pytest.mark.parametrize("path", files("*.py"))
def test_variables_are_nouns_of_what_they_hold(path):
    """`intervals`, not `found`: the name says what is in it."""
    if not (ROOT / path).exists():
        pytest.skip("deleted")
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        names = [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []
        names += [node.arg] if isinstance(node, ast.arg) else []
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
        wrong = VARIABLES & set(names)
        assert not wrong, f"{path}:{node.lineno}: rename {wrong}"
