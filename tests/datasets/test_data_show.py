"""`data show FILE`, and what a run says about the file that it reads."""

import json
import shlex

import numpy as np
import pytest

from benchmarks.__main__ import main, parse
from benchmarks.commands import run
from benchmarks.commands.session import invocation
from benchmarks.runner.run import lay_out
from datasets import read
from tests.benchmarks.command_line import in_process
from tests.datasets.typed import CASES, spec


@pytest.fixture(autouse=True)
def _no_signals(monkeypatch):
    """The command line sets handlers of signals, which are those of the whole process."""
    monkeypatch.setattr("signal.signal", lambda *_: None)


def shown(capsys, *words: str) -> dict[str, str]:
    """The lines that `data show` prints, by label; notes are joined."""
    assert main(["data", "show", *words]) == 0
    lines: dict[str, str] = {}
    for line in capsys.readouterr().out.splitlines():
        label, text = line[:10].strip(), line[11:]
        lines[label] = f"{lines[label]} {text}" if label in lines else text
    return lines


def facts_of_the_printed_run(command: str) -> dict[str, str]:
    """What the run that `data show` prints a command for understands of the file."""
    benchmark = run.definition(parse(shlex.split(command)[3:]))
    series = read(next(iter(benchmark.cases.values())).data)
    assert series.understood
    return dict(series.understood)


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_every_case_is_shown_or_asked_about_without_options(case, capsys, tmp_path):
    """Target and time stamps are the columns that the file suggests, and the printed command reads it like that."""
    status = main(["data", "show", str(CASES / case), "--folder", str(tmp_path)])
    output = capsys.readouterr()
    questions = {"decimal-comma-one-bad-cell.csv", "thousands-point-semicolon.csv", "irregular-sensor.csv",
             "summer-time-ends.csv", "panel-long.csv"}  # fmt: skip
    if case in questions:
        assert status == 2
        assert "set data." in output.err
    else:
        assert status == 0
        assert "2020" in output.out or "step" in output.out or "1 row per" in output.out
        assert len(list(tmp_path.glob("*.png"))) == 1
        *lines, command = output.out.splitlines()
        facts = facts_of_the_printed_run(command.removeprefix("run"))
        assert {f"{label:<10} {text}" for label, text in facts.items()} <= set(lines)


def test_what_was_understood_is_shown(capsys, tmp_path):
    """Dialect, encoding, columns, step, zone, season, gaps, first and last rows, and the split."""
    lines = shown(capsys, str(CASES / "percent.csv"), "--folder", str(tmp_path))
    assert lines["file"] == "percent.csv: 60 rows, 2 columns, separated by commas, a header, UTF-8"
    assert lines["time"] == "day as %Y-%m-%d: 2020-01-01 to 2020-02-29, 1 row per day, season 7 steps"
    assert lines["columns"] == "units (target, in %)"
    assert lines["first rows"].startswith("2020-01-01 | 20.0%; 2020-01-02 | 24.4%")
    assert lines["last rows"].endswith("2020-02-29 | 16.5%")
    assert lines["train"] == "2020-01-01 to 2020-02-11, 42 rows"
    assert "'%', which was removed" in lines["note"]
    gaps = shown(capsys, str(CASES / "sentinel-1e20.csv"), "--folder", str(tmp_path))
    assert gaps["filled"] == "3 rows; 3 of them with a filled target"


def test_options_choose_the_columns(capsys, tmp_path):
    """And settings answer what the file leaves open. The printed command has both."""
    path = CASES / "panel-long.csv"
    lines = shown(capsys, str(path), "--group", "store", "--folder", str(tmp_path))
    assert lines["series"] == "2 by store"
    assert lines == shown(capsys, "--csv", str(path), "--group", "store", "--folder", str(tmp_path))
    assert facts_of_the_printed_run(lines["run"]).items() <= lines.items()
    lines = shown(
        capsys, str(CASES / "thousands-point-semicolon.csv"), "--set", "data.thousands=.", "--folder", str(tmp_path)
    )
    assert "decimal comma, '.' between thousands" in lines["columns"]
    assert 'thousands = "."' in lines["settings"]
    assert facts_of_the_printed_run(lines["run"]).items() <= lines.items()


@pytest.mark.parametrize("rows", [10, 20, 40, 60, 100])
def test_the_printed_run_fits_a_short_file(rows, capsys, tmp_path, monkeypatch):
    """The window and the batch of the default benchmark are those of a longer series."""
    path = tmp_path / "short.csv"
    days = np.datetime64("2024-01-01") + np.arange(rows)
    values = np.random.default_rng(rows).normal(size=rows).round(3)
    path.write_text("day,units\n" + "".join(f"{day},{value}\n" for day, value in zip(days, values, strict=True)))
    command = shown(capsys, str(path), "--folder", str(tmp_path))["run"]
    assert ("--window" in command, "training.batch" in command) == (rows < 30, rows < 80)
    arguments = parse([*shlex.split(command)[3:], "--dry-run", "--results", str(tmp_path)])
    manifest = lay_out(run.definition(arguments), invocation(arguments))
    assert manifest.trials


def test_rows_can_be_averaged_without_naming_the_column_of_time(capsys, tmp_path):
    lines = shown(capsys, str(CASES / "percent.csv"), "--set", "data.resample=week", "--folder", str(tmp_path))
    assert "1 row per week" in lines["time"]


def test_a_setting_that_was_typed_is_printed_once(capsys, tmp_path):
    lines = shown(capsys, str(CASES / "panel-long.csv"), "--set", "data.group=store", "--folder", str(tmp_path))
    assert lines["run"].count("group") == 1
    assert lines["train"].startswith("2020-01-01 to ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.csv"], "there is no file"),
        (["airlin"], "did you mean 'airline'"),
        ([str(CASES / "percent.csv"), "--target", "unit"], "did you mean 'units'"),
        ([str(CASES / "percent.csv"), "--set", "training.epochs=3"], "takes only settings of [data]"),
        ([str(CASES / "percent.csv"), "--set", "data.decimal=x"], "decimal"),
        (
            [str(CASES / "percent.csv"), "--set", "data.separator="],
            "a shell needs quotation marks around it, as in --set",
        ),
        ([str(CASES / "percent.csv"), "--set", "separator=;"], "write its table too, as in --set data.separator=VALUE"),
        ([str(CASES / "panel-long.csv"), "--target", "units", "--time", "store"], "holds time stamps: --time day"),
        (
            ["co2", "--target", "x"],
            "--target x is for a file of your own, and co2 is a registered series: leave it out",
        ),
        ([], "NAME or --csv is missing"),
    ],
)
def test_a_wrong_word_is_an_error_of_one_sentence(words, message, capsys):
    assert main(["data", "show", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_run_says_how_it_reads_the_file(tmp_path):
    """The two most important lines come first; all of them are in the manifest and in the report."""
    path = CASES / "semicolon-decimal-comma.csv"
    words = shlex.split(f"--csv {path} --target units --time day --window 5 --results {tmp_path} --backends reference")
    settings = ["--set", 'modes=["matched"]', "--set", "training.epochs=1", "--set", "model.cell=gru", "--seeds", "1"]
    done = in_process("run", *words, *settings, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "file       semicolon-decimal-comma.csv: 60 rows, 2 columns, separated by semicolons, a header, UTF-8"
    )
    assert lines[1].startswith("time       day as %Y-%m-%d: 2020-01-01 to 2020-02-29, 1 row per day")
    folder = tmp_path / "semicolon-decimal-comma" / "latest"
    (data,) = json.loads((folder / "manifest.json").read_text())["data"].values()
    assert [tuple(line) for line in data["understood"]] == list(read(spec(words)).understood)
    report = (folder / "report.md").read_text()
    assert "### The file semicolon-decimal-comma.csv" in report
    assert "units (target, decimal comma)" in report
