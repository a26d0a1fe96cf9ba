"""The benchmark `differences`: its rows, its experiments, and a run in its small form."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from backends.contract import Objective, Steps
from backends.layers import Dense
from backends.model import ModelSpec
from backends.optimizers import Adam, AdamW
from backends.recurrent import Recurrent
from backends.registry import load
from benchmarks.differences import probe, run
from benchmarks.differences.jobs import Answer, Observation, TrainingResult
from benchmarks.differences.probe import shown
from benchmarks.differences.rows import holds, read, select
from benchmarks.differences.run import difference
from benchmarks.differences.setup import UNITS, Setup
from benchmarks.errors import UserError
from datasets import prepare
from tests.benchmarks.command_line import benchmarks, in_process

FOLDER = Path(probe.__file__).parent
ROWS = read()
NAMES = [row.name for row in ROWS]


def functions(framework, group):
    body = ast.parse((FOLDER / framework / f"{group}.py").read_text()).body
    imported = [alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names]
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)} | dict.fromkeys(imported)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_each_row_has_an_experiment_in_each_framework(row):
    """A claim without an experiment would be a statement that nothing checks."""
    for framework in ("pytorch", "keras", "flax"):
        assert row.function in functions(framework, row.group), framework


def test_every_shown_function_belongs_to_a_row_and_is_short():
    """Three lines with a comment, so that a reader can copy them."""
    known = {f"equal_{row.function}" for row in ROWS}
    for path in FOLDER.glob("*/*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and any(getattr(d, "id", "") == "shown" for d in node.decorator_list):
                assert node.name in known, path
                lines = node.end_lineno - node.body[0].lineno + 1
                assert lines <= 4, (path, node.name)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_two_trainings_differ_in_one_setting(row):
    """Otherwise the experiment is not controlled."""
    off, on = row.setups
    changed = {name for name in type(off).model_fields if getattr(off, name) != getattr(on, name)}
    assert len(changed) == 1


def answers(row, **observed):
    """What the workers answer if every claim holds, but for the values in `observed`."""
    seen = {
        framework: Observation(observed=observed.get(framework, claim.value), default=(1.0,), equal=(1.0,))
        for framework, claim in row.claims.items()
    }
    training = TrainingResult(outputs=((1.0,),), loss=(1.0,), error=(1.0,))
    frameworks = {framework: Answer(observations={row.name: value}) for framework, value in seen.items()}
    return {"training": Answer(trainings={row.name: (training, training)}), **frameworks}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_wrong_claim_fails_in_every_framework(row):
    """Each claim is compared with what the experiment gave, so that no statement is believed."""
    assert difference(row, answers(row)).problems == ()
    for framework, claim in row.claims.items():
        wrong = tuple(1.1 * value for value in claim.value) if isinstance(claim.value, tuple) else "something else"
        assert len(difference(row, answers(row, **{framework: wrong})).problems) == 1


def test_a_claim_of_another_type_does_not_hold():
    """1 is not True, and drawn numbers may differ by their noise alone."""
    assert not holds(True, 1)
    assert holds((0.1, 0.2), (0.101, 0.2))
    assert not holds((0.1, 0.2), (0.104, 0.2))


def test_lines_that_leave_a_difference_are_a_problem():
    row = ROWS[0]
    seen = answers(row)
    worse = seen["flax"].observations[row.name].model_copy(update={"equal": (1.1,)})
    seen["flax"] = Answer(observations={row.name: worse})
    (problem,) = difference(row, seen).problems
    assert problem == "with the lines, the frameworks differ by 9.1e-02, more than 1.0e-06"


def test_the_shown_text_is_that_of_a_function_that_has_run():
    @shown
    def equal_example(a, b):
        # a comment above
        a = 2 * a
        return a + b

    probe.SHOWN.clear()
    assert probe.SHOWN == {}
    assert equal_example(1, 2) == 4
    assert probe.SHOWN == {"equal_example": "# a comment above\na = 2 * a\nreturn a + b"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only", "adam-epsilom"), "--only adam-epsilom: there is no such difference; did you mean 'adam-epsilon'?"),
        (("--only", "adam-epsilon,"), "--only 'adam-epsilon,': a name is empty"),
        (("--seeds", "1,1"), "--seeds 1,1: write different numbers that are not negative"),
        (("--seeds", "a"), "--seeds a: write whole numbers with commas between them"),
    ],
)
def test_a_mistake_is_one_sentence(words, message, tmp_path):
    done = in_process("differences", *words, "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_results_folder_that_cannot_be_made_is_a_mistake_before_the_run(tmp_path):
    """The run takes minutes, which would be lost."""
    (tmp_path / "file").write_text("")
    done = in_process("differences", "--results", tmp_path / "file", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be created for the results" in done.stderr
    assert done.stdout.count("\n") == 1


def test_rows_are_selected_by_name():
    assert [row.name for row in select(ROWS, ["forget-bias", "second-bias"])] == ["second-bias", "forget-bias"]
    with pytest.raises(UserError, match="there is no such difference"):
        select(ROWS, ["nothing"])


@pytest.mark.slow
def test_the_small_form_checks_the_frameworks_and_shows_what_ran(tmp_path):
    """Three rows, one of each group, in all frameworks."""
    names = ["forget-bias", "adam-epsilon", "partial-batch"]
    done = benchmarks(
        "differences", "--quick", "--seeds", "1", "--only", ",".join(names), "--results", tmp_path, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("differences/*/differences.json")
    record = json.loads(path.read_text())
    assert [row["name"] for row in record["differences"]] == names
    page = (path.parent / "report.md").read_text()
    for row in record["differences"]:
        assert row["default_gap"] > 1e-5 or row["name"] == "partial-batch"
        assert row["equal_gap"] <= row["within"]
        assert row["effect"]["on_error"] != row["effect"]["off_error"]
        for default in row["defaults"]:
            source = " ".join(file.read_text() for file in (FOLDER / default["framework"].lower()).glob("*.py"))
            for line in default["lines"].splitlines():
                assert line.strip() in source
                assert line in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "optimizer", "settings"),
    [
        ({"cell": "gru"}, {"weight_decay": 0.01, "clip_norm": 0.1}, {"decay_place": "weights", "clip": "global norm"}),
        ({"cell": "lstm", "bidirectional": True}, {"weight_decay": 0.01, "epsilon": 1e-4}, {"epsilon": 1e-4}),
    ],
    ids=["GRU, AdamW, clipping", "bidirectional LSTM, Adam, decay"],
)
def test_the_trainer_is_equal_to_the_reference_implementation(layer, optimizer, settings):
    """Outputs before and errors after 200 steps, so that the effects are those of the models that they name."""
    from benchmarks.differences import trainer

    windows = prepare(run.DATA, run.WINDOW, "float64")
    both = {"bidirectional": "own last"} if layer.get("bidirectional") else {}
    setup = Setup(cell=layer["cell"], decay=0.01, clip_at=0.1, **both, **settings)
    trained = trainer.train(setup, windows, (3,), 200)
    drawn, plan = trainer.initial(setup, 1, 3), trainer.make_plan(setup, len(windows.train), 20, 3, 200)
    names = {"kernel": "kernel", "recurrent": "recurrent_kernel", "bias": "bias"}
    weights = {"1.kernel": drawn["dense"][:, None], "1.bias": drawn["dense_bias"]}
    for side in ("", "backward_") if both else ("",):
        weights |= {f"0.{side.replace('_', '.')}{name}": drawn[side + key] for key, name in names.items()}
    spec = ModelSpec((Recurrent(units=UNITS, **layer), Dense(1)))
    rule = (AdamW if "decay_place" in settings else Adam)(**optimizer)
    data = (windows.train.x, windows.train.y)
    model = load("reference", dtype="float64", threads=1).build(
        spec, Objective(), rule, weights, *data, dtype="float64", seed=1
    )
    np.testing.assert_allclose(trained.outputs[0], model.predict(windows.test.x)[:, 0], rtol=0, atol=1e-12)
    model.train(Steps(plan.rows, plan.rates))
    forecast = windows.to_unit(windows.test, model.predict(windows.test.x))
    error = np.mean((forecast - windows.truth(windows.test)) ** 2)
    assert trained.error[0] == pytest.approx(error, rel=1e-9)
