"""The command `export`: records as tidy tables, through the real command line."""

import json

import pandas as pd
import pytest

from reports.records.store import read_run
from tests.benchmarks.command_line import in_process

TABLES = {"trials", "epochs", "inference", "predictions", "baselines", "checks"}


def exported(run, to, *words):
    done = in_process("export", run, "--to", to, *words, cwd=to.parent)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(("kind", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)])
def test_every_table_agrees_with_the_records(reference_run, tmp_path, kind, read):
    exported(reference_run, tmp_path / "out", "--format", kind)
    tables = {path.stem: read(path) for path in (tmp_path / "out").glob(f"*.{kind}")}
    assert tables.keys() == TABLES
    manifest, certificate, trials = read_run(reference_run)
    (trial,) = (trial for trial in trials if (trial.plan.case, trial.plan.seed) == ("gru", 2))
    outcome, chosen = trial.outcome, "case == 'gru' and seed == 2"
    (row,) = tables["trials"].query(chosen).itertuples()
    assert (row.benchmark, row.run, row.trial) == ("small", reference_run.name, trial.plan.key)
    assert (row.state, row.seed, row.units, row.cores) == ("finished", 2, 4, manifest.cases[0].threads)
    assert row.mse == pytest.approx(outcome.scores.mse)
    assert row.training_seconds == pytest.approx(outcome.times.training)
    assert row.version_numpy == manifest.environment.packages["numpy"]
    epochs = tables["epochs"].query(chosen)
    assert epochs.seconds.tolist() == pytest.approx(outcome.times.epochs)
    assert epochs.validation_loss.tolist() == pytest.approx(outcome.validation_losses)
    test = tables["inference"].query(f"{chosen} and kind == 'test'")
    assert test.seconds.tolist() == pytest.approx(outcome.times.predict_test)
    forecasts = tables["predictions"].query(f"{chosen} and step_ahead == 2")
    assert forecasts.prediction.tolist() == pytest.approx([rows[1] for rows in outcome.predictions])
    assert forecasts.truth.tolist() == pytest.approx([rows[1] for rows in manifest.data["data-1"].test_truth])
    assert len(tables["checks"]) == len(certificate.checks)
    assert tables["checks"].passed.all()
    assert "persistence" in set(tables["baselines"].baseline)


def test_an_incomplete_run_can_be_exported(reference_run, tmp_path):
    """A missing trial has a row, and without a certificate the table `checks` is empty."""
    part = tmp_path / "part"
    (part / "trials").mkdir(parents=True)
    (part / "manifest.json").write_bytes((reference_run / "manifest.json").read_bytes())
    record = sorted((reference_run / "trials").iterdir())[0]
    (part / "trials" / record.name).write_bytes(record.read_bytes())
    done = in_process("export", part, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = map(json.loads, done.stdout.splitlines())
    assert {path.rsplit("/", 1)[1] for path in line["files"]} == {f"{name}.csv" for name in TABLES}
    assert sorted(pd.read_csv(part / "export" / "trials.csv").state) == ["finished", "missing", "missing", "missing"]
    assert pd.read_csv(part / "export" / "checks.csv").empty


def test_an_export_is_renewed_but_a_changed_file_is_kept(reference_run, tmp_path):
    out = tmp_path / "out"
    exported(reference_run, out, "--tables", "epochs,trials")
    exported(reference_run, out, "--tables", "epochs")
    assert {path.name for path in out.iterdir()} == {"epochs.csv", "trials.csv", "export.json"}
    (out / "epochs.csv").write_text("mine\n")
    (out / "checks.csv").write_text("mine too\n")
    for name in ("epochs", "checks"):
        done = in_process("export", reference_run, "--to", out, "--tables", f"trials,{name}", cwd=tmp_path)
        assert done.returncode == 2
        assert f"{name}.csv was not written by an export, or was changed since, and is kept" in done.stderr
        assert (out / f"{name}.csv").read_text().startswith("mine")


MISTAKES = {
    "a misspelt table": (["--tables", "epoch"], "there is no table 'epoch'; did you mean 'epochs'"),
    "a misspelt format": (["--format", "parquett"], "there is no format 'parquett'; did you mean 'parquet'"),
    "an empty table": (["--tables", "epochs,"], "a name is empty"),
    "a folder that cannot be made": (["--to", "file/out"], "cannot be written: Not a directory; name another folder"),
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(reference_run, tmp_path, words, message):
    (tmp_path / "file").write_text("")
    done = in_process("export", reference_run, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (reference_run / "export").exists()


def test_a_run_that_is_not_there(tmp_path):
    done = in_process("export", "nothing", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no run 'nothing'" in done.stderr
