"""Every command and every definition in a README works.

Commands are parsed as the command line parses them, and targets as make does. Commands that take a second are really
run. The slow test runs the commands of benchmarks/README.md on a small run; CI runs the targets that take minutes.
"""

import os
import re
import shlex
import subprocess
from importlib import util
from pathlib import Path

import pytest

from benchmarks.__main__ import main, parse
from benchmarks.commands import run as run_command
from tests.benchmarks.command_line import REFERENCE, in_process

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("", "backends", "benchmarks", "datasets", "reports")
READMES = [path for folder in FOLDERS if (path := ROOT / folder / "README.md").exists()]
PROGRAM = [".venv/bin/python", "-m", "benchmarks"]
QUICK = ("list", "data")  # commands that take about a second and write nothing
IN_CI = {
    "bench": "bench-quick",
    "bench-quick": "bench-quick",
    "test": "test",
    "test-slow": "test-slow",
    "check": "check",
}
ADDED = "pytorch-foreach"  # the backend that backends/README.md adds as an example; a test of tests/backends adds it
# Commands of other programs. CI runs pytest by way of make; the rest installs software, or needs another machine.
OTHERS = (".venv/bin/python -m pytest", ".venv/bin/pip", "pip", "git", "cd")


def blocks(path, language):
    """The fenced blocks of a README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def commands(path):
    """The commands of a README as lists of words, without comments and assignments; `$B` is replaced by its value."""
    text = "".join(blocks(path, "sh"))
    inline = re.findall(r"`(make [^`]*|\$B [^`]*)`", path.read_text())
    for line in (*text.replace("\\\n", " ").splitlines(), *inline):
        words = shlex.split(line, comments=True)
        while words and re.match(r"\w+=", words[0]):
            words = words[1:]
        if words:
            yield [*PROGRAM, *words[1:]] if words[0] == "$B" else words


LINES = {
    f"{path.relative_to(ROOT)}: {shlex.join(words)}": words
    for path in READMES
    for words in commands(path)
    if not re.search(r"\b(NAME|COMMAND)\b", shlex.join(words))  # stand for many commands
}


def program(folder):
    """Write the program of backends/README.md to a folder, under the name that the READMEs use; return its text."""
    text = next(block for block in blocks(ROOT / "backends" / "README.md", "python") if "def train(" in block)
    (folder / "gru.py").write_text(text)
    return text


@pytest.mark.parametrize("words", LINES.values(), ids=LINES)
def test_a_command_of_a_readme_is_accepted(words, monkeypatch, tmp_path):
    program(tmp_path)
    monkeypatch.chdir(tmp_path)
    if words[0] == "make":
        check_make(words)
    elif words[:3] == PROGRAM:
        check_program(words[3:], monkeypatch, tmp_path)
    elif words[:2] == PROGRAM[:2] and words[2].startswith("benchmarks."):
        assert util.find_spec(words[2])
    elif words[0] in ("ray", ".venv/bin/ray"):
        check_ray(words[1:])
    else:
        assert shlex.join(words).startswith(OTHERS), f"add a check for {words}"


def check_make(words):
    """Every target exists, and the command that it runs is accepted. Targets that take minutes are in .ci/run."""
    outer = ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS")  # variables of a `make test` that started this test
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    command = ["make", "-n", *words[1:]]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        if line.startswith(shlex.join(PROGRAM) + " "):
            check_arguments(shlex.split(line)[3:])
    for target in words[1:]:
        if target in IN_CI:
            run = re.findall(r"^make ([^#\n]*)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
            assert IN_CI[target] in " ".join(run).split()


def check_arguments(words):
    """The command line accepts the words, and the definition of the benchmark accepts the settings in them."""
    arguments = parse(words)
    if ADDED in str(getattr(arguments, "backends", "")):
        return
    if words[0] == "run" and not str(arguments.name).endswith(".toml"):
        run_command.definition(arguments)


def check_program(words, monkeypatch, tmp_path):
    """As `check_arguments`; the commands that only print are run."""
    check_arguments(words)
    if words[0] in QUICK and "fetch" not in words:
        if "show" in words:
            words = [*words, "--folder", str(tmp_path)]
            lines = [f"2020-01-{day:02},{day % 7 + day / 10}" for day in range(1, 32)]
            (tmp_path / "sales.csv").write_text("\n".join(["day,units", *lines]) + "\n")
            monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        assert main(words) == 0


def check_ray(words):
    """Ray's own parser accepts the options, without starting anything."""
    pytest.importorskip("ray")
    from ray.scripts.scripts import cli

    command = cli.commands[words[0]]
    command.make_context(words[0], [word.replace("HEAD", "10.0.0.1") for word in words[1:]])


def test_the_program_of_the_readme_is_equal_to_the_reference_implementation(tmp_path):
    """In float64 on a small benchmark. It is short enough to be read at once."""
    assert len(program(tmp_path).splitlines()) < 40
    (tmp_path / "small.toml").write_text(REFERENCE.replace("batch = 16", 'batch = 16\ndtype = "float64"'))
    done = in_process("certify", "small.toml", "--backends", "./gru.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"gru +JAX, program gru.py +float64 +equal ", done.stdout)


@pytest.mark.slow
def test_the_commands_of_the_readme_work_in_their_order(tmp_path):
    """On small runs of PyTorch and the reference implementation, as this tests commands and not backends.

    One trial is lost before `resume`.
    """
    path = ROOT / "benchmarks" / "README.md"
    text = path.read_text().split("\n## Commands\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\$B (.*)$", text, re.MULTILINE)
    names = [line.split()[0] for line in lines]
    assert names.index("run") < names.index("resume")
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[0] in ("run", "certify"):
            words += shlex.split("--quick --only model.cell=gru --set model.units=5 --set window.length=6 --seeds 1")
            trained = words[0] == "run" and "--dry-run" not in words
            words += ["--backends", "pytorch,reference" if trained else "reference", "--set", 'modes=["matched"]']
        if words[0] not in ("list", "data", "certify"):
            words += ["--results", tmp_path]
        runs = sorted(tmp_path.glob("co2/2*"))
        if words[0] == "resume":
            next((runs[-1] / "trials").glob("*.json")).unlink()
        words = [re.sub(r"^co2/\d\S*", f"co2/{runs[-1].name}" if runs else "", str(word)) for word in words]
        words += ["--folder", tmp_path] if words[:2] == ["data", "show"] else []
        done = in_process(*words, cwd=tmp_path)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
