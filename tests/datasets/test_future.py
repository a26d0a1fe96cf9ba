"""Rows beyond the end of a series: their time stamps, the inputs of their forecasts, and files of newer rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from datasets import DataError, DataSpec, Series, WindowSpec, cut, future, read
from datasets.files import steps
from datasets.windows import rolled

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        ("2021-01-04 06:00", "15min"), ("2021-03-01", "h"), ("2020-02-20", "D"), ("2021-01-01", "B"),
        ("2021-01-02", "W-SAT"), ("2020-01-01", "MS"), ("2019-01-31", "ME"), ("2019-01-31", "BME"),
        ("2019-01-01", "BMS"), ("2019-01-01", "QS"), ("2019-03-31", "QE"), ("1990-01-01", "YS"),
    ],
)  # fmt: skip
def test_the_next_time_stamps_are_those_that_pandas_continues_with(start, rule):
    times = pd.date_range(start, periods=90, freq=rule).to_numpy("datetime64[us]")
    for known in (40, 57, 73):
        step = steps.inferred(times[:known])
        np.testing.assert_array_equal(steps.following(times[:known], step, 15), times[known : known + 15])


def panel(lengths: tuple[int, ...], columns: int = 1, groups: bool = False) -> Series:
    """Random walks on consecutive hours."""
    values = RANDOM.normal(size=(sum(lengths), columns)).cumsum(axis=0)
    start = np.datetime64("2024-01-30T07", "us")
    return Series(
        "walk",
        "A walk",
        values,
        tuple(f"c{place}" for place in range(columns)),
        ("c0",),
        times=np.concatenate([start + np.arange(rows) * np.timedelta64(1, "h") for rows in lengths]),
        step="hour",
        runs=tuple(np.cumsum([0, *lengths[:-1]]).tolist()),
        groups=tuple(f"s{place}" for place in range(len(lengths))) if groups else (),
    )


def known_until(series: Series, rows: int) -> Series:
    """Each series without its last rows."""
    ends = (*series.runs[1:], series.rows)
    kept = np.concatenate([np.arange(start, stop - rows) for start, stop in zip(series.runs, ends, strict=True)])
    runs = tuple(int(start) - place * rows for place, start in enumerate(series.runs))
    return replace(series, values=series.values[kept], times=series.times[kept], runs=runs)


@pytest.mark.parametrize("scale_per", ["all", "series"])
@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("history", [None, 2])
def test_the_inputs_after_the_end_are_those_of_the_series_that_goes_on(scale_per, difference, history):
    """With calendar, several series, differences and padding: all columns but the target are as if it were known."""
    from datasets.calendars import with_calendar

    whole = panel((120, 95, 70), groups=True)
    shorter = known_until(whole, 6)
    data = DataSpec(
        csv="walk.csv", target="c0", time="t", group="g", calendar=("hour", "month"), difference=difference,
        scale_per=scale_per, train=60, validation=20,
    )  # fmt: skip
    window = WindowSpec(length=5, horizon=3, min_history=history)
    series = with_calendar(shorter, data.calendar)
    windows = cut(series, data, window, "float64")
    after = future.after_the_end(windows, series, 6)
    assert after.names == whole.groups
    goes_on = with_calendar(whole, data.calendar)
    ends = np.array([*goes_on.runs[1:], goes_on.rows]) - 6
    changes = np.diff(goes_on.values, axis=0, prepend=0) if difference else goes_on.values
    for place, end in enumerate(ends):
        scaler = windows.scaler.of(place)
        scaled = scaler.apply(changes[end - 5 : end + 6])
        columns = len(goes_on.columns)
        np.testing.assert_allclose(after.ahead.part.x[place][:, :columns], scaled[:5], rtol=0, atol=1e-12)
        following = after.ahead.following[place][:-1, 1:columns]  # the last row is no input of a forecast
        np.testing.assert_allclose(following, scaled[5:-1, 1:], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(after.stamps[place], goes_on.times[end : end + 6])
    forecasts = RANDOM.normal(size=(3, 6, 1))
    values = after.ahead.windows.to_unit(after.ahead.part, forecasts.reshape(3, -1))
    scales = [windows.scaler.of(place) for place in range(3)]
    undone = np.array([forecasts[place, :, 0] * s.scale[0] + s.offset[0] for place, s in enumerate(scales)])
    last = whole.values[ends - 1, :1]
    np.testing.assert_allclose(values, last + undone.cumsum(axis=1) if difference else undone, rtol=1e-12)


@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("horizon", [1, 2, 7])
def test_a_later_row_is_forecast_as_if_the_earlier_forecasts_had_been_observed(difference, horizon):
    """A horizon that is longer than the window too; two targets."""
    series = panel((90,), columns=2)
    series = replace(series, targets=("c0", "c1"))
    data = DataSpec(csv="walk.csv", target=("c0", "c1"), difference=difference)
    windows = cut(series, data, WindowSpec(length=4, horizon=horizon), "float64")
    weights = RANDOM.normal(size=(8, horizon * 2)) / 4

    def predict(x):
        return x.reshape(len(x), -1) @ weights

    after = future.after_the_end(windows, series, 9).ahead
    forecast = after.windows.to_unit(after.part, rolled(predict, after.part.x, after.following, [0, 1]).reshape(1, -1))
    values = series.values
    while len(values) < series.rows + 9:
        times = steps.following(series.times, steps.Step("hour"), len(values) - series.rows)
        observed = replace(series, values=values, times=np.concatenate([series.times, times]))
        block = future.after_the_end(windows, observed, horizon).ahead
        added = block.windows.to_unit(block.part, predict(block.part.x)).reshape(horizon, 2)
        values = np.concatenate([values, added])
    np.testing.assert_allclose(forecast.reshape(9, 2), values[series.rows : series.rows + 9], rtol=1e-9)


def test_windows_over_a_part_know_no_row_after_it():
    """Every row of the part begins a window; its known targets are those of the part that were not filled."""
    series = replace(panel((100,)), filled=np.array([77]), unscored=np.array([77]))
    windows = cut(series, DataSpec(csv="walk.csv", target="c0", train=60, validation=20), WindowSpec(length=5))
    over = future.over_part(windows, "validation", 8, 1000)
    rows = np.arange(60, 80)[:, None] + np.arange(8)
    np.testing.assert_array_equal(over.known, (rows < 80) & (rows != 77))
    truth = over.ahead.windows.truth(over.ahead.part)
    np.testing.assert_array_equal(truth[over.known], series.values[rows[over.known], 0])
    assert len(future.over_part(windows, "validation", 8, 5).known) == 5


def airline(tmp_path, rows=slice(None), **columns):
    """The path of a file of the user with some rows of the airline series, and with changes."""
    series = read(DataSpec(series="airline"))
    frame = pd.DataFrame({"month": series.times, "passengers": series.values[:, 0]} | columns).iloc[rows]
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
    frame.to_csv(path, index=False)
    return path


def windows_of(path, **settings):
    data = DataSpec(csv=path, target="passengers", time="month", **settings)
    return cut(read(data), data, WindowSpec(length=12), "float64"), data


def test_newer_rows_continue_the_series_of_the_run(tmp_path):
    """Three new rows, or a file that also has the last ones again: the same series as from one whole file."""
    windows, data = windows_of(airline(tmp_path, slice(0, 120)), calendar=("month",))
    whole = read(data.model_copy(update={"csv": airline(tmp_path, slice(0, 123))}))
    for rows in (slice(120, 123), slice(60, 123)):
        series = future.newer(windows, data.model_copy(update={"csv": airline(tmp_path, rows)}))
        np.testing.assert_array_equal(series.values, whole.values)
        np.testing.assert_array_equal(series.times, whole.times)
        assert not any("missing between" in note for note in series.notes)
    path = airline(tmp_path, slice(125, 144))
    later = future.newer(windows, data.model_copy(update={"csv": path}))
    np.testing.assert_array_equal(later.values[:, 0], read(DataSpec(series="airline")).values[125:, 0])
    between = "between 1958-12-01 and 1959-06-01"
    assert any(f"Rows are missing between the run's data and {path.name} ({between})" in note for note in later.notes)


def test_filled_rows_of_the_run_stay_filled_rows_before_newer_ones(tmp_path):
    """Otherwise they would be scored, and drawn, like observed ones. The newer file has a gap too."""
    windows, data = windows_of(airline(tmp_path, [*range(100), *range(103, 120)]))
    new = airline(tmp_path, [120, 121, 122, 124])
    series = future.newer(windows, data.model_copy(update={"csv": new}))
    assert series.filled.tolist() == series.unscored.tolist() == [100, 101, 102, 123]


def test_a_newer_file_of_business_days_may_span_a_weekend(tmp_path):
    """Six rows are too few to tell business days from days; the step of the run's file decides."""
    days = pd.date_range("2024-01-01", periods=200, freq="B")
    values = RANDOM.normal(size=200).cumsum()
    paths = [tmp_path / "old.csv", tmp_path / "new.csv"]
    for path, rows in zip(paths, (slice(0, 194), slice(194, 200)), strict=True):
        pd.DataFrame({"month": days[rows], "passengers": values[rows]}).to_csv(path, index=False)
    windows, data = windows_of(paths[0])
    series = future.newer(windows, data.model_copy(update={"csv": paths[1]}))
    np.testing.assert_array_equal(series.values[:, 0], values)
    after = future.after_the_end(windows, series, 2)
    expected = (days[-1:] + pd.offsets.BDay(1)).append(days[-1:] + pd.offsets.BDay(2))
    np.testing.assert_array_equal(after.stamps[0], expected.to_numpy())


def test_a_file_that_does_not_fit_is_refused_in_one_sentence(tmp_path):
    windows, data = windows_of(airline(tmp_path, slice(0, 120)))

    def refused(path, message):
        newer = data.model_copy(update={"csv": path})
        with pytest.raises(DataError, match=message):
            future.after_the_end(windows, future.newer(windows, newer), 1)

    values = read(DataSpec(series="airline")).values[:, 0]
    refused(airline(tmp_path, slice(120, 140), passengers=values * 1000), "convert the column to the same unit")
    refused(airline(tmp_path, slice(120, 140), passengers=values / 100), "convert the column to the same unit")
    refused(airline(tmp_path, slice(120, 144, 3)), "trained on 1 row per month: give a file with this time step")
    short = (
        "has 6 rows, and the model reads 12 before its forecast: .* between 1958-12-01 and 1959-11-01, the end of the"
    )
    refused(airline(tmp_path, slice(130, 136)), short)
    other = tmp_path / "other.csv"
    other.write_text("month,riders\n1959-01-01,1\n1959-02-01,2\n")
    refused(other, "no column 'passengers'")


def test_series_that_only_the_run_or_only_the_file_has_are_named(tmp_path):
    """A new one may have too few rows for a window; then the error names it."""
    days = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")

    def panel_of(names, rows):
        frames = [pd.DataFrame({"day": days[rows], "shop": name, "units": np.arange(40)[rows] + 7}) for name in names]
        path = tmp_path / f"{'-'.join(names)}.csv"
        pd.concat(frames).to_csv(path, index=False)
        return path

    data = DataSpec(csv=panel_of(("Berlin", "Hamburg"), slice(0, 38)), target="units", time="day", group="shop")
    windows = cut(read(data), data, WindowSpec(length=5), "float64")
    without = future.newer(windows, data.model_copy(update={"csv": panel_of(("Berlin",), slice(38, 40))}))
    assert without.notes[-1] == "Berlin.csv has no rows of Hamburg: these series of the run are not forecast."
    other = future.newer(windows, data.model_copy(update={"csv": panel_of(("Munich",), slice(38, 40))}))
    with pytest.raises(DataError, match=r"has 2 rows of Munich, .* Not among the series of the run: Munich"):
        future.after_the_end(windows, other, 1)


def test_a_column_without_a_future_allows_no_later_rows():
    series = panel((90,), columns=2)
    data = DataSpec(csv="walk.csv", target="c0", features=("c1",))
    windows = cut(series, data, WindowSpec(length=4, horizon=3), "float64")
    assert future.after_the_end(windows, series, 3).ahead.part.x.shape == (1, 4, 2)
    with pytest.raises(DataError, match=r"future values of 'c1': forecast at most 3 with --steps 3, or train"):
        future.after_the_end(windows, series, 4)


@pytest.mark.parametrize("rows", [2, 30])
def test_a_series_that_the_model_does_not_know_is_named_however_short_it_is(rows):
    known, other = panel((90, 80), groups=True), panel((rows,), groups=True)
    data = DataSpec(csv="walk.csv", target="c0", group="g", scale_per="series")
    windows = cut(known, data, WindowSpec(length=4), "float64")
    unknown = replace(other, groups=("new",))
    with pytest.raises(DataError, match="has the series 'new', which the model was not trained on"):
        future.after_the_end(windows, unknown, 1)
