"""`resume`: an interrupted run is continued if its definition, data, versions and machine are the same."""

import json
import re
import shlex
import subprocess
import time

import pytest

from benchmarks.runner.run import locked
from reports.records import SCHEMA, Manifest, Trial
from reports.records.store import RecordError, read_json, read_run, trial_path, write_json
from tests.benchmarks.command_line import COMMAND, REFERENCE, benchmarks, environment, in_process


@pytest.fixture
def cut(reference_copy):
    """A finished run of four trials without its second."""
    plan = read_json(reference_copy / "manifest.json", Manifest)
    trial_path(reference_copy, plan.trials[1]).unlink()
    return reference_copy


def resume(folder, *options):
    return in_process("resume", folder, *options, "--results", folder.parents[1], cwd=folder)


def change(folder, **changes):
    path = folder / "manifest.json"
    write_json(path, read_json(path, Manifest).model_copy(update=changes))


def test_resume_runs_the_missing_trials_only(cut):
    """Through the real command line."""
    _, _, kept = read_run(cut)
    before = {trial.plan.key: trial_path(cut, trial.plan).read_bytes() for trial in kept}
    done = benchmarks("resume", cut, "--results", cut.parents[1], cwd=cut)
    assert done.returncode == 0, done.stderr
    assert "4 trials, 3 of them finished before" in done.stdout
    assert "check" not in done.stdout  # the certificate exists already
    plan, _, trials = read_run(cut)
    assert [trial.plan for trial in trials] == list(plan.trials)
    after = {trial.plan.key: trial_path(cut, trial.plan).read_bytes() for trial in trials}
    assert before.items() <= after.items()
    assert len(plan.sessions) == 2
    assert (cut / "report.html").exists()


def test_a_killed_trial_is_repeated_and_a_failed_one_is_not(cut):
    """A failure is a result; a killed process says nothing about its model."""
    plan, _, (first, *_) = read_run(cut)
    killed = {"outcome": None, "failure": "its process was killed by SIGKILL", "killed": True}
    write_json(trial_path(cut, plan.trials[0]), first.model_copy(update=killed))
    failed = Trial(plan=plan.trials[1], outcome=None, failure="the loss is nan at step 1 of epoch 1")
    write_json(trial_path(cut, plan.trials[1]), failed)
    assert resume(cut).returncode == 1
    _, _, (again, still, *_) = read_run(cut)
    assert again.outcome is not None
    assert still == failed


def test_a_changed_machine_is_refused_without_anyway(cut):
    plan = read_json(cut / "manifest.json", Manifest)
    older = plan.environment.packages | {"torch": "1.0.0"}
    change(cut, environment=plan.environment.model_copy(update={"packages": older}))
    before = sorted(cut.rglob("*"))
    refused = resume(cut)
    assert refused.returncode == 2
    assert "torch was 1.0.0 and is " in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert sorted(cut.rglob("*")) == before
    assert resume(cut, "--anyway").returncode == 0
    (difference,) = read_json(cut / "manifest.json", Manifest).sessions[-1].differences
    assert difference.startswith("torch was 1.0.0")


def test_a_changed_definition_is_refused(cut, tmp_path):
    source = tmp_path / "changed.toml"
    source.write_text(REFERENCE.replace("units = 4", "units = 5"))
    change(cut, source=str(source))
    message = resume(cut).stderr
    assert f"its definition {source} was changed: " in message
    assert "model.units was 4 and is 5" in message
    source.unlink()
    assert f"its definition {source} is gone" in resume(cut).stderr


def test_changed_data_are_refused(tmp_path, written):
    """A CSV file of the user, edited between two sessions."""
    rows = [f"{n},{n * n % 17}" for n in range(120)]
    table = tmp_path / "sales.csv"
    table.write_text("\n".join(["n,units", *rows]))
    text = REFERENCE.replace('series = "airline"\ndifference = true', f'csv = "{table}"\ntarget = "units"')
    assert in_process("run", written(text), "--results", tmp_path / "results", cwd=tmp_path).returncode == 0
    folder = (tmp_path / "results" / "small" / "latest").resolve()
    table.write_text("\n".join(["n,units", *rows[:-1], "119,16"]))
    refused = resume(folder)
    assert refused.returncode == 2
    assert "the data of gru have changed" in refused.stderr


DAMAGES = {
    "truncated": (lambda text: text[: len(text) // 2], "is damaged"),
    "edited": (lambda text: text.replace('"mse": ', '"mse": 1'), "was edited after it was written"),
    "newer": (lambda text: text.replace(f'"schema_version": {SCHEMA}', '"schema_version": 99'), "version 99"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("command", ["resume", "report"])
def test_a_damaged_record_is_named_and_not_changed(cut, command, damage, message):
    path = trial_path(cut, read_json(cut / "manifest.json", Manifest).trials[0])
    path.write_text(damage(path.read_text()))
    damaged = path.read_bytes()
    done = in_process(command, cut, "--results", cut.parents[1], cwd=cut)
    assert done.returncode == 2
    assert message in done.stderr
    assert str(path) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert path.read_bytes() == damaged


def test_nothing_is_recorded_where_nothing_is_left_to_do(reference_copy):
    """A report must not say that a run was resumed if no trial has run; a lost certificate is made again."""
    before = (reference_copy / "manifest.json").read_bytes()
    (reference_copy / "certificate.json").unlink()
    assert in_process("report", reference_copy, cwd=reference_copy).returncode == 0
    text = (reference_copy / "report.md").read_text()
    assert "There is no certificate, without which no speed ratio is shown" in text
    advised = shlex.split(re.search(r"`.*? -m benchmarks (resume .*?)`", text)[1])
    done = in_process(*advised, "--results", reference_copy.parents[1], cwd=reference_copy)
    assert done.returncode == 0, done.stderr
    assert (reference_copy / "certificate.json").exists()
    assert (reference_copy / "manifest.json").read_bytes() == before
    assert "resumed" not in (reference_copy / "report.md").read_text()


@pytest.mark.parametrize("name", ["small", "small/START"])
def test_a_run_that_has_lost_its_manifest_is_named(reference_copy, name):
    """Not a run of another benchmark, which the advice for an unknown name would start."""
    (reference_copy / "manifest.json").unlink()
    results = reference_copy.parents[1]
    done = in_process("report", name.replace("START", reference_copy.name), "--results", results, cwd=results)
    assert done.returncode == 2
    assert f"{reference_copy} has lost its manifest.json" in done.stderr


def test_a_run_of_this_checkout_that_has_lost_its_manifest_names_the_command_that_makes_another(tmp_path):
    """The command ends in a dot, which is not that of the sentence, where the results are in the working directory."""
    (tmp_path / "sine" / "2026-01-31T12-00-00Z" / "trials").mkdir(parents=True)
    done = in_process("report", "sine", "--results", tmp_path, cwd=tmp_path)
    assert shlex.split(done.stderr.rpartition(" -m benchmarks ")[2]) == ["run", "sine", "--results", "."]


def test_a_run_that_is_being_written_is_refused(cut):
    with locked(cut):
        done = resume(cut)
    assert done.returncode == 2
    assert "is being written by another run" in done.stderr


def test_the_lock_ends_with_the_process_that_holds_it(cut):
    """The system releases the lock, so that no file has to be deleted by hand."""
    code = f"""
import time
from pathlib import Path
from benchmarks.runner.run import locked
with locked(Path({str(cut)!r})):
    print(flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([COMMAND[0], "-c", code], env=environment(), stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with pytest.raises(RecordError, match="another run"), locked(cut):
            pass
        holder.kill()
    with locked(cut):
        pass


def test_an_unknown_run(tmp_path):
    done = in_process("resume", "nothing", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no run 'nothing'" in done.stderr


def test_json_lines(cut):
    done = resume(cut, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["run", "started", "finished", "result"]
    assert lines[0]["trials"] == 1
    assert lines[2]["key"] == lines[1]["key"]
    assert lines[2]["mse"] > 0
    assert lines[2]["skill_persistence"] < 1
    assert lines[-1]["good"]


@pytest.mark.slow
def test_a_second_interrupt_changes_nothing(written, tmp_path):
    """Ctrl-C while the first Ctrl-C is being handled."""
    with subprocess.Popen(
        [*COMMAND, "run", str(written(REFERENCE)), "--results", str(tmp_path)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert str(tmp_path / "small") in run.stdout.readline()  # the folder of the records
        time.sleep(0.5)
        run.send_signal(2)
        run.send_signal(2)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 130
    assert " are kept" in errors
    assert "Traceback" not in errors
    (folder,) = (tmp_path / "small").iterdir()
    assert resume(folder).returncode == 0
