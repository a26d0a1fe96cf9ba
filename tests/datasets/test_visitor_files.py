"""Files as visitors brought them, each with the reading that is right or the question that is asked."""

import pytest

from datasets import read
from datasets.spec import DataError, DataSpec

DAYS = [f"2023-01-{day:02}" for day in range(1, 29)]
POINTED = [f"{day:02}.01.2023" for day in range(1, 29)]


@pytest.fixture
def target(tmp_path):
    """The values of the target of a file."""

    def values(text, target="x", **settings):
        path = tmp_path / "file.csv"
        path.write_text(text)
        return read(DataSpec(csv=str(path), target=target, **settings)).values[:, 0].tolist()

    return values


def table(header, days, cells, separator=";"):
    return "\n".join([header, *(f"{day}{separator}{cell}" for day, cell in zip(days, cells, strict=False))]) + "\n"


def test_a_comma_before_three_digits_beside_pointed_dates_is_asked_about(target):
    """German files have a decimal comma: 5,000 kWh are five, and not a thousand times as much."""
    text = table("Datum;x", POINTED, [f"{2 + day * 0.137:.3f}".replace(".", ",") for day in range(28)])
    with pytest.raises(DataError, match=r"'2,000', which can mean 2000 or 2: for 2000, set data\.thousands"):
        target(text)
    assert target(text, decimal=",")[:2] == [2.0, 2.137]
    assert target(text, thousands=",")[:2] == [2000.0, 2137.0]


def test_an_exponent_behind_a_comma_proves_a_decimal_comma(target):
    text = table("day;x", DAYS, [f"{1.017 + day / 100:.3f}".replace(".", ",") + "E+03" for day in range(28)])
    assert target(text, time="day")[:2] == [1017.0, 1027.0]


def test_the_negative_numbers_of_bookkeeping(target):
    cells = [f"({day}.5)" if day % 3 else f"{day}.5-" if day % 2 else f"{day}.5" for day in range(1, 29)]
    expected = [-(day + 0.5) if day % 3 or day % 2 else day + 0.5 for day in range(1, 29)]
    assert target(table("day;x", DAYS, cells), time="day") == expected


def test_a_time_of_day_with_points(target):
    """As in the air quality data of UCI: date and time in two columns, and empty columns at the end."""
    hours = [(f"{10 + hour // 24:02}/03/2004", f"{hour % 24:02}.00.00", hour) for hour in range(72)]
    text = "Date;Time;x;;\n" + "".join(f"{date};{time};{value},5;;\n" for date, time, value in hours)
    assert target(text, time=("Date", "Time"))[:3] == [0.5, 1.5, 2.5]


@pytest.mark.parametrize("title", ["Sales report 2023,,", "Sales report 2023,,\n,,", "Report,,\nAll stores,,\n,,"])
def test_a_title_that_a_spreadsheet_pads_is_no_header(tmp_path, title):
    rows = "".join(f"{day},{number},{number * 2}\n" for number, day in enumerate(DAYS))
    path = tmp_path / "file.csv"
    path.write_text(f"{title}\nday,x,y\n{rows}")
    series = read(DataSpec(csv=str(path), target="x", time="day"))
    assert series.values[:, 0].tolist() == list(map(float, range(28)))
    assert series.columns == ("x",)
    assert not any("Below the header" in note for note in series.notes)


def test_an_hour_beside_the_date_is_named_as_the_rest_of_the_stamp(target):
    """Not as the name of 24 series, one for each hour of the day."""
    rows = "".join(f"{day},{hour},{hour}\n" for day in DAYS[:3] for hour in range(24))
    with pytest.raises(DataError, match=r"'Hour' holds the rest of it: set data\.time"):
        target(f"Date,Hour,x\n{rows}", time="Date")
    assert target(f"Date,Hour,x\n{rows}", time=("Date", "Hour")) == list(map(float, range(24))) * 3


def test_blanks_in_numbers_below_a_title_do_not_separate_columns(target):
    """Dates and numbers have blanks too, and the title line alone has no semicolon."""
    rows = "Jan 01, 2001;1 995%;2 125%\nJan 02, 2001;1 868%;2 000%\nJan 03, 2001;2 105%;1 100%\n"
    assert target(f"A report of sales\n\nday;x;other\n{rows}", time="day") == [1995.0, 1868.0, 2105.0]
