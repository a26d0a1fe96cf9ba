"""Columns of the calendar: the right phase, known ahead of time, in every run."""

import numpy as np
import pandas as pd
import pytest

from datasets import DataError, DataSpec, WindowSpec, prepare, read
from tests.datasets.typed import spec


def hours(tmp_path, rows: int = 24 * 60):
    path = tmp_path / "hours.csv"
    times = pd.date_range("2021-01-04 00:00", periods=rows, freq="h")  # a Monday
    pd.DataFrame({"time": times, "load": np.random.default_rng(0).normal(size=rows)}).to_csv(path, index=False)
    return path, times


def test_each_row_has_the_calendar_of_the_next(tmp_path):
    """Angles are recovered from sine and cosine."""
    path, times = hours(tmp_path)
    words = ["--csv", str(path), "--target", "load", "--time", "time", "--calendar", "hour,weekday,month"]
    series = read(spec(words))
    assert series.columns[1:] == (
        "hour sine", "hour cosine", "weekday sine", "weekday cosine", "month sine", "month cosine",
    )  # fmt: skip
    following = times + pd.Timedelta("1h")
    for place, values, size in ((1, following.hour, 24), (3, following.day_of_week, 7), (5, following.month - 1, 12)):
        turns = np.arctan2(series.values[:, place], series.values[:, place + 1]) / (2 * np.pi) % 1
        np.testing.assert_allclose(np.round(turns * size, 6) % size, values)
    assert "the hour, the weekday, the month of the row after it as sine and cosine" in " ".join(series.notes)


def test_the_last_input_row_describes_the_first_target_row(tmp_path):
    path, times = hours(tmp_path)
    data = DataSpec(csv=path, target="load", time="time", calendar=["hour"], scaling="none")
    windows = prepare(data, WindowSpec(length=5, horizon=3), "float64")
    first = np.asarray(windows.test.rows)
    expected = np.sin(2 * np.pi * times.hour.to_numpy()[first] / 24)
    np.testing.assert_allclose(windows.test.x[:, -1, 1], expected, atol=1e-9)
    assert windows.test.y.shape[1] == 3  # the calendar is no target


def test_a_registered_series_has_a_calendar():
    series = read(DataSpec(series="airline", calendar="month"))
    assert series.columns == ("passengers", "month sine", "month cosine")
    assert series.values[0, 1] == pytest.approx(0.5)  # the row of January describes February
    assert series.values[11, 1:].tolist() == [0, 1]  # December describes January


@pytest.mark.parametrize(
    ("name", "part"), [("co2", "hour"), ("co2", "weekday"), ("airline", "hour"), ("sunspots", "month")]
)
def test_a_part_of_the_calendar_that_never_changes_is_refused(name, part):
    with pytest.raises(DataError, match=f"{name} has the same {part} in every row, .*: remove '{part}' from"):
        read(DataSpec(series=name, calendar=["month", part] if part != "month" else [part]))


def test_a_calendar_needs_time_stamps_and_no_rollout(tmp_path):
    path, _ = hours(tmp_path)
    with pytest.raises(DataError, match=r"has no time stamps, which data\.calendar needs"):
        read(DataSpec(csv=path, target="load", calendar=["hour"]))
    data = DataSpec(csv=path, target="load", time="time", calendar=["hour"])
    with pytest.raises(DataError, match=r"'hour sine' has none: .* or remove it from data\.features or data\.calendar"):
        prepare(data, WindowSpec(length=5, horizon=3, rollout=True))
