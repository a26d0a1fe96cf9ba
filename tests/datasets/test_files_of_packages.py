"""Data files that other packages ship, written by many people and programs, as `data show` reads them."""

from pathlib import Path

import pytest
import statsmodels

from datasets import DataError, DataSpec, read, suggested_columns

FOLDER = Path(statsmodels.__file__).parent / "datasets"
KNOWN = {  # file: time stamps, rows, first and last label, step
    "macrodata/macrodata.csv": ("year,quarter", 203, "1959-01", "2009-07", "quarter"),
    "nile/nile.csv": ("year", 100, "1871", "1970", "year"),
    "elnino/elnino.csv": ("YEAR", 61, "1950", "2010", "year"),
    "sunspots/sunspots.csv": ("YEAR", 309, "1700", "2008", "year"),
    "co2/co2.csv": ("date", 2284, "1958-03-29", "2001-12-29", "week"),
    "copper/copper.csv": ("YEAR", 25, "1951", "1975", "year"),
    "longley/longley.csv": ("YEAR", 16, "1947", "1962", "year"),
    "danish_data/data.csv": ("period", 55, "1974-01", "1987-07", "quarter"),
    "elec_equip/elec_equip.csv": ("DATE", 257, "1995-01", "2016-05", "month"),
}


def spec(path: Path) -> DataSpec:
    """The columns that the file suggests."""
    columns = suggested_columns(DataSpec(csv=path, target="*"))
    return DataSpec(csv=path, **{name: value for name, value in columns.items() if value})


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_series_is_read(name):
    time, rows, first, last, step = KNOWN[name]
    data = spec(FOLDER / name)
    series = read(data)
    assert (data.time, series.rows, series.step) == (time, rows, step)
    assert (series.label(0), series.label(rows - 1)) == (first, last)


@pytest.mark.slow
def test_every_other_table_is_read_or_refused_in_one_sentence():
    """Most of them are no time series, so they are read as rows."""
    paths = sorted(FOLDER.glob("**/*.csv"))
    messages = []
    for path in paths:
        try:
            read(spec(path))
        except DataError as error:
            messages.append(str(error))
    assert len(paths) > 25
    assert len(messages) < len(paths) / 10
    assert not [message for message in messages if "\n" in message]
