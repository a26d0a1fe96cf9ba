"""Fitted baselines of a run: a process of their own, a cache, and a run that continues without them."""

import pytest

from benchmarks.definition import loading
from benchmarks.runner import baselines, processes
from benchmarks.worker.jobs import Answer, BaselineJob
from reports.records import Limits
from tests.benchmarks.command_line import REFERENCE, work_here

LIMITS = Limits(seconds=60, memory_bytes=2**33)


@pytest.fixture
def job(written):
    """Theta on the windows of the small benchmark."""
    (case,) = loading.read(str(written(REFERENCE))).cases.values()
    return BaselineJob(data=case.data, window=case.window, dtype="float32", names=("theta",))


def test_equal_inputs_are_fitted_once(job, tmp_path, monkeypatch):
    """Other names, another window or a damaged file: fitted again."""
    jobs = []
    monkeypatch.setattr(processes, "run_job", lambda *of: jobs.append(of) or work_here(*of))
    made = baselines._fitted(job, tmp_path, LIMITS)
    assert [baseline.name for baseline in made.baselines][-1] == "theta"
    assert made.baselines[-1].seconds > 0
    assert len(made.baselines[-1].predictions) == len(made.baselines[0].predictions) > 0
    assert baselines._fitted(job, tmp_path, LIMITS) == made
    assert len(jobs) == 1
    others = ({"names": ("ARIMA",)}, {"window": job.window.model_copy(update={"horizon": 2})})
    keys = {baselines.digest(job.model_copy(update=change)) for change in ({}, *others)}
    assert len(keys) == 3
    (path,) = (tmp_path / baselines.FOLDER).glob("*.json")
    path.write_text(path.read_text().replace('"theta"', '"ARIMA"', 1))
    assert [b.name for b in baselines._fitted(job, tmp_path, LIMITS).baselines] == [b.name for b in made.baselines]
    assert len(jobs) == 2


def test_a_run_continues_without_baselines_that_exceed_a_limit(job, tmp_path, monkeypatch):
    """The naive forecasts remain, the reason is recorded, and nothing is stored for later runs."""
    ended = processes.Ended(Answer(failure="it did not finish within 60 seconds"), "", 60.0)
    monkeypatch.setattr(processes, "run_job", lambda *of: ended)
    made = baselines._fitted(job, tmp_path, LIMITS)
    assert [(absent.name, absent.reason) for absent in made.absent] == [("theta", ended.answer.failure)]
    assert {"persistence", "linear autoregression"} <= {baseline.name for baseline in made.baselines}
    assert not (tmp_path / baselines.FOLDER).exists()
