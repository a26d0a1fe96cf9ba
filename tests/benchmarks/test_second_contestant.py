"""A backend may take part twice in a run, as a second contestant of a null test."""

import pytest

from reports.analysis.run import Run
from reports.analysis.speedup import null_pairs, speedups_of
from tests.benchmarks.command_line import REFERENCE, in_process


@pytest.mark.slow
def test_a_program_takes_part_twice_in_a_run(tmp_path, written):
    """Both contestants train the same: equal weights, a certificate of their own, and a row of the table."""
    twice = written(REFERENCE.replace('["reference"]', '["reference", "reference#2"]'))
    done = in_process("run", twice, "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = Run.read((tmp_path / "small" / "latest").resolve())
    digests = {trial.outcome.final_digest for trial in run.trials}
    assert (len(run.trials), len(digests)) == (2, 1)
    assert {check.backend for check in run.certificate.checks} == {"reference", "reference#2"}
    (pair,) = null_pairs(run, speedups_of(run))
    assert pair.ratio is not None
    text = (tmp_path / "small" / "latest" / "report.md").read_text()
    assert "## Null test" in text
    assert "## Programs" not in text, "a program is no alternative to itself"


def test_an_unknown_second_contestant_is_refused(tmp_path):
    done = in_process("run", "co2", "--backends", "numpy#2", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no backend 'numpy#2'" in done.stderr
