"""The command `export`: records as tidy tables, through the real command line."""

import json

import pandas as pd
import pytest

from reports.records.store import read_run
from tests.benchmarks.command_line import ORACLE, benchmarks

TABLES = {"trials", "epochs", "inference", "predictions", "baselines", "checks"}


@pytest.fixture(scope="module")
def run(written, tmp_path_factory):
    """The folder of a small run with two seeds that forecasts two steps ahead."""
    home = tmp_path_factory.mktemp("home")
    text = ORACLE.replace("seeds = [1]", "seeds = [1, 2]").replace("length = 6", "length = 6\nhorizon = 2")
    done = benchmarks("run", written(text), "--results", home, cwd=home)
    assert done.returncode == 0, done.stderr
    return (home / "small" / "latest").resolve()


def exported(run, to, *words):
    done = benchmarks("export", run, "--to", to, *words, cwd=to.parent)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(("kind", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)])
def test_every_table_agrees_with_the_records(run, tmp_path, kind, read):
    exported(run, tmp_path / "out", "--format", kind)
    tables = {path.stem: read(path) for path in (tmp_path / "out").glob(f"*.{kind}")}
    assert tables.keys() == TABLES
    manifest, certificate, trials = read_run(run)
    outcome = trials[1].outcome
    second = tables["trials"].iloc[1]
    assert (second.benchmark, second.run, second.trial) == ("small", run.name, trials[1].plan.key)
    assert (second.state, second.seed, second.units, second.cores) == ("finished", 2, 4, manifest.cases[0].threads)
    assert second.mse == pytest.approx(outcome.scores.mse)
    assert second.training_seconds == pytest.approx(outcome.times.training)
    assert second.version_numpy == manifest.environment.packages["numpy"]
    epochs = tables["epochs"].query("seed == 2")
    assert epochs.seconds.tolist() == pytest.approx(outcome.times.epochs)
    assert epochs.validation_loss.tolist() == pytest.approx(outcome.validation_losses)
    test = tables["inference"].query("seed == 2 and kind == 'test'")
    assert test.seconds.tolist() == pytest.approx(outcome.times.predict_test)
    forecasts = tables["predictions"].query("seed == 2 and step_ahead == 2")
    assert forecasts.prediction.tolist() == pytest.approx([row[1] for row in outcome.predictions])
    assert forecasts.truth.tolist() == pytest.approx([row[1] for row in manifest.data["data-1"].test_truth])
    assert len(tables["checks"]) == len(certificate.checks)
    assert tables["checks"].passed.all()
    assert "persistence" in set(tables["baselines"].baseline)


def test_an_incomplete_run_can_be_exported(run, tmp_path):
    """A missing trial has a row, and without a certificate the table `checks` is empty."""
    part = tmp_path / "part"
    (part / "trials").mkdir(parents=True)
    (part / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    record = sorted((run / "trials").iterdir())[0]
    (part / "trials" / record.name).write_bytes(record.read_bytes())
    done = benchmarks("export", part, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = map(json.loads, done.stdout.splitlines())
    assert {path.rsplit("/", 1)[1] for path in line["files"]} == {f"{name}.csv" for name in TABLES}
    assert sorted(pd.read_csv(part / "export" / "trials.csv").state) == ["finished", "missing"]
    assert pd.read_csv(part / "export" / "checks.csv").empty


def test_an_export_is_renewed_but_a_changed_file_is_kept(run, tmp_path):
    out = tmp_path / "out"
    exported(run, out, "--tables", "epochs,trials")
    exported(run, out, "--tables", "epochs")
    assert {path.name for path in out.iterdir()} == {"epochs.csv", "trials.csv", "export.json"}
    (out / "epochs.csv").write_text("mine\n")
    (out / "checks.csv").write_text("mine too\n")
    for name in ("epochs", "checks"):
        done = benchmarks("export", run, "--to", out, "--tables", f"trials,{name}", cwd=tmp_path)
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
def test_a_mistake_is_one_sentence(run, tmp_path, words, message):
    (tmp_path / "file").write_text("")
    done = benchmarks("export", run, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (run / "export").exists()


def test_a_run_that_is_not_there(tmp_path):
    done = benchmarks("export", "nothing", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no run 'nothing'" in done.stderr
