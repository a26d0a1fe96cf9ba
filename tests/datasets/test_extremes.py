"""Numbers near the limits of double precision: refused, or processed without a warning, NaN or infinity."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from datasets import DataError, DataSpec, Windows, WindowSpec, baselines, prepare


def column(tmp_path: Path, cells, **settings) -> Windows:
    """Windows of three rows over the cells of a CSV file. Warnings are errors."""
    path = tmp_path / "data.csv"
    path.write_text("a\n" + "\n".join(map(str, cells)) + "\n", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return prepare(DataSpec(csv=path, target="a", **settings), WindowSpec(length=3))


@pytest.mark.parametrize("size", [1e149, 1e-149])
@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_accepted_extreme_values_give_finite_baselines(tmp_path, size, scaling):
    """The squared errors are finite too, and no warning is issued."""
    windows = column(tmp_path, size * np.sin(np.arange(100)), scaling=scaling)
    for forecast in baselines(windows, windows.test):
        squares = (forecast.values - windows.truth(windows.test)) ** 2
        assert np.isfinite(squares).all()
        assert squares.mean() > 0


@pytest.mark.parametrize("scaling", ["standard", "minmax", "none"])
@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (5e301 * (1 + np.arange(40) / 100), r"column 'a', row 1 holds 5e\+301, whose square .*: rescale the column"),
        (
            1e-300 * np.arange(40),
            r"column 'a', row 40 holds 3\.9e-299, and all values of the column lie within .*: rescale the column",
        ),
    ],
)
def test_values_whose_squares_overflow_or_underflow_are_refused(tmp_path, cells, message, scaling):
    """The variance of such a column is infinite, or 0 although the column is not constant."""
    with pytest.raises(DataError, match=message):
        column(tmp_path, cells, scaling=scaling)


def test_nearly_constant_training_rows_are_refused(tmp_path):
    """The column as a whole varies enough, but the rows that the scaler is fitted on do not."""
    cells = [*(1e-200 * np.arange(70)), *range(30)]
    for scaling in ("standard", "minmax"):
        with pytest.raises(DataError, match=r"column 'a': its values on the rows .* rescale the column"):
            column(tmp_path, cells, scaling=scaling)


def test_values_far_beyond_the_training_rows_are_refused(tmp_path):
    """Their scaled values are infinite in single precision."""
    cells = [*(1e-30 * np.arange(70)), *(1e30 * np.arange(30))]
    with pytest.raises(
        DataError, match=r"column 'a' has values so far from the rows .* scaled values are outside the range of float32"
    ):
        column(tmp_path, cells)
