"""`run` and `report` from the command line to the files, with real frameworks."""

import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from benchmarks.runner import certificate_cache
from reports.records import Manifest, Trial
from reports.records.store import read_json, read_run
from tests.benchmarks.command_line import COMMAND, REFERENCE, benchmarks, environment, in_process, is_worker


def test_a_run_ends_with_a_table_and_the_report(framework_run):
    done, folder = framework_run
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout.splitlines()[-1]
    assert "speed ratio" in done.stdout
    assert (folder / "report.html").exists()
    assert (folder / "report.md").exists()


def test_every_trial_has_a_complete_record(framework_run):
    manifest, certificate, trials = read_run(framework_run[1])
    assert [trial.plan for trial in trials] == list(manifest.trials)
    assert all(check.passed for check in certificate.checks)
    for trial in trials:
        outcome = trial.outcome
        assert len(outcome.times.epochs) == len(outcome.train_losses) == len(outcome.validation_losses) == 3
        assert min(outcome.times.import_framework, outcome.times.first_step, *outcome.times.epochs) > 0
        assert len(outcome.predictions) == manifest.data["data-1"].test_windows
        assert outcome.parameter_count == manifest.cases[0].shape_parameters
        assert outcome.initial_digest != outcome.final_digest


def test_the_trials_of_a_round_used_the_same_numbers(framework_run):
    """Each worker hashes its windows, batches and initial weights. The forecasts agree too."""
    _, _, (first, second) = read_run(framework_run[1])
    for name in ("windows_digest", "order_digest", "masks_digest", "initial_digest"):
        assert getattr(first.outcome, name) == getattr(second.outcome, name)
    assert first.outcome.scores.mse == pytest.approx(second.outcome.scores.mse, rel=1e-3)


@pytest.mark.slow
def test_the_same_command_gives_the_same_bits(framework_run, tmp_path):
    """Another run of the Flax trial has the same losses, weights and predictions, bit for bit."""
    manifest, _, trials = read_run(framework_run[1])
    shutil.copytree(framework_run[1].parents[1] / certificate_cache.FOLDER, tmp_path / certificate_cache.FOLDER)
    done = benchmarks("run", manifest.source, "--backends", "flax", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (again,) = read_run(tmp_path / "small" / "latest")[2]
    (first,) = (trial for trial in trials if trial.plan.backend == "flax")
    for name in ("train_losses", "predictions", "final_digest"):
        assert getattr(again.outcome, name) == getattr(first.outcome, name)


def test_report_rebuilds_the_pages(framework_run, tmp_path):
    done, folder = framework_run
    folder = shutil.copytree(folder, tmp_path / "small" / folder.name)
    (folder.parent / "latest").symlink_to(folder.name)
    (folder / "report.html").unlink()
    again = benchmarks("report", "small", "--show-unreliable", "--results", tmp_path, cwd=folder)
    assert again.returncode == 0, again.stderr
    assert "ratios are withheld" not in again.stdout + (folder / "report.md").read_text("utf-8")
    assert (folder / "report.html").exists()
    title = next(line for line in done.stdout.splitlines() if line.startswith("Small"))[:5]
    assert again.stdout.splitlines()[0] == title


def test_a_failed_trial_is_recorded_and_the_others_run(written, tmp_path):
    """With a learning rate that diverges: status 1, and the reason is in the record and in the report."""
    text = REFERENCE.replace("seeds = [1]", "seeds = [1, 2]").replace("epochs = 3", "epochs = 3\nlearning_rate = 1e308")
    done = in_process("run", written(text), "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    folder = tmp_path / "small" / "latest"
    _, _, trials = read_run(folder)
    assert len(trials) == 2
    assert all("the loss is" in trial.failure for trial in trials)
    assert "loss is nan at step" in (folder / "report.md").read_text()


def test_an_interrupt_keeps_finished_trials(written, tmp_path):
    """Ctrl-C: status 130, finished trials stay, no file is incomplete, and no worker survives."""
    text = REFERENCE.replace("seeds = [1]", f"seeds = {list(range(1, 11))}").replace("epochs = 3", "epochs = 40")
    command = [*COMMAND, "run", str(written(text)), "--results", str(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        deadline = time.monotonic() + 240
        while (
            len(list(tmp_path.glob("small/*/trials/*.json"))) < 2 and run.poll() is None and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        workers = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert "of 10 trials are kept" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "small" / "latest").exists()
    (trials,) = tmp_path.glob("small/*/trials")
    records = list(trials.iterdir())
    assert 2 <= len(records) < 10
    assert all(isinstance(read_json(record, Trial), Trial) for record in records)
    _, alive = psutil.wait_procs(workers, timeout=10)  # one that was being started learns it after its imports
    assert not alive
    assert isinstance(read_json(trials.parent / "manifest.json", Manifest), Manifest)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_run_leaves_no_worker(written, tmp_path):
    """After SIGKILL of the parent, a worker that continues would disturb all later times."""
    command = [*COMMAND, "run", str(written(REFERENCE)), "--results", str(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        workers: list[psutil.Process] = []
        deadline = time.monotonic() + 60
        while not workers and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
            workers = [process for process in psutil.Process(run.pid).children() if is_worker(process)]
        time.sleep(1)  # until the worker has called prctl
        run.kill()
    assert workers
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
