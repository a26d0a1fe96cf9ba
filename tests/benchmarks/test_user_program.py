"""A user's program is certified, timed and reported like any other backend, and runs in workers only."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.definition import loading
from benchmarks.runner import certify
from reports.records import Certificate
from reports.records.store import read_run
from tests.backends.test_user_program import GOOD
from tests.benchmarks.command_line import REFERENCE, in_process

MARK = """
import os

with open({path!r}, "a") as marks:
    marks.write(f"{{os.getpid()}}\\n")
"""
WRONG = GOOD.replace(
    'training.create("reference", dtype="float64")\n',
    'training.create("reference", dtype="float64")\n    from dataclasses import replace\n'
    '    first, *rest = problem.model.layers\n    first = replace(first, cell="gru-reset-before")\n'
    "    problem = replace(problem, model=type(problem.model)((first, *rest)))\n",
)
SIDES = ("right", "wrong")
DEFINITION = REFERENCE.replace('["reference"]', '["reference", "right/mine.py", "wrong/mine.py"]').replace(
    "batch = 16", 'batch = 16\ndtype = "float64"\npatience = 2'
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a definition and two programs of one name in two folders."""
    home = tmp_path_factory.mktemp("home")
    for folder, text in zip(SIDES, (GOOD, WRONG), strict=True):
        (home / folder).mkdir()
        (home / folder / "mine.py").write_text(text + MARK.format(path=str(home / "marks")))
    (home / "small.toml").write_text(DEFINITION)
    return home


@pytest.fixture(scope="module")
def finished(home):
    """That folder after a run of the definition."""
    done = in_process("run", "small.toml", "--results", "results", cwd=home)
    assert "right/mine.py" not in done.stderr, done.stdout + done.stderr
    assert "not shown to equal the reference implementation: NumPy, program wrong/mine.py" in done.stderr
    return home


def test_a_certificate_needs_no_gradient_norms(home, monkeypatch):
    """`certify architectures`, which records them in its runs, with a program, which has none."""
    checked = []
    monkeypatch.setattr(certify, "certify", lambda benchmark, *_: checked.append(benchmark) or Certificate(checks=()))
    done = in_process("certify", "architectures", "--backends", "right/mine.py", cwd=home)
    assert done.returncode == 0, done.stderr
    assert not checked[0].header.gradient_flow


@pytest.mark.slow
def test_the_right_program_has_a_ratio_and_the_wrong_one_has_none(finished):
    """Both learn, and their times are shown, but only one is proven equal; the report says where the other differs."""
    report = (finished / "results" / "small" / "latest" / "report.md").read_text()
    results = next(part for part in report.split("\n## ") if part.startswith("Results"))
    rows = {name: next(line for line in results.splitlines() if f"program {name}/mine.py" in line) for name in SIDES}
    assert "not comparable" not in rows["right"]
    assert "not comparable" in rows["wrong"]
    assert re.search(r"after 1 step, .* differs?.* by \d\.\de-\d\d", report)


@pytest.mark.slow
def test_the_parent_never_executes_a_program(finished):
    """Each program leaves the number of its process: one for its check, one for its trial, none of this process."""
    processes = [int(line) for line in (finished / "marks").read_text().split()]
    assert len(processes) == len(set(processes)) == 4
    assert os.getpid() not in processes


@pytest.mark.slow
def test_two_programs_of_one_name_are_two_backends(finished):
    """In the records by their paths, with their texts."""
    manifest, certificate, trials = read_run(finished / "results" / "small" / "latest")
    paths = [str((finished / side / "mine.py").resolve()) for side in SIDES]
    assert [manifest.backends[path].source_text for path in paths] == [Path(path).read_text() for path in paths]
    verdicts = {check.backend: check.passed for check in certificate.checks}
    assert verdicts == {"reference": True, paths[0]: True, paths[1]: False}
    assert {check.gradients for check in certificate.checks if check.backend in paths} == {None}
    assert len({trial.plan.key for trial in trials}) == 3


@pytest.mark.slow
def test_a_program_takes_every_batch_once_in_one_call_an_epoch(finished):
    """Its batches are those of the other backends; the first call is the first epoch, so it compiles one shape."""
    _, _, trials = read_run(finished / "results" / "small" / "latest")
    outcomes = {trial.plan.backend: trial.outcome for trial in trials}
    first = outcomes["reference"]
    right = next(outcome for name, outcome in outcomes.items() if name.endswith("right/mine.py"))
    assert right.order_digest == first.order_digest
    assert right.times.epochs[0] == 0 < first.times.epochs[0]
    assert right.final_digest == first.final_digest
    assert right.best_epoch == first.best_epoch


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of that folder whose paths are those of the original, and which restores its programs."""
    shutil.copytree(finished / "results", tmp_path / "results", symlinks=True)
    text = (finished / "right" / "mine.py").read_text()
    yield tmp_path / "results"
    (finished / "right" / "mine.py").write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("command", [("resume",), ("resume", "--anyway"), ("reproduce",)], ids=" ".join)
def test_a_changed_program_is_refused(command, home, copied):
    """Trials of two programs must not be in one run. The advice is to undo the change; then the command is accepted."""
    program = home / "right" / "mine.py"
    program.write_text(program.read_text() + "\n")
    words = (command[0], "small", *command[1:], "--results", copied)
    done = in_process(*words, cwd=home)
    assert done.returncode == 2
    assert f"{program} was changed after" in done.stderr
    program.unlink()
    done = in_process(*words, cwd=home)
    assert done.returncode == 2
    assert f"there is no program {program}; put the file back" in done.stderr


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_with_the_same_program(home, copied):
    plan = next(plan for plan in read_run(copied / "small" / "latest")[0].trials if "right" in plan.backend)
    lost = copied / "small" / "latest" / "trials" / f"{plan.key}.json"
    lost.unlink()
    done = in_process("resume", "small", "--results", copied, cwd=home)
    assert "trial 1/1  NumPy, program right/mine.py" in done.stdout
    assert json.loads(lost.read_text())["failure"] is None


@pytest.mark.slow
def test_a_training_does_not_move_to_another_backend(finished):
    for words in (("--from", "right/mine.py", "--to", "reference"), ("--to", "right/mine.py")):
        done = in_process("transfer", "small", *words, "--results", "results", cwd=finished)
        assert done.returncode == 2
        assert "right/mine.py keeps Adam's moments to itself, so a training cannot move" in done.stderr


REFUSED = {
    "a missing file": ("--backends ./none.py", "--backends: there is no program"),
    "a file that is not Python": ("--backends broken.py", "--backends: broken.py, line 2: '(' was never closed"),
    "dropout": (
        "--set model.dropout=0.1",
        "cannot train 'gru': it has dropout, but the function 'train' gets no masks",
    ),
    "native mode alone": ('--set modes=["native"]', 'right/mine.py\' has no native mode; write modes = ["matched"]'),
    "gradient norms": ("--set gradient_flow=true", "on the command line --set gradient_flow=false"),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_program_cannot_do_is_refused_before_anything_starts(words, message, home, tmp_path):
    (home / "broken.py").write_text("\ndef train(\n")
    options = [] if "--backends" in words else ["--backends", "right/mine.py"]
    done = in_process("run", "small.toml", *options, *words.split(), "--results", tmp_path / "none", cwd=home)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "none").exists()


def test_a_path_in_a_definition_starts_at_its_folder(home, tmp_path, monkeypatch):
    """On the command line it starts at the working directory. Questions name programs in the same way."""
    monkeypatch.chdir(tmp_path)
    text = DEFINITION + (
        '[[question]]\nasks = "Is it better?"\nbetter = { case = "gru", figure = "mae", backend = "right/mine.py" }\n'
        'than = { case = "gru", figure = "mae", backend = "persistence" }\n'
    )
    (home / "question.toml").write_text(text)
    benchmark = loading.read(str(home / "question.toml"))
    path = str((home / "right" / "mine.py").resolve())
    assert benchmark.header.backends[1] == benchmark.header.questions[0].better.backend == path
    assert benchmark.programs[path] == (home / "right" / "mine.py").read_text()
