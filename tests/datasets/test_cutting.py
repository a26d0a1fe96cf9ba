"""Windows over random series: no leak, no lost row, no copy, and the conversion to the unit of the series."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datasets import DataError, DataSpec, Series, Windows, WindowSpec, cut

QUICK = settings(max_examples=150, deadline=None)


def walk(rows: int, columns: int = 1, targets: int = 1, seed: int = 0, runs: tuple[int, ...] = (0,)) -> Series:
    """A random walk. All values differ, so a value identifies its row."""
    values = np.random.default_rng(seed).normal(size=(rows, columns)).cumsum(axis=0)
    names = tuple(f"c{number}" for number in range(columns))
    return Series("walk", "A walk", values, names, names[-targets:], season=7, runs=runs)


@st.composite
def cases(draw, **fixed) -> tuple[Series, DataSpec, WindowSpec]:
    """Arguments of `cut`: a series of one or several runs, [data] and [window]. fixed: settings of [data]."""
    rows = draw(st.integers(30, 200))
    columns = draw(st.integers(1, 3))
    runs = (0, *sorted(draw(st.sets(st.integers(1, rows - 1), max_size=3))))
    series = walk(rows, columns, draw(st.integers(1, columns)), draw(st.integers(0, 99)), runs)
    settings = {
        "difference": draw(st.booleans()),
        "scaling": draw(st.sampled_from(["standard", "minmax", "none"])),
        "scale_on": draw(st.sampled_from(["train", "all"])),
        "train": draw(st.one_of(st.floats(0.3, 0.7), st.integers(10, 20))),
        "validation": draw(st.one_of(st.floats(0.0, 0.25), st.integers(0, 8))),
    }
    data = DataSpec(series="walk", **settings | fixed)
    length = draw(st.integers(1, 12))
    padded = {
        "min_history": draw(st.integers(1, length)),
        "padding": draw(st.sampled_from(["left", "right"])),
        "mask": draw(st.sampled_from([None, False])),
    }
    window = WindowSpec(
        length=length,
        horizon=draw(st.integers(1, 4)),
        stride=draw(st.integers(1, 9)),
        **draw(st.sampled_from([{}, padded])),
    )
    return series, data, window


def made(case: tuple[Series, DataSpec, WindowSpec], dtype: str = "float64") -> Windows:
    """The windows of a case; a case with a part too short for a window is skipped."""
    try:
        return cut(*case, dtype)
    except DataError:
        assume(False)


def scaled_series(windows: Windows) -> np.ndarray:
    """The scaled series, computed in the simplest way."""
    values = windows.series.values
    if windows.data.difference:
        values = np.vstack([np.zeros(values.shape[1]), np.diff(values, axis=0)])
    return (values - windows.scaler.offset) / windows.scaler.scale


def run_start(windows: Windows, row: int) -> int:
    """The first row with a value in the run of `row`."""
    return max(start for start in windows.series.runs if start <= row) + windows.data.difference


def parts(windows: Windows) -> list:
    return [windows.train, windows.validation, windows.test]


@QUICK
@given(cases())
def test_views_equal_windows_copied_one_by_one(case):
    """A window has the T rows before its target, padded with zeros if there are fewer, and the H rows from it on.

    A masked window has a column with 1 for each of its rows and 0 for padding.
    """
    windows = made(case)
    scaled, (length, horizon) = scaled_series(windows), (windows.window.length, windows.window.horizon)
    for part in parts(windows):
        for number, row in enumerate(part.rows):
            past = scaled[max(run_start(windows, row), row - length) : row]
            first = 0 if windows.window.padding == "right" else length - len(past)
            real = slice(first, first + len(past))
            expected = np.zeros((length, scaled.shape[1] + windows.window.masked))
            expected[real] = 1
            expected[real, : scaled.shape[1]] = past
            np.testing.assert_array_equal(part.x[number], expected)
            np.testing.assert_array_equal(part.y[number], scaled[row : row + horizon][:, windows.targets].ravel())
            if part.mask is not None:
                assert np.flatnonzero(part.mask[number]).tolist() == list(range(first, first + len(past)))


@QUICK
@given(cases(scale_on="train"))
def test_no_row_after_the_split_reaches_an_earlier_part(case):
    """Changing every row from the end of a part on does not change the part, nor the scaler."""
    series, data, window = case
    windows = made(case)
    for part, end in (("train", windows.split.train), ("validation", windows.split.validation)):
        changed = series.values.copy()
        changed[end:] += 1000 + np.arange(len(changed) - end)[:, None] ** 2
        other = made((Series("walk", "", changed, series.columns, series.targets, runs=series.runs), data, window))
        np.testing.assert_array_equal(getattr(windows, part).x, getattr(other, part).x)
        np.testing.assert_array_equal(getattr(windows, part).y, getattr(other, part).y)


@QUICK
@given(cases(scaling="none"))
def test_no_target_lies_in_its_own_input(case):
    """Changing the target rows of a window does not change its input."""
    series, data, window = case
    windows = made(case)
    part = windows.test
    row = int(part.rows[len(part) // 2])
    changed = series.values.copy()
    changed[row : row + window.horizon] += 5000
    other = made((Series("walk", "", changed, series.columns, series.targets, runs=series.runs), data, window))
    np.testing.assert_array_equal(part.x[len(part) // 2], other.test.x[len(part) // 2])
    assert (part.y[len(part) // 2] != other.test.y[len(part) // 2]).any()


@QUICK
@given(cases())
def test_every_window_is_in_the_part_that_contains_all_its_targets(case):
    """A window with targets in two parts is in neither; every other window is in exactly one part, in order."""
    windows = made(case)
    horizon, history, stride = windows.window.horizon, windows.window.shortest, windows.window.stride
    ends = (*windows.series.runs[1:], windows.series.rows)
    expected: dict[str, list[int]] = {name: [] for name in windows.split.spans}
    for start, stop in zip(windows.series.runs, ends, strict=True):
        for row in range(start + windows.data.difference + history, stop - horizon + 1, stride):
            for name, ((low, high),) in windows.split.spans.items():
                if low <= row and row + horizon <= high:
                    expected[name].append(row)
    assert {part.name: list(part.rows) for part in parts(windows)} == expected


@QUICK
@given(cases())
def test_chains_are_the_windows_that_continue_one_another(case):
    """Each window is in one chain, and a chain ends only where no window of its run begins in the part."""
    windows = made(case)
    length = windows.window.length
    for part in parts(windows):
        rows, runs = np.asarray(part.rows), windows.runs(part)
        chains = windows.chains(part)
        assert sorted(np.concatenate(chains).tolist()) == list(range(len(part)))
        known = set(zip(runs.tolist(), rows.tolist(), strict=True))
        for chain in chains if len(part) else []:
            assert len(set(runs[chain])) == 1
            np.testing.assert_array_equal(np.diff(rows[chain]), length)
            assert (runs[chain[-1]], rows[chain[-1]] + length) not in known


@QUICK
@given(cases())
def test_scaling_and_differencing_are_undone_exactly(case):
    """The scaled targets converted back are the values of the series, within the precision of the dtype."""
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-3)):
        windows = made(case, dtype)
        for part in parts(windows):
            back = windows.to_unit(part, part.y)
            assert back.dtype == np.float64
            assert back.shape == (len(part), windows.window.horizon * len(windows.targets))
            np.testing.assert_allclose(back, windows.truth(part), rtol=0, atol=tolerance)


@QUICK
@given(cases())
def test_the_scaler_is_fitted_on_the_rows_of_scale_on(case):
    """The scaled rows of the fit have mean 0 and standard deviation 1, or the range 0 to 1."""
    windows = made(case)
    assume(windows.data.scaling != "none")
    rows = np.arange(windows.series.rows if windows.data.scale_on == "all" else windows.split.train)
    if windows.data.difference:
        rows = np.setdiff1d(rows, windows.series.runs)
    scaled = scaled_series(windows)[rows]
    assume(len(scaled) > 1)
    if windows.data.scaling == "standard":
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-9)
    else:
        np.testing.assert_allclose([scaled.min(), scaled.max()], [0, 1], atol=1e-9)


@QUICK
@given(cases(), st.data())
def test_the_digest_changes_if_and_only_if_a_window_changes(case, data):
    """After changing one number of the series, the digests differ exactly if some window or target differs."""
    series, spec, window = case
    windows = made(case)
    changed = series.values.copy()
    changed[data.draw(st.integers(0, series.rows - 1)), data.draw(st.integers(0, len(series.columns) - 1))] += 0.5
    other = made((Series("walk", "", changed, series.columns, series.targets, runs=series.runs), spec, window))
    same = all(
        np.array_equal(before.x, after.x) and np.array_equal(before.y, after.y)
        for before, after in zip(parts(windows), parts(other), strict=True)
    )
    assert (windows.digest == other.digest) == same
    assert windows.digest == cut(series, spec, window, "float64").digest


def test_the_digest_is_the_same_on_every_machine():
    """A stored value: byte order, order of summation and NumPy version must not change the digest."""
    values = np.round(np.random.RandomState(3).randn(500, 2), 6)
    series = Series("fixed", "", values, ("a", "b"), ("b",))
    windows = cut(
        series, DataSpec(series="fixed"), WindowSpec(length=9, horizon=2, stride=3, min_history=2, mask=False)
    )
    assert windows.digest == "207cad851aee69774964c524fe152f5d71c98d24c5dbc9d45fa27e757a6708a5"


def test_windows_are_read_only_views():
    """x and y of all parts share the memory of one array, so no model may change its input."""
    windows = cut(walk(300, 3), DataSpec(series="walk"), WindowSpec(length=20, horizon=3))
    assert np.shares_memory(windows.train.x, windows.validation.x)
    assert np.shares_memory(windows.train.x, windows.train.y)
    with pytest.raises(ValueError, match="read-only"):
        windows.train.x[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        windows.series.values[0] = 0


def test_no_window_spans_two_runs():
    """The runs are consecutive numbers, so every window must contain consecutive numbers."""
    runs = np.concatenate([start + np.arange(10.0) for start in (40, 3, 77, 12, 60, 5)])[:, None]
    series = Series("runs", "", runs, ("n",), ("n",), runs=tuple(range(0, 60, 10)))
    windows = cut(series, DataSpec(series="runs", scaling="none", train=0.5), WindowSpec(length=2))
    for part in parts(windows):
        assert len(part)
        np.testing.assert_array_equal(np.diff(part.x[:, :, 0], axis=1), 1)
        np.testing.assert_array_equal(part.y[:, 0] - part.x[:, -1, 0], 1)


def test_a_column_that_never_changes_becomes_zero_and_is_named():
    """The deviation of a constant column is 0: its scaled values must not be NaN, and a note names the column."""
    values = np.column_stack([np.full(100, 0.1), np.arange(100.0)])
    for scaling in ("standard", "minmax"):
        windows = cut(
            Series("flat", "", values, ("flat", "n"), ("n",)),
            DataSpec(series="flat", scaling=scaling),
            WindowSpec(length=3),
        )
        assert (windows.test.x[:, :, 0] == 0).all()
        assert any("scaled to 0 there: flat" in note for note in windows.notes)


def test_a_differenced_forecast_starts_from_the_last_observed_value():
    """A forecast of no change over three steps is the value before the target, three times."""
    windows = cut(walk(200), DataSpec(series="walk", difference=True, scaling="none"), WindowSpec(length=5, horizon=3))
    forecast = windows.to_unit(windows.test, np.zeros((len(windows.test), 3)))
    before = windows.series.values[np.asarray(windows.test.rows) - 1]
    np.testing.assert_array_equal(forecast, np.repeat(before, 3, axis=1))


def test_errors_are_scaled_by_the_deviation_of_the_values_also_with_difference():
    """Published standardised errors refer to values, so `difference` must not change their scale."""
    series, window = walk(200, columns=3, targets=2, runs=(0, 90)), WindowSpec(length=5, horizon=3)
    deviation = series.values[:140, 1:].std(axis=0)
    for difference in (False, True):
        windows = cut(series, DataSpec(series="walk", difference=difference, train=140), window)
        np.testing.assert_allclose(windows.scale(windows.test), deviation, rtol=1e-11)


def test_a_note_reports_a_scaler_fitted_on_all_rows():
    """Such a scaler contains information about the test part."""
    spec = DataSpec(series="walk", scale_on="all", scaling="minmax")
    assert any(
        "on ALL rows, including the test part" in note for note in cut(walk(99), spec, WindowSpec(length=2)).notes
    )
