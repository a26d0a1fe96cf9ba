"""`forecast`: the next rows from a trained model, in any framework, with a band; and runs over several origins."""

import csv
import json
from math import ceil

import numpy as np
import pytest

import datasets
from backends.contract import Objective
from benchmarks.commands.forecast import _error
from benchmarks.definition import loading
from benchmarks.errors import UserError
from benchmarks.worker.jobs import ForecastJob
from benchmarks.worker.next_rows import Forecaster, _described, as_trained, band_of, conformal
from datasets import future
from reports.analysis.run import Run
from reports.figures.next_rows import _extremes
from reports.records.store import read_run, read_search, trial_path, write_json
from tests.benchmarks.command_line import REFERENCE, in_process
from tests.test_readme import program


@pytest.fixture(scope="module")
def run(reference_run):
    return reference_run


def forecast(folder, to, *words):
    """What the command prints as JSON."""
    done = in_process("forecast", folder, "--to", to, "--json", *words, cwd=to, figures=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def written_without_the_last(rows, path):
    """The airline series without its last rows, as a file of the user with other columns too."""
    series = datasets.load("airline")
    lines = [
        f"{time.astype('datetime64[M]')},{value[0]:g},x"
        for time, value in zip(series.times, series.values, strict=True)
    ]
    path.write_text("\n".join(["month,passengers,note", *lines[: len(lines) - rows]]) + "\n")
    return path


@pytest.mark.slow
def test_every_framework_forecasts_the_same_rows_with_the_best_weights(framework_run, tmp_path):
    """The reference implementation has no trial in this run, so it loads the weights of another framework."""
    run = framework_run[1].resolve()
    answers = {name: forecast(run, tmp_path, "--steps", "5", "--backend", name) for name in ("flax", "reference")}
    best = forecast(run, tmp_path, "--steps", "5")
    trials = read_run(run)[2]
    lowest = min(trials, key=lambda trial: trial.outcome.kept_loss)
    assert best["model"]["key"] == lowest.plan.key
    assert (
        f"lowest validation loss of {len(trials)} trained models, {lowest.outcome.kept_loss:.4g}"
        in best["model"]["choice"]
    )
    assert answers["reference"]["model"]["trained_by"] == lowest.plan.backend
    assert "the eager loop in NumPy forecasts with its weights" in answers["reference"]["model"]["choice"]
    for answer in answers.values():
        for name in ("values", "lower", "upper"):
            np.testing.assert_allclose(answer["series"][0][name], best["series"][0][name], rtol=1e-9)
    assert best["series"][0]["times"] == ["1961-01", "1961-02", "1961-03", "1961-04", "1961-05"]
    assert best["series"][0]["past"][-1] == [432.0]
    band = best["band"]
    assert (band["method"], band["level"], band["steps"]) == ("conformal", 0.9, 5)
    assert 0.5 < band["coverage"] <= 1
    with (tmp_path / "forecast.csv").open() as file:
        heads, *rows = csv.reader(file)
    assert heads == ["time", "step", "passengers", "passengers lower", "passengers upper"]
    columns = (best["series"][0][name] for name in ("values", "lower", "upper"))
    expected = np.concatenate(list(columns), axis=1)
    np.testing.assert_allclose([[float(cell) for cell in row[2:]] for row in rows], expected, rtol=1e-9)
    assert json.loads((tmp_path / "forecast.json").read_text())["series"] == best["series"]
    assert (tmp_path / "forecast.svg").read_text().count("<svg") == 1


def test_the_forecast_after_newer_rows_is_the_one_that_the_trial_recorded(run, tmp_path):
    """A file that ends two rows before the series: the next rows are the targets of the last test window."""
    path = written_without_the_last(2, tmp_path / "new.csv")
    answer = forecast(run, tmp_path, "--csv", path)
    trial = next(trial for trial in read_run(run)[2] if trial.plan.key == answer["model"]["key"])
    np.testing.assert_allclose(np.ravel(answer["series"][0]["values"]), trial.outcome.predictions[-1], rtol=1e-9)
    assert answer["series"][0]["times"] == ["1960-11", "1960-12"]


NEWER = {
    "one row": ("1961-01,440\n", "1961-02", ()),
    "equal values": ("1961-01,440\n1961-02,440\n", "1961-03", ()),
    "a missing row": (
        "1961-01,440\n1961-02,450\n1961-04,460\n1961-05,480\n",
        "1961-06",
        ("1 of 5 rows were missing or had a missing value",),
    ),
    "a missing last value": ("1961-01,440\n1961-02,450\n1961-03,\n", "1961-03", ("were cut off",)),
    "rows out of order": ("1961-02,450\n1961-01,440\n", "1961-03", ("its rows were reversed",)),
    "a repeated row": ("1961-01,440\n1961-02,450\n1961-02,470\n", "1961-03", ("was averaged with it",)),
    "another value of a known row": (
        "1960-11,390\n1960-12,433.5\n1961-01,440\n",
        "1961-02",
        ("1 row of new.csv replaced",),
    ),
    "rows before the last known one": (
        "1960-09,508\n1960-10,461\n",
        "1960-11",
        ("new.csv ends before the run's data do (1960-10-01)",),
    ),
}


@pytest.mark.parametrize(("rows", "first", "notes"), NEWER.values(), ids=NEWER)
@pytest.mark.filterwarnings("error::RuntimeWarning")  # a worker would write them into its log
def test_what_was_done_to_newer_rows_is_said(run, tmp_path, rows, first, notes):
    """A single row and equal values are enough after the rows of the run."""
    path = tmp_path / "new.csv"
    path.write_text(f"month,passengers\n{rows}")
    gap = ["1961-03"] if "1 of 5 rows were missing or had a missing value" in notes else []
    words = ("forecast", run, "--to", tmp_path, "--csv", path, "--steps", "1")
    done = in_process(*words, cwd=tmp_path, figures=bool(gap))
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "forecast.json").read_text())
    assert content["series"][0]["times"] == [first]
    assert [any(note in said for said in content["notes"]) for note in notes] == [True] * len(notes)
    assert len(content["notes"]) == len(notes)
    (series,) = content["series"]
    filled = [time for time, made in zip(series["past_times"], series["past_filled"], strict=True) if made]
    assert filled == gap
    assert not gap or "missing, filled" in (tmp_path / "forecast.svg").read_text()
    assert all(note in " ".join(done.stdout.split()) for note in content["notes"])


def test_the_error_of_the_model_stands_beside_that_of_the_best_baseline(run, tmp_path):
    answer = forecast(run, tmp_path)
    (data,) = Run.read(run).manifest.data.values()
    best = min(data.baselines, key=lambda baseline: baseline.scores.rmse)
    assert f"best baseline, {best.name}, {best.scores.rmse:.4g}" in answer["model"]["error"]
    trial = next(trial for trial in read_run(run)[2] if trial.plan.key == answer["model"]["key"])
    better = "the baseline forecasts better than this model" in answer["model"]["error"]
    assert better == (best.scores.rmse < trial.outcome.scores.rmse)
    close = best.scores.model_copy(update={"rmse": trial.outcome.scores.rmse * (1 - 1e-9)})
    equal = data.model_copy(update={"baselines": (best.model_copy(update={"scores": close}),)})
    assert "better" not in _error(trial, equal)  # the numbers beside the sentence are the same


def test_rows_that_were_added_to_the_file_are_known_and_other_changes_are_refused(written, tmp_path):
    """Of a file that grew, windows and scalers are those of the training."""
    path, old = tmp_path / "data.csv", written_without_the_last(5, tmp_path / "old.csv").read_text()
    table = {"csv": str(path), "target": "passengers", "time": "month", "difference": True}
    benchmark = loading.read(str(written(REFERENCE)), changes={"data": table})
    (plan,), (case,) = benchmark.trials(), benchmark.cases.values()
    path.write_text(old)
    trained = datasets.prepare(case.data, case.window)
    job = ForecastJob(
        plan=plan, case=case, cores=(0,), checkpoint="", steps=1, rows=trained.series.rows, digest=trained.digest
    )
    written_without_the_last(0, path)
    grown = datasets.prepare(case.data, case.window)
    assert grown.digest != trained.digest
    again = as_trained(grown, job)
    assert again.digest == trained.digest
    np.testing.assert_array_equal(again.scaler.offset, trained.scaler.offset)
    path.write_text(old.replace("1949-03,132", "1949-03,133"))
    with pytest.raises(datasets.DataError, match="has changed since the model was trained"):
        as_trained(datasets.prepare(case.data, case.window), job)


MISTAKES = {
    "no rows": (["--steps", "0"], "--steps: '0' is not a whole number from 1 to 10000; write one, as in --steps 12"),
    "no number": (["--steps", "abc"], "--steps: 'abc' is not a whole number"),
    "too many rows": (["--steps", "99999999"], "is not a whole number from 1 to 10000"),
    "an unknown model": (["--model", "gruu"], "has no finished model 'gruu'; did you mean 'gru'"),
    "an unknown backend": (["--backend", "flux"], "there is no backend 'flux'; did you mean 'flax'"),
    "a setting without a file": (["--time", "month"], "add --csv NEW, or leave --time out"),
    "no file": (["--csv", "missing.csv"], "there is no file"),
    "other columns": (["--csv", "other.csv"], "Name the file's columns as those of the run (month, passengers)"),
    "a setting that reads no file": (
        ["--csv", "other.csv", "--set", "data.scaling=none"],
        "as in --set data.decimal=,",
    ),
    "rows out of order that are refused": (
        ["--csv", "disorder.csv", "--set", "data.strict=true"],
        "sort the file by time, or leave out strict",
    ),
    "another step": (["--csv", "daily.csv"], "give a file with this time step"),
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(run, tmp_path, words, message):
    (tmp_path / "other.csv").write_text("month,riders\n1961-01,401\n1961-02,402\n1961-03,423\n")
    (tmp_path / "disorder.csv").write_text("month,passengers\n1961-02,402\n1961-01,401\n1961-03,423\n")
    (tmp_path / "daily.csv").write_text("day,passengers\n1961-01-01,401\n1961-01-02,402\n1961-01-03,423\n")
    done = in_process("forecast", run, "--to", tmp_path, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "forecast.csv").exists()


def test_a_model_is_named_as_the_report_writes_it(run, tmp_path):
    """The report capitalizes the names of cells. What the choice was limited to is said."""
    done = in_process("forecast", run, "--to", tmp_path, "--model", "GRU", "--backend", "reference", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    several = len({trial.plan.seed for trial in read_run(run)[2]})
    choice = f"the lowest validation loss of {several} trained models of this label and of this backend"
    assert (choice if several > 1 else "an error on the validation part") in " ".join(done.stdout.split())


def test_a_model_that_failed_its_certificate_is_chosen_only_by_name(reference_copy, tmp_path):
    """Its low error is that of another model than its label says."""
    best = forecast(reference_copy, tmp_path)["model"]
    certificate = read_run(reference_copy)[1]
    checks = [
        check.model_copy(update={"failure": "other losses"}) if check.case == best["case"] else check
        for check in certificate.checks
    ]
    write_json(reference_copy / "certificate.json", certificate.model_copy(update={"checks": tuple(checks)}))
    other = forecast(reference_copy, tmp_path)["model"]
    assert other["case"] != best["case"]
    assert "of 2 trained models equal to the reference implementation" in other["choice"]
    named = forecast(reference_copy, tmp_path, "--model", best["case"])["model"]
    assert named["key"] == best["key"]
    assert named["choice"].endswith("; it is not shown to equal the reference implementation.")
    assert "not shown" not in best["choice"] + other["choice"]


@pytest.mark.slow
def test_a_backend_that_is_not_in_the_run_forecasts_too(run, tmp_path):
    """A program of the user, and a second contestant of a program: any backend that is accepted as a name."""
    program(tmp_path)
    best = forecast(run, tmp_path, "--model", "gru")
    for name, phrase in (("./gru.py", "program gru.py"), ("pytorch#2", "second eager loop")):
        answer = forecast(run, tmp_path, "--model", "gru", "--backend", name)
        assert f"{phrase} in" in answer["model"]["choice"]
        assert answer["model"]["choice"].endswith("forecasts with its weights.")
        np.testing.assert_allclose(answer["series"][0]["values"], best["series"][0]["values"], rtol=1e-5)


def test_a_forecast_that_takes_the_place_of_an_earlier_one_says_so(run, tmp_path):
    first, second = (in_process("forecast", run, "--to", tmp_path, cwd=tmp_path).stdout for _ in range(2))
    assert "in place of" not in first
    assert second.count(", in place of an earlier forecast") == 3


def test_the_conformal_width_covers_new_errors_at_its_level():
    """Of errors from the same distribution: on average over many draws at least the level, and less than 1/n above."""
    random = np.random.default_rng(5)
    errors = random.exponential(size=(19, 400, 1))  # 400 draws, each of 19 errors, as steps
    width = conformal(errors, np.ones((19, 400), bool), 0.8)
    np.testing.assert_array_equal(width, np.sort(errors, axis=0)[ceil(20 * 0.8) - 1])
    covered = (random.exponential(size=(2000, 400, 1)) <= width).mean()
    assert 0.79 < covered < 0.86
    known = np.arange(19)[:, None] < np.array([[19, 4, 3]])  # the last step has too few errors for 80 %
    few = conformal(errors[:, :3], known, 0.8)
    assert np.isnan(few).ravel().tolist() == [False, False, True]
    assert few[1] == errors[:4, 1].max()


@pytest.mark.parametrize("difference", [True, False])
@pytest.mark.parametrize("horizon", [1, 3])
def test_the_band_beyond_the_horizon_is_from_the_errors_of_rollouts(difference, horizon):
    """Of a model that forecasts the mean change or the last value; its errors are computed in plain loops."""
    data = datasets.DataSpec(series="airline", difference=difference)
    windows = datasets.prepare(data, datasets.WindowSpec(length=6, horizon=horizon), "float64")
    values, step = windows.series.values[:, 0], windows.scaler.offset[0] if difference else 0.0

    class Steady:
        """Its scaled forecast is 0, the mean change; of values the last one."""

        def predict(self, x, resets=None):
            return np.tile(0 * x[:, -1] if difference else x[:, -1], horizon)

    forecaster = Forecaster(Steady(), Objective(), windows)
    ((start, stop),), ((begin, end),) = windows.split.spans["validation"], windows.split.spans["test"]
    steps = stop - start - 5  # at the last two steps, seven and six errors are too few for 90 %
    ahead = future.after_the_end(windows, windows.series, steps)
    points = forecaster.points(ahead)
    np.testing.assert_allclose(points.ravel(), values[-1] + step * np.arange(1, steps + 1))
    band, (low, high) = band_of(forecaster, ahead, points)
    assert (band.method, band.steps) == ("conformal", stop - start - 8)
    assert band.windows == tuple(stop - start - ahead for ahead in range(steps))
    for place in (0, 1, horizon, band.steps - 1):
        errors = sorted(
            abs(values[row + place] - values[row - 1] - step * (place + 1)) for row in range(start, stop - place)
        )
        half = errors[ceil((len(errors) + 1) * 0.9 - 1e-9) - 1]
        assert high[0, place, 0] - points[0, place, 0] == pytest.approx(half)
        assert points[0, place, 0] - low[0, place, 0] == pytest.approx(half)
        inside = [
            abs(values[row + place] - values[row - 1] - step * (place + 1)) <= half for row in range(begin, end - place)
        ]
        assert band.coverage_by_step[place] == pytest.approx(np.mean(inside))
    assert np.isnan(high[0, band.steps :]).all()
    assert band.test_windows == end - begin
    assert band.coverage_by_step[band.steps] is None


ORIGINS = REFERENCE.replace("difference = true", "difference = true\norigins = 3").replace(
    "units = 4", "units = [3, 4]"
)


def read(written, text, **options):
    return loading.read(str(written(text)), **options)


def test_an_origin_is_the_last_axis_of_a_definition(written):
    benchmark = read(written, ORIGINS)
    assert list(benchmark.cases) == [f"gru, units {u}, origin {o}" for u in (3, 4) for o in (1, 2, 3)]
    assert [case.data.origin for case in benchmark.cases.values()] == [1, 2, 3, 1, 2, 3]
    assert benchmark.configurations["gru, units 3"] == tuple(f"gru, units 3, origin {o}" for o in (1, 2, 3))
    assert len({plan.key for plan in benchmark.trials()}) == 6
    kept = read(written, ORIGINS, only={"data.origin": ["3"], "model.units": ["4"]})
    of_kept = [plan.key for plan in benchmark.trials() if plan.case == "gru, units 4, origin 3"]
    assert [plan.key for plan in kept.trials()] == of_kept
    two = read(written, ORIGINS, changes={"data.origins": 2})
    assert [case.data.origin for case in two.cases.values()] == [1, 2, 1, 2]
    again = loading.restore(benchmark.source, benchmark.definition)
    assert [plan.key for plan in again.trials()] == [plan.key for plan in benchmark.trials()]
    with pytest.raises(UserError, match="write one number of origins, as in origins = 5"):
        read(written, ORIGINS.replace("origins = 3", "origins = [3, 4]"))
    with pytest.raises(UserError, match="origins = 0"):
        read(written, ORIGINS.replace("origins = 3", "origins = 0"))


def test_origins_are_repetitions_of_a_search(written):
    benchmark = read(written, f"{ORIGINS}\n[search]\n")
    assert benchmark.search_space().axes == {"model.units": 2}
    assert benchmark.search_space().labels == ("gru, units 3", "gru, units 4")


@pytest.mark.slow
def test_a_run_over_origins_is_resumed_reproduced_and_forecasts_from_the_last_origin(written, tmp_path):
    text = ORIGINS.replace("[3, 4]", "3").replace("origins = 3", 'origins = 2\norigin_training = "sliding"')
    text = text.replace("batch = 16", 'batch = 16\nloss = "quantile"\nquantiles = [0.1, 0.5, 0.9]')
    results = ("--results", tmp_path / "results")
    done = in_process("run", written(text), *results, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = (tmp_path / "results" / "small" / "latest").resolve()
    manifest, certificate, trials = read_run(folder)
    assert [check.case for check in certificate.checks if check.passed].count("gru, origin 2") >= 1
    first, second = (manifest.data[case.data] for case in manifest.cases)
    assert (first.origin.number, second.origin.number, second.origin.training) == (1, 2, "sliding")
    assert max(first.test_times) < min(second.test_times)
    page = (folder / "report.md").read_text()
    assert "## Error by origin" in page
    assert "| GRU | 2 of 2 |" in page
    last = next(trial for trial in trials if trial.plan.case == "gru, origin 2")
    trial_path(folder, last.plan).unlink()
    assert in_process("resume", folder, cwd=tmp_path).returncode == 0
    again = next(trial for trial in read_run(folder)[2] if trial.plan.key == last.plan.key)
    assert again.outcome.final_digest == last.outcome.final_digest
    done = in_process("reproduce", folder, "--sample", "1", *results, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = forecast(folder, tmp_path)
    assert answer["model"]["case"] == "gru, origin 2"
    assert (answer["band"]["method"], answer["band"]["level"]) == ("quantiles", 0.8)
    (row,) = answer["series"]
    assert row["lower"][0][0] < row["values"][0][0] < row["upper"][0][0]


@pytest.mark.slow
def test_a_search_scores_a_configuration_by_the_mean_over_its_origins(written, tmp_path):
    text = f"{ORIGINS}\n[search]\nat_once = 1\n".replace("origins = 3", "origins = 2")
    done = in_process("run", written(text), "--results", tmp_path / "results", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = (tmp_path / "results" / "small" / "latest").resolve()
    result, run = read_search(folder), Run.read(folder)
    losses = {trial.plan.case: trial.outcome.kept_loss for trial in run.trials}
    for tried in result.tried:
        of_origins = [losses[f"{tried.case}, origin {number}"] for number in (1, 2)]
        assert tried.score == sum(of_origins) / 2
    assert result.selected == min(result.tried, key=lambda tried: tried.score).case
    page = (folder / "report.md").read_text()
    assert "both are means over 2 origins" in page
    assert "## Error by origin" in page


def test_the_coverage_of_a_band_counts_windows_with_a_known_value_and_names_its_extremes():
    """Filled rows are no true values. The lowest coverage may be that of a step in the middle."""
    values = np.array([[[1.0], [np.nan], [0.0]], [[1.0], [1.0], [1.0]], [[np.nan]] * 3, [[0.0], [1.0], [1.0]]])
    band = _described("conformal", 0.9, (9, 9, 9), 3, None, values)
    assert (band.test_windows, band.coverage) == (3, 0.75)
    assert band.coverage_by_step == (pytest.approx(2 / 3), 1, pytest.approx(2 / 3))
    assert _extremes(band) == "; 67 % at step 1 (the lowest), 100 % at step 2 (the highest)"
    assert _extremes(band.model_copy(update={"coverage_by_step": (0.811, 0.814, 0.809)})) == "; 81 % at every step"
