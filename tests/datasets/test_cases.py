"""The small files in cases/, each with one kind of trouble: the right reading, or the question and its answers."""

from pathlib import Path

import numpy as np
import pytest

from datasets import WindowSpec, cut, read
from datasets.spec import counted
from tests.datasets.typed import CASES, advice, outcomes, refusal, spec

SIXTY = [
    20.0, 24.4, 27.7, 28.1, 27.4, 24.9, 20.2, 16.6, 14.1, 12.3, 13.8, 16.0, 20.4, 24.8, 27.0, 28.5, 27.8, 24.2, 20.6,
    17.0, 13.4, 12.7, 13.1, 16.4, 20.8, 24.1, 27.4, 28.9, 27.1, 24.6, 21.0, 16.3, 13.8, 12.0, 13.5, 16.8, 20.1, 24.5,
    27.8, 28.2, 27.5, 25.0, 20.3, 16.7, 13.1, 12.4, 13.9, 16.1, 20.5, 24.9, 27.1, 28.6, 27.9, 24.3, 20.7, 16.0, 13.5,
    12.8, 13.2, 16.5,
]  # fmt: skip
DAYS = ("2020-01-01", "2020-02-29", "day", 7)
HOURS = ("2021-01-01T00:00", "2021-01-03T11:00", "hour", 24)
READ = {  # file: target, time, first and last label, step, season
    "semicolon-decimal-comma": ("units", "day", *DAYS),
    "day-first-dot": ("units", "day", *DAYS),
    "day-first-slash": ("units", "day", *DAYS),
    "month-name": ("units", "day", *DAYS),
    "latin1": ("température", "day", *DAYS),
    "utf16": ("units", "day", *DAYS),
    "compressed": ("units", "day", *DAYS),
    "comments-above": ("units", "day", *DAYS),
    "blank-first-line": ("units", "day", *DAYS),
    "blank-lines-between": ("units", None, "row 1", "row 60", "row", None),
    "sep-line": ("units", "day", *DAYS),
    "units-in-cells": ("units", "day", *DAYS),
    "percent": ("units", "day", *DAYS),
    "one-letter-header": ("T", None, "row 1", "row 60", "row", None),
    "numbered-header": ("1", "day", *DAYS),
    "comma-in-column-name": ('"sales, total"', "day", *DAYS),
    "thousands-comma-quoted": ("units", "day", *DAYS),
    "thousands-comma-semicolon": ("units", "day", *DAYS),
    "three-header-lines": ("Close", "Price", *DAYS),
    "total-row-below": ("units", "day", *DAYS),
    "two-digit-years": ("units", "month", "1949-01", "1953-12", "month", 12),
    "date-and-time-columns": ("units", "date,time", *HOURS),
    "year-month-day-hour-columns": ("units", "year,month,day,hour", *HOURS),
    "epoch-seconds": ("units", "time", *HOURS),
    "epoch-milliseconds": ("units", "time", *HOURS),
    "quarters": ("units", "quarter", "2000-01", "2014-10", "quarter", 4),
    "year-month-counter": ("units", "month", "0001-01", "0005-12", "month", 12),
    "local-midnight-offsets": ("units", "day", "2023-02-01", "2023-04-01", "day", 7),
    "business-days": ("close", "day", "2020-01-01", "2020-03-24", "business day", 5),
    "business-month-ends": ("close", "day", "2015-01", "2019-12", "month", 12),
    "text-and-empty-columns": ("units", "day", *DAYS),
}
HUNDREDFOLD = [float(int(value * 100)) for value in SIXTY]
VALUES = {"thousands-comma-quoted": [1000 * value for value in SIXTY], "thousands-comma-semicolon": HUNDREDFOLD}


def words(name: str, target: str, time: str | None = None, *more: str) -> list[str]:
    """The options of `run` for a case."""
    file = next(CASES.glob(f"{name}.csv*"))
    return ["--csv", str(file), "--target", target, *(["--time", time] if time else []), *more]


def only_series(options: list[str]):
    """The series of a file that is read without a question."""
    return read(spec(options))


@pytest.mark.parametrize("name", READ)
def test_a_case_is_read_without_a_setting(name):
    """All sixty values, the right times, step and season."""
    target, time, first, last, step, season = READ[name]
    series = only_series(words(name, target, time))
    np.testing.assert_allclose(series.values[:, 0], VALUES.get(name, SIXTY), rtol=1e-15)
    assert (series.label(0), series.label(series.rows - 1)) == (first, last)
    assert (series.step, series.season) == (step, season)
    assert len(series.filled) == 0


@pytest.mark.parametrize("name", READ)
def test_the_settings_that_are_stated_repeat_the_reading(name):
    """They are typed as they are printed."""
    target, time, *_ = READ[name]
    series = only_series(words(name, target, time))
    stated = dict(series.understood)["settings"]
    typed = (
        [] if stated == "none needed" else [word for part in stated.split(", ") for word in ("--set", _option(part))]
    )
    again = only_series(words(name, target, time, *typed))
    np.testing.assert_array_equal(series.values, again.values)
    np.testing.assert_array_equal(series.times, again.times)


def _option(setting: str) -> str:
    name, _, value = setting.partition(" = ")
    return f"data.{name}={value}"


@pytest.mark.parametrize("marker", ["minus-200", "minus-99-99", "minus-999-999", "1e20"])
def test_a_number_far_from_all_others_is_a_missing_value(marker):
    """Every twentieth value; it is said, filled for the input, and no window forecasts it."""
    series = only_series(words(f"sentinel-{marker}", "units", "day"))
    assert series.filled.tolist() == series.unscored.tolist() == [7, 27, 47]
    expected = [SIXTY[row - 1] if row in (7, 27, 47) else value for row, value in enumerate(SIXTY)]
    assert series.values[:, 0].tolist() == expected
    assert "far from all other values, was read as missing in 3 rows" in " ".join(series.notes)


def test_a_marker_with_blanks_is_a_missing_value():
    """`NA ` is `NA`."""
    series = only_series(words("missing-with-blank", "units", "day"))
    assert series.filled.tolist() == [7, 27, 47]
    assert series.values[[6, 7], 0].tolist() == [SIXTY[6], SIXTY[6]]


def test_missing_days_are_filled_said_and_not_forecast():
    """The file lacks 31 December of a leap year, as the lesson's own file does."""
    series = only_series(words("leap-years-lack-a-day", "Temp", "Date"))
    assert (series.rows, series.step, series.label(0), series.label(799)) == (800, "day", "1983-11-15", "1986-01-22")
    (row,) = series.unscored
    assert series.label(row) == "1984-12-31"
    assert series.values[row] == series.values[row - 1]
    windows = cut(series, spec(words("leap-years-lack-a-day", "Temp", "Date")), WindowSpec(length=5, horizon=3))
    first = np.asarray(windows.train.rows)
    assert not ((first <= row) & (row < first + 3)).any()
    assert {row - 3, row + 1} <= set(first.tolist())
    assert "left out of loss and scores: 3 in train, 0 in validation, 0 in test" in " ".join(windows.notes)


def test_quarter_hours_have_a_season_of_a_day():
    series = only_series(words("quarter-hours", "units", "time"))
    assert (series.rows, series.step, series.season) == (240, "15 minutes", 96)


def test_the_total_and_further_header_lines_are_said():
    """What is left out is stated with its text."""
    assert "'Total,1229.3'" in " ".join(only_series(words("total-row-below", "units", "day")).notes)
    notes = " ".join(only_series(words("three-header-lines", "Close", "Price")).notes)
    assert "lines 2 and 3" in notes
    assert "Ticker" in notes
    by_other_name = only_series(words("three-header-lines", "Close", "Date"))
    assert by_other_name.label(0) == "2020-01-01"


def test_years_of_two_digits_are_said():
    notes = " ".join(only_series(words("two-digit-years", "units", "month")).notes)
    assert "read as 1949 to 1953" in notes


@pytest.mark.parametrize("name", ["text-and-empty-columns", "year-month-day-hour-columns"])
def test_all_columns_of_numbers_are_features_and_the_others_are_named(name):
    target, time, *_ = READ[name]
    series = only_series(words(name, target, time, "--features", "*"))
    assert series.columns == (("units",) if name.startswith("text") else ("No", "units"))
    assert "wind (text)" in dict(series.understood)["columns"]


def test_a_repeated_stamp_is_averaged_and_said():
    series = only_series(words("duplicate-stamp", "units", "day"))
    repeated = 29
    assert series.rows == 59
    assert series.values[repeated, 0] == pytest.approx((SIXTY[29] + SIXTY[30]) / 2)
    assert "earlier row (row 31) was averaged with it" in " ".join(series.notes)
    for rule, value in (("first", SIXTY[29]), ("last", SIXTY[30])):
        kept = only_series(words("duplicate-stamp", "units", "day", "--set", f"data.duplicates={rule}"))
        assert kept.values[repeated, 0] == value


def test_a_jump_back_in_time_is_sorted_and_said():
    """Rows 41 to 60 begin an hour earlier than row 40 ends."""
    series = only_series(words("jump-back-in-time", "units", "time"))
    assert (series.rows, series.step) == (48, "5 minutes")
    assert series.values[28, 0] == pytest.approx((SIXTY[28] + SIXTY[40]) / 2)
    assert "row 41, 2014-01-07T02:20:00, comes after 2014-01-07T03:15:00" in " ".join(series.notes)
    assert "comes after" in refusal(words("jump-back-in-time", "units", "time", "--strict"))


def test_a_bad_cell_is_named_with_its_row_and_can_be_a_missing_value():
    options = words("decimal-comma-one-bad-cell", "units", "day")
    assert "column 'units', row 4 holds 'kaputt'" in refusal(options)
    (series,) = outcomes(options)
    assert series.filled.tolist() == [3]
    assert series.values[4, 0] == SIXTY[4]


def test_a_point_before_three_digits_is_asked_for():
    """2.000 is two thousand or two: one answer for each."""
    options = words("thousands-point-semicolon", "units", "day")
    assert "row 1 holds '2.000', which can mean 2000 or 2" in refusal(options)
    large, small = outcomes(options)
    assert large.values[:, 0].tolist() == HUNDREDFOLD
    np.testing.assert_allclose(small.values[:, 0], np.divide(HUNDREDFOLD, 1000))


def test_days_that_can_be_months_are_asked_for(tmp_path):
    """The case's first twelve rows prove neither order."""
    lines = (CASES / "day-first-slash.csv").read_text().splitlines()[:13]
    (tmp_path / "short.csv").write_text("\n".join(lines) + "\n")
    options = ["--csv", str(tmp_path / "short.csv"), "--target", "units", "--time", "day"]
    assert "row 2 holds '02/01/2020', which can mean 2020-01-02 or 2020-02-01" in refusal(options)
    days, months = outcomes(options)
    assert (days.step, months.step) == ("day", "month")


def test_the_rest_of_a_time_stamp_is_asked_for():
    """`--time date` alone."""
    options = words("date-and-time-columns", "units", "date")
    assert "'time' holds the rest of it" in refusal(options)
    whole, days, months = outcomes(options)  # of the dates alone, 01/02 can be two days
    assert (whole.rows, whole.step, days.rows, days.step, months.step) == (60, "hour", 3, "day", "month")


def test_a_repeated_hour_is_asked_for():
    """The end of summer time: the zone makes the hours regular."""
    options = words("summer-time-ends", "units", "time")
    assert "row 28 repeats the time stamp 2023-10-29T02:00:00 of row 27, as at the end of summer time" in refusal(
        options
    )
    local = outcomes(options)[0]
    np.testing.assert_array_equal(local.values[:, 0], SIXTY)
    assert (local.step, local.label(0), local.label(59)) == ("hour", "2023-10-27T22:00", "2023-10-30T09:00")
    assert len(local.filled) == 0


def test_irregular_stamps_are_asked_for():
    """The step that fits best is named; with it, each step has the mean of its rows."""
    options = words("irregular-sensor", "units", "time")
    message = refusal(options)
    assert advice(message)[0] == ["--set", "data.resample=5 minutes", "--set", "data.time=time"]
    resampled, rows = outcomes(options)
    assert (resampled.step, resampled.label(0)) == ("5 minutes", "2015-09-01T00:00")
    assert resampled.values[:3, 0].tolist() == [20.0, 24.4, 27.7]
    assert "7 of 67 rows" in " ".join(resampled.notes)
    assert rows.values[:, 0].tolist() == SIXTY


def test_several_series_in_one_file_are_asked_for():
    """The column that tells them apart is named."""
    options = words("panel-long", "units", "day")
    assert "column 'store' tells them apart" in refusal(options)
    grouped, averaged = outcomes(options)
    assert (grouped.groups, grouped.runs, grouped.rows) == (("A", "B"), (0, 60), 120)
    np.testing.assert_allclose(grouped.values[:60, 0], SIXTY)
    np.testing.assert_allclose(averaged.values[:, 0], (grouped.values[:60, 0] + grouped.values[60:, 0]) / 2)


@pytest.mark.parametrize("doubled", [1, 4])
def test_lines_that_stand_twice_do_not_hide_that_a_file_has_several_series(tmp_path, doubled):
    """With them no column tells all rows apart, and the mean of all stores would be forecast."""
    options = words("panel-long", "units", "day")
    lines = Path(options[options.index("--csv") + 1]).read_text().splitlines()
    path = tmp_path / "doubled.csv"
    path.write_text("\n".join([*lines, *lines[5 : 5 + doubled]]) + "\n")
    options[options.index("--csv") + 1] = str(path)
    message = refusal(options)
    assert "column 'store' tells them apart" in message
    grouped = read(spec([*options, *advice(message)[0]]))
    assert grouped.groups == ("A", "B")
    assert any(f"{counted(doubled)} with the time stamp of an earlier row" in note for note in grouped.notes)
