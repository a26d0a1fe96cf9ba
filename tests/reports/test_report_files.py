"""The files that `write` leaves in the folder of a run, and errors of damaged records."""

import os
import shutil
from pathlib import Path

import pytest
import synthetic_run
from synthetic_run import change, fail

import reports
from reports.records import store
from reports.records.store import RecordError
from tests.test_language import speed_of_a_framework

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=4, weeks=30)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_golden_run_gives_exactly_the_expected_report(tmp_path):
    folder = shutil.copytree(GOLDEN / "run", tmp_path / "run")
    report = reports.write(folder)
    if os.environ.get("RENEW_GOLDEN"):  # after an intended change; read the difference before committing
        (GOLDEN / "report.md").write_text(report.markdown.read_text("utf-8"), "utf-8")
        (GOLDEN / "summary.txt").write_text(report.summary, "utf-8")
    assert report.markdown.read_text("utf-8") == (GOLDEN / "report.md").read_text("utf-8")
    assert report.summary == (GOLDEN / "summary.txt").read_text("utf-8")


def test_no_page_calls_a_framework_fast_or_slow(tmp_path):
    """A time is that of a program: on the page of a run, of all runs, of their history, and of published values."""
    folder, later = (tmp_path / "co2" / f"2026-03-0{day}T09-30-00Z" for day in (1, 2))
    for copy in (folder, later):
        report = reports.write(shutil.copytree(GOLDEN / "run", copy))
    reports.write_overviews(folder)
    reports.write_published(tmp_path)
    texts = {path.name: path.read_text("utf-8") for path in (*tmp_path.rglob("*.html"), *tmp_path.rglob("*.md"))}
    texts |= {"summary": report.summary, "comparison": reports.compare(folder, later).markdown}
    assert {"report.html", "report.md", "index.html", "history.html", "published.html"} < texts.keys()
    assert {name: wrong for name, text in texts.items() if (wrong := speed_of_a_framework(text))} == {}
    assert "the compiled epoch in Flax" in texts["report.md"]


def test_the_default_benchmarks_page_stays_small(drawn, run_of):
    report = reports.write(run_of(*synthetic_run.records()))
    assert report.html.stat().st_size < 2_000_000
    assert max(map(len, report.summary.splitlines())) <= 120


def test_markdown_links_every_figure_and_record(run_of, records):
    folder = run_of(*records)
    text = reports.write(folder).markdown.read_text("utf-8")
    drawn = {path.name for path in (folder / "figures").iterdir()}
    assert drawn == {
        "ratios.svg",
        "time.svg",
        "progress.svg",
        "forecast-1.svg",
        "losses-matched.svg",
        "losses-native.svg",
    }
    assert all(f"](figures/{name})" in text for name in drawn)
    assert all(f"](trials/{trial.plan.key}.json)" in text for trial in records[2])


def test_unreliable_ratios_are_in_no_table_and_no_figure_unless_asked_for(drawn, run_of, records):
    manifest, certificate, trials = records
    loaded = tuple(change(trial, background_load=0.42) for trial in trials)
    folder = run_of(manifest, certificate, loaded)
    text = reports.write(folder).markdown.read_text("utf-8")
    reason = "other processes used up to 42 % of the cores"
    assert not (folder / "figures" / "ratios.svg").exists()
    assert f"Unreliable speed ratios are not drawn: {reason}." in text
    assert text.count("| unreliable") >= 6
    assert f"The compiled epoch in Flax, GRU: its ratios are withheld, because {reason}." in text
    text = reports.write(folder, show_unreliable=True).markdown.read_text("utf-8")
    assert (folder / "figures" / "ratios.svg").exists()
    assert "| unreliable" not in text
    assert f"{reason}, so the ratios are not reliable" in text


def test_the_same_records_give_the_same_bytes(drawn, run_of, records):
    folder = run_of(*records)
    reports.write(folder)
    first = contents(folder)
    reports.write(folder)
    assert contents(folder) == first


def test_an_outdated_figure_is_deleted(run_of, records):
    folder = run_of(*records)
    (folder / "figures").mkdir()
    (folder / "figures" / "stale.svg").write_text("<svg/>")
    reports.write(folder)
    assert not (folder / "figures" / "stale.svg").exists()


def test_an_error_leaves_the_old_report_intact(run_of, records, monkeypatch):
    folder = run_of(*records)
    reports.write(folder)
    before = contents(folder)

    def broken(page):
        raise RuntimeError("cannot render")

    monkeypatch.setattr(reports.render.html, "render", broken)
    with pytest.raises(RuntimeError, match="cannot render"):
        reports.write(folder)
    assert contents(folder) == before


def test_a_write_that_fails_leaves_no_temporary_file(run_of, records, monkeypatch):
    folder = run_of(*records)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "replace", full)
    with pytest.raises(RecordError, match="No space left"):
        reports.write(folder)
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize("damage", ["{", '{"schema_version": 99}', "[]"])
def test_damaged_records_give_a_record_error(run_of, records, damage):
    folder = run_of(*records)
    (folder / "manifest.json").write_text(damage)
    with pytest.raises(RecordError, match=r"manifest\.json"):
        reports.write(folder)
    assert not (folder / "report.html").exists()


def test_contradictory_records_give_a_record_error(run_of, records):
    manifest, certificate, trials = records
    case = manifest.cases[0].model_copy(update={"data": "elsewhere"})
    folder = run_of(manifest.model_copy(update={"cases": (case,)}), certificate, trials)
    with pytest.raises(RecordError, match="case 'gru' uses data 'elsewhere', which it lacks"):
        reports.write(folder)


def cut(record, field, length):
    return record.model_copy(update={field: getattr(record, field)[:length]})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda t: cut_outcome(t, "predictions", 7), "has predictions for 7 of 30 test windows"),
        (lambda t: t.model_copy(update={"outcome": None}), "has neither an outcome nor a failure"),
        (lambda t: change(t, times=cut(t.outcome.times, "epochs", 0)), "the times of 0 and the losses of 4 epochs"),
        (lambda t: cut_outcome(t, "validation_losses", 2), "2 validation losses for 4 epochs"),
    ],
)
def test_a_trial_that_contradicts_the_manifest_gives_a_record_error(run_of, records, damage, words):
    manifest, certificate, trials = records
    folder = run_of(manifest, certificate, (damage(trials[0]), *trials[1:]))
    with pytest.raises(RecordError, match=rf"{trials[0].plan.key}\.json is damaged: .*{words}"):
        reports.write(folder)


def cut_outcome(trial, field, length):
    return change(trial, **{field: getattr(trial.outcome, field)[:length]})


def test_missing_rows_of_truth_give_a_record_error(run_of, records):
    manifest, certificate, trials = records
    short = {"co2": cut(manifest.data["co2"], "test_truth", 9)}
    folder = run_of(manifest.model_copy(update={"data": short}), certificate, trials)
    with pytest.raises(RecordError, match=r"manifest\.json is damaged: data 'co2' has 9 rows of test_truth"):
        reports.write(folder)


def test_the_summary_has_the_reason_of_every_failed_trial(run_of, records):
    manifest, certificate, trials = records
    broken = [fail(t, f"{t.plan.mode} broke") if t.plan.backend == "flax" else t for t in trials]
    summary = contents_of(run_of, manifest, certificate, broken)[2]
    assert "Flax, compiled epoch, GRU, matched: 3 trials failed: matched broke." in summary
    assert "Flax, compiled epoch, GRU, native: 3 trials failed: native broke." in summary


def test_a_folder_without_a_run_gives_a_record_error(tmp_path):
    with pytest.raises(RecordError, match="does not exist"):
        reports.write(tmp_path)


def contents_of(run_of, manifest, certificate, trials):
    report = reports.write(run_of(manifest, certificate, trials))
    return report.html.read_text("utf-8"), report.markdown.read_text("utf-8"), report.summary


def test_a_failed_trial_shows_its_reason_and_log_everywhere(run_of, records):
    manifest, certificate, trials = records
    for text in contents_of(run_of, manifest, certificate, (fail(trials[0], log="line 7: boom"), *trials[1:]))[:2]:
        assert "Failed trials" in text
        assert "PyTorch, eager loop, GRU, matched, seed 1" in text
        assert "The loss was not finite in epoch 3." in text
        assert "line 7: boom" in text


@pytest.mark.parametrize("finished", [0, 1, 5])
def test_an_unfinished_run_has_a_report(run_of, records, finished):
    manifest, certificate, trials = records
    for text in contents_of(run_of, manifest, certificate, trials[:finished]):
        assert f"{finished} of 18 trials have finished" in text


def test_a_run_without_a_certificate_has_a_report(run_of, records):
    manifest, _, _ = records
    for text in contents_of(run_of, manifest, None, ()):
        assert "There is no certificate, without which" in text


def test_a_run_whose_trials_all_failed_has_a_report(run_of, records):
    manifest, certificate, trials = records
    html, _, summary = contents_of(run_of, manifest, certificate, map(fail, trials))
    assert "18 of 18 trials failed" in summary
    assert "<svg" not in html


def test_scores_that_are_not_finite_are_dashes(run_of, records):
    manifest, certificate, trials = records
    scores = trials[0].outcome.scores.model_copy(update={"mse": float("inf")})
    _, _, summary = contents_of(run_of, manifest, certificate, (change(trials[0], scores=scores), *trials[1:]))
    assert "–" in next(line for line in summary.splitlines() if "PyTorch, eager loop" in line)


def test_markdown_escapes_a_title(run_of):
    manifest, certificate, trials = synthetic_run.records(
        cells=("gru",), epochs=4, weeks=30, title="<b>a|b</b> [x](y) `z` $1$ *w*\n# no"
    )
    _, text, _ = contents_of(run_of, manifest, certificate, trials)
    assert text.splitlines()[0] == r"# \<b\>a\|b\</b\> \[x\](y) \`z\` \$1\$ \*w\* \# no"


def test_a_command_with_backticks_stays_code(run_of, records):
    manifest, certificate, trials = records
    _, text, _ = contents_of(run_of, manifest.model_copy(update={"command": "run `x`"}), certificate, trials)
    assert "\n`` run `x` ``\n" in text


@pytest.mark.parametrize(
    "options",
    [
        {"backends": ("pytorch", "keras", "flax", "keras-jax", "keras-torch", "another"), "modes": ("matched",)},
        {"units": (16, 32, 64), "cells": ("lstm", "gru"), "modes": ("matched",), "seeds": (1,)},
        {"horizon": 6, "cells": ("gru",)},
        {"modes": ("native",), "seeds": range(7)},
    ],
)
def test_every_shape_of_run_has_a_report(run_of, options):
    html, text, summary = contents_of(run_of, *synthetic_run.records(**{"epochs": 4, "weeks": 30, **options}))
    assert html
    assert text
    assert summary
    assert ("Error by horizon" in text) is ("horizon" in options)
    assert ("Time against units" in text) is ("units" in options)
