"""`run --dry-run`: what would be run and how long, with nothing written."""

import json

import pytest

from benchmarks.definition import loading
from benchmarks.runner import processes
from benchmarks.runner.estimate import Line, Measured, Span, estimate
from benchmarks.runner.executors import create
from benchmarks.runner.run import Invocation, lay_out
from benchmarks.worker.jobs import Answer, Probed
from tests.benchmarks.command_line import ORACLE, benchmarks

GRID = ORACLE.replace("units = 4", "units = [2, 4, 8]")


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_it_prints_the_trials_and_an_estimate_and_writes_nothing(written, tmp_path):
    done = benchmarks("run", written(GRID), "--dry-run", "--results", tmp_path / "results", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| 3     | gru, units 8 | NumPy oracle | matched | 1    |" in done.stdout
    assert "certificate" in done.stdout
    assert "in all" in done.stdout
    assert "rests on 2 probes" in done.stdout
    assert done.stderr.splitlines() == ["probing NumPy oracle, gru, units 2", "probing NumPy oracle, gru, units 8"]
    assert list(tmp_path.iterdir()) == []


def test_programs_get_every_trial_and_the_estimate(written, tmp_path):
    path = written(GRID.replace("seeds = [1]", "seeds = [1, 2]"))
    said = lines(benchmarks("run", path, "--only", "model.units=4,8", "--dry-run", "--json", cwd=tmp_path).stdout)
    assert [line["event"] for line in said] == ["trial"] * 4 + ["estimate"]
    assert [line["place"] for line in said[:4]] == [0, 1, 2, 3]
    low, high = said[-1]["backends"]["reference"]
    assert 0 < low <= high
    assert said[-1]["seconds"][0] > low


def test_many_trials_are_counted_by_case(written, tmp_path):
    text = GRID.replace("seeds = [1]", f"seeds = {list(range(30))}")
    done = benchmarks("run", written(text), "--dry-run", cwd=tmp_path)
    assert "| gru, units 2 | 30     | reference | matched with 30" in done.stdout
    assert len(done.stdout.splitlines()) < 20


def test_a_question_that_cannot_be_asked_is_told_as_by_a_run(written, tmp_path):
    done = benchmarks("run", written(ORACLE.replace("batch = 16", "batch = 1600")), "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert "batch = 1600 is more than the" in done.stderr


def laid_out(path):
    benchmark = loading.read(str(path))
    return benchmark, lay_out(benchmark, Invocation("", create("local")))


def test_a_probe_that_fails_is_one_sentence_and_its_backend_has_no_estimate(written, monkeypatch):
    benchmark, plan = laid_out(written(GRID.replace('["reference"]', '["pytorch", "reference"]')))
    whole = processes.work

    def broken(job, variables, limits):
        if job.probe.trial.plan.backend == "pytorch":
            return processes.Ended(Answer(failure="its process was killed by SIGKILL"), "", 1.0)
        return whole(job, variables, limits)

    monkeypatch.setattr(processes, "work", broken)
    found = estimate(benchmark, plan, lambda _: None)
    assert found.failures[0] == "no estimate from pytorch, gru, units 2: its process was killed by SIGKILL"
    assert list(found.trials) == ["reference"]
    assert not found.complete


def measured(operations, step):
    probed = Probed(
        prepare=0.1,
        import_framework=1.0,
        build=0.2,
        first_step=0.3,
        steps=(step,) * 7,
        validation=0.01,
        extra=0.5,
        whole=3.0,
    )
    return Measured(operations, 4.0, probed)


def test_between_two_probes_a_step_is_linear_in_its_operations():
    line = Line((measured(100, 0.001), measured(300, 0.003)))
    assert line.step(200) == Span(pytest.approx(0.002), pytest.approx(0.002))
    assert line.step(300).high == pytest.approx(0.003)
    assert Line((measured(100, 0.001),)).step(100).low == pytest.approx(0.001)


def test_what_a_probe_repeats_is_no_part_of_a_trial():
    one = measured(100, 0.001)
    assert one.fixed == pytest.approx(3.5)
    assert one.start == pytest.approx(1.0)
