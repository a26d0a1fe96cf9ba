"""Files of the user: what is read, and what is refused with a sentence that names the place."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datasets import DataError, DataSpec, WindowSpec, prepare, read
from tests.datasets.typed import outcomes

DAYS = pd.date_range("2020-01-01", periods=30)


def written(tmp_path: Path, text: str, name: str = "data.csv") -> Path:
    """Write a file and return its path."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def table(values=None, times=DAYS, header: str = "day,a,b") -> str:
    """A CSV text: thirty days of two columns. values: cells of column a by row, counted from 1."""
    cells = [f"{number}.5" for number in range(len(times))]
    for row, cell in (values or {}).items():
        cells[row - 1] = cell
    rows = enumerate(zip(times, cells, strict=True))
    lines = [f"{time:%Y-%m-%d},{cell},{number % 4}" for number, (time, cell) in rows]
    return "\n".join([header, *lines]) + "\n"


def spec(path: Path, **settings) -> DataSpec:
    """Column a over days, unless the settings differ."""
    return DataSpec(csv=path, **{"target": "a", "time": "day"} | settings)


def refusal(path: Path, **settings) -> str:
    """The sentence with which the file is refused, without the name of its folder."""
    with pytest.raises(DataError) as caught:
        read(spec(path, **settings))
    message = str(caught.value).replace(f"{path.parent}/", "")
    assert "\n" not in message
    assert message[-1] in ".?"
    return message


def test_a_plain_file_is_read_unchanged(tmp_path):
    """Values and columns are those of the file; step and season follow from the time stamps."""
    series = read(spec(written(tmp_path, table()), features=["b"]))
    assert (series.rows, series.columns, series.targets, series.step, series.season) == (
        30,
        ("a", "b"),
        ("a",),
        "day",
        7,
    )
    assert series.values[2].tolist() == [2.5, 2.0]
    assert series.times.astype("datetime64[D]").astype(str)[[0, -1]].tolist() == ["2020-01-01", "2020-01-30"]


def test_parquet_gives_the_same_series(tmp_path):
    """The CSV and the Parquet reader return equal bits."""
    path = written(tmp_path, table())
    pd.read_csv(path, parse_dates=["day"]).to_parquet(tmp_path / "data.parquet")
    csv, parquet = read(spec(path)), read(spec(tmp_path / "data.parquet"))
    np.testing.assert_array_equal(csv.values, parquet.values)
    np.testing.assert_array_equal(csv.times, parquet.times)


def test_a_changed_file_gives_changed_windows(tmp_path):
    """No content is cached between two readings, although size and name of the file stay the same."""
    path = written(tmp_path, table())
    before = prepare(spec(path), WindowSpec(length=3))
    path.write_text(path.read_text().replace("7.5", "8.5"))
    assert prepare(spec(path), WindowSpec(length=3)).digest != before.digest


def test_semicolons_decimal_commas_and_other_dates_can_be_set(tmp_path):
    """The format of a German spreadsheet; without a setting, it is derived."""
    lines = ["Tag;a", *(f"{time:%d.%m.%Y};{number},5" for number, time in enumerate(DAYS))]
    path = written(tmp_path, "\n".join(lines))
    series = read(spec(path, time="Tag", separator=";", decimal=",", time_format="%d.%m.%Y"))
    for again in (series, read(spec(path, time="Tag"))):
        assert (again.values[3, 0], again.step) == (3.5, "day")
    wrong = refusal(path, time="Tag", decimal=".")
    assert wrong.startswith(
        "data.csv, column 'a', row 1 holds '0,5', which is not a number like the others: set data.de"
    )


@pytest.mark.parametrize(
    ("frequency", "step", "season"),
    [("h", "hour", 24), ("W", "week", 52), ("MS", "month", 12), ("ME", "month", 12), ("QS", "quarter", 4),
     ("YS", "year", None), ("15min", "15 minutes", 96), ("2MS", "2 months", 6), ("B", "business day", 5),
     ("BME", "month", 12), ("BQE", "quarter", 4), ("QE", "quarter", 4), ("W-WED", "week", 52), ("min", "minute", 1440),
     ("s", "second", 3600), ("2h", "2 hours", 12), ("6MS", "6 months", 2), ("10YS", "10 years", None),
     ("3D", "3 days", None), ("YE", "year", None), ("BYE-MAR", "year", None)],
)  # fmt: skip
def test_the_step_follows_from_the_time_stamps(tmp_path, frequency, step, season):
    """Months are regular although they differ in length; missing rows are found by the step."""
    times = pd.date_range("2019-01-01", periods=40, freq=frequency)
    frame = pd.DataFrame({"day": times, "a": np.arange(40.0)})
    whole, holed = tmp_path / "whole.csv", tmp_path / "holed.csv"
    frame.to_csv(whole, index=False)
    frame.drop(index=[7, 8]).to_csv(holed, index=False)
    series, filled = read(spec(whole)), read(spec(holed))
    assert (series.step, series.season) == (step, season)
    np.testing.assert_array_equal(series.times, times.to_numpy())
    there = np.delete(np.arange(40), [7, 8])
    np.testing.assert_array_equal(filled.times[there], times.to_numpy()[there])
    assert np.abs(filled.times[[7, 8]] - times.to_numpy()[[7, 8]]).max() <= np.timedelta64(3, "D")
    assert filled.values[5:10, 0].tolist() == [5, 6, 6, 6, 9]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "data.csv, column 'a', row 9 has no value, or a mark of a missing one such as -999: leave out strict"),
        ("NA", "data.csv, column 'a', row 9 has no value"),
        ("?", "data.csv, column 'a', row 9 has no value"),
        ("999.9", "data.csv, column 'a', row 9 has no value"),
        ("-9999", "data.csv, column 'a', row 9 has no value"),
        ("?0.2", "data.csv, column 'a', row 9 holds '?0.2', which is not a number like the others: correct it, or if"),
        ("inf", "data.csv, column 'a', row 9 holds 'inf', which is not a number like the others: correct it, or if"),
        ("1e999", "data.csv, column 'a', row 9 holds inf: leave the cell empty, or set data.missing = "),
        ("-5e301", "data.csv, column 'a', row 9 holds -5e+301, whose square is beyond double precision: rescale the"),
    ],
)
def test_a_cell_without_a_number_is_named(tmp_path, cell, message):
    """The error gives row and column."""
    assert refusal(written(tmp_path, table({9: cell})), strict=True).startswith(message)


def test_gaps_are_filled_as_the_setting_says_with_a_note(tmp_path):
    """gaps = "carry" repeats the value before the gap; missing values at the ends are cut off."""
    path = written(tmp_path, table({1: "", 9: "?", 10: "-9999", 30: "NA"}))
    series = read(spec(path, gaps="carry"))
    assert series.rows == 28
    assert series.values[6:10, 0].tolist() == [7.5, 7.5, 7.5, 10.5]
    assert str(series.times[0])[:10] == "2020-01-02"
    notes = " ".join(series.notes)
    assert all(
        part in notes
        for part in ("-9999, far from all other values", "2 of 28 rows", "1 row at the start, 1 at the end")
    )
    straight = read(spec(path, gaps="interpolate"))
    np.testing.assert_allclose(straight.values[6:10, 0], [7.5, 8.5, 9.5, 10.5])
    assert "uses values after the gap" in " ".join(straight.notes)


def test_a_marker_within_the_range_of_other_values_is_a_number(tmp_path):
    """999 in a column that counts to a thousand is a number; so is 999 if `missing` does not list it."""
    for marker, other in (("999", "600"), ("-999", "-600")):
        assert read(spec(written(tmp_path, table({9: marker, 10: other})))).values[8, 0] == float(marker)
        assert read(spec(written(tmp_path, table({9: marker})), missing="")).values[8, 0] == float(marker)
    counting = "n\n" + "\n".join(map(str, range(1100)))
    assert read(DataSpec(csv=written(tmp_path, counting), target="n")).rows == 1100
    listed = written(tmp_path, table({9: "7777", 10: "n/k"}), "listed.csv")
    assert len(read(spec(listed, missing="7777, n/k", gaps="carry")).filled) == 2


def swapped(first: int, second: int):
    """The thirty days with two of them exchanged, counted from 1."""
    order = list(range(30))
    order[first - 1], order[second - 1] = second - 1, first - 1
    return DAYS[order]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (DAYS.insert(5, DAYS[4])[:30], "data.csv, column 'day', row 6 repeats the time stamp 2020-01-05 of row 5"),
        (swapped(8, 9), "data.csv, column 'day', row 9, 2020-01-08, comes after 2020-01-09: sort the file by time, or"),
        (DAYS.delete(6), "data.csv, column 'day' lacks 2020-01-07 after row 6: leave out strict"),
        (DAYS[:29].append(pd.DatetimeIndex(["2520-01-01"])), "data.csv, column 'day' jumps from 2020-01-29 in row 29"),
    ],
)  # fmt: skip
def test_irregular_time_stamps_are_named(tmp_path, times, message):
    """Repeated and unordered stamps, missing rows, and a wrong year, of which only the last is an error by default."""
    path = written(tmp_path, table(times=times))
    assert refusal(path, strict=True).startswith(message)
    if "jumps" not in message:
        series = read(spec(path))
        assert (np.diff(series.times) == np.timedelta64(1, "D")).all()
        assert len(series.notes) == 1


def test_stamps_between_the_steps_are_named(tmp_path):
    """A stamp at half past in an hourly series."""
    times = [*pd.date_range("2020-01-01", periods=20, freq="h"), pd.Timestamp("2020-01-01 20:30")]
    path = tmp_path / "data.csv"
    pd.DataFrame({"day": times, "a": range(21)}).to_csv(path, index=False)
    assert (
        "row 21, 2020-01-01T20:30:00, is not a whole number of steps (1 hour) after 2020-01-01: for the mean"
        in refusal(path)
    )
    assert read(spec(path, order="rows")).rows == 21


def test_a_file_with_the_newest_row_first_is_reversed(tmp_path):
    """Common in exports; without reversal a model would forecast the past."""
    series = read(spec(written(tmp_path, table(times=DAYS[::-1]))))
    assert (series.values[0, 0], str(series.times[0])[:10]) == (29.5, "2020-01-01")
    assert "newest row first" in " ".join(series.notes)


def test_ambiguous_dates_are_not_guessed(tmp_path):
    """In 03/04/2020, day and month are ambiguous."""
    path = written(tmp_path, "day,a\n03/04/2020,1\n04/04/2020,2\n05/04/2020,3\n")
    assert "row 1 holds '03/04/2020', which can mean 2020-04-03 or 2020-03-04: for the first, set" in refusal(path)
    assert read(spec(path, time_format="%d/%m/%Y")).step == "day"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data.csv is empty: it needs a header line and rows of numbers."),
        ("\n\n", "data.csv is empty"),
        ("day,a\n", "data.csv has 0 rows of data below its header: a forecast needs at least 2."),
        ("day,a\n2020-01-01,5\n", "data.csv has 1 row of data below its header"),
        ("day,temp\n2020-01-01,5\n", "there is no column 'a' in data.csv; it has day, temp."),
        ("2020-01-01,5\n2020-01-02,6\n", "there is no column 'a' in data.csv; it has column 1, column 2."),
        ("day,a\n2020-01-01,5,7\n2020-01-02,6,7\n", "data.csv has 3 cells in line 2 and 2 in its header, line 1: give"),
        ("day,a\n2020-01-01,5\n2020-01-02,5,7\n", "data.csv has 3 cells in line 3 and 2 in its other rows: correct"),
        ('day,a\n2020-01-01,5\n2020-01-02,"5\n', "data.csv has a quotation mark without its pair in its last line"),
        ("day,a\n2020-01-01,\n2020-01-02,\n", "data.csv, column 'a' has no value in any of its 2 rows"),
        ("day,a\n2020-01-01,5\n2020-01-02,5\n", "data.csv, column 'a' holds 5 in every row: there is nothing"),
        ("day,a\n2020-01-01,5\n2020-01-02,5\0\n", "data.csv is not a text file"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_table_is_refused(tmp_path, text, message):
    """Each error says what is wrong and where."""
    assert refusal(written(tmp_path, text)).startswith(message)


def test_errors_for_misspelt_names_contain_the_closest_name(tmp_path):
    """For files and for columns."""
    path = written(tmp_path, table(header="day,a temp,b"))
    assert refusal(path, target="atemp") == "there is no column 'atemp' in data.csv; did you mean 'a temp'?"
    assert (
        refusal(path, target="day")
        == "data.csv, column 'day' cannot be both time and a target or feature: remove it from one."
    )
    assert refusal(tmp_path / "dta.csv").startswith("there is no file dta.csv; did you mean")
    assert "is a folder" in refusal(tmp_path)
    assert "is not a regular file" in refusal(Path("/dev/null"))


def test_a_huge_file_that_is_no_table_is_refused_after_reading_its_head(tmp_path):
    """A file of two gigabytes is refused without reading all of it."""
    path = written(tmp_path, "day;a;b\n2020-01-01;5;6\n")
    with path.open("rb+") as file:
        file.truncate(2 << 30)
    assert refusal(path, target="a").startswith("data.csv is not a text file")
    path.write_text("day;a;b\n" + "2020-01-01;5;6\n" * 100_000)
    with path.open("rb+") as file:
        file.truncate(2 << 30)
    assert refusal(path).startswith("data.csv has a line of more than a million characters")
    path.write_bytes(b"1" * (1 << 20))
    with path.open("rb+") as file:
        file.truncate(2 << 30)
    assert refusal(path).startswith("data.csv has no end of line in its first 1,048,576 bytes")


def test_a_damaged_parquet_file_is_refused(tmp_path):
    """A truncated file has no footer."""
    whole = tmp_path / "data.parquet"
    pd.DataFrame({"day": DAYS, "a": np.arange(30.0)}).to_parquet(whole)
    whole.write_bytes(whole.read_bytes()[:-20])
    assert refusal(whole).startswith("data.parquet is not a complete Parquet file")


@pytest.mark.parametrize(
    "text",
    [
        "day;a\n2020-01-01;1,5\n2020-01-02;2,5\n2020-01-03;3,5\n",
        "day\ta\n2020-01-01\t1\n2020-01-02\t2\n2020-01-03\t3\n",
        "day,a\n2020-01-01,1\n2020-01-02,n/k\n2020-01-03,3\n",
        "day,a\n2020-01-01,1\n2020-01-02,inf\n2020-01-03,3\n",
        "day,a\n2020-01-01,1\n2020-01-02,1e999\n2020-01-03,3\n",
        "day,a\n2020-01-01,1\n2020-01-02,\n2020-01-03,3\n",
        "day,a\n2020-01-01,1\n2020-01-02,2\n2020-01-05,3\n2020-01-06,4\n",
        "day,a\n2020-01-01,1\n2020-01-02,2\n2020-01-03T12:00,3\n2020-01-04,3\n",
        "day,a\n2020-01-01,1\n2020-01-02,2\nsoon,3\n2020-01-04,3\n",
        "day,a\n2020-01-01,1\n2020-01-02,2\n2020-02-31,3\n2020-01-04,3\n",
        "day,a\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n2920-01-04,3\n",
        "day,a\n30/01/2020,1\n31/01/2020,2\n01/02/2020,3\n",
        "day,a\n3/1/2020,1\n4/1/2020,2\n5/1/2020,3\n",
        "day,a\nfirst,1\nsecond,2\nthird,3\n",
        "day;a\n2020-01-01;1.000\n2020-01-02;2.000\n2020-01-03;3.500\n",
        "day,a\n2020-01-01,20 kg\n2020-01-02,21 kg\n2020-01-03,22 g\n2020-01-04,25 kg\n",
        "day,a\n" + "".join(f"2020-01-{day:02},{7 if day % 9 else 5000}.{day:02}\n" for day in range(1, 30)),
        "day,a\n" + "".join(f"2020-01-{day:02},{day if day % 9 else 777}\n" for day in range(1, 30)),
    ],
)
def test_a_file_can_be_read_after_typing_the_advice_of_its_errors(tmp_path, text):
    """Each alternative of each error is typed; with it, there are no more errors."""
    path = written(tmp_path, text)
    assert all(series.rows > 1 for series in outcomes(["--csv", str(path), "--target", "a", "--time", "day"]))


@pytest.mark.parametrize(
    "settings",
    [
        ["data.time_format=%d/%m/%Y"],
        ["data.time_format=%H:%M"],
        ["data.decimal=,"],
        ["data.thousands=."],
        ["data.encoding=utf-16"],
        ["data.encoding=ascii"],
        ["data.time_zone=Europe/Berln"],
        ["data.skip=1000"],
    ],
)
def test_a_wrong_setting_is_named_and_its_advice_works(tmp_path, settings):
    """A time format that does not fit is no traceback, and no other format is advised that does not fit either."""
    path = written(tmp_path, "día,a\n" + "".join(f"{day:02}.01.2020,{day}.5\n" for day in range(1, 15)))
    words = [word for setting in settings for word in ("--set", setting)]
    (series,) = outcomes(["--csv", str(path), "--target", "a", "--time", "día", *words])
    assert series.values[:2, 0].tolist() == [1.5, 2.5]
    assert str(series.times[1])[:10] == "2020-01-02"
