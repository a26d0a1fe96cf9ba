"""Axes of the parameter grid, and `--only`, from the command line to the records."""

import argparse
import json

import pytest

from benchmarks.commands import options
from benchmarks.definition import loading
from benchmarks.errors import UserError
from benchmarks.runner.machine import available_cores
from reports.records.store import read_run
from tests.benchmarks.command_line import REFERENCE, benchmarks, in_process

GRID = REFERENCE.replace('cell = "gru"', 'cell = ["lstm", "gru"]').replace("units = 4", "units = [2, 4, 8]")
GRID = GRID.replace("batch = 16", "batch = 16\nlearning_rate = [0.001, 0.01]")


def test_a_narrowed_axis_keeps_its_labels_and_keys(written):
    """The remaining cases are the same cases, so their records can be compared with those of the whole grid."""
    path = str(written(GRID))
    whole, part = (
        loading.read(path),
        loading.read(path, only={"model.units": ["8", "2"], "training.learning_rate": ["1e-3"]}),
    )
    assert list(part.cases) == [
        "lstm, units 2, learning_rate 0.001",
        "lstm, units 8, learning_rate 0.001",
        "gru, units 2, learning_rate 0.001",
        "gru, units 8, learning_rate 0.001",
    ]
    assert {plan.key for plan in part.trials()} < {plan.key for plan in whole.trials()}
    assert part.definition["model"]["units"] == [2, 8]


def test_an_axis_with_a_single_value_is_still_an_axis(written):
    part = loading.read(str(written(GRID)), only={"model.cell": ["gru"], "model.units": ["4"]})
    assert list(part.cases) == ["gru, units 4, learning_rate 0.001", "gru, units 4, learning_rate 0.01"]


MISTAKES = {
    "a setting that is not an axis": (
        "training.batch",
        "16",
        "training.batch: there is no axis of this name; .*known: model.cell, model.units",
    ),
    "a misspelt axis": ("model.unit", "4", "did you mean 'model.units'"),
    "no such number": ("model.units", "5", "units=5: the axis has no such value; known: 2, 4, 8"),
    "a misspelt name": ("model.cell", "lsmt", "did you mean 'lstm'"),
    "a truth value for a number": ("model.units", "true", "the axis has no such value"),
}


@pytest.mark.parametrize(("name", "value", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_axis_of_the_small_form_is_blamed_on_the_file(written, name, value, message):
    """The user has typed `--quick`, not `--only`."""
    path = written(f'{GRID}\n[quick]\nonly."{name}" = ["{value}"]\n')
    with pytest.raises(UserError, match=message) as mistake:
        loading.read(str(path), quick=True)
    assert str(mistake.value).startswith(f"{path}: [quick] only.{name}")
    assert "--only" not in str(mistake.value)


@pytest.mark.parametrize(("name", "value", "message"), MISTAKES.values(), ids=MISTAKES)
def test_the_error_for_a_wrong_axis_or_value_lists_the_known_ones(written, name, value, message):
    with pytest.raises(UserError, match=message) as mistake:
        loading.read(str(written(GRID)), only={name: [value]})
    assert "\n" not in str(mistake.value)


TABLES = """optimizer = [
    { name = "sgd", momentum = 0.9, nesterov = true }, { name = "sgd", momentum = 0.5 }, "rmsprop", "adam",
]
tf32 = [true, false]"""


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("sgd momentum 0.9 nesterov", ["sgd momentum 0.9 nesterov"]),
        ('{ name = "sgd", momentum = 0.9, nesterov = true }', ["sgd momentum 0.9 nesterov"]),
        ('{ nesterov = true, momentum = 9e-1, name = "sgd" },adam', ["sgd momentum 0.9 nesterov", "adam"]),
        ("rmsprop, sgd momentum 0.5", ["sgd momentum 0.5", "rmsprop"]),
    ],
)
def test_every_value_of_an_axis_can_be_chosen_as_labels_show_it_and_as_toml(typed, kept, written):
    """Commas stand between values and within a table. Labels have TOML's words, and no commas within a value."""
    path = str(written(GRID.replace("learning_rate = [0.001, 0.01]", f"learning_rate = 0.01\n{TABLES}")))
    arguments = argparse.Namespace(only=[f"training.optimizer={typed}", "training.tf32=true"])
    cases = loading.read(path, only=options.only(arguments)).cases
    ends = [f"optimizer {value}, tf32 true" for value in kept]
    assert list(cases) == [
        f"{cell}, units {units}, {end}" for cell in ("lstm", "gru") for units in (2, 4, 8) for end in ends
    ]


def test_every_offered_value_of_an_axis_is_one(written):
    """The values in an error can be typed as they are."""
    path = str(written(GRID.replace("learning_rate = [0.001, 0.01]", f"learning_rate = 0.01\n{TABLES}")))
    for axis in ("model.cell", "model.units", "training.optimizer", "training.tf32"):
        with pytest.raises(UserError, match="the axis has no such value") as mistake:
            loading.read(path, only={axis: ["another"]})
        offered = str(mistake.value).rpartition("known: ")[2].split(", ")
        assert len(offered) > 1
        for value in offered:
            assert loading.read(path, only={axis: [value]}).cases


def test_the_error_for_a_benchmark_without_axes_says_so(written):
    with pytest.raises(UserError, match="the benchmark has no axis, because no setting is a list"):
        loading.read(str(written(REFERENCE)), only={"model.units": ["4"]})


def test_a_value_written_in_two_ways_is_refused(written):
    with pytest.raises(UserError, match=r"two cases have the label 'gru, train 0\.7'"):
        loading.read(str(written(REFERENCE.replace("difference = true", 'train = [0.7, "0.7"]'))))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "model.units"], "write TABLE.SETTING=VALUE"),
        (["--only", "model.units=2,"], "a name is empty"),
        (["--only", "model.units=3"], "known: 2, 4, 8"),
    ],
)
@pytest.mark.parametrize("command", ["run", "certify"])
def test_run_and_certify_refuse_a_wrong_only(command, words, message, written, tmp_path):
    done = in_process(command, written(GRID), *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(len(available_cores()) < 2, reason="an axis of threads takes two cores")
@pytest.mark.slow
def test_threads_and_dtype_are_axes_from_the_definition_to_the_record(written, tmp_path):
    """Each case has its number of cores, a matching environment, and a label with its values."""
    text = REFERENCE.replace("batch = 16", 'batch = 16\nthreads = [1, 2]\ndtype = ["float32", "float64"]')
    only = ["--only", "training.threads=2,1", "--only", "training.dtype=float64", "--only", "training.dtype=float32"]
    done = benchmarks("run", written(text), *only, "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest, certificate, trials = read_run(tmp_path / "small" / "latest")
    assert [case.label for case in manifest.cases] == [
        f"gru, threads {threads}, dtype {dtype}" for threads in (1, 2) for dtype in ("float32", "float64")
    ]
    assert [(case.threads, case.dtype) for case in manifest.cases] == [
        (threads, dtype) for threads in (1, 2) for dtype in ("float32", "float64")
    ]
    assert len({trial.plan.key for trial in trials}) == 4
    for trial in trials:
        threads = next(case.threads for case in manifest.cases if case.label == trial.plan.case)
        assert len(trial.environment.cores) == threads
        assert trial.environment.variables["OMP_NUM_THREADS"] == str(threads)
    exact, rounded = (
        {trial.outcome.final_digest for trial in trials if trial.plan.case.endswith(dtype)}
        for dtype in ("float64", "float32")
    )
    assert not exact & rounded
    checked = {(check.case, check.dtype) for check in certificate.checks}
    assert ("gru, threads 2, dtype float64", "float64") in checked
    assert ("gru, threads 1, dtype float32", "float32") in checked


def test_list_prints_json(tmp_path):
    done = in_process("list", "--json", cwd=tmp_path)
    lines = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["co2"]["cases"] == ["lstm", "gru"]
    assert lines["co2"]["trials"] == len(loading.read("co2").trials())


@pytest.mark.parametrize("name", ['"model.cell"', "model.cell"])
def test_quick_narrows_an_axis_by_its_name_with_and_without_quotation_marks(name, written):
    path = str(written(f'{GRID}\n[quick]\nonly.{name} = ["gru"]\n'))
    assert {case.model.cell for case in loading.read(path, quick=True).cases.values()} == {"gru"}
