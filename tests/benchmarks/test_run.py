"""The main job, end to end through the real command line."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from reports.records import Manifest, Trial
from reports.records.store import read_json, read_run
from tests.benchmarks.command_line import COMMAND, ORACLE, benchmarks, environment


@pytest.fixture(scope="module")
def finished(written, tmp_path_factory):
    """A small run that ended well: what the command said, and its folder."""
    home = tmp_path_factory.mktemp("home")
    done = benchmarks("run", written(), "--results", home / "results", cwd=home)
    return done, home / "results" / "small" / "latest"


def test_a_run_ends_with_a_table_and_the_reports_place(finished):
    done, folder = finished
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout.splitlines()[-1]
    assert "speed ratio" in done.stdout
    assert (folder / "report.html").exists()
    assert (folder / "report.md").exists()


def test_every_trial_has_a_record_with_honest_parts(finished):
    manifest, certificate, trials = read_run(finished[1])
    assert [trial.plan for trial in trials] == list(manifest.trials)
    assert all(check.passed for check in certificate.checks)
    for trial in trials:
        outcome = trial.outcome
        assert len(outcome.times.epochs) == len(outcome.train_losses) == len(outcome.validation_losses) == 3
        assert min(outcome.times.import_framework, outcome.times.first_step, *outcome.times.epochs) > 0
        assert len(outcome.predictions) == manifest.data["data-1"].test_windows
        assert outcome.parameter_count == manifest.cases[0].shape_parameters
        assert outcome.initial_digest != outcome.final_digest


def test_a_rounds_trials_used_the_same_numbers(finished):
    """Windows, batches and initial weights, as hashed by each worker itself; and the forecasts agree."""
    _, _, (one, other) = read_run(finished[1])
    for name in ("windows_digest", "order_digest", "initial_digest"):
        assert getattr(one.outcome, name) == getattr(other.outcome, name)
    assert one.outcome.scores.mse == pytest.approx(other.outcome.scores.mse, rel=1e-3)


@pytest.mark.slow
def test_the_same_command_gives_the_same_bits(finished, written, tmp_path):
    """Another run of one of the trials: losses, weights and predictions, bit for bit."""
    done = benchmarks("run", written(), "--backends", "flax", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (again,) = read_run(tmp_path / "small" / "latest")[2]
    (first,) = (trial for trial in read_run(finished[1])[2] if trial.plan.backend == "flax")
    for name in ("train_losses", "predictions", "final_digest"):
        assert getattr(again.outcome, name) == getattr(first.outcome, name)


def test_report_rebuilds_the_pages(finished):
    done, folder = finished
    (folder / "report.html").unlink()
    again = benchmarks("report", "small", "--results", folder.parents[1], cwd=folder)
    assert again.returncode == 0, again.stderr
    assert (folder / "report.html").exists()
    assert (
        again.stdout.splitlines()[0] == next(line for line in done.stdout.splitlines() if line.startswith("Small"))[:5]
    )


def test_a_failed_trial_is_recorded_and_the_others_go_on(written, tmp_path):
    """A learning rate that blows up: status 1, a reason in the record and in the report, no trace on the terminal."""
    text = ORACLE.replace("seeds = [1]", "seeds = [1, 2]").replace("epochs = 3", "epochs = 3\nlearning_rate = 1e308")
    done = benchmarks("run", written(text), "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    folder = tmp_path / "small" / "latest"
    _, _, trials = read_run(folder)
    assert len(trials) == 2
    assert all("the loss is" in trial.failure for trial in trials)
    assert "loss is nan at step" in (folder / "report.md").read_text()


def test_an_interrupt_keeps_what_is_finished(written, tmp_path):
    """Ctrl-C: status 130, finished trials stay, nothing half written, no worker lives on."""
    text = ORACLE.replace("seeds = [1]", f"seeds = {list(range(1, 11))}").replace("epochs = 3", "epochs = 40")
    command = [*COMMAND, "run", str(written(text)), "--results", str(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        give_up = time.monotonic() + 240
        while (
            len(list(tmp_path.glob("small/*/trials/*.json"))) < 2 and run.poll() is None and time.monotonic() < give_up
        ):
            time.sleep(0.05)
        workers = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert "of 10 trials are kept; continue with" in said
    assert "Traceback" not in said
    assert not (tmp_path / "small" / "latest").exists()
    (trials,) = tmp_path.glob("small/*/trials")
    records = list(trials.iterdir())
    assert 2 <= len(records) < 10
    assert all(isinstance(read_json(record, Trial), Trial) for record in records)
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]
    assert isinstance(read_json(trials.parent / "manifest.json", Manifest), Manifest)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_run_leaves_no_worker(written, tmp_path):
    """SIGKILL of the parent: an orphan that trains on would disturb every later time."""
    command = [*COMMAND, "run", str(written(ORACLE)), "--results", str(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        workers: list[psutil.Process] = []
        give_up = time.monotonic() + 60
        while not workers and run.poll() is None and time.monotonic() < give_up:
            time.sleep(0.1)
            workers = [p for p in psutil.Process(run.pid).children() if "benchmarks.worker" in p.cmdline()]
        time.sleep(1)  # until the worker has asked to die with its parent
        run.kill()
    assert workers
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
