"""Rolling origins: consecutive test parts without overlap, each after its own training part, on which it is scaled."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datasets import DataError, DataSpec, Series, WindowSpec, cut, split

QUICK = settings(max_examples=60, deadline=None)


@st.composite
def splits(draw):
    """A series, which may be several with or without time stamps, and the [data] of all of its origins."""
    sizes = draw(st.lists(st.integers(20, 90), min_size=1, max_size=3))
    stamped, grouped = draw(st.booleans()), draw(st.booleans()) or len(sizes) > 1
    values = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(sum(sizes), 2)).cumsum(axis=0)
    start = np.datetime64("2020-01-01", "us")
    days = [start + np.arange(size) * np.timedelta64(1, "D") + draw(st.integers(0, 9)) for size in sizes]
    series = Series(
        "walk",
        "A walk",
        values,
        ("a", "b"),
        ("b",),
        times=np.concatenate(days) if stamped else None,
        runs=tuple(np.cumsum([0, *sizes[:-1]]).tolist()),
        groups=tuple(f"s{place}" for place in range(len(sizes))) if grouped else (),
    )
    origins = draw(st.integers(1, 6))
    shared = {
        "series": "walk",
        "train": draw(st.floats(0.2, 0.6)),
        "validation": draw(st.floats(0.0, 0.2)),
        "difference": draw(st.booleans()),
        "origin_training": draw(st.sampled_from(["expanding", "sliding"])),
        "origins": origins,
    }
    return series, [DataSpec(**shared, origin=number) for number in range(1, origins + 1)], DataSpec(**shared)


def parted(series, data):
    try:
        return split(series, data)
    except DataError:
        assume(False)


@QUICK
@given(splits())
def test_test_parts_follow_one_another_and_each_training_part_ends_before_its_own(case):
    """Of every series. Together the test parts are that of the single split; sliding training parts have equal rows."""
    series, origins, single = case
    whole, parts = parted(series, single), [parted(series, data) for data in origins]
    for run in range(len(whole.spans["test"])):
        tests = [part.spans["test"][run] for part in parts]
        assert [start for start, _ in tests] == [whole.spans["test"][run][0], *(stop for _, stop in tests[:-1])]
        assert tests[-1][1] == whole.spans["test"][run][1]
        for part in parts:
            assert part.spans["train"][run][1] == part.spans["validation"][run][0]
            assert part.spans["validation"][run][1] == part.spans["test"][run][0]
        starts = [part.spans["train"][run][0] for part in parts]
        if single.origin_training == "expanding":
            assert set(starts) == {series.runs[run]}
        else:
            assert starts == sorted(starts)
    if not series.groups and single.origin_training == "sliding":
        assert len({part.train - part.start for part in parts}) == 1
    if not series.groups and len(parts) > 1:
        sizes = [part.test - part.validation for part in parts]
        assert max(sizes) - min(sizes) <= 1


@QUICK
@given(splits(), st.integers(0, 5))
def test_no_row_after_its_training_part_reaches_a_model_or_its_scaler(case, number):
    """Changing all rows from the end of a training part on changes neither the training windows nor the scalers."""
    series, origins, _ = case
    data = origins[number % len(origins)]
    changed = series.values.copy()
    for _, stop in parted(series, data).spans["train"]:
        end = min([run for run in (*series.runs, series.rows) if run >= stop and run > 0], default=series.rows)
        changed[stop:end] += 1000 + np.arange(end - stop)[:, None] ** 2
    window = WindowSpec(length=3)
    other = Series(
        "walk", "", changed, series.columns, series.targets, series.times, runs=series.runs, groups=series.groups
    )
    try:
        first, second = (cut(values, data, window, "float64") for values in (series, other))
    except DataError:
        assume(False)
    np.testing.assert_array_equal(first.train.x, second.train.x)
    np.testing.assert_array_equal(first.train.y, second.train.y)
    np.testing.assert_array_equal(first.scaler.offset, second.scaler.offset)
    np.testing.assert_array_equal(first.value_scaler.scale, second.value_scaler.scale)


def test_a_later_origin_is_scaled_on_its_own_training_part():
    values = np.random.default_rng(3).normal(size=(100, 1)).cumsum(axis=0)
    series = Series("walk", "", values, ("a",), ("a",))
    for kind, first in (("expanding", 0), ("sliding", 20)):
        data = DataSpec(
            series="walk", train=40, validation=20, origins=2, origin=2, origin_training=kind, scaling="standard"
        )
        windows = cut(series, data, WindowSpec(length=4), "float64")
        assert windows.scaler.offset[0] == pytest.approx(values[first:60].mean(), rel=1e-11)
        assert windows.split.spans == {"train": ((first, 60),), "validation": ((60, 80),), "test": ((80, 100),)}


def test_mistakes_are_one_sentence():
    series = Series("walk", "", np.arange(20.0)[:, None], ("a",), ("a",))
    data = DataSpec(series="walk", origins=9, origin=1)
    with pytest.raises(DataError, match=r"origins = 9 are more than the 3 rows of the test part .* write at most 3"):
        split(series, data)
    with pytest.raises(DataError, match=r"fewer data\.origins, or give the test part more rows"):
        cut(series, data.model_copy(update={"origins": 3}), WindowSpec(length=2, horizon=2))
    with pytest.raises(ValueError, match="origin = 4 needs origins, a number of at least 4"):
        DataSpec(series="walk", origins=3, origin=4)
    with pytest.raises(ValueError, match="origin_training needs origins, as in origins = 5"):
        DataSpec(series="walk", origin_training="sliding")
