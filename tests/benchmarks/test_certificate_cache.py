"""Checks of earlier runs are taken over from the results folder, and never when anything has changed."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.commands import output
from benchmarks.definition import loading
from benchmarks.runner import certificate_cache, certify, processes
from benchmarks.worker import certification
from benchmarks.worker.jobs import Answer
from tests.benchmarks.command_line import REFERENCE, in_process, work_here


@pytest.fixture
def benchmark(written):
    return loading.read(str(written(REFERENCE)))


@pytest.fixture(scope="module")
def answers():
    """The answer to each job of this file: equal checks are computed once."""
    return {}


@pytest.fixture
def certified(benchmark, tmp_path, monkeypatch, answers):
    """Certifies with the cache in `tmp_path`; returns the certificate and the number of checks that were made.

    The reference trajectories are computed for these checks alone.
    """
    jobs = []

    def run_job(job, *more):
        jobs.append(job)
        key = job.model_copy(update={"references": {}}).model_dump_json()
        if job.kind == "reference" or key not in answers:
            answers[key] = work_here(job, *more)
        return answers[key]

    monkeypatch.setattr(processes, "run_job", run_job)

    def call():
        jobs.clear()
        certificate = certify.certify(benchmark, ["reference"], lambda job: None, tmp_path)
        checks, references = ([job for job in jobs if job.kind == kind] for kind in ("check", "reference"))
        assert {job.dtype for job in checks} == {job.dtype for job in references}
        return certificate, len(checks)

    return call


def test_progress_lines_give_the_result_of_each_check(certified, benchmark, tmp_path, monkeypatch):
    """Of checks of an earlier run too, and of checks that failed: none reads as if the backend were equal."""

    def lines(results):
        reports = []
        certify.certify(benchmark, ["reference"], reports.append, results)
        return sorted(output.check_line("NumPy", checked) for checked in reports)

    ((label, _),) = benchmark.cases.items()
    equal = "equal to the reference implementation"
    assert lines(tmp_path) == [f"NumPy, float32: {label} {equal}", f"NumPy, float64: {label} {equal}"]
    earlier = "certified earlier, same inputs"
    assert lines(tmp_path) == [f"NumPy, float32: {label} {earlier}", f"NumPy, float64: {label} {earlier}"]
    ended = processes.Ended(Answer(failure="it used 3 GiB,\nand was ended"), "", 1.0, killed=False)
    monkeypatch.setattr(
        processes, "run_job", lambda job, *more: ended if job.kind == "check" else work_here(job, *more)
    )
    failed = f"{label} failed: it used 3 GiB, and was ended"
    assert lines(None) == [f"NumPy, float32: {failed}", f"NumPy, float64: {failed}"]


def test_progress_names_each_result_with_its_models(benchmark, capsys):
    """In a line for a person, and in a JSON line for a program."""
    job = next(iter(certify._jobs(benchmark, "reference")))
    unequal = certification.unmade(job, "b", "").model_copy(update={"parameter_count": 7, "failure": "outputs differ"})
    passed = [unequal.model_copy(update={"case": label, "failure": None}) for label in "acde"]
    checked = certify.Checked(job, (*passed, unequal), frozenset("a"))
    assert output.check_line("NumPy", checked) == (
        "NumPy, float64: a certified earlier, same inputs; 3 models equal to the reference implementation; "
        "b not equal: outputs differ"
    )
    output.JsonLines(None, 1, 1).progress.checked(checked)
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["earlier"], event["failures"]) == ("checked", ["a"], {"b": "outputs differ"})


def files(tmp_path):
    return sorted((tmp_path / certificate_cache.FOLDER).iterdir())


def test_equal_inputs_are_checked_once(certified):
    first, jobs = certified()
    assert jobs == 2  # float64 and float32
    assert certified() == (first, 0)


@pytest.mark.parametrize("damage", [lambda text: text[:100], lambda text: text.replace("equal", "e"), lambda text: ""])
def test_a_damaged_file_is_replaced(certified, tmp_path, damage):
    """Truncated, edited (the checksum no longer matches) or empty: the check is made again."""
    certified()
    path = files(tmp_path)[0]
    intact = path.read_text()
    path.write_text(damage(intact.replace('"reference"', '"equal"')))
    _, jobs = certified()
    assert jobs == 1
    assert certificate_cache.read(tmp_path, path.stem, "x") is not None


def test_a_file_of_another_version_is_not_used(certified, tmp_path):
    certified()
    path = files(tmp_path)[0]
    path.write_text(path.read_text().replace('"schema_version": ', '"schema_version": 9'))
    assert certified()[1] == 1


CHANGES = {
    "code": {},
    "package": {},
    "seed": {"seed": 2},
    "dtype": {"dtype": "float64"},
    "backend": {"backend": "flax"},
    "program": {"program": "def train(): ..."},
    "tf32": {"tf32": True},
}


@pytest.mark.parametrize("part", [*CHANGES, "settings"])
def test_the_key_depends_on_every_input(benchmark, monkeypatch, part):
    """A check is worth nothing for other code, other versions, another model or another backend."""
    ((label, case),) = benchmark.cases.items()
    job = next(iter(certify._jobs(benchmark, "reference"))).model_copy(update={"dtype": "float32"})
    certificate_cache.software.cache_clear()
    before = certificate_cache.digest(job, label)
    if part == "code":
        monkeypatch.setattr(certificate_cache, "_file_digest", lambda path: "changed")
    if part == "package":
        describe = certificate_cache.environment.describe
        older = {"packages": {"numpy": "0.1"}}
        monkeypatch.setattr(
            certificate_cache.environment, "describe", lambda *of: describe(*of).model_copy(update=older)
        )
    faster = case.model_copy(update={"training": case.training.model_copy(update={"learning_rate": 0.5})})
    certificate_cache.software.cache_clear()
    changed = job.model_copy(update=CHANGES.get(part, {"cases": {label: faster}}))
    assert certificate_cache.digest(changed, label) != before
    certificate_cache.software.cache_clear()


def test_a_failed_check_is_not_stored(certified, tmp_path, monkeypatch):
    """It may have failed for lack of memory; the next run tries again."""
    certificate, _ = certified()
    failed = certificate.checks[0].model_copy(update={"failure": "outputs differ"})
    certificate_cache.write(tmp_path, "failed", failed)
    assert certificate_cache.read(tmp_path, "failed", "x") is None


def test_two_runs_may_write_at_once(certified, tmp_path):
    """Files are replaced as a whole, and a temporary file of another writer may vanish."""
    check = certified()[0].checks[0]

    def write(_):
        for _ in range(100):
            certificate_cache.write(tmp_path, "same", check)
            assert certificate_cache.read(tmp_path, "same", check.case) == check

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))


def test_a_file_of_the_user_is_checked_with_the_backends_that_it_names(written, tmp_path):
    """Benchmarks of the checkout are checked with every framework."""
    done = in_process("certify", written(REFERENCE), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {line.split(",")[0] for line in done.stdout.splitlines() if line.startswith("checked ")} == {"checked NumPy"}


def test_a_data_file_of_the_user_is_certified_on(tmp_path):
    """With the models of the default benchmark, as `run --csv` does; without a target there is nothing to forecast."""
    days = np.datetime64("2024-01-01") + np.arange(60)
    values = np.random.default_rng(0).normal(size=60)
    path = tmp_path / "sales.csv"
    path.write_text("day,units\n" + "".join(f"{day},{value:.3f}\n" for day, value in zip(days, values, strict=True)))
    words = ["certify", "--csv", path, "--window", "5", "--backends", "reference", "--only", "model.cell=gru"]
    done = in_process(*words, "--target", "units", "--time", "day", "--set", "model.units=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"gru +NumPy, eager loop +float64 +equal", done.stdout)
    assert "--csv needs --target" in in_process(*words, cwd=tmp_path).stderr
