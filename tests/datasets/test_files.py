"""A user's own file: what is read, what is refused, each refusal one sentence that says where."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datasets import DataError, DataSpec, WindowSpec, prepare, read

DAYS = pd.date_range("2020-01-01", periods=30)


def written(tmp_path: Path, text: str, name: str = "data.csv") -> Path:
    """The file's path."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def table(values=None, times=DAYS, header: str = "day,a,b") -> str:
    """Thirty days of two columns; `values` replaces cells of a by their row, counted from 1."""
    cells = [f"{number}.5" for number in range(len(times))]
    for row, cell in (values or {}).items():
        cells[row - 1] = cell
    rows = enumerate(zip(times, cells, strict=True))
    lines = [f"{time:%Y-%m-%d},{cell},{number % 4}" for number, (time, cell) in rows]
    return "\n".join([header, *lines]) + "\n"


def spec(path: Path, **settings) -> DataSpec:
    """Column a over days, unless told otherwise."""
    return DataSpec(csv=path, **{"target": "a", "time": "day"} | settings)


def refusal(path: Path, **settings) -> str:
    """The one sentence that says why the file is refused, without its folder."""
    with pytest.raises(DataError) as caught:
        read(spec(path, **settings))
    message = str(caught.value).replace(f"{path.parent}/", "")
    assert "\n" not in message
    assert message[-1] in ".?"
    return message


def test_a_plain_file_is_read_as_it_stands(tmp_path):
    """Values, columns, step and season come out as they are in the file."""
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
    """The two readers must agree to the bit."""
    path = written(tmp_path, table())
    pd.read_csv(path, parse_dates=["day"]).to_parquet(tmp_path / "data.parquet")
    ours, theirs = read(spec(path)), read(spec(tmp_path / "data.parquet"))
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_array_equal(ours.times, theirs.times)


def test_a_changed_file_gives_changed_windows(tmp_path):
    """Nothing is cached between two readings, however alike the files look from outside."""
    path = written(tmp_path, table())
    before = prepare(spec(path), WindowSpec(length=3))
    path.write_text(path.read_text().replace("7.5", "8.5"))
    assert prepare(spec(path), WindowSpec(length=3)).digest != before.digest


def test_semicolons_decimal_commas_and_other_dates_can_be_told(tmp_path):
    """What a German spreadsheet exports."""
    lines = ["Tag;a", *(f"{time:%d.%m.%Y};{number},5" for number, time in enumerate(DAYS))]
    path = written(tmp_path, "\n".join(lines))
    series = read(spec(path, time="Tag", separator=";", decimal=",", time_format="%d.%m.%Y"))
    assert (series.values[3, 0], series.step) == (3.5, "day")
    assert refusal(path, time="Tag", separator=";", time_format="%d.%m.%Y").startswith(
        "data.csv, column 'a', row 1 holds '0,5', which is no number: if that is a decimal comma, set data.decimal = "
    )
    assert refusal(path, time="Tag") == (
        'data.csv is one column when split at \',\': set data.separator = ";" and data.decimal = "," '
        "(on the command line: --set 'data.separator=;' --set data.decimal=,)."
    )


@pytest.mark.parametrize(
    ("frequency", "step", "season"),
    [("h", "hour", 24), ("W", "week", 52), ("MS", "month", 12), ("ME", "month", 12), ("QS", "quarter", 4),
     ("YS", "year", None), ("15min", "900 s", None), ("2MS", "2 months", None)],
)  # fmt: skip
def test_the_step_is_read_from_the_time_stamps(tmp_path, frequency, step, season):
    """Months differ in length and must still count as regular; a missing row is found by its step."""
    times = pd.date_range("2019-01-01", periods=40, freq=frequency)
    frame = pd.DataFrame({"day": times, "a": np.arange(40.0)})
    whole, holed = tmp_path / "whole.csv", tmp_path / "holed.csv"
    frame.to_csv(whole, index=False)
    frame.drop(index=[7, 8]).to_csv(holed, index=False)
    series, filled = read(spec(whole)), read(spec(holed, gaps="carry"))
    assert (series.step, series.season) == (step, season)
    for found in (series, filled):
        np.testing.assert_array_equal(found.times, times.to_numpy())
    assert filled.values[5:10, 0].tolist() == [5, 6, 6, 6, 9]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "data.csv, column 'a', row 9 has no value: to repeat the last value before it, set data.gaps"),
        ("NA", "data.csv, column 'a', row 9 has no value"),
        ("?", "data.csv, column 'a', row 9 has no value"),
        ("999.9", "data.csv, column 'a', row 9 has no value"),
        ("-9999", "data.csv, column 'a', row 9 has no value"),
        ("?0.2", "data.csv, column 'a', row 9 holds '?0.2', which is no number: correct it, or if it means a"),
        ("inf", "data.csv, column 'a', row 9 holds inf: leave the cell empty instead."),
        ("1e999", "data.csv, column 'a', row 9 holds inf: leave the cell empty instead."),
        ("-5e301", "data.csv, column 'a', row 9 holds -5e+301, whose square is beyond double precision: rescale the"),
    ],
)
def test_a_cell_without_a_number_is_named(tmp_path, cell, message):
    """Row and column, so that an editor finds it."""
    assert refusal(written(tmp_path, table({9: cell}))).startswith(message)


def test_gaps_are_filled_from_before_when_asked_and_it_is_said(tmp_path):
    """The value carried comes from before the gap; missing ends are cut off, not filled."""
    path = written(tmp_path, table({1: "", 9: "?", 10: "-9999", 30: "NA"}))
    series = read(spec(path, gaps="carry"))
    assert series.rows == 28
    assert series.values[6:10, 0].tolist() == [7.5, 7.5, 7.5, 10.5]
    assert str(series.times[0])[:10] == "2020-01-02"
    said = " ".join(series.notes)
    assert all(
        part in said
        for part in ("-9999, far from all other values", "2 of 28 rows", "1 row at the start, 1 at the end")
    )
    straight = read(spec(path, gaps="interpolate"))
    np.testing.assert_allclose(straight.values[6:10, 0], [7.5, 8.5, 9.5, 10.5])
    assert "draws on values after the gap" in " ".join(straight.notes)


def test_a_marker_among_like_values_is_a_number(tmp_path):
    """999 in a column that counts to a thousand is no missing value; listing markers ends the guessing."""
    for marker, other in (("999", "600"), ("-999", "-600")):
        assert read(spec(written(tmp_path, table({9: marker, 10: other})))).values[8, 0] == float(marker)
        assert read(spec(written(tmp_path, table({9: marker})), missing="")).values[8, 0] == float(marker)
    counting = "n\n" + "\n".join(map(str, range(1100)))
    assert read(DataSpec(csv=written(tmp_path, counting), target="n")).rows == 1100
    listed = written(tmp_path, table({9: "7777", 10: "n/k"}), "listed.csv")
    assert len(read(spec(listed, missing="7777, n/k", gaps="carry")).filled) == 2


def swapped(first: int, second: int):
    """The days with two of them, counted from 1, exchanged."""
    order = list(range(30))
    order[first - 1], order[second - 1] = second - 1, first - 1
    return DAYS[order]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (DAYS.insert(5, DAYS[4])[:30], "data.csv, column 'day', row 6 repeats the time stamp 2020-01-05 of row 5"),
        (swapped(8, 9), "data.csv, column 'day', row 9, 2020-01-08, comes after 2020-01-09: sort the file by time."),
        (DAYS.delete(6), "data.csv, column 'day' lacks 2020-01-07 after row 6 (1 day a row): to repeat the last"),
        (DAYS[:29].append(pd.DatetimeIndex(["2520-01-01"])), "data.csv, column 'day' jumps from 2020-01-29 in row 29"),
    ],
)  # fmt: skip
def test_time_stamps_out_of_step_are_named(tmp_path, times, message):
    """Duplicates, disorder, missing rows and typing errors in years."""
    assert refusal(written(tmp_path, table(times=times))).startswith(message)


def test_stamps_between_the_steps_are_named(tmp_path):
    """Half an hour in a series of hours."""
    times = [*pd.date_range("2020-01-01", periods=20, freq="h"), pd.Timestamp("2020-01-01 20:30")]
    path = tmp_path / "data.csv"
    pd.DataFrame({"day": times, "a": range(21)}).to_csv(path, index=False)
    assert "row 21, 2020-01-01T20:30:00, is not a whole number of steps (1 hour) after row 1" in refusal(path)
    assert read(spec(path, order="rows")).rows == 21


def test_newest_first_is_turned_round(tmp_path):
    """A common export; in this order the model would learn to forecast the past."""
    series = read(spec(written(tmp_path, table(times=DAYS[::-1]))))
    assert (series.values[0, 0], str(series.times[0])[:10]) == (29.5, "2020-01-01")
    assert "newest row first" in " ".join(series.notes)


def test_ambiguous_dates_are_not_guessed(tmp_path):
    """Day and month cannot be told apart in 03/04/2020."""
    path = written(tmp_path, "day,a\n03/04/2020,1\n04/04/2020,2\n05/04/2020,3\n")
    assert "row 1 holds '03/04/2020', which is no ISO date like 1990-12-31: say how to read it" in refusal(path)
    assert read(spec(path, time_format="%d/%m/%Y")).step == "day"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data.csv is empty: it needs a header line and rows of numbers."),
        ("\n\n", "data.csv is empty"),
        ("day,a\n", "data.csv has 0 rows of data below its header: a forecast needs at least 2."),
        ("day,a\n2020-01-01,5\n", "data.csv has 1 row of data below its header"),
        ("day,temp\n2020-01-01,5\n", "there is no column 'a' in data.csv; it has day, temp."),
        ("day;a\n2020-01-01;5\n", "data.csv is one column when split at ',': set data.separator = \";\" (on"),
        ("day\ta\n2020-01-01\t5\n", "data.csv is one column when split at ',': set data.separator = \"\\t\" (on"),
        ("2020-01-01,5\n2020-01-02,6\n", "data.csv, line 1 holds '2020-01-01' where column names belong: add a header"),
        ("day,a,a\n2020-01-01,5,6\n", "data.csv, line 1 has two columns 'a': rename one."),
        ("day,a\n2020-01-01,5,7\n2020-01-02,6,7\n", "data.csv cannot be read as CSV with 2 columns: rows"),
        ("day,a\n2020-01-01,5\n2020-01-02,5,7\n", "data.csv has 3 cells in line 3 where its header has 2"),
        ('day,a\n2020-01-01,5\n2020-01-02,"5\n', "data.csv ends inside a quoted cell: it is cut short"),
        ("day,a\n2020-01-01,\n2020-01-02,\n", "data.csv, column 'a' has no value in any of its 2 rows"),
        ("day,a\n2020-01-01,5\n,6\n2020-01-03,6\n", "data.csv, column 'day', row 2 holds no time stamp."),
        ("day,a\n2020-01-01,5\n2020-01-02,5\n", "data.csv, column 'a' holds 5 in every row: there is nothing"),
        ("day,a\n2020-01-01,5\n2020-01-02,5\0\n", "data.csv is no text file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused(tmp_path, text, message):
    """Each with what is wrong, and where."""
    assert refusal(written(tmp_path, text)).startswith(message)


def test_names_that_are_nearly_right_are_answered_with_the_right_one(tmp_path):
    """Files and columns."""
    path = written(tmp_path, table(header="day,a temp,b"))
    assert refusal(path, target="atemp") == "there is no column 'atemp' in data.csv; did you mean 'a temp'?"
    assert refusal(path, target="day") == "data.csv, column 'day' cannot be both time and a target or feature."
    assert refusal(tmp_path / "dta.csv").startswith("there is no file dta.csv; did you mean")
    assert "is a folder" in refusal(tmp_path)
    assert "is no file that can be read twice" in refusal(Path("/dev/null"))


def test_a_huge_file_with_a_wrong_delimiter_is_refused_from_its_head(tmp_path):
    """Two gigabytes must not be read, nor held, to find the first line wrong."""
    path = written(tmp_path, "day;a;b\n2020-01-01;5;6\n")
    with path.open("rb+") as file:
        file.truncate(2 << 30)
    assert refusal(path, target="a").startswith("data.csv is no text file")
    path.write_text("day;a;b\n" + "2020-01-01;5;6\n" * 10_000)
    with path.open("rb+") as file:
        file.truncate(2 << 30)
    assert refusal(path).startswith("data.csv is one column when split at ',': set data.separator = ")


def test_a_damaged_parquet_file_is_refused(tmp_path):
    """Cut short, its footer is gone."""
    whole = tmp_path / "data.parquet"
    pd.DataFrame({"day": DAYS, "a": np.arange(30.0)}).to_parquet(whole)
    whole.write_bytes(whole.read_bytes()[:-20])
    assert refusal(whole).startswith("data.parquet is no whole Parquet file")
