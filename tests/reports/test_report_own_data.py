"""What the report says of a file of the user: how it was read, and the scores of each of its series."""

import numpy as np
import synthetic_run

import reports
from reports.analysis.run import Run
from reports.figures import forecast
from reports.render.formats import significant
from reports.sections import results

LINES = (("file", "sales.csv: 60 rows"), ("time", "day as %Y-%m-%d"), ("settings", 'decimal = ","'))
GROUPS = (("Berlin", 10), ("Oslo", 20))


def scores(rmse: float):
    return synthetic_run.Scores(mse=rmse**2, rmse=rmse, mae=rmse)


def run_of_file(groups=GROUPS) -> tuple:
    """Records of two cells with three seeds, whose errors on the series are known numbers."""
    manifest, certificate, trials = synthetic_run.records(cells=("lstm", "gru"), seeds=(1, 2, 3), epochs=4, weeks=30)
    (key,) = manifest.data
    data = manifest.data[key]
    baselines = tuple(
        baseline.model_copy(update={"group_scores": tuple(scores(place + 1.25) for place in range(len(groups)))})
        for baseline in data.baselines
    )
    data = data.model_copy(update={"understood": LINES, "groups": groups, "baselines": baselines})
    trials = tuple(
        synthetic_run.change(
            trial,
            group_scores=tuple(scores(10 * trial.plan.seed + place + 0.5) for place in range(len(groups))),
        )
        for trial in trials
    )
    return manifest.model_copy(update={"data": {key: data}}), certificate, trials


def table_of(run: Run):
    (table,) = filter(None, (results.series_scores(run, case) for case in run.manifest.cases))
    return table


def test_each_series_has_a_row_with_the_median_error_of_each_model():
    """One table for all models that share the data; the medians of 10.5, 20.5 and 30.5, and of 11.5, 21.5 and 31.5.

    The models come first: baselines may be out of sight on a narrow screen.
    """
    table = table_of(Run(*run_of_file()))
    labels = [column.heading for column in table.columns]
    assert labels[:5] == ["series", "test windows", "LSTM, ppm", "GRU, ppm", "persistence, ppm"]
    rows = [[cell.text for cell in row.cells] for row in table.rows]
    expected = [["Berlin", "10", "20.5", "20.5", "1.25"], ["Oslo", "20", "21.5", "21.5", "2.25"]]
    assert [row[:5] for row in rows] == expected


def test_the_error_of_each_series_is_scaled_by_that_of_the_naive_forecast_on_its_training_rows():
    """For models and baselines in one table, from the recorded forecasts; a series without stored windows has none."""
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), seeds=(1, 2, 3), weeks=30, forecasts=True)
    groups, divisors = (("Berlin", 13), ("Rome", 1), ("Oslo", 46)), (0.5, 1.0, 2.0)
    scored = {"group_scores": tuple(map(scores, (1.0, 2.0, 3.0)))}
    data = manifest.data["co2"]
    changes = {
        "groups": groups,
        "test_windows": 60,
        "test_stride": 2,
        "training_errors": tuple((divisor,) for divisor in divisors),
        "baselines": tuple(baseline.model_copy(update=scored) for baseline in data.baselines),
    }
    data = data.model_copy(update=changes)
    run = Run(
        manifest.model_copy(update={"data": {"co2": data}}),
        certificate,
        tuple(synthetic_run.change(trial, **scored) for trial in trials),
    )
    table, stored = table_of(run), {"Berlin": slice(7), "Oslo": slice(7, 30)}
    truth = np.array(data.test_truth)
    outcomes = [trial.outcome for trial in trials if trial.plan.backend == "pytorch" and trial.plan.mode == "matched"]
    forecasts = {"persistence, ppm": data.baselines[:1], "GRU, ppm": outcomes}
    for heading, members in forecasts.items():
        place = [column.heading for column in table.columns].index(heading)
        errors = [np.abs(np.array(member.predictions) - truth) for member in members]
        for row, divisor in zip(table.rows, divisors, strict=True):
            rows = stored.get(row.cells[0].text)
            mase = rows and np.median([error[rows].mean() / divisor for error in errors])
            assert row.cells[place].detail == ("" if rows is None else f"MASE {significant(mase)}")


def test_of_many_series_the_first_are_shown_and_the_number_is_said():
    groups = tuple((f"store {number}", 1) for number in range(1000))
    table = table_of(Run(*run_of_file(groups)))
    assert len(table.rows) == results.MOST_SERIES
    assert f"the first {results.MOST_SERIES} of 1,000 series" in table.caption


def test_a_single_series_has_no_such_table():
    run = Run(*synthetic_run.records(cells=("lstm",), epochs=4, weeks=30))
    assert [results.series_scores(run, case) for case in run.manifest.cases] == [None]


def test_the_forecast_of_one_series_is_drawn_with_its_step_in_words():
    """Windows of several series follow one another, so a line through all of them would go back in time."""
    manifest, certificate, trials = run_of_file()
    (key,) = manifest.data
    data = manifest.data[key].model_copy(update={"step": "15 minutes"})
    run = Run(manifest.model_copy(update={"data": {key: data}}), certificate, trials)
    (figure, *_) = forecast.forecasts(run)
    assert "the last 20 steps of 15 minutes of the test part of the series Oslo" in figure.caption


def test_the_page_says_how_the_file_was_read(tmp_path):
    """In the data section, once for all models; a registered series has no such table."""
    synthetic_run.store(tmp_path, *run_of_file())
    page = reports.write(tmp_path).markdown.read_text()
    assert page.count("### The file co2") == 1
    assert '| settings | decimal = "," |' in page
    assert "### Scores per series" in page
    registered = Run(*synthetic_run.records(cells=("lstm",), epochs=4, weeks=30))
    assert not [data for data in registered.manifest.data.values() if data.understood]
