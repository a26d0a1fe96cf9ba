"""Time stamps in unusual spellings, rows that are no data, and files that are no tables."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets import read
from datasets.files.formats import wall_times
from tests.datasets.typed import advice, outcomes, refusal, spec
from tests.datasets.written import (
    HOURS,
    QUARTERS,
    SHORT_YEARS,
    SPELLINGS,
    STEPS,
    TEXTS,
    VALUES,
    stores,
    table,
)

YEARS = [value for number, value in enumerate(VALUES[:78]) if number % 13 != 12]  # without the rows of totals


@pytest.fixture
def words(tmp_path):
    """The options of `run` for a text."""

    def options(text, *more):
        path = tmp_path / "file.csv"
        path.write_text(text)
        return ["--csv", str(path), "--target", "x", *more]

    return options


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_quarters_are_read_in_every_spelling(words, spelling):
    text = table("quarter,x", [f'"{spelling.format(*quarter)}"' for quarter in QUARTERS])
    if "1. Quartal" in spelling and "{1}" not in spelling:
        text = table("quarter,x", [f"{year} {quarter}. Quartal" for year, quarter in QUARTERS])
    series = read(spec(words(text, "--time", "quarter")))
    assert (series.rows, series.step, series.label(0), series.label(59)) == (STEPS, "quarter", "1970-01", "1984-10")
    assert series.values[:, 0].tolist() == VALUES[:STEPS]


@pytest.mark.parametrize("first", [1946, 1970, 1999])
@pytest.mark.parametrize("spelling", SHORT_YEARS)
def test_quarters_of_years_with_two_digits_are_read_and_said(words, spelling, first):
    """Like dates with such years: none lies in the future, also across 2000."""
    texts = [spelling.format(f"{(first + row // 4) % 100:02}", row % 4 + 1) for row in range(STEPS)]
    series = read(spec(words(table("quarter,x", texts), "--time", "quarter")))
    last = first + STEPS // 4 - 1
    assert (series.step, series.label(0), series.label(STEPS - 1)) == ("quarter", f"{first}-01", f"{last}-10")
    assert f"Years of two digits were read as {first} to {last}" in " ".join(series.notes)


@pytest.mark.parametrize(
    ("name", "first", "last", "step"),
    [
        ("weeks", "2018-12-31", "2020-02-17", "week"),
        ("weeks without marks", "2018-12-31", "2020-02-17", "week"),
        ("days of weeks", "2018-12-31", "2019-03-03", "day"),
    ],
)
def test_weeks_of_iso_8601_begin_on_monday(words, name, first, last, step):
    """The first week of 2019 begins in 2018, and 2019 has 52 weeks."""
    series = read(spec(words(TEXTS[name], "--time", "week")))
    assert (series.label(0), series.label(series.rows - 1), series.step) == (first, last, step)
    assert len(series.filled) == 0


@pytest.mark.parametrize("name", ["spreadsheet days", "spreadsheet hours"])
def test_the_days_of_a_spreadsheet_are_asked_for(words, name):
    """They can be any number; without `time`, the note types the question's answer."""
    dates, rows = outcomes(words(TEXTS[name], "--time", "date"))
    assert (dates.label(0)[:10], dates.step) == ("2020-01-01", "day" if name.endswith("days") else "hour")
    assert dates.label(STEPS - 1) == ("2020-02-29" if name.endswith("days") else "2020-01-03T11:00")
    assert rows.step == "row"
    assert (
        "--time date --set 'data.time_format=spreadsheet days'"
        in dict(read(spec(words(TEXTS[name]))).understood)["time"]
    )


@pytest.mark.parametrize("name", [name for name in TEXTS if "24" in name])
def test_24_o_clock_is_the_next_day(words, name):
    """By a stated rule, because hour 1 can also mean the time from 0 to 1 o'clock."""
    time = TEXTS[name].splitlines()[0].removesuffix(",x")
    series = read(spec(words(TEXTS[name], "--time", time)))
    first = "2020-01-13T01:00" if name.endswith("points") else "2020-01-01T01:00"
    assert (series.rows, series.step, series.label(0)) == (len(HOURS), "hour", first)
    assert series.label(23) == first.replace("01T01", "02T00").replace("13T01", "14T00")
    assert "24 o'clock in 8 rows was read as 0 o'clock of the next day" in " ".join(series.notes)


@pytest.mark.parametrize(("digits", "wrong"), [("%Y%m%d%H", "2020010325"), ("%Y%m%d%H%M", "202001032360")])
def test_a_wrong_hour_does_not_make_seconds_since_1970_of_all_stamps(words, digits, wrong):
    """2020010325 seconds since 1970 are a moment of 2034, as all other cells would be."""
    stamps = pd.date_range("2020-01-01", periods=96, freq="h").strftime(digits).tolist()
    text = table("time,x", [*stamps[:50], wrong, *stamps[51:]])
    assert f"row 51 holds '{wrong}', which is not a time stamp like the others" in refusal(
        words(text, "--time", "time")
    )
    assert ("2020-01-01T00:00", 96, [50]) in [
        (series.label(0), series.rows, series.filled.tolist()) for series in outcomes(words(text, "--time", "time"))
    ]


@pytest.mark.parametrize("name", ["totals", "totals by many names", "month 13", "repeated header", "annual"])
def test_rows_that_are_no_data_are_named_together(words, name):
    """The number of rows, the first of them, and a single setting that leaves them out."""
    time = TEXTS[name].splitlines()[0].removesuffix(",x")
    options = words(TEXTS[name], "--time", time)
    message = refusal(options)
    assert "row 13 holds " in message
    rows = 5 if name in ("repeated header", "totals by many names") else 6  # a last line without digits is left out
    assert f"{rows - 1} other rows (rows 26, 39, 52, ...)" in message
    (answer,) = advice(message)
    series = read(spec([*options, *answer]))
    assert series.values[:, 0].tolist() == YEARS
    assert (series.step, series.label(0), series.label(71), len(series.filled)) == ("month", "1970-01", "1975-12", 0)
    assert f"{rows} rows without a time stamp, first row 13, left out" in " ".join(series.notes)


@pytest.mark.parametrize("name", ["totals", "totals by many names"])
def test_rows_of_totals_are_no_steps_without_a_question(words, name):
    """Without `time` too: one answer reads the months alone, the other all rows."""
    months, rows = outcomes(words(TEXTS[name]))
    assert months.values[:, 0].tolist() == YEARS
    assert rows.step == "row"
    assert rows.rows >= 77


GROUPED = ("--time", "month", "--group", "store")


@pytest.mark.parametrize(
    ("total", "more", "dated"),
    [
        *(("{} total", more, dated) for more in (GROUPED, GROUPED[2:], ()) for dated in (True, False)),
        *((total, GROUPED, True) for total in ("Total {}", "Summe {}", "{}-Gesamt: alle", "total", "SUM")),
    ],
)
def test_totals_of_series_are_no_series_without_a_question(words, total, more, dated):
    """Below each group and of all groups, with a time stamp or without: one answer leaves them out."""
    text = stores(total, dated=dated)
    if not more:
        text = text.replace("month", "what").replace("1970-", "a").replace("1971-", "b")
    message = refusal(words(text, *more))
    assert "can be the sum of other" in message
    read_back = outcomes(words(text, *more))
    assert any(
        series.groups == ("A", "B") and series.values[:, 0].tolist() == VALUES[:48] and not len(series.filled)
        for series in read_back
    )
    assert len(read_back) > 1


def items(name: str, total: str, *, repeated: bool) -> str:
    """Four years of months in one series, and a total below each: with the stamp of the last month, or of the 13th."""
    lines = []
    for year in range(4):
        months = [f"{1970 + year}-{month:02}-01" for month in range(1, 13)]
        lines += [f"{month},{name},{VALUES[12 * year + row]}" for row, month in enumerate(months)]
        lines += [f"{1970 + year}-12-{'01' if repeated else '31'},{total},{sum(VALUES[12 * year : 12 * year + 12])}"]
    return "\n".join(["month,item,x", *lines]) + "\n"


@pytest.mark.parametrize("total", ["TOTAL", "Grand total", "Subtotal", "Summe"])
@pytest.mark.parametrize("name", ["apples", ""])
def test_a_total_with_the_time_stamp_of_a_row_is_no_repetition_without_a_question(words, name, total):
    """One answer leaves the totals out."""
    options = words(items(name, total, repeated=True), "--time", "month")
    assert f"column 'item' holds '{total}', whose row can be the sum of others" in refusal(options)
    read_back = outcomes(options)
    assert any(s.values[:, 0].tolist() == VALUES[:48] and s.step == "month" for s in read_back)
    assert any("averaged with it" in " ".join(series.notes) for series in read_back)


def test_a_total_with_a_time_stamp_of_its_own_is_named(words):
    for series in outcomes(words(items("apples", "TOTAL", repeated=False), "--time", "month")):
        assert "Column 'item' holds 'TOTAL', whose row can be the sum of others" in " ".join(series.notes)


@pytest.mark.parametrize("store", ["Sumatra", "Totalis", "Gesamtschule", "Somalia"])
def test_names_that_begin_like_totals_are_names(words, store):
    text = stores("A").replace("Grand", "A").replace("B,", f"{store},")
    assert read(spec(words(text, "--time", "month", "--group", "store"))).groups == ("A", store)


def test_evident_time_stamps_that_are_not_used_are_named_in_the_line_of_the_time(words):
    """`run --csv` prints this line before it starts; the option in it works."""
    time = dict(read(spec(words(TEXTS["weeks"]))).understood)["time"]
    assert time == "no time stamps: each row is a step; week holds time stamps: --time week"
    assert read(spec(words(TEXTS["weeks"], *time.split(": ")[-1].split()))).step == "week"
    time = dict(read(spec(words(TEXTS["unknown dates"]))).understood)["time"]
    assert "if date ('day 0 of winter') holds time stamps: --time date, and the format with" in time


DAYS = [f"2020-{month:02}-{day:02}" for month in (1, 2) for day in range(1, 29)]
GROUPED = ["--group", "shop"]
UNORDERED = {  # a heading, lines whose order is not that of time, and options
    "two shops": ("day,shop,x", [f"{day},{shop}" for day in DAYS for shop in ("north", "south")], []),
    "the newest row first": ("day,x", DAYS[::-1], []),
    "a repeated row": ("day,x", [*DAYS[:40], *DAYS[39:]], []),
    "a row that is missing, then repeated": ("day,x", [*DAYS[:40], "", *DAYS[39:]], []),
    "the newest row of each shop first": ("day,shop,x", [f"{day},{s}" for s in "ab" for day in DAYS[::-1]], GROUPED),
    "the newest rows of all shops first": ("day,shop,x", [f"{day},{s}" for day in DAYS[::-1] for s in "ab"], GROUPED),
}


@pytest.mark.parametrize(("heading", "cells", "options"), UNORDERED.values(), ids=UNORDERED)
def test_rows_that_do_not_follow_in_time_are_no_steps_without_their_time_stamps(words, heading, cells, options):
    """Rows of two shops, or from the newest to the oldest, would be read silently as one series in that order."""
    options = words(table(heading, cells), *options)
    assert "column 'day' holds time stamps, and row " in refusal(options)
    read_back = outcomes(options)
    assert {series.step for series in read_back} == {"day", "row"}
    assert all(series.rows == len(cells) for series in read_back if series.step == "row")


@pytest.mark.parametrize(
    ("heading", "cells", "options"),
    [
        ("day,x", DAYS, []),
        ("day,x", ["", *DAYS[:20], "", *DAYS[20:]], []),
        ("day,hour,x", [f"{day},{hour}" for day in DAYS[:4] for hour in range(24)], []),
        ("day,shop,x", [f"{day},{shop}" for shop in "ab" for day in DAYS], GROUPED),
        ("day,shop,x", [f"{day},{shop}" for day in DAYS for shop in "ab"], GROUPED),
        (
            "day,shop,x",
            [f"{day},{shop}" for day in DAYS for shop in ("a", "-9.", "-9.")],
            [*GROUPED, "--set", "data.missing=-9."],
        ),
    ],
)
def test_rows_that_follow_in_time_are_steps_without_their_time_stamps(words, heading, cells, options):
    """Rows that belong to no series, here those of the shop "-9.", are left out and need not follow in time."""
    kept = [cell for cell in cells if not cell.endswith("-9.")]
    assert read(spec(words(table(heading, cells), *options))).rows == len(kept)


def test_the_decimal_mark_of_one_column_is_not_stated_for_all(words):
    """The settings that are printed fit all columns of numbers, also those that are not shown."""
    rows = "".join(f"2020-01-{day:02};{day}.25;{day},75\n" for day in range(1, 29))
    series = read(spec(words(f"day;x;y\n{rows}", "--time", "day")))
    settings = dict(series.understood)["settings"]
    assert "decimal" not in settings
    stated = [word for part in settings.split(", ") for word in ("--set", "data." + part.replace(" = ", "="))]
    both = read(spec(words(f"day;x;y\n{rows}", "--time", "day", "--features", "*", *stated)))
    np.testing.assert_array_equal(both.values[:2], [[1.25, 1.75], [2.25, 2.75]])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (TEXTS["json"].encode(), "is JSON"),
        (TEXTS["lines of json"].encode(), "is JSON"),
        (b"<!DOCTYPE html><table><tr><td>1</td></tr></table>", "is a web page or XML"),
        (b"%PDF-1.7\n1 0 obj\n", "is a PDF"),
        (b"@relation x\n@data\n1\n2\n", "is ARFF"),
        (b"SQLite format 3\0" + bytes(100), "is an SQLite database"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "is a workbook of the old form .xls"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path, content, kind):
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    assert f"{kind}, which is not read: save its table as CSV" in refusal(["--csv", str(path), "--target", "x"])


def test_a_header_in_brackets_is_no_json(words):
    series = read(spec(["--csv", words("[day],[x]\n1,5\n2,6\n3,9\n")[1], "--target", "[x]"]))
    assert series.values[:, 0].tolist() == [5, 6, 9]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["%d/%m/%Y", "%d-%b-%Y", "%b %d, %Y", "%Y-%m-%d"]),
    st.sampled_from(["", " %H:%M", "T%H:%M:%S", " %I:%M %p", " %H:%M:%S.%f"]),
    st.booleans(),
    st.sampled_from([None, "", "31/02/2020", "01/02/2020 24:00", "7 Mai 2020", "x", "two blanks", " "]),
    st.integers(0, 10**6),
)
def test_a_long_column_is_parsed_as_its_cells_are(date, time, padded, odd, seed):
    """Parts of stamps are parsed once: the same result as of each cell by itself, also for cells that do not fit."""
    random = np.random.default_rng(seed)
    times = pd.Timestamp("1990-03-04") + pd.to_timedelta(random.integers(0, 10**9, 1200), unit="s")
    cells = times.strftime(date + time).tolist()
    if not padded:
        cells = [re.sub(r"(?<!\d)0(?=\d[/ ,:-])", "", cell) for cell in cells]
    for place in random.integers(0, len(cells), 3):
        cells[place] = cells[place].replace(" ", "  ") if odd == "two blanks" else odd
    expected = pd.to_datetime(pd.Series(cells, dtype="str"), format=date + time, errors="coerce")
    stamps = wall_times(pa.chunked_array([pa.array(cells, pa.string())]), date + time)
    np.testing.assert_array_equal(stamps, expected.to_numpy("datetime64[us]"))


@pytest.mark.parametrize("odd", ["31/02/2020", "29/02/2021", "1/2/20", "x"])
@pytest.mark.parametrize("form", [None, "%d/%m/%Y"])
def test_a_day_that_does_not_exist_is_no_day_of_the_next_month(words, odd, form):
    """Below more rows than the head of a file shows."""
    days = [
        f"{day:02}/{month:02}/{year}" for year in range(1900, 2000) for month in range(1, 13) for day in (9, 14, 19)
    ]
    lines = [f"{day},{VALUES[row % 400]},{'y' * 40}" for row, day in enumerate(days)]
    text = "\n".join(["day,x,y", *lines, f"{odd},7.5,y", "15/04/2021,8.5,y"]) + "\n"
    more = [] if form is None else ["--set", f"data.time_format={form}"]
    assert f"row {len(days) + 1} holds {odd!r}" in refusal(words(text, "--time", "day", *more))


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y"])
def test_rows_far_below_the_head_prove_the_order_of_day_and_month(words, form, monkeypatch):
    """The head of the file fits both orders; the file is read once."""
    times = pd.date_range("2020-01-01", periods=9000, freq="10min")
    lines = [f"{stamp},{VALUES[row % 400]},{'y' * 40}" for row, stamp in enumerate(times.strftime(f"{form} %H:%M"))]
    monkeypatch.setattr("datasets.files.stamps._understood", None)
    series = read(spec(words("\n".join(["day,x,y", *lines]) + "\n", "--time", "day")))
    np.testing.assert_array_equal(series.times, times.to_numpy("datetime64[us]"))


def test_a_month_and_a_day_without_a_year_are_no_month_of_a_year(words):
    """Jan-01, Jan-02, ... are days by their order; Jan-01, Feb-01, ... are months, also with the newest row first."""
    dates = pd.date_range("2021-01-01", periods=300)
    days = words(table("day,x", [f"{date:%b-%d}" for date in dates]), "--time", "day")
    message = refusal(days)
    assert "row 1 holds 'Jan-01', which can mean the month 2001-01 or the day 01-01 of a year" in message
    assert read(spec([*days, *advice(message)[-1]])).values[:, 0].tolist() == VALUES[:300]
    for months in (pd.date_range("2001-01", periods=90, freq="MS"), pd.date_range("1990-05", periods=200, freq="MS")):
        spelled = [f"{month:%b-%y}" for month in months]
        for cells, values in ((spelled, VALUES), (spelled[::-1], VALUES[len(spelled) - 1 :: -1])):
            series = read(spec(words(table("month,x", cells), "--time", "month")))
            assert (series.label(0), series.step) == (f"{months[0]:%Y-%m}", "month")
            assert series.values[:, 0].tolist() == values[: len(months)]


def test_years_of_two_digits_lie_in_the_future_where_the_order_says_so(words):
    """As in a plan: 2001 to 2040 in order are not split into 2001 to today and the years from 1927."""
    months = pd.date_range("2001-01", "2032-12", freq="MS")
    series = read(spec(words(table("month,x", [f"{month:%b-%y}" for month in months]), "--time", "month")))
    assert (series.label(0), series.label(series.rows - 1)) == ("2001-01", "2032-12")
    assert "read as 2001 to 2032, so that the rows are in order of time" in " ".join(series.notes)
