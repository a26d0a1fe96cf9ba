"""A search, from the command line to its records: all configurations are scored, and a resumed search is the same."""

import json
import shutil
import subprocess
import sys
import time
from importlib import metadata

import psutil
import pytest

from benchmarks.runner.resume import differences, restore
from reports.records import Trial
from reports.records.store import read_json, read_run, read_search, trial_path, write_json
from tests.benchmarks.command_line import COMMAND, REFERENCE, environment, in_process

SMALL = REFERENCE.replace('cell = "gru"\nunits = 4', "filters = [[2], [3, 2]]\nwidth = 3").replace(
    "epochs = 3\nbatch = 16", "epochs = 2\nbatch = 16\npatience = 1\nthreads = 1\nlearning_rate = [0.01, 0.001]"
)
SEARCH = f"""{SMALL}
[search]
least_mae = 1.5
published = {{ case = "cnn, filters 3 2, learning_rate 0.001", mae = 2.5 }}
"""
TPE = ("--set", "search.sampler=tpe", "--set", "search.trials=3")


@pytest.fixture(scope="module")
def definition(written):
    return written(SEARCH)


def search(definition, home, *options):
    done = in_process("run", definition, *options, "--results", home, cwd=home)
    assert done.returncode == 0, done.stderr + done.stdout
    return (home / "small" / "latest").resolve(), done


@pytest.fixture(scope="module")
def whole(definition, tmp_path_factory):
    """A finished grid search over four configurations."""
    return search(definition, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def tpe_search(definition, tmp_path_factory):
    """A finished search by TPE over three of the four configurations."""
    return search(definition, tmp_path_factory.mktemp("tpe"), *TPE)


@pytest.fixture
def copy(tmp_path):
    """A function that copies a run without its result and its certificate, and without the trials of some cases."""

    def make(folder, *, without):
        to = tmp_path / "small" / folder.name
        shutil.copytree(folder, to)
        (to / "search.json").unlink()
        (to / "certificate.json").unlink()
        for case in without:
            trial_path(to, plan_of(to, case)).unlink()
        return to

    return make


def plan_of(folder, case):
    manifest, _, _ = read_run(folder)
    return next(plan for plan in manifest.trials if plan.case == case)


def resume(folder, *options):
    return in_process("resume", folder, *options, "--results", folder.parents[1], cwd=folder)


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / "trials").iterdir()}


def test_every_configuration_is_tried_and_the_lowest_validation_loss_selected(whole):
    folder, done = whole
    manifest, certificate, trials = read_run(folder)
    result = read_search(folder)
    scores = {trial.plan.case: min(trial.outcome.validation_losses) for trial in trials}
    assert len(scores) == 4
    assert {tried.case: tried.score for tried in result.tried} == scores
    assert [tried.case for tried in result.tried] == [case.label for case in manifest.cases]  # grid: in this order
    assert result.selected == min(scores, key=scores.get)
    assert {check.case for check in certificate.checks} == {result.selected}
    assert all(len(trial.environment.cores) == 1 for trial in trials)
    assert manifest.search.configurations == manifest.search.trials == manifest.expected_trials == 4
    assert "RMSE" not in done.stdout  # the test scores of configurations are not shown


def test_the_report_names_the_selected_configuration_and_no_ratio(whole):
    folder, done = whole
    report, summary = (folder / "report.md").read_text(), " ".join(done.stdout.split())
    assert read_search(folder).selected in summary
    assert "cnn, filters 3 2, learning_rate 0.001 (MAE 2.5)" in summary
    assert "MAE of 1.5" in summary
    assert "1 (reference)" not in report


def test_a_resumed_search_has_the_same_result(whole, copy):
    folder, _ = whole
    lost = [tried.case for tried in read_search(folder).tried[1:3]]
    cut = copy(folder, without=lost)
    kept = files(cut)
    done = resume(cut)
    assert done.returncode == 0, done.stderr
    assert "4 trials, 2 of them finished before" in done.stdout
    assert read_search(cut) == read_search(folder)
    assert kept.items() <= files(cut).items()


@pytest.mark.slow
def test_a_resumed_tpe_search_proposes_the_same_configurations(tpe_search, copy):
    folder, _ = tpe_search
    result = read_search(folder)
    assert len(result.tried) == len({tried.case for tried in result.tried}) == 3
    for lost in (result.tried[:1], result.tried[2:]):
        cut = copy(folder, without=[tried.case for tried in lost])
        kept = files(cut)
        assert resume(cut).returncode == 0
        assert read_search(cut) == result
        assert kept.items() <= files(cut).items()
        assert len(files(cut)) == 3
        shutil.rmtree(cut)


def test_a_finished_search_trains_nothing_more(whole, tmp_path):
    folder = tmp_path / "small" / whole[0].name
    shutil.copytree(whole[0], folder)
    before = files(folder)
    done = resume(folder, "--json")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["run", "result"]
    assert files(folder) == before


@pytest.mark.slow
def test_a_failed_configuration_has_no_score_and_a_killed_one_is_trained_again(whole, copy):
    folder, _ = whole
    first, second = (tried.case for tried in read_search(folder).tried[:2])
    cut = copy(folder, without=[first, second])
    for case, killed in ((first, False), (second, True)):
        plan = plan_of(cut, case)
        write_json(trial_path(cut, plan), Trial(plan=plan, outcome=None, failure="the loss is nan", killed=killed))
    done = resume(cut)
    assert done.returncode == 1  # a trial failed
    scores = {tried.case: tried.score for tried in read_search(cut).tried}
    assert scores[first] is None
    assert scores[second] is not None
    assert read_json(trial_path(cut, plan_of(cut, second)), Trial).outcome is not None
    assert "1 of 4 trials failed" in (cut / "report.md").read_text()


def test_another_version_of_optuna_makes_another_search_only_for_tpe(whole):
    benchmark, plan = restore(whole[0])
    for sampler, changes in (("grid", []), ("tpe", [f"optuna was 1.0.0 and is {metadata.version('optuna')}"])):
        other = plan.search.model_copy(update={"sampler": sampler, "optuna": "1.0.0"})
        changed = plan.model_copy(update={"search": other})
        assert list(differences(benchmark, changed, plan.environment)) == changes


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("signal", ["kill", "terminate"])
def test_a_killed_search_is_resumed_to_the_same_result(definition, tpe_search, tmp_path, signal):
    """Killed at three moments, with trials running."""
    words = [*COMMAND, "run", str(definition), *TPE, "--results", str(tmp_path)]
    for seconds in (0.5, 2.0, 3.5):
        with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            run.stdout.readline()  # now the folder exists
            time.sleep(seconds)
            workers = psutil.Process(run.pid).children(recursive=True) if run.poll() is None else []
            getattr(run, signal)()
            run.communicate(timeout=60)
            assert not psutil.wait_procs(workers, timeout=10)[1]
        (folder,) = (path.parent for path in (tmp_path / "small").glob("2*/manifest.json"))
        words = [*COMMAND, "resume", str(folder), "--results", str(tmp_path)]
    kept = files(folder) if (folder / "trials").exists() else {}
    assert resume(folder).returncode == 0
    assert read_search(folder) == read_search(tpe_search[0])
    assert kept.items() <= files(folder).items()
    assert not list(tmp_path.rglob("*.tmp"))
