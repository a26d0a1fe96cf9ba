"""`run --dry-run`: prints the trials and an estimate of their duration, and writes nothing."""

import fcntl
import json
from contextlib import nullcontext, suppress

import pandas as pd
import pytest

from backends import REGISTRY
from benchmarks.__main__ import main
from benchmarks.definition import loading
from benchmarks.runner import processes
from benchmarks.runner.estimate import ProbeResult, Span, estimate
from benchmarks.runner.executors import create
from benchmarks.runner.run import Invocation, lay_out
from benchmarks.worker.jobs import Answer, Probed
from benchmarks.worker.timing import turn
from tests.benchmarks.command_line import REFERENCE, benchmarks

GRID = REFERENCE.replace("units = 4", "units = [2, 4, 8]")
DAYS = pd.date_range("2021-01-01", periods=90)


def test_a_dry_run_prints_trials_and_an_estimate_and_writes_nothing(written, tmp_path):
    done = benchmarks("run", written(GRID), "--dry-run", "--results", tmp_path / "results", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    name = REGISTRY["reference"].display_name
    assert f"    3  gru, units 8  {name}  matched     1" in done.stdout
    assert "certificate" in done.stdout
    assert "in total" in done.stdout
    assert "rests on 1 probe" in done.stdout
    assert done.stderr.splitlines() == [f"probing {name}"]
    assert list(tmp_path.iterdir()) == []


def test_an_impossible_run_gives_the_error_of_a_run(written, tmp_path):
    done = benchmarks("run", written(REFERENCE.replace("batch = 16", "batch = 1600")), "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert "batch = 1600 is more than the" in done.stderr


def probed(step=0.001):
    return Probed(
        prepare=0.1,
        import_framework=1.0,
        build=0.2,
        first_step=0.3,
        steps=(step,) * 7,
        validation=0.01,
        whole=2.5,
        elapsed=4.0,
        peak_memory=2**28,
    )


@pytest.fixture
def instant_probes(monkeypatch):
    """Probes that start no process; those of PyTorch fail."""

    def run_job(job, variables, limits):
        if job.trials[0].plan.backend == "pytorch":
            return processes.Ended(Answer(failure="its process was killed by SIGKILL"), "", 1.0)
        instant = probed().model_copy(update={"whole": 0.0, "elapsed": 0.0, "import_framework": 0.0})
        return processes.Ended(Answer(probed=(instant,) * len(job.trials)), "", 0.0)

    monkeypatch.setattr(processes, "run_job", run_job)
    monkeypatch.setattr("benchmarks.runner.estimate.reserved", lambda cores, alone: nullcontext())


def test_json_output_has_every_trial_and_the_estimate(written, instant_probes, capsys):
    path = written(GRID.replace("seeds = [1]", "seeds = [1, 2]"))
    assert main(["run", str(path), "--only", "model.units=4,8", "--dry-run", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["trial"] * 4 + ["estimate"]
    assert [line["place"] for line in lines[:4]] == [0, 1, 2, 3]
    low, high = lines[-1]["backends"]["reference"]
    assert 0 < low <= high
    assert lines[-1]["seconds"][0] > low


def test_many_trials_are_counted_by_case(written, instant_probes, capsys):
    assert main(["run", str(written(GRID.replace("seeds = [1]", f"seeds = {list(range(30))}"))), "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "gru, units 2      30  reference  matched, 30 seeds" in output
    assert len(output.splitlines()) < 20


def test_of_many_cases_the_first_are_listed(written, instant_probes, capsys):
    """As of a search over hundreds of configurations."""
    rates = [round(0.001 * step, 3) for step in range(1, 101)]
    definition = written(GRID.replace("batch = 16", f"batch = 16\nlearning_rate = {rates}"))
    assert main(["run", str(definition), "--only", "model.units=4", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("learning_rate 0." in line for line in lines) == 60
    assert "... and 40 more cases" in lines


def test_a_backend_whose_probe_fails_has_no_estimate(written, instant_probes, tmp_path):
    benchmark = loading.read(str(written(GRID.replace('["reference"]', '["pytorch", "reference"]'))))
    plan = lay_out(benchmark, Invocation("", create("local")))
    result = estimate(benchmark, plan, lambda plan: None, tmp_path)
    assert result.failures == ("no estimate from pytorch, gru, units 8: its process was killed by SIGKILL",)
    assert list(result.trials) == ["reference"]
    assert result.probes == 2
    assert not result.complete


def test_a_smaller_step_takes_between_its_share_of_the_operations_and_as_long():
    probe = ProbeResult(300, 4.0, probed(0.003))
    assert probe.step(300) == Span(pytest.approx(0.003), pytest.approx(0.003))
    assert probe.step(100) == Span(pytest.approx(0.001), pytest.approx(0.003))


def test_repeated_steps_are_not_part_of_a_trials_fixed_time():
    probe = ProbeResult(100, 1.0, probed())
    assert probe.fixed == pytest.approx(1.0 + 2.5)


def test_one_process_probes_all_kinds_of_cases(written, instant_probes, tmp_path):
    """The import of a framework takes most of a probe's time."""
    definition = GRID.replace('cell = "gru"', 'cell = ["gru", "lstm"]')
    benchmark = loading.read(str(written(definition)))
    plan, started = lay_out(benchmark, Invocation("", create("local"))), []
    result = estimate(benchmark, plan, started.append, tmp_path)
    assert [trial.backend for trial in started] == ["reference"]
    assert result.probes == 1
    assert result.complete


def test_what_a_process_takes_outside_of_its_probes_is_not_negative(written, tmp_path, monkeypatch):
    """It is part of every trial's estimate. A probe is shorter than the trial that it is a model of."""
    made, instant = [], probed().model_copy(update={"elapsed": 0.0})
    answer = processes.Ended(Answer(probed=(instant, instant)), "", 0.0)
    monkeypatch.setattr(processes, "run_job", lambda *_: answer)
    monkeypatch.setattr(
        "benchmarks.runner.estimate.ProbeResult", lambda *given: made.append(ProbeResult(*given)) or made[-1]
    )
    benchmark = loading.read(str(written(GRID.replace('cell = "gru"', 'cell = ["gru", "lstm"]'))))
    plan = lay_out(benchmark, Invocation("", create("local")))
    assert estimate(benchmark, plan, lambda plan: None, tmp_path).complete
    assert len(made) == 2
    assert made[0].start == made[1].start > 0
    assert made[0].fixed == pytest.approx(made[0].start + instant.whole)


def test_a_process_that_times_is_alone_and_others_share(tmp_path):
    path = tmp_path / "turns"
    path.touch()

    def is_free(operation):
        with path.open("rb") as file, suppress(BlockingIOError):
            fcntl.flock(file, operation | fcntl.LOCK_NB)
            return True
        return False

    with turn(str(path), alone=False):
        assert is_free(fcntl.LOCK_SH)
        assert not is_free(fcntl.LOCK_EX)
    with turn(str(path), alone=True):
        assert not is_free(fcntl.LOCK_SH)
    assert is_free(fcntl.LOCK_EX)


@pytest.mark.parametrize("lacking", [[], None], ids=["all checks stored", "no check stored"])
def test_the_reference_implementation_may_be_a_contestant(written, instant_probes, tmp_path, monkeypatch, lacking):
    """Its own trials are probed, whether or not a check needs its trajectories."""
    if lacking is not None:
        monkeypatch.setattr("benchmarks.runner.certify.lacking", lambda *_: lacking)
    benchmark = loading.read(str(written(GRID)))
    result = estimate(benchmark, lay_out(benchmark, Invocation("", create("local"))), lambda plan: None, tmp_path)
    assert list(result.trials) == ["reference"]
    assert result.complete


def test_the_terminal_says_what_was_changed_in_the_rows_of_a_file(instant_probes, tmp_path, capsys):
    """Before the first trial: a row that is left out, and values that are filled."""
    path = tmp_path / "sales.csv"
    rows = [f"{day.date()},{number % 7 if number != 20 else ''}" for number, day in enumerate(DAYS)]
    path.write_text("\n".join(["day,units", *rows, "Total,123"]) + "\n")
    words = ["--target", "units", "--time", "day", "--window", "5", "--backends", "reference"]
    assert main(["run", "--csv", str(path), *words, "--set", 'modes=["matched"]', "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "note       1 row at the end of the file without a time stamp, 'Total,123', left out." in lines
    assert any(
        line.startswith("note       1 of 90 rows were missing or had a missing value, and were filled")
        for line in lines
    )
