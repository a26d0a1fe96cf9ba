"""Several series in one file: windows within one series, parts at the same times, scaling over all or by series."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets import DataError, DataSpec, WindowSpec, baselines, cut, prepare, read
from tests.datasets.typed import outcomes

DAYS = pd.date_range("2021-01-01", periods=100)


def panel(lengths: dict[str, int], seed: int = 0) -> pd.DataFrame:
    """Random walks at different levels, each over the last days, shuffled."""
    random = np.random.default_rng(seed)
    frames = [
        pd.DataFrame(
            {"store": name, "day": DAYS[100 - rows :], "units": 50 * place + random.normal(size=rows).cumsum()}
        )
        for place, (name, rows) in enumerate(lengths.items())
    ]
    return pd.concat(frames).sample(frac=1, random_state=seed)


def spec(path, **changes) -> DataSpec:
    return DataSpec(**{"csv": path, "target": "units", "time": "day", "group": "store"} | changes)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=5),
    st.integers(1, 6),
    st.integers(1, 3),
    st.sampled_from(["all", "series"]),
    st.booleans(),
)
def test_a_window_lies_in_one_series_and_its_targets_in_one_part(
    tmp_path, rows, length, horizon, scale_per, difference
):
    """Compared with windows that are cut from each series in the simplest way."""
    lengths = {f"s{place}": count for place, count in enumerate([100, *rows])}
    frame, path = panel(lengths), tmp_path / "panel.csv"
    frame.to_csv(path, index=False)
    data = spec(path, scale_per=scale_per, difference=difference)
    windows = prepare(data, WindowSpec(length=length, horizon=horizon), "float64")
    limits = {
        "train": (DAYS[0], DAYS[70]),
        "validation": (DAYS[70], DAYS[85]),
        "test": (DAYS[85], DAYS[99] + DAYS.freq),
    }
    for part in (windows.train, windows.validation, windows.test):
        low, high = limits[part.name]
        expected = []
        for name in lengths:
            series = frame[frame["store"] == name].sort_values("day")
            values, days = series["units"].to_numpy(), series["day"].to_numpy()
            for row in range(length + difference, len(values) - horizon + 1):
                if low <= days[row] and days[row + horizon - 1] < high:
                    expected.append(values[row : row + horizon])
        np.testing.assert_allclose(windows.truth(part), np.reshape(expected, (-1, horizon)), rtol=1e-12)
        np.testing.assert_allclose(windows.to_unit(part, part.y), windows.truth(part), rtol=1e-9, atol=1e-9)


def test_each_series_can_have_its_own_scaler(tmp_path):
    """The training rows of each series have mean 0 and deviation 1; a series without any has the scaler of all."""
    path = tmp_path / "panel.csv"
    panel({"a": 100, "b": 100, "late": 20}).to_csv(path, index=False)
    windows = prepare(spec(path, scale_per="series"), WindowSpec(length=3), "float64")
    whole = prepare(spec(path), WindowSpec(length=3), "float64")
    for run, (start, stop) in enumerate(windows.split.spans["train"][:2]):
        scaled = windows.scaler.of(run).apply(windows.series.values[start:stop])
        assert scaled.mean() == pytest.approx(0, abs=1e-9)
        assert scaled.std() == pytest.approx(1)
    np.testing.assert_array_equal(windows.scaler.offset[2], whole.scaler.offset)
    assert windows.scale(windows.test).shape == (len(windows.test), 1)
    assert whole.scale(whole.test).shape == (1,)


def test_short_series_are_named(tmp_path):
    """From thousands of rows to a single one."""
    path = tmp_path / "panel.csv"
    panel({"long": 100, "short": 5, "single": 1}).to_csv(path, index=False)
    series = read(spec(path))
    assert (series.groups, series.runs, series.rows) == (("long", "short", "single"), (0, 100, 105), 106)
    notes = " ".join(cut(series, spec(path), WindowSpec(length=7)).notes)
    assert "2 of 3 series have no window in the train part: short, single." in notes
    assert "2 of 3 series have no window in the test part: short, single." in notes


def test_a_gap_in_one_series_is_filled_and_not_forecast(tmp_path):
    frame = panel({"a": 100, "b": 100})
    frame = frame[~((frame["store"] == "b") & (frame["day"] == DAYS[50]))]
    path = tmp_path / "panel.csv"
    frame.to_csv(path, index=False)
    windows = prepare(spec(path), WindowSpec(length=3, horizon=2))
    assert windows.series.unscored.tolist() == [150]
    rows = np.asarray(windows.train.rows)
    assert {148, 151} <= set(rows.tolist())
    assert not {149, 150} & set(rows.tolist())


def test_the_baselines_of_several_series(tmp_path):
    """Persistence and mean are those of the window's own series."""
    path = tmp_path / "panel.csv"
    panel({"a": 100, "b": 100}).to_csv(path, index=False)
    windows = prepare(spec(path), WindowSpec(length=3))
    forecasts = {forecast.name: forecast.values[:, 0] for forecast in baselines(windows, windows.test)}
    values, rows = windows.series.values[:, 0], np.asarray(windows.test.rows)
    np.testing.assert_array_equal(forecasts["persistence"], values[rows - 1])
    np.testing.assert_array_equal(forecasts["seasonal naive"], values[rows - 7])
    means = np.array([values[:70].mean(), values[100:170].mean()])
    np.testing.assert_allclose(forecasts["training mean"], means[windows.runs(windows.test)])


@pytest.mark.parametrize(("train", "validation"), [(70, 15), ("2021-03-12", "2021-03-27"), (0.7, 15)])
def test_parts_end_at_the_same_time_in_all_series(tmp_path, train, validation):
    """Given as a number of steps, a date or a share."""
    path = tmp_path / "panel.csv"
    panel({"a": 100, "b": 60}).to_csv(path, index=False)
    split = prepare(spec(path, train=train, validation=validation), WindowSpec(length=3)).split
    assert split.series == ((0, 70, 85, 100), (100, 130, 145, 160))


def test_series_without_time_stamps_are_split_by_their_rows(tmp_path):
    path = tmp_path / "panel.csv"
    frame = panel({"a": 100, "b": 60}).sort_values(["store", "day"])
    frame[["store", "units"]].to_csv(path, index=False)
    windows = prepare(spec(path, time=None), WindowSpec(length=3))
    assert windows.split.series == ((0, 70, 85, 100), (100, 142, 151, 160))


def test_two_columns_can_tell_series_apart(tmp_path):
    """Without a setting, the error offers the right column; both are needed here."""
    frame = pd.concat([panel({"a": 30, "b": 30}, seed).assign(item=f"i{seed}") for seed in (0, 1)])
    path = tmp_path / "panel.csv"
    frame.to_csv(path, index=False)
    grouped, _ = outcomes(["--csv", str(path), "--target", "units", "--time", "day", "--group", "store"])
    assert grouped.groups == ("a, i0", "a, i1", "b, i0", "b, i1")


def test_a_series_with_another_step_is_named(tmp_path):
    frame = panel({"a": 100, "b": 100})
    odd = frame[(frame["store"] != "b") | (frame["day"] < DAYS[50])]
    late = pd.DataFrame({"store": "b", "day": [DAYS[60] + pd.Timedelta("6h")], "units": [1.0]})
    path = tmp_path / "panel.csv"
    pd.concat([odd, late]).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"column 'day' of b, row \d+, 2021-03-02T06:00:00, is not a whole number"):
        read(spec(path))


@pytest.mark.parametrize("name", ["NA", "null", "None", "nan", "n/a", "", "-", "?"])
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_a_series_may_have_the_name_of_a_missing_value(tmp_path, name, form, decimal):
    """As Namibia's code NA in a list of countries; in the columns of numbers the same text is a missing value."""
    frame = panel({"DE": 60, "FR": 60}).replace({"store": {"FR": name}}).sort_values(["store", "day"])
    path = tmp_path / "panel.csv"
    units = frame["units"].map("{:.4f}".format).str.replace(".", decimal)
    units[frame["day"] == DAYS[70]] = "NA"
    stamps = frame["day"].dt.strftime(form)
    table = pd.DataFrame({"store": frame["store"], "day": stamps, "units": units})
    table.to_csv(path, index=False, sep=";")
    series = read(spec(path))
    assert series.groups == tuple(sorted(["DE", name]))
    assert (series.rows, len(series.filled)) == (120, 2)
    assert "with the time stamp of an earlier row" not in " ".join(series.notes)
    assert read(spec(path, missing="DE")).groups == (name,)


def test_markers_that_name_every_series_are_an_error_with_an_answer(tmp_path):
    path = tmp_path / "panel.csv"
    panel({"A": 60, "B": 60}).to_csv(path, index=False)
    with pytest.raises(DataError, match="`missing` names every series"):
        read(spec(path, missing="A, B"))
    words = ["--csv", str(path), "--target", "units", "--time", "day", "--group", "store", "--set", "data.missing=A, B"]
    assert [series.groups for series in outcomes(words)] == [("A", "B")]


@pytest.mark.parametrize("known", [(), ("--group", "product")])
def test_two_columns_that_together_tell_series_apart_are_suggested(tmp_path, known):
    """The advice names both, or the one that is not set; typed, it gives a series for each pair."""
    path, random = tmp_path / "panel.csv", np.random.default_rng(3)
    pairs = pd.MultiIndex.from_product([list("abc"), ["north", "south"], DAYS[:20]], names=["product", "store", "day"])
    pairs.to_frame(index=False).assign(colour="red", units=random.normal(size=len(pairs))).to_csv(path, index=False)
    grouped, averaged = outcomes(["--csv", str(path), "--target", "units", "--time", "day", *known])
    assert grouped.groups == tuple(f"{product}, {store}" for product in "abc" for store in ("north", "south"))
    assert averaged.rows == 20 * (3 if known else 1)


def test_a_column_with_a_value_for_each_row_is_no_name_of_a_series(tmp_path):
    """The numbers of orders tell all rows apart, but each would be a series of one row."""
    path, times = tmp_path / "orders.csv", np.repeat(DAYS[:30], 2)
    frame = pd.DataFrame({"order": [f"n{row}" for row in range(60)], "day": times, "units": np.arange(60) % 7})
    frame.to_csv(path, index=False)
    (averaged,) = outcomes(["--csv", str(path), "--target", "units", "--time", "day"])
    assert averaged.values[:, 0].tolist() == frame.groupby("day")["units"].mean().tolist()


def test_the_extent_of_a_part_is_that_of_its_outermost_rows(tmp_path):
    """The first series begins later and ends later than the second one."""
    days = {"a": DAYS[10:], "b": DAYS[:90]}
    frames = [pd.DataFrame({"store": name, "day": stamps, "units": range(90)}) for name, stamps in days.items()]
    pd.concat(frames).to_csv(tmp_path / "panel.csv", index=False)
    series = read(spec(tmp_path / "panel.csv"))
    assert series.extent(series.spans) == "2021-01-01 to 2021-04-10"
    assert series.extent(series.spans[:1]) == "2021-01-11 to 2021-04-10"
    assert series.extent([(0, 0)]) == "no row"


def test_a_target_that_never_changes_within_a_series_is_refused(tmp_path):
    """As the price of each product: every framework would be compared on losses of zero."""
    frame = panel({"a": 60, "b": 60})
    frame["price"] = frame["store"].map({"a": 3.5, "b": 4.25})
    frame.to_csv(tmp_path / "panel.csv", index=False)
    with pytest.raises(DataError, match="'price' holds the same value in all rows of each of the 2 series"):
        read(spec(tmp_path / "panel.csv", target="price"))
    frame.iloc[[0], frame.columns.get_loc("price")] = 3.75
    frame.to_csv(tmp_path / "panel.csv", index=False)
    assert read(spec(tmp_path / "panel.csv", target="price")).rows == 120
