"""Small tables in which time stamps are written in unusual ways, or rows are no data; made for the tests."""

import re

import numpy as np

STEPS = 60
VALUES = np.round(20 + np.random.default_rng(7).normal(size=400).cumsum(), 1).tolist()


def table(header: str, stamps: list[str]) -> str:
    """Comma-separated rows of a time stamp, or its parts, and a value."""
    return "\n".join([header, *(f"{stamp},{value}" for stamp, value in zip(stamps, VALUES, strict=False))]) + "\n"


QUARTERS = [(1970 + number // 4, number % 4 + 1) for number in range(STEPS)]
SPELLINGS = (
    "{0} Q{1}", "{0}Q{1}", "{0}-q{1}", "{0}:Q{1}", "Q{1} {0}", "Q{1}/{0}", "{1}Q{0}", "{1}. Quartal {0}",
    "{0} Quarter {1}", "{0} 1. Quartal", "Quarter {1}, {0}",
)  # fmt: skip
SHORT_YEARS = ("Q{1} {0}", "{1}Q{0}", "{0}Q{1}", "{0}-Q{1}", "Q{1}/{0}", "Q{1}-{0}", "{1}. Quartal {0}", "Q{1}'{0}")
WEEKS = [f"{year}-W{week:02}" for year in (2019, 2020) for week in range(1, 53)][:STEPS]
HOURS = [(day, hour) for day in range(1, 9) for hour in range(1, 25)]
MONTHS = [(1970 + number // 12, number % 12 + 1) for number in range(72)]


def with_total(row: str) -> list[str]:
    """The months of six years, and below each year a row of totals; {} in it is the year."""
    months = [f"{year}-{month:02}" for year, month in MONTHS]
    return [stamp for year in range(6) for stamp in (*months[12 * year : 12 * year + 12], row.format(1970 + year))]


NAMES_OF_TOTALS = ("Total", "Summe", "Grand total", "Insgesamt", "Sub-total", "sum")


def with_names(begin: str = "", end: str = "") -> list[str]:
    """The months of six years, and below each year a total by another name."""
    rows = with_total("{}")
    return [f"{begin}{NAMES_OF_TOTALS[row // 13]}{end}" if row % 13 == 12 else stamp for row, stamp in enumerate(rows)]


def stores(total: str, *, dated: bool = True) -> str:
    """Two stores of 24 months, below each a total, and a total of both; {} in it is the store."""
    lines = ["store,month,x"]
    for number, store in enumerate("AB"):
        months = [f"{year}-{month:02}" for year, month in MONTHS[:24]]
        lines += [f"{store},{month},{VALUES[24 * number + row]}" for row, month in enumerate(months)]
        lines += [f"{total.format(store)},{'1971-12' if dated else ''},{2e3 + number}"]
    return "\n".join([*lines, f"{total.format('Grand')},{'1971-12' if dated else ''},4001.5"]) + "\n"


TEXTS = {
    "weeks": table("week,x", WEEKS),
    "days of weeks": table("week,x", [f"{week}-{day}" for week in WEEKS[:9] for day in range(1, 8)]),
    "weeks without marks": table("week,x", [week.replace("-", "") for week in WEEKS]),
    "spreadsheet days": table("date,x", [str(43831 + number) for number in range(STEPS)]),
    "spreadsheet hours": table("date,x", [f"{43831 + number / 24:.6f}" for number in range(STEPS)]),
    "24 o'clock": table("time,x", [f"2020-01-{day:02} {hour:02}:00" for day, hour in HOURS]),
    "24 o'clock with T": table("time,x", [f"2020-01-{day:02}T{hour:02}:00:00" for day, hour in HOURS]),
    "24 o'clock with points": table("time,x", [f"{day + 12}.01.2020 {hour:02}:00" for day, hour in HOURS]),
    "24 o'clock without marks": table("time,x", [f"202001{day:02}{hour:02}" for day, hour in HOURS]),
    "24 o'clock and minutes without marks": table("time,x", [f"202001{day:02}{hour:02}00" for day, hour in HOURS]),
    "24 o'clock with T alone": table("time,x", [f"202001{day:02}T{hour:02}00" for day, hour in HOURS]),
    "hours 1 to 24": table("year,month,day,hour,x", [f"2020,1,{day},{hour}" for day, hour in HOURS]),
    "unknown dates": table("date,x", [f"day {number} of winter" for number in range(STEPS)]),
    "totals": table("month,x", with_total("Total {}")),
    "totals by many names": table("month,x", with_names()),
    "totals of stores": stores("{} total"),
    "month 13": table("month,x", with_total("{}-13")),
    "repeated header": re.sub("month,-?[0-9.]+", "month,x", table("month,x", with_total("month"))),
    "annual": table("year,month,x", [stamp.replace("-", ",") for stamp in with_total("{}-Annual")]),
    "json": '[{"day": "2020-01-01", "x": 1.5}, {"day": "2020-01-02", "x": 2.5}]',
    "lines of json": '{"day": "2020-01-01", "x": 1.5}\n{"day": "2020-01-02", "x": 2.5}\n',
}  # fmt: skip
