"""`--repeat-until` adds rounds until the speed ratios are precise enough, or the budget is used up."""

import json

import pytest

from benchmarks.__main__ import main
from reports.records import Manifest
from reports.records.store import read_json
from tests.benchmarks.command_line import REFERENCE, in_process

TWICE = REFERENCE.replace('["reference"]', '["reference", "reference#2"]')


@pytest.mark.slow
def test_without_a_budget_for_more_a_run_ends_after_its_own_rounds(tmp_path, written):
    """Six rounds are needed for an interval; the budget is less than the time of one."""
    options = ("--repeat-until", "90%", "--budget", "0.001", "--json", "--results", tmp_path)
    done = in_process("run", written(TWICE), *options, cwd=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (decision,) = [event for event in events if event["event"] == "round"]
    assert not decision["another"]
    assert "after 1 round the ratio of" in decision["reason"]
    assert "has no 95 % interval yet; the budget of 0.001 minutes is used up" in decision["reason"]
    folder = (tmp_path / "small" / "latest").resolve()
    assert len(read_json(folder / "manifest.json", Manifest).trials) == 2
    assert "Rounds were added until every speed ratio was known within ±90 %" in (folder / "report.md").read_text()


@pytest.mark.slow
def test_rounds_follow_until_the_intervals_are_narrow(tmp_path, written):
    """The ratio of a program to itself is about 1: within a factor of two after the six rounds of an interval."""
    done = in_process("run", written(TWICE), "--repeat-until", "99%", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = (tmp_path / "small" / "latest").resolve()
    manifest = read_json(folder / "manifest.json", Manifest)
    seeds = [trial.seed for trial in manifest.trials]
    assert len(seeds) >= 12
    assert seeds == sorted(seeds)
    assert set(seeds) == set(range(1, max(seeds) + 1))
    assert [trial.place for trial in manifest.trials] == list(range(len(seeds)))
    assert not manifest.narrowed
    assert "every speed ratio is known within ±99 %" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--repeat-until", "5"],
            "--repeat-until 5: write a percentage above 0 % and below 100 %, as in --repeat-until 5%",
        ),
        (["--repeat-until", "many%"], "--repeat-until many%: write a percentage"),
        (["--repeat-until", "100%"], "--repeat-until 100%: write a percentage above 0 % and below 100 %"),
        (["--repeat-until", "nan%"], "--repeat-until nan%: write a percentage"),
        (["--budget", "5"], "--budget needs --repeat-until, as in --repeat-until 5% --budget 5"),
        (["--repeat-until", "5%", "--budget", "-1"], "--budget -1: write a number of minutes above 0"),
    ],
)
def test_wrong_options_are_refused(capsys, options, message):
    assert main(["run", "co2", *options]) == 2
    assert message in capsys.readouterr().err
