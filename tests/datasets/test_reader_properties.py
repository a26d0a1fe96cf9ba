"""Any frame in any dialect is read back to equal values or asked about; any bytes give a series or one sentence."""

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from datasets import DataError, DataSpec, Series, read, suggested_columns
from tests.datasets.typed import CASES, advice, outcomes
from tests.datasets.written import TEXTS

MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = settings(MANY, max_examples=30)
DATES = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%b-%Y",
    "%Y%m%d",
    "%Y/%m/%d",
    "%b %d, %Y",
    "%Y-%m-%d %H:%M",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")


@st.composite
def dialects(draw):
    """How a table is written."""
    decimal = draw(st.sampled_from(".,"))
    thousands = draw(st.sampled_from([mark for mark in ("", "", "", ".", ",", " ", "'") if mark != decimal]))
    return {
        "separator": draw(st.sampled_from(",;\t|")),
        "decimal": decimal,
        "thousands": thousands,
        "digits": draw(st.integers(0, 4)),
        "date": draw(st.sampled_from(DATES)),
        "encoding": draw(st.sampled_from(ENCODINGS)),
        "end": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        "missing": draw(st.sampled_from(["", "NA", "n/a", "NaN", "?", " NA "])),
        "above": draw(st.sampled_from(["", "", "# made by a program\n", "\n", "A report of sales\n\n", "sep={}\n"])),
        "unit": draw(st.sampled_from(["", "", "", "%", " kg", "€ "])),
        "compressed": draw(st.booleans()),
    }


def number(value: float, dialect: dict) -> str:
    """A number as the dialect writes it."""
    if np.isnan(value):
        return dialect["missing"]
    text = f"{value:,.{dialect['digits']}f}" if dialect["thousands"] else f"{value:.{dialect['digits']}f}"
    text = text.translate(str.maketrans({",": dialect["thousands"], ".": dialect["decimal"]}))
    return dialect["unit"] + text if dialect["unit"].endswith(" ") else text + dialect["unit"]


def written(folder: Path, values: np.ndarray, days: np.ndarray, dialect: dict) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=dialect["separator"], quoting=dialect["quoting"], lineterminator="\n")
    writer.writerow(["day", "prêt", "other"])
    for day, (first, second) in zip(days.tolist(), values, strict=True):
        writer.writerow([day.strftime(dialect["date"]), number(first, dialect), number(second, dialect)])
    content = (dialect["above"].format(dialect["separator"]) + text.getvalue()).replace("\n", dialect["end"])
    content = content.encode(dialect["encoding"])
    path = folder / "table.csv"
    path.write_bytes(gzip.compress(content) if dialect["compressed"] else content)
    return path


APOSTROPHES = {  # within numbers, which are no quotation marks
    "separator": ",", "decimal": ",", "thousands": "'", "digits": 1, "date": "%Y-%m-%d", "encoding": "utf-8",
    "end": "\n", "quoting": csv.QUOTE_MINIMAL, "missing": "", "above": "", "unit": "", "compressed": False,
}  # fmt: skip


@MANY
@example(dialect=APOSTROPHES, rows=3, seed=1, size=4000, holes=False)
@given(dialects(), st.integers(3, 60), st.integers(0, 10**6), st.sampled_from([1, 50, 4000, 2e6]), st.booleans())
def test_a_table_in_any_dialect_is_read_back_or_asked_about(tmp_path, dialect, rows, seed, size, holes):
    """Never a different number without a question, or without a note that names the setting for the other reading.

    One of the settings that the question or the note offers gives the right numbers.
    """
    random = np.random.default_rng(seed)
    values = np.round(random.normal(size / 2, size, (rows, 2)), dialect["digits"])
    if holes:
        values[random.integers(1, max(2, rows - 1), max(1, rows // 8)), 0] = np.nan
    assume(len(np.unique(values[~np.isnan(values[:, 0]), 0])) > 1)  # a constant column is refused
    first = np.datetime64("1990-01-01") + random.integers(0, 9000)
    path = written(tmp_path, values, first + np.arange(rows), dialect)
    words = ["--csv", str(path), "--target", "prêt", "--features", "other", "--time", "day", "--set", 'data.missing=""']
    readings = outcomes(words)
    doubts = [note for series in readings for note in series.notes if "if this is wrong" in note]
    if len(readings) == 1 and not doubts:
        assert is_right(readings[0], values, first)
    readings += [series for note in doubts for more in advice(note) for series in outcomes([*words, *more])]
    assert any(is_right(series, values, first) for series in readings)


def is_right(series: Series, values: np.ndarray, first: np.datetime64) -> bool:
    """Whether a series has the numbers of the table, and its days from `first` on."""
    rows = len(values)
    present = ~np.isnan(values[:, 0])
    start, stop = present.argmax(), rows - present[::-1].argmax()
    kept, days = values[start:stop], (first + np.arange(rows))[start:stop]
    if series.times is None or not np.array_equal(series.times.astype("datetime64[D]"), days):
        return False
    shown = ~np.isnan(kept)
    return bool(np.allclose(series.values[shown], kept[shown], rtol=1e-15, atol=0))


@MANY
@given(st.sampled_from(DATES), st.integers(2, 40), st.integers(0, 12000))
def test_dates_are_read_back_or_asked_about(tmp_path, date, rows, first):
    """No day is read as a month without a question."""
    days = (np.datetime64("1985-01-01") + first + np.arange(rows)).tolist()
    path = tmp_path / "days.csv"
    lines = [f'"{day.strftime(date)}",{number}.5' for number, day in enumerate(days)]
    path.write_text("day,a\n" + "\n".join(lines) + "\n")
    try:
        series = read(DataSpec(csv=path, target="a", time="day"))
        message = ""
    except DataError as error:
        message = str(error)
    assert "can mean" in message or series.times.astype("datetime64[D]").tolist() == days


def outcome(path: Path) -> str | None:
    """The sentence with which a file is refused, by what `data show` does; None if it is read."""
    try:
        columns = suggested_columns(DataSpec(csv=path, target="*"))
        read(DataSpec(**{name: value for name, value in columns.items() if value}, csv=path))
    except DataError as error:
        return str(error)
    return None


@MANY
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "bytes.csv"
    path.write_bytes(content)
    message = outcome(path)
    assert message is None or ("\n" not in message and message[-1] in ".?")


@MANY
@given(st.text(alphabet="0123456789.,;:-+/ \t\n\"'#%abN€T", max_size=300))
def test_any_text_is_read_or_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "text.csv"
    path.write_text(content)
    message = outcome(path)
    assert message is None or ("\n" not in message and message[-1] in ".?")


@FEW
@given(st.sampled_from([*sorted(CASES.glob("*.csv*")), *TEXTS]), st.data())
def test_damaged_cases_are_read_or_refused_in_one_sentence(tmp_path, case, data):
    """Bytes are removed, repeated or replaced, and the file is cut off."""
    content = bytearray(TEXTS[case].encode() if isinstance(case, str) else case.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(content) - 1)))
        size = data.draw(st.integers(0, 40))
        change = data.draw(st.sampled_from(["remove", "repeat", "replace", "cut"]))
        if change == "remove":
            del content[place : place + size]
        elif change == "repeat":
            content[place:place] = content[place : place + size]
        elif change == "replace":
            content[place : place + size] = data.draw(st.binary(max_size=4))
        else:
            del content[place:]
    path = tmp_path / "damaged.csv"
    path.write_bytes(bytes(content))
    message = outcome(path)
    assert message is None or ("\n" not in message and message[-1] in ".?")


@pytest.mark.parametrize("name", ["a,b.csv", "ä ö.csv", "it's.csv", 'a "b".csv', "a;b=c.csv", "*.csv"])
def test_any_name_of_a_file_is_read(tmp_path, name):
    """Names may hold quotation marks, blanks and separators."""
    path = tmp_path / name
    path.write_text("day,a\n2020-01-01,1.5\n2020-01-02,2.5\n2020-01-03,3.5\n")
    assert read(DataSpec(csv=path, target="a", time="day")).rows == 3
