"""A search from the command line to its records: found, resumed, never trained twice."""

import json
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from reports.records import Trial
from reports.records.store import read_json, read_run, read_search, trial_path, write_json
from tests.benchmarks.command_line import COMMAND, ORACLE, benchmarks, environment

SMALL = ORACLE.replace('cell = "gru"\nunits = 4', "filters = [[2], [3, 2]]\nwidth = 3").replace(
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
    done = benchmarks("run", definition, *options, "--results", home, cwd=home)
    assert done.returncode == 0, done.stderr + done.stdout
    return (home / "small" / "latest").resolve(), done


@pytest.fixture(scope="module")
def whole(definition, tmp_path_factory):
    return search(definition, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def learnt(definition, tmp_path_factory):
    """By TPE, three of four."""
    return search(definition, tmp_path_factory.mktemp("learnt"), *TPE)


@pytest.fixture
def copy(tmp_path):
    """A run's folder to be changed, without what was concluded from its trials."""

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
    return benchmarks("resume", folder, *options, "--results", folder.parents[1], cwd=folder)


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / "trials").iterdir()}


def test_every_configuration_is_tried_and_the_lowest_validation_loss_selected(whole):
    folder, done = whole
    manifest, certificate, trials = read_run(folder)
    found = read_search(folder)
    scores = {trial.plan.case: min(trial.outcome.validation_losses) for trial in trials}
    assert len(scores) == 4
    assert {one.case: one.score for one in found.tried} == scores
    assert found.selected == min(scores, key=scores.get)
    assert {check.case for check in certificate.checks} == {found.selected}
    assert all(len(trial.environment.cores) == 1 for trial in trials)
    assert manifest.search.configurations == manifest.search.trials == manifest.expected_trials == 4
    assert "RMSE" not in done.stdout  # nobody looks at the test scores of what was not selected


def test_the_report_tells_the_answer_and_no_ratio(whole):
    folder, done = whole
    report, said = (folder / "report.md").read_text(), " ".join(done.stdout.split())
    found = read_search(folder)
    assert f"is that of {found.selected}; on the test part, which chose nothing, its MAE is" in said
    assert "The published best, cnn, filters 3 2, learning_rate 0.001 (MAE 2.5), ranks" in said
    assert "The noise alone leaves an MAE of 1.5 there." in said
    assert "their times are compared with nothing" in report
    assert "ran side by side" in report
    assert "1 (reference)" not in report


def test_a_search_that_is_resumed_finds_what_it_would_have_found(whole, copy):
    folder, _ = whole
    lost = [one.case for one in read_search(folder).tried[1:3]]
    cut = copy(folder, without=lost)
    kept = files(cut)
    done = resume(cut)
    assert done.returncode == 0, done.stderr
    assert "4 trials, 2 of them finished before" in done.stdout
    assert read_search(cut) == read_search(folder)
    assert kept.items() <= files(cut).items()


@pytest.mark.slow
def test_tpe_goes_on_with_the_questions_it_would_have_asked(learnt, copy):
    folder, _ = learnt
    found = read_search(folder)
    assert len(found.tried) == len({one.case for one in found.tried}) == 3
    for lost in (found.tried[:1], found.tried[2:]):
        cut = copy(folder, without=[one.case for one in lost])
        kept = files(cut)
        assert resume(cut).returncode == 0
        assert read_search(cut) == found
        assert kept.items() <= files(cut).items()
        assert len(files(cut)) == 3
        shutil.rmtree(cut)


def test_a_search_that_is_finished_trains_nothing_more(whole, tmp_path):
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
    first, second = (one.case for one in read_search(folder).tried[:2])
    cut = copy(folder, without=[first, second])
    for case, killed in ((first, False), (second, True)):
        plan = plan_of(cut, case)
        write_json(trial_path(cut, plan), Trial(plan=plan, outcome=None, failure="the loss is nan", killed=killed))
    done = resume(cut)
    assert done.returncode == 1  # a trial failed
    scores = {one.case: one.score for one in read_search(cut).tried}
    assert scores[first] is None
    assert scores[second] is not None
    assert read_json(trial_path(cut, plan_of(cut, second)), Trial).outcome is not None
    assert "1 of 4 trials failed" in (cut / "report.md").read_text()


def test_another_sampler_is_not_the_same_search(whole, copy, monkeypatch):
    cut = copy(whole[0], without=[])
    manifest, _, _ = read_run(cut)
    other = manifest.search.model_copy(update={"optuna": "1.0.0"})
    write_json(cut / "manifest.json", manifest.model_copy(update={"search": other}))
    refused = resume(cut)
    assert refused.returncode == 2
    assert "optuna was 1.0.0 and is " in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("signal", ["kill", "terminate"])
def test_a_search_that_is_killed_goes_on(definition, learnt, tmp_path, signal):
    """At several moments, with trials under way; at last it finds what it would have found."""
    words = [*COMMAND, "run", str(definition), *TPE, "--results", str(tmp_path)]
    for seconds in (0.5, 2.0, 3.5):
        with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            run.stdout.readline()  # the folder is there
            time.sleep(seconds)
            workers = psutil.Process(run.pid).children(recursive=True) if run.poll() is None else []
            getattr(run, signal)()
            run.communicate(timeout=60)
            assert not psutil.wait_procs(workers, timeout=10)[1]
        (folder,) = (path.parent for path in (tmp_path / "small").glob("2*/manifest.json"))
        words = [*COMMAND, "resume", str(folder), "--results", str(tmp_path)]
    kept = files(folder) if (folder / "trials").exists() else {}
    assert resume(folder).returncode == 0
    assert read_search(folder) == read_search(learnt[0])
    assert kept.items() <= files(folder).items()
    assert not list(tmp_path.rglob("*.tmp"))
