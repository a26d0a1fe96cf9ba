"""Unusual files of spreadsheets and programs: other encodings and types, truth values, very large integers."""

import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from datasets import DataError, DataSpec, Series, read, suggested_columns
from tests.datasets.typed import CASES, outcomes, spec


def refusal(path, **settings) -> str:
    """The error for column a of the file, without the name of the folder."""
    with pytest.raises(DataError) as caught:
        read(DataSpec(csv=path, **{"target": "a"} | settings))
    return str(caught.value).replace(f"{path.parent}/", "")


def column(tmp_path, cells) -> Series:
    """The series of a file with a single column."""
    path = tmp_path / "data.csv"
    path.write_text("a\n" + "\n".join(cells) + "\n", encoding="utf-8")
    return read(DataSpec(csv=path, target="a"))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("Temp °C", "latin-1"), ("Größe", "cp1252"), ("température", "cp1252"), ("Średnia żółć", "cp1250"),
     ("температура", "cp1251"),
     ("気温の平均値", "shift_jis"), ("a", "utf-16"), ("a", "utf-32")],
)  # fmt: skip
def test_text_in_another_encoding_is_read(tmp_path, name, encoding):
    """By its byte order mark, or by its letters; the encoding is stated."""
    path = tmp_path / "data.csv"
    path.write_bytes(f"day,{name}\n2020-01-01,5\n2020-01-02,6\n".encode(encoding))
    series = read(DataSpec(csv=path, target=name))
    assert series.values[:, 0].tolist() == [5, 6]
    assert "UTF-8" not in dict(series.understood)["file"]


def test_titles_above_the_header_are_quoted_as_written_and_all_counted(tmp_path):
    """With an empty row below them, and the sign of the euro, which is in words of no language."""
    path = tmp_path / "data.csv"
    lines = [
        "Umsatz Köln;;",
        "Stand: 30.06.;;",
        ";;",
        "Datum;Umsatz (€);Ort",
        "14.5.2020;1,5;Señor à la",
        "15.5.2020;2,5;b",
    ]
    path.write_bytes("\n".join([*lines, ""]).encode("cp1252"))
    series = read(DataSpec(csv=path, target="Umsatz (€)", time="Datum"))
    assert "Lines 1 to 3 above the header, 'Umsatz Köln;;', left out." in series.notes
    assert "CP1252" in dict(series.understood)["file"]  # CP1250 would read other letters: Seńor ŕ la


def test_an_encoding_without_a_mark_can_be_set(tmp_path):
    """Two bytes for each letter look like a binary file."""
    path = tmp_path / "data.csv"
    path.write_bytes("a\n1\n2\n3\n".encode("utf-16-le"))
    assert "save its table as CSV; or if it is text, name its encoding" in refusal(path)
    (series,) = outcomes(["--csv", str(path), "--target", "a"])
    assert series.rows == 3


@pytest.mark.parametrize("form", ["gzip", "zip", "xlsx", "parquet", "pipe"])
def test_other_files_give_the_same_series(tmp_path, form):
    """The type follows from the content, not from the name."""
    frame = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=9), "b": list("abcdefghi"), "a": np.arange(9) / 7})
    text, path = frame.to_csv(index=False), tmp_path / "data.bin"
    if form == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/data.csv", text)
    elif form == "xlsx":
        frame.to_excel(tmp_path / "data.xlsx", index=False)
        path = tmp_path / "data.xlsx"
    elif form == "parquet":
        frame.to_parquet(path)
    else:
        path.write_text(text)
    series = read(DataSpec(csv=path, target="a", time="day"))
    np.testing.assert_allclose(series.values[:, 0], frame["a"], rtol=1e-15)  # pandas writes 16 digits to Excel
    assert (series.label(8), series.step) == ("2020-01-09", "day")


def test_an_archive_of_two_files_and_a_damaged_one_are_refused(tmp_path):
    """Each in a sentence that says what to do."""
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csv", "a\n1\n2\n")
        archive.writestr("two.csv", "a\n1\n2\n")
    assert refusal(path) == "data.zip holds 2 files (one.csv, two.csv): unpack it, and name one of them."
    path.write_bytes(path.read_bytes()[:60])
    assert refusal(path) == "data.zip is damaged: its compressed content is incomplete."
    path.write_bytes(gzip.compress(b"a\n1\n2\n" * 1000)[:-20])
    assert refusal(path) == "data.zip is damaged: its compressed content is incomplete."


def test_a_pipe_is_saved_and_read(tmp_path, monkeypatch):
    """Every trial is a process that reads the data again, so the pipe's content is kept in the folder of results."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"a\n1\n2\n4\n"))))
    data = spec(["--csv", "-", "--target", "a", "--results", str(tmp_path)])
    assert data.csv.parent == tmp_path / "data"
    assert read(data).values[:, 0].tolist() == [1, 2, 4]


def test_truth_values_are_read_as_numbers_with_a_note(tmp_path):
    """With and without missing cells."""
    for cells, filled in ((["true", "false", "true"], [1, 0, 1]), (["True", "NA", "False"], [1, 1, 0])):
        series = column(tmp_path, cells)
        assert series.values[:, 0].tolist() == filled
        assert "Column 'a': false and true were read as 0 and 1." in " ".join(series.notes)
    assert not column(tmp_path, ["1", "0", "1"]).notes


@pytest.mark.parametrize(("written", "value"), [("(1,234.5)", -1234.5), ("84-", -84.0), ("-84", None), ("−84", None)])
def test_negative_numbers_of_bookkeeping_are_read_with_a_note(tmp_path, written, value):
    series = column(tmp_path, [f'"{written}"', "3.5", "7"])
    note = f"{written!r} was read as {value:g}, as in bookkeeping." if value is not None else "bookkeeping"
    assert (note in " ".join(series.notes)) == (value is not None)
    assert series.values[0, 0] == (value if value is not None else -84)
    with_unit = column(tmp_path, ["€-84", "€3.5", "€7"])
    assert with_unit.values[0, 0] == -84
    assert "bookkeeping" not in " ".join(with_unit.notes)


def test_integers_beyond_double_precision_are_not_called_constant(tmp_path):
    """The numbers differ in the file, but not in double precision."""
    with pytest.raises(
        DataError, match=r"holds 1e\+30 in every row, because its values do not differ in double precision"
    ):
        column(tmp_path, [f"{10**30 + row}" for row in range(5)])


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    """A shell does not expand a tilde within quotation marks."""
    monkeypatch.setenv("HOME", str(tmp_path))
    column(tmp_path, ["1", "2", "3"])
    assert read(DataSpec(csv="~/data.csv", target="a")).rows == 3


def test_a_letter_of_another_encoding_far_below_is_named(tmp_path):
    """The head of a file decides its encoding; the error for a later letter offers another."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"name,a\n" + b"x,1\nx,3\n" * 200_000 + "é,2\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"is not text in the encoding utf-8: set data\.encoding"):
        read(DataSpec(csv=path, target="a", group="name"))
    grouped = outcomes(["--csv", str(path), "--target", "a", "--group", "name"])[0]
    assert grouped.groups == ("x", "é")


def test_a_leading_zero_proves_a_decimal_point(tmp_path):
    """Three decimals could be marks of thousands, as in 2.000, but 0.125 cannot."""
    path = tmp_path / "data.csv"
    values = [f"{value:.3f}" for value in np.random.default_rng(5).uniform(0, 12, 40)]
    path.write_text("a\n" + "\n".join([*values, "0.125"]) + "\n")
    series = read(DataSpec(csv=path, target="a"))
    np.testing.assert_array_equal(series.values[:, 0], [*map(float, values), 0.125])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "case",
    [
        "day-first-slash",
        "missing-with-blank",
        "epoch-seconds",
        "leap-years-lack-a-day",
        "month-name",
        "semicolon-decimal-comma",
        "decimal-comma-one-bad-cell",
    ],
)
def test_parts_and_types_change_no_number(tmp_path, monkeypatch, case, end):
    """A large file is read part by part, and what has a certain format is not read as text first."""
    path = tmp_path / "data.csv"
    text = (CASES / f"{case}.csv").read_text().replace("kaputt", "NA")
    path.write_text(text.replace("\n", end), newline="")
    time, target = text.splitlines()[0].replace('"', "").replace(";", ",").split(",")
    data = DataSpec(csv=path, target=target, time=time)
    whole = read(data)
    monkeypatch.setattr("datasets.files.cells.PART", 200)
    parts = read(data)
    monkeypatch.setattr("datasets.files.formats.certain_format", lambda *_: None)
    monkeypatch.setattr("datasets.files.table.plain_type", lambda *_: ("text", None))
    for other in (parts, read(data)):
        np.testing.assert_array_equal(whole.values, other.values)
        np.testing.assert_array_equal(whole.times, other.times)
        assert (whole.notes, whole.understood) == (other.notes, other.understood)


def test_quotation_marks_in_a_late_part_only_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.files.cells.PART", 200)
    values, path = np.random.default_rng(0).normal(size=120).round(6), tmp_path / "data.csv"
    names = ['"Lyon, ""F"""' if row >= 60 else "Bonn" for row in range(120)]
    days = np.datetime64("2024-01-01") + np.arange(120) % 60
    lines = [f"{name},{day},{value}" for name, day, value in zip(names, days, values, strict=True)]
    path.write_text("\n".join(["place,time,load", *lines]))
    series = read(DataSpec(csv=path, target="load", time="time", group="place"))
    assert series.groups == ("Bonn", 'Lyon, "F"')
    np.testing.assert_array_equal(series.values[:, 0], values)


MONTHS = pd.date_range("2012-01-01", periods=60, freq="MS")
SECONDS = (MONTHS - pd.Timestamp(0)) // pd.Timedelta("1s")


def walk(path, **columns):
    """A file with these columns and a random walk, `load`."""
    load = np.random.default_rng(0).normal(size=60).cumsum().round(3)
    pd.DataFrame({**columns, "load": load}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("form", ["%b-%y", "%b %Y", "%d-%b-%y"])
def test_months_with_names_are_no_numbers_with_units(tmp_path, form):
    path = walk(tmp_path / "data.csv", month=MONTHS.strftime(form))
    assert suggested_columns(DataSpec(csv=path, target="load")) == {"time": "month", "target": "load"}
    np.testing.assert_array_equal(read(DataSpec(csv=path, target="load", time="month")).times, MONTHS.to_numpy())


@pytest.mark.parametrize("cells", [MONTHS.strftime("%Y%m"), SECONDS, SECONDS * 1000], ids=["months", "s", "ms"])
def test_numbers_that_may_be_time_stamps_are_named_and_the_advice_works(tmp_path, cells):
    """They are not taken for time stamps silently, because they may be a target."""
    path = walk(tmp_path / "data.csv", period=cells)
    hint = f"if period ('{cells[0]}') holds time stamps: --time period"
    assert any(hint in note for note in read(DataSpec(csv=path, target="load")).notes)
    series = read(DataSpec(csv=path, target="load", time="period"))
    np.testing.assert_array_equal(series.times, MONTHS.to_numpy())


@pytest.mark.parametrize("cells", [np.arange(60), np.arange(60) % 12 + 1, np.linspace(0, 3, 60)])
def test_other_numbers_are_not_named_as_time_stamps(tmp_path, cells):
    path = walk(tmp_path / "data.csv", day=cells)
    assert not any("--time" in note for note in read(DataSpec(csv=path, target="load")).notes)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_parquet_with_a_time_zone_is_read_as_the_same_text(tmp_path, zone, unit):
    """Over the change to summer time; days begin at local midnight."""
    days = pd.date_range("2021-01-01", periods=120, freq="D", tz=zone)
    load = np.random.default_rng(0).normal(size=120).round(3)
    pd.DataFrame({"day": days.as_unit(unit), "load": load}).to_parquet(tmp_path / "data.parquet")
    pd.DataFrame({"day": [day.isoformat() for day in days], "load": load}).to_csv(tmp_path / "data.csv", index=False)
    files = (tmp_path / "data.parquet", tmp_path / "data.csv")
    binary, text = (read(DataSpec(csv=file, target="load", time="day")) for file in files)
    np.testing.assert_array_equal(binary.times, text.times)
    np.testing.assert_array_equal(binary.values, text.values)
    assert binary.step == text.step == "day"


def test_columns_that_are_not_used_are_named(tmp_path):
    path = walk(tmp_path / "data.csv", month=MONTHS, units=range(60), note="x")
    lines = dict(read(DataSpec(csv=path, target="load", time="month")).understood)
    assert lines["columns"] == "load (target); not used: units (number), note (text)"


def test_a_sheet_of_a_workbook_can_be_named(tmp_path):
    """The first sheet may be a title page: what was read is said, with the setting for another sheet."""
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"read": ["this", "first"], "me": ["please", "now"]}).to_excel(
            book, sheet_name="Info", index=False
        )
        pd.DataFrame({"month": MONTHS, "load": range(60)}).to_excel(book, sheet_name="Data", index=False)
    advice = r"the sheet 'Info' was read; not Data; for another sheet, .*--set data.sheet=Data"
    with pytest.raises(DataError, match=rf"no column of numbers alone \(read, me\).*{advice}"):
        suggested_columns(DataSpec(csv=path, target="*"))
    with pytest.raises(DataError, match=rf"there is no column 'load'.*{advice}"):
        read(DataSpec(csv=path, target="load"))
    assert suggested_columns(DataSpec(csv=path, target="*", sheet="Data")) == {"time": "month", "target": "load"}
    assert DataSpec(csv=path, target="load", sheet=2024).sheet == "2024"
    series = read(DataSpec(csv=path, target="load", time="month", sheet="Data"))
    assert series.values[:, 0].tolist() == list(range(60))
    assert dict(series.understood)["settings"].startswith('sheet = "Data"')
    with pytest.raises(DataError, match="has no sheet 'Dat'; did you mean 'Data'"):
        read(DataSpec(csv=path, target="load", sheet="Dat"))
    with pytest.raises(DataError, match="has no sheet '2024'; it has 'Info', 'Data'"):
        read(DataSpec(csv=path, target="load", sheet="2024"))
    text = tmp_path / "data.csv"
    text.write_text("month,load\n2020-01,1\n2020-02,2\n")
    assert "data.sheet = 'Data' has no effect" in read(DataSpec(csv=text, target="load", sheet="Data")).notes[0]


def test_advice_for_a_file_that_holds_something_else_leads_on(tmp_path):
    """Bytes of no kind get no encoding to try, dates no marker of missing values, one wide cell its separator."""
    header = tmp_path / "header.csv"
    header.write_text("day,units\n")
    with pytest.raises(DataError, match=r"has no value below its header \(day, units\): a forecast needs rows"):
        suggested_columns(DataSpec(csv=header, target="*"))
    noise = tmp_path / "noise.xlsx"
    noise.write_bytes(np.random.default_rng(0).bytes(3000))
    assert refusal(noise, target="a").endswith(
        "is not a text file, a workbook or a Parquet file: save its table as CSV."
    )
    truth = tmp_path / "truth.csv"
    truth.write_text("day,open\n2026-01-01,true\n2026-01-02,false\n2026-01-03,true\n")
    with pytest.raises(DataError, match=r"has no column of numbers alone \(day, open\): name one with --target NAME"):
        suggested_columns(DataSpec(csv=truth, target="*"))
    assert read(DataSpec(csv=truth, target="open")).values[:, 0].tolist() == [1, 0, 1]
    path = walk(tmp_path / "data.csv", day=MONTHS.strftime("%Y-%m-%d"), units=range(60))
    assert refusal(path, target="day").endswith("holds no numbers (row 1: '2012-01-01'): name another column.")
    assert "With data.separator = ';' each row is one cell; leave it out." in refusal(
        path, target="units", separator=";"
    )


def test_all_cells_that_are_no_numbers_are_named_at_once(tmp_path):
    """The marker that the error offers fits all of them, so that one answer is enough."""
    for odd in (["1.50K", "2.75K"], ["closed", "n.v."], ["#", "##"], ["3 MWh"], ["x" * 30, "y" * 30]):
        path = tmp_path / "data.csv"
        path.write_text(
            "\n".join(["a", "1 kWh" if "MWh" in odd[0] else "1", *odd, *("5 kWh", "7 kWh", "9 kWh")]) + "\n"
        )
        if "MWh" not in odd[0]:
            path.write_text(path.read_text().replace(" kWh", ""))
        words = ["--csv", str(path), "--target", "a"]
        (series,) = outcomes(words, most=1)
        assert series.values[:, 0].tolist() == [1, *[1] * len(odd), 5, 7, 9]


@pytest.mark.parametrize(("form", "first"), [("%Y-%m-%d", 0), ("%d.%m.%Y", 1)])
@pytest.mark.parametrize("minutes", [False, True])
def test_a_date_and_the_number_of_the_hour_are_one_time_stamp(tmp_path, form, first, minutes):
    """From 0 to 23 or from 1 to 24, with minutes or without. The advice for the date alone leads there."""
    stamps = pd.date_range("2023-01-01", periods=240 if minutes else 120, freq="30min" if minutes else "h")
    load = np.random.default_rng(0).integers(10, 99, len(stamps))
    columns = {"date": stamps.strftime(form), "hour": stamps.hour + first} | (
        {"minute": stamps.minute} if minutes else {}
    )
    if first and minutes:  # 24:30 is no time of day
        columns["hour"] = stamps.hour
    path = tmp_path / "data.csv"
    pd.DataFrame({**columns, "load": load}).to_csv(path, index=False)
    series, *_ = outcomes(["--csv", str(path), "--target", "load", "--time", "date"])
    shift = pd.Timedelta(hours=first if not minutes else 0)
    np.testing.assert_array_equal(series.times, (stamps + shift).to_numpy())
    np.testing.assert_array_equal(series.values[:, 0], load)


@pytest.mark.filterwarnings("error")  # a warning would be printed before the error
def test_a_small_number_beside_a_date_is_no_hour(tmp_path):
    """A shift from 1 to 3 could be anything; of an `hour` from 8 to 17 the name says what it is."""
    days = [f"2023-01-{day:02}" for day in range(1, 21)]
    for name, numbers, read_as_hours in (
        ("shift", (1, 2, 3), False),
        ("hour", (8, 12, 17), True),
        ("slot", (0, 47), False),
    ):
        path = tmp_path / "data.csv"
        rows = [f"{day},{number},{index}" for index, (day, number) in enumerate((d, n) for d in days for n in numbers)]
        path.write_text("\n".join([f"date,{name},a", *rows]) + "\n")
        data = DataSpec(csv=path, target="a", time=("date", name), order="rows")
        assert (read(data).times is not None) == read_as_hours
    path.write_text("date,hour,a\n" + "".join(f"{day},,{place}\n" for place, day in enumerate(days)))
    assert "holds no time stamp in any row" in refusal(path, time=("date", "hour"))
