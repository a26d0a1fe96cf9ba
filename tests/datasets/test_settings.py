"""The tables [data] and [window]: accepted and refused settings, and the ends of the parts."""

import json
from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from datasets import DataError, DataSpec, Series, WindowSpec, cut, load, prepare
from datasets.spec import to_set


def weeks(rows: int = 100) -> Series:
    """A straight line over weeks from 2000-01-01 on."""
    times = np.datetime64("2000-01-01") + 7 * np.arange(rows)
    return Series("line", "", np.arange(rows, dtype=float)[:, None], ("n",), ("n",), times=times, step="week", season=4)


def ends(**settings) -> tuple[int, int, int]:
    """The end rows of the three parts of a hundred weeks."""
    parts = cut(weeks(), DataSpec(series="line", **settings), WindowSpec(length=2)).split
    return parts.train, parts.validation, parts.test


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (70, 85, 100)),
        ({"train": 0.67, "validation": 0}, (67, 67, 100)),
        ({"train": 50, "validation": 20}, (50, 70, 100)),
        ({"train": 50, "validation": 20, "test": 10}, (50, 70, 80)),
        ({"train": 0.6, "validation": 0.2, "test": 0.2}, (60, 80, 100)),
        ({"train": "2000-02-12", "validation": "2000-03-05"}, (6, 10, 100)),
        ({"train": date(2000, 2, 12), "validation": 0.1}, (6, 16, 100)),
        ({"train": "2000-02-11T22:00:00-02:00", "validation": 4}, (6, 10, 100)),
    ],
)
def test_parts_end_by_share_by_row_or_by_date(settings, expected):
    """A part ends before the first row at or after the date."""
    assert ends(**settings) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": 0.0}, r"train = 0\.0 leaves no row for the train part"),
        (
            {"train": 0.001},
            r"train = 0\.001 leaves no row for the train part.*line has 100 rows, 2000-01-01 to 2001-11",
        ),
        ({"train": 0.9, "validation": 0.001}, r"validation = 0\.001 leaves no row for the validation part"),
        ({"train": 200}, r"train = 200 ends at row 200, but line has 100 rows"),
        ({"train": 80, "validation": 20}, r"train and validation leave no row for the test part"),
        ({"train": "1999-01-01"}, r"train = '1999-01-01' leaves no row for the train part"),
        ({"train": 80, "validation": "2000-03-01"}, r"validation = '2000-03-01' leaves no row for the validation part"),
        (
            {"train": 2, "validation": 50},
            r"rows 1 to 2 of line, is too short for a window: length = 2 rows",
        ),
    ],
)
def test_a_split_that_leaves_a_part_empty_names_the_option(settings, message):
    """Without this check, the metrics of the empty part would fail later."""
    with pytest.raises(DataError, match=message):
        ends(**settings)


def test_a_horizon_longer_than_a_part_is_named():
    """The validation part holds 15 rows."""
    with pytest.raises(
        DataError, match=r"validation part, rows 71 to 85 of line, is too short for a window: .* horizon = 16 rows"
    ):
        cut(weeks(), DataSpec(series="line"), WindowSpec(length=2, horizon=16))


def test_a_window_longer_than_the_series_is_named():
    """The length exceeds the number of rows."""
    long = r"rows 1 to 70 of line, is too short for a window: length = 500 rows .* to at most 69 \(--window 69\)"
    with pytest.raises(DataError, match=long):
        cut(weeks(), DataSpec(series="line"), WindowSpec(length=500))


def test_a_date_needs_time_stamps():
    """The series sine has no time stamps."""
    with pytest.raises(DataError, match=r"train = '1990-01-01' is a date, but sine has no time stamps"):
        prepare(DataSpec(series="sine", train="1990-01-01"), WindowSpec(length=2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give either series, a registered name, or csv"),
        ({"series": "co2", "csv": "a.csv"}, "give either series"),
        ({"csv": "a.csv"}, "csv needs target"),
        ({"series": "co2", "gaps": "interpolate"}, "gaps is for csv files only; remove it"),
        (
            {"series": "co2", "train": 1.5},
            r"write a share below 1 like 0\.7, a whole number of rows, or an ISO date",
        ),
        ({"series": "co2", "train": -3}, "write a share below 1"),
        ({"series": "co2", "train": True}, "write a share below 1"),
        ({"series": "co2", "validation": False}, "write a share below 1"),
        ({"series": "co2", "test": True}, "write a share below 1"),
        ({"series": "co2", "train": float("nan")}, "write a share below 1"),
        ({"series": "co2", "train": [0.7]}, "write a share below 1"),
        ({"csv": "a.csv", "target": 5}, "write a column's name in quotation marks"),
        ({"series": "co2", "train": "1990-13-01"}, "or an ISO date like"),
        (
            {"series": "co2", "train": 0.8, "validation": 0.2},
            r"train = 0\.8, validation = 0\.2 and the test part are more",
        ),
        ({"series": "co2", "difference": 1}, "difference"),
        ({"series": "co2", "scaling": "robust"}, "'standard', 'minmax' or 'none'"),
        ({"series": "co2", "features": ["a", "a"]}, "'a' is named twice"),
        ({"series": "co2", "features": []}, "an empty list names no column"),
        ({"series": "co2", "season": 0}, "greater than or equal to 1"),
        ({"series": "co2", "scailing": "none"}, "Extra inputs are not permitted"),
        ({"csv": "a.csv", "target": "a", "encoding": "utf-17"}, "'utf-17' is no encoding; write one such as"),
        ({"csv": "a.csv", "target": "a", "encoding": "base64"}, "'base64' is no encoding"),
        ({"csv": "a.csv", "target": "a", "time_format": "%Q"}, "'%Q' is no strptime format; write one such as"),
        ({"csv": "a.csv", "target": "a", "time_format": "day"}, "write a strptime format such as"),
        ({"csv": "a.csv", "target": "a", "time": "t", "resample": "5 apples"}, "write a step such as"),
        ({"csv": "a.csv", "target": "a", "resample": "5 min"}, "resample needs time"),
        ({"csv": "a.csv", "target": "a", "thousands": ",", "decimal": ","}, "thousands and decimal are both ','"),
        ({"series": "co2", "calendar": "hour,second"}, "'hour', 'weekday' or 'month'"),
        ({"csv": "a.csv", "target": "a", "decimal": ",", "separator": ","}, "separator and decimal are both ','"),
    ],
)
def test_a_wrong_setting_is_refused(settings, message):
    """Each error is raised before any data is read."""
    with pytest.raises(ValidationError, match=message):
        DataSpec(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 0}, "greater than or equal to 1"),
        ({"length": -20}, "greater than or equal to 1"),
        ({"length": 20.5}, "valid integer"),
        ({"length": True}, "valid integer"),
        ({"length": 20, "horizon": 0}, "greater than or equal to 1"),
        ({"length": 20, "mask": True}, "mask belongs to padded windows; set min_history, as in 2, or remove mask"),
        ({"length": 20, "mask": False}, "mask belongs to padded windows; set min_history, as in 2, or remove mask"),
        ({"length": 20, "padding": "right"}, "padding belongs to padded windows; set min_history, as in 2, or remove"),
        ({"length": 20, "min_history": 21}, "min_history = 21 is longer .*, length = 20; write at most 20"),
    ],
)
def test_a_wrong_window_is_refused(settings, message):
    """True is refused too, although it equals 1 in Python."""
    with pytest.raises(ValidationError, match=message):
        WindowSpec(**settings)


def test_advice_is_valid_in_a_file_and_on_the_command_line():
    """Both forms can be copied; the shell form quotes a semicolon, which would end the command."""
    assert to_set(order="rows") == 'set data.order = "rows" (on the command line: --set data.order=rows)'
    assert to_set(separator=";").endswith("(on the command line: --set 'data.separator=;')")
    assert to_set(separator="\t").endswith("""(on the command line: --set 'data.separator="\\t"')""")


@pytest.mark.parametrize(("missing", "expected"), [(-9999, "-9999"), (999.9, "999.9"), ([-1, "n/k"], "-1, n/k")])
def test_a_marker_of_missing_values_may_be_a_number(missing, expected):
    """A number in TOML, and the result of --set data.missing=-9999."""
    assert DataSpec(csv="a.csv", target="a", missing=missing).missing == expected
    with pytest.raises(ValidationError, match="write the markers of missing values"):
        DataSpec(csv="a.csv", target="a", missing=True)


def test_settings_survive_the_manifest():
    """Settings are stored as JSON and read back when a run is resumed or reproduced."""
    for spec in (
        DataSpec(series="co2", train=date(1990, 1, 1), validation=100, features=["co2"]),
        DataSpec(csv="some/file.csv", target=["a", "b"], missing="999.9"),
    ):
        assert DataSpec.model_validate(json.loads(spec.model_dump_json())) == spec


def test_columns_of_a_series_can_be_chosen():
    """In the order of the series; the past of the target is always an input."""
    misspelt = DataSpec(series="airline", features=["passenger"])
    with pytest.raises(DataError, match=r"no column 'passenger' in the series airline; did you mean 'passengers'"):
        prepare(misspelt, WindowSpec(length=2))
    assert prepare(DataSpec(series="airline"), WindowSpec(length=2)).series.columns == ("passengers",)


def test_values_too_large_for_float32_are_refused_unscaled():
    """Otherwise they would become infinite without an error."""
    series = Series("big", "", np.array([1e39, 2e39] * 20)[:, None], ("n",), ("n",))
    with pytest.raises(
        DataError, match=r'unscaled values outside the range of float32: set data\.scaling = "standard"'
    ):
        cut(series, DataSpec(series="big", scaling="none"), WindowSpec(length=2))
    assert cut(series, DataSpec(series="big"), WindowSpec(length=2)).train.x.max() == 1


def test_a_series_with_a_missing_value_is_refused():
    """A Series must be finite: gaps are filled before it is created."""
    with pytest.raises(DataError, match="hole, column 'n', row 2 holds nan"):
        Series("hole", "", np.array([[1.0], [np.nan]]), ("n",), ("n",))


def test_the_notes_of_co2_describe_the_preparation():
    """The first words of the five notes, and the span of the training part."""
    notes = cut(load("co2"), DataSpec(series="co2", difference=True), WindowSpec(length=20)).notes
    assert [note.split(" ")[0] for note in notes] == ["59", "Filled", "Split", "The", "Each"]
    assert "train 1958-03-29 to 1988-11-05 (1,598 rows)" in notes[2]
