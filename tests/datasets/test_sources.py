"""The numbers of each registered series, compared with stored facts."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import DataError, DataSpec, WindowSpec, cut, describe, load, names, prepare
from datasets.sources import origins, readers, registered

FACTS = {  # rows, first and last value of the target, first and last time, missing rows filled, SHA-256 of the values
    "co2": (
        2284,
        316.1,
        371.5,
        "1958-03-29",
        "2001-12-29",
        59,
        "7565051a3fd18ea46eb6291bef7782a33286cdea4e8a63268108d01f429a692c",
    ),
    "sunspots": (
        309,
        5.0,
        2.9,
        "1700-01-01",
        "2008-01-01",
        0,
        "66c86ecdcd5950f61f6243f924fdfa10a44596e94816291062fdda266a31c86d",
    ),
    "airline": (
        144,
        112.0,
        432.0,
        "1949-01-01",
        "1960-12-01",
        0,
        "8eda0a52744e72ede03825fce5cb979a43af4b3479e2b0216bf907eee5d18056",
    ),
    "temperatures": (
        3650,
        20.7,
        13.0,
        "1981-01-01",
        "1990-12-31",
        0,
        "bda389e96da53db471225267d246ad4c7ecf72bba2bc32b6f5c810f84f5cb434",
    ),
    "seatac": (
        897,
        -3.01,
        16.98,
        "1950-01-01",
        "2024-09-01",
        0,
        "14ce0d19b44ea149125ae2ed30e4252d53d09cffe888dbd8f2e2533fd82dce31",
    ),
    "cet": (
        91502,
        3.2,
        20.0,
        "1772-01-01",
        "2022-07-10",
        0,
        "40aa3c369e6807dcd5620918e8ac669dfc0e25e6b0816aa0464be0489f1df097",
    ),
    "etth1": (
        17420,
        30.5310001373291,
        9.56700038909912,
        "2016-07-01T00:00:00",
        "2018-06-26T19:00:00",
        0,
        "56acd88bf17b05aae0998425a44df544401c3627f875eb02ccf12d081bf56b6c",
    ),
    "housing": (
        20640,
        4.526,
        0.894,
        None,
        None,
        0,
        "9b9082ab86651a01d663a8e4a70ea14c0b41d0b2bd693bccd3221dcd111e15ca",
    ),
    "sine": (
        1000,
        0.0,
        -0.125333233564,
        None,
        None,
        0,
        "d904b9549e1c8009b4ce56dcdd8c713b9128535c1f800ea2b1b3ce33d6e06469",
    ),
    "trend-season-noise": (
        1461,
        32.483570765056,
        160.707720080081,
        None,
        None,
        0,
        "92a9b955bfc04e8d915d494e616d1a7ab52d02390ffb4bd4f2ed5afdf422600b",
    ),
    "counting": (
        1000,
        43.0,
        83.0,
        None,
        None,
        0,
        "7d48adbe22c34e23f01636349f45ab8a55d81fe353fd5e0d1929a9523d55239c",
    ),
    "waves": (
        3200,
        3.139958,
        0.454695,
        None,
        None,
        0,
        "ccabea440432996d3fde05575964a3bb942187cd5ac7fd485c8b02cf72fac2d8",
    ),
}
DOWNLOADED = ("temperatures", "seatac", "cet", "etth1", "housing")


def loaded(name: str):
    """The series; the test is skipped if the series is not in the cache folder."""
    if name in DOWNLOADED and not (os.environ.get("BENCH_DATA") and describe(name).origin.is_cached()):
        pytest.skip(f"{name} is downloaded: set BENCH_DATA to a folder that holds it")
    return load(name)


def facts(name: str):
    """The facts of a series, in the form of FACTS."""
    series = loaded(name)
    target = series.values[:, series.index(series.targets)[0]]
    first, last = (None, None) if series.times is None else (str(series.times[0]), str(series.times[-1]))
    digest = origins.sha256(series.values.astype("<f8").tobytes())
    return series.rows, float(target[0]), float(target[-1]), first, last, len(series.filled), digest


def test_every_series_has_facts():
    """A series added without facts here would be unchecked; the message has what to add."""
    for name in names():
        assert name in FACTS, f'add to FACTS: "{name}": {facts(name)},'
    assert tuple(FACTS) == names()


@pytest.mark.parametrize("name", FACTS)
def test_the_numbers_equal_the_stored_facts(name):
    """A reader that drops, shifts or swaps a row or a column changes one of the facts."""
    assert facts(name) == FACTS[name]


@pytest.mark.parametrize("name", FACTS)
def test_the_registry_describes_what_is_loaded(name):
    """`describe` does not load the series, so its facts must be checked."""
    entry, series = describe(name), loaded(name)
    assert (entry.rows, entry.columns, entry.targets) == (series.rows, series.columns, series.targets)
    assert all((entry.title, entry.step, entry.licence, entry.source))
    assert bool(entry.unit) == (entry.licence != "generated")
    assert (entry.origin.kind == "downloaded") == (name in DOWNLOADED)
    assert (entry.origin.sha256 is not None) == (name in DOWNLOADED or name in ("co2", "sunspots"))


@pytest.mark.parametrize("name", FACTS)
def test_time_stamps_ascend(name):
    """A split by date uses binary search."""
    series = loaded(name)
    assert series.times is None or (np.diff(series.times) > np.timedelta64(0, "s")).all()


def test_co2_gaps_are_filled_with_the_value_before_them():
    """The seventh week of the series is missing; a value from after the gap would be a leak."""
    assert load("co2").values[4:9, 0].tolist() == [316.4, 316.9, 316.9, 317.5, 317.9]


def test_counting_is_runs_of_ten():
    """Each run ascends by one, and no window spans two runs."""
    series = load("counting")
    assert (np.diff(series.values[:, 0].reshape(-1, 10), axis=1) == 1).all()
    windows = cut(series, DataSpec(series="counting", scaling="none"), WindowSpec(length=2))
    assert (windows.truth(windows.test)[:, 0] - windows.test.x[:, -1, 0] == 1).all()


def test_windows_over_rows_that_are_not_a_time_series_need_order_rows():
    """Windows over districts need an explicit setting and get a note."""
    housing = loaded("housing")
    spec = DataSpec(series="housing", order="rows", scaling="minmax", train=0.67, validation=0)
    with pytest.raises(DataError, match=r'housing is not a time series: .* set data.order = "rows"'):
        cut(housing, spec.model_copy(update={"order": "time"}), WindowSpec(length=20))
    windows = cut(housing, spec, WindowSpec(length=20))
    assert len(windows.validation) == 0
    assert any("not a regular time series" in note for note in windows.notes)


def test_the_error_for_an_unknown_name_contains_the_closest_name():
    """If no name is close, the error lists all names."""
    with pytest.raises(DataError, match=r"there is no series 'airlines'; did you mean 'airline'\?"):
        load("airlines")
    with pytest.raises(DataError, match=r"there is no series 'xyz'; known: co2, sunspots"):
        describe("xyz")


def test_importing_datasets_imports_no_large_package():
    """Each trial is a new process, and it must import no framework except its own."""
    large = "{'torch', 'tensorflow', 'keras', 'jax', 'flax', 'pandas', 'sklearn', 'scipy', 'statsmodels', 'pooch'}"
    code = f"import sys, datasets; datasets.load('co2'); print(sorted({large} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_readme_lists_every_series():
    """With its number of rows, step, season and unit."""
    readme = (Path(datasets.__file__).parent / "README.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in readme.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == [f"`{name}`" for name in names()]
    for row, entry in zip(rows, map(describe, names()), strict=True):
        assert row[1:5] == [f"{entry.rows:,}", entry.step, str(entry.season or ""), entry.unit]


def test_the_readme_has_valid_settings():
    """The table [data] for a file of the user, and the table [window] for a history of any length."""
    readme = (Path(datasets.__file__).parent / "README.md").read_text()
    data, window = map(tomllib.loads, re.findall(r"```toml\n(.*?)```", readme, re.DOTALL))
    assert DataSpec(**data["data"]).gaps == "carry"
    assert WindowSpec(**window["window"]).masked


def test_a_series_is_added_as_the_readme_says(monkeypatch):
    """The function and the entry of the README are added, and the error about missing facts has the line to add."""
    readme = (Path(datasets.__file__).parent / "README.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    function, entry = block.split("\n\n\n")
    functions = dict(vars(readers))
    exec(function, functions)
    monkeypatch.setattr(readers, "ramp", functions["ramp"], raising=False)
    ramp = eval(entry, dict(vars(registered)))
    monkeypatch.setitem(registered._REGISTRY, ramp.name, ramp)
    windows = prepare(DataSpec(series="ramp"), WindowSpec(length=7))
    assert (len(windows.train), windows.season, windows.series.unit) == (63, 7, "m")
    with pytest.raises(AssertionError, match=r'add to FACTS: "ramp": \(100, 0.0, 99.0, None, None, 0'):
        test_every_series_has_facts()
