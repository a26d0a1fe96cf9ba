"""Whether a further round follows is decided from the records of a run."""

import pytest
import synthetic_run

from benchmarks.definition import loading
from benchmarks.runner import rounds
from reports.records import Manifest, Repetition
from reports.records.store import read_json
from tests.benchmarks.command_line import REFERENCE


@pytest.fixture
def stored(tmp_path):
    """The definition of a run of many rounds, and its folder."""

    def make(seeds):
        folder = synthetic_run.store(tmp_path / "run", *synthetic_run.records(seeds=tuple(range(1, seeds + 1))))
        definition = tmp_path / "twice.toml"
        definition.write_text(REFERENCE.replace('["reference"]', '["reference", "reference#2"]'))
        return loading.read(str(definition)), folder

    return make


@pytest.mark.parametrize(("repeat_until", "more"), [(1e-6, True), (0.999, False)])
def test_the_least_precise_ratio_decides(stored, repeat_until, more):
    benchmark, folder = stored(8)
    before = read_json(folder / "manifest.json", Manifest)
    decision = rounds.decide(benchmark, folder, Repetition(precision=repeat_until, minutes=1e9))
    after = read_json(folder / "manifest.json", Manifest)
    assert (decision.manifest is not None) == more
    assert len(after.trials) == len(before.trials) + (2 if more else 0)
    if more:
        assert {trial.seed for trial in after.trials[len(before.trials) :]} == {9}
        assert after.trials[: len(before.trials)] == before.trials
        assert "is known within ±" in decision.reason
