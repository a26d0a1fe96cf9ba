"""What was done to the data, in sentences for the report."""

import numpy as np

from datasets.scaling import Scaler
from datasets.series import Series
from datasets.spec import DataSpec, WindowSpec, counted
from datasets.split import Split


def about(series: Series, data: DataSpec, window: WindowSpec, split: Split, scaler: Scaler) -> tuple[str, ...]:
    """Every sentence that a reader needs to judge the scores by."""
    notes = [*series.notes]
    if len(series.filled):
        counts = (f"{_within(series.filled, span)} in {name}" for name, span in split.spans.items())
        notes.append(f"Of the filled rows {', '.join(counts)}.")
    notes.append(_split(series, split))
    if data.order == "rows":
        notes.append("Windows run over rows in the order of the file, which are no regular time series.")
    if data.difference:
        notes.append(
            "The model learns changes from row to row; forecasts are the last observed value plus the changes."
        )
    notes += _scaling(series, data, scaler)
    if window.shortest < window.length:
        notes.append(
            f"Windows with {window.shortest} to {window.length - 1} rows of past are filled with zeros on the left, "
            "and masked; longer pasts are cut to the window's length."
        )
    return tuple(notes)


def _within(rows: np.ndarray, span: tuple[int, int]) -> int:
    return int(((rows >= span[0]) & (rows < span[1])).sum())


def _split(series: Series, split: Split) -> str:
    parts = []
    for name, (start, stop) in split.spans.items():
        if stop > start:
            parts.append(f"{name} {series.label(start)} to {series.label(stop - 1)} ({counted(stop - start)})")
    return f"Split in order: {', '.join(parts)}; a window belongs to the part that holds all of its targets."


def _scaling(series: Series, data: DataSpec, scaler: Scaler) -> list[str]:
    if data.scaling == "none":
        return ["Values are not scaled."]
    how = {"standard": "to mean 0 and standard deviation 1", "minmax": "to the range 0 to 1"}[data.scaling]
    if data.scale_on == "all":
        notes = [f"Each column is scaled {how} on ALL rows, the test part included, so the model knows of its range."]
    else:
        notes = [f"Each column is scaled {how} on the training rows alone."]
    if scaler.constant:
        names = ", ".join(series.columns[column] for column in scaler.constant)
        notes.append(f"Constant on those rows, so scaled to 0 there: {names}.")
    return notes
