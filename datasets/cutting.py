"""Numbers in, windows out: split, difference, scale (fitted on train), then views into one scaled array.

A window belongs to the part that holds all of its target rows; where they straddle a boundary it belongs to none. So
no window sees a row of a later part, and an input may reach back into an earlier part, which is the past.

Nothing derived is ever stored: cutting windows again takes less time than checking that stored ones are still right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from datasets import notes
from datasets.scaling import Scaler, Span, blocks, fit
from datasets.series import Series
from datasets.spec import LARGEST, DataError, DataSpec, Dtype, WindowSpec, counted, to_set
from datasets.split import Split, split
from datasets.windows import Part, Rows, Windows, at, targets_from


def cut(series: Series, data: DataSpec, window: WindowSpec, dtype: Dtype = "float32") -> Windows:
    """Windows over a series in memory."""
    if not series.temporal and data.order == "time":
        raise DataError(
            f"{series.name} is no time series: to window over its rows all the same, {to_set(order='rows')}."
        )
    if window.rollout and set(series.columns) != set(series.targets):
        stray = next(name for name in series.columns if name not in series.targets)
        raise DataError(
            f"{series.name}: a rollout needs a forecast of every input column and {stray!r} has none: "
            "name it among data.target, or leave it out of data.features."
        )
    parts = split(series, data)
    usable = _runs(series, lag=int(data.difference))
    scaler = _fitted(series, data, parts, usable)
    of_values = scaler
    if data.difference:
        of_values = _fitted(series, data.model_copy(update={"difference": False}), parts, _runs(series, lag=0))
    scale = of_values.scale[series.index(series.targets)]
    layout = _lay_out(series, usable, scaler, data, window, dtype)
    train, validation, test = (_part(series, layout, window, name, span) for name, span in parts.spans.items())
    said = notes.about(series, data, window, parts, scaler)
    return Windows(series, data, window, parts, scaler, scale, train, validation, test, said)


def _fitted(series: Series, data: DataSpec, parts: Split, usable: list[Span]) -> Scaler:
    rows = usable if data.scale_on == "all" else _clip(usable, parts.train)
    if not rows:
        raise DataError(f"train = {data.train!r} leaves no row of {series.name} to fit the scaler on.")
    scaler = fit(series.values, rows, data.scaling, data.difference)
    _refuse_tiny_scale(series, data, scaler)
    return scaler


def _refuse_tiny_scale(series: Series, data: DataSpec, scaler: Scaler) -> None:
    tiny = np.flatnonzero(scaler.scale < 1 / LARGEST)
    if len(tiny):
        what = "changes" if data.difference else "values"
        raise DataError(
            f"{series.name}, column {series.columns[tiny[0]]!r}: its {what} on the rows that the scaler is fitted on "
            f"differ by less than {1 / LARGEST:g}, whose square is 0 in double precision: rescale the column."
        )


def _runs(series: Series, lag: int) -> list[Span]:
    """Rows of each run that have a value; with differences, the first of a run has none."""
    ends = (*series.runs[1:], series.rows)
    return [(start + lag, stop) for start, stop in zip(series.runs, ends, strict=True) if start + lag < stop]


def _clip(spans: list[Span], limit: int) -> list[Span]:
    return [(start, min(stop, limit)) for start, stop in spans if start < limit]


@dataclass(frozen=True, eq=False)
class _Layout:
    """The scaled rows, with room for `padding` zeros before each run."""

    array: np.ndarray  # (rows + padding * runs, F)
    observed: np.ndarray  # (rows + padding * runs,) False where there is no value but a zero
    usable: list[Span]
    padding: int

    def shift(self, rows: Rows) -> int | np.ndarray:
        """How much further on than in the series each row lies."""
        if not self.padding:
            return 0
        first = np.array([start for start, _ in self.usable])
        if isinstance(rows, range):
            return self.padding * int(np.searchsorted(first, rows.start, side="right"))
        return self.padding * np.searchsorted(first, rows, side="right")


def _lay_out(
    series: Series, usable: list[Span], scaler: Scaler, data: DataSpec, window: WindowSpec, dtype: Dtype
) -> _Layout:
    padding = window.length - window.shortest
    array = np.zeros((series.rows + padding * len(usable), len(series.columns)), dtype)
    observed = np.zeros(len(array), bool)
    for run, (start, stop) in enumerate(usable, start=1):
        shift = run * padding
        observed[start + shift : stop + shift] = True
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            for first, block in blocks(series.values, [(start, stop)], data.difference):
                array[first + shift : first + shift + len(block)] = scaler.apply(block)
    if not (float(array.min()) >= -LARGEST and float(array.max()) <= LARGEST):
        raise _too_large(series, array, data, dtype)
    return _Layout(array, observed, usable, padding)


def _too_large(series: Series, array: np.ndarray, data: DataSpec, dtype: Dtype) -> DataError:
    if data.scaling == "none":
        return DataError(f"{series.name} has values that {dtype} cannot hold unscaled: {to_set(scaling='standard')}.")
    column = series.columns[int(np.flatnonzero((~(np.abs(array.astype(np.float64)) <= LARGEST)).any(axis=0))[0])]
    return DataError(
        f"{series.name}, column {column!r} has values so far from those that the scaler is fitted on that {dtype} "
        "cannot hold them scaled: correct or rescale the column."
    )


def _part(series: Series, layout: _Layout, window: WindowSpec, name: str, span: Span) -> Part:
    rows = _rows(layout.usable, window, span)
    if not len(rows) and span[0] < span[1]:
        room = f"rows {span[0] + 1} to {span[1]} of {series.name}"
        raise DataError(
            f"The {name} part, {room}, holds no window: length = {counted(window.shortest)} of input and horizon = "
            f"{counted(window.horizon)} of target do not fit; shorten them or give {name} more rows."
        )
    shift = layout.shift(rows)
    before, begin = at(rows, shift - window.length), at(rows, shift)
    return Part(
        name,
        x=sliding_window_view(layout.array, window.length, axis=0)[before].transpose(0, 2, 1),
        y=targets_from(layout.array, series.index(series.targets), begin, window.learnt),
        rows=rows,
        stamps=series.times,
        mask=sliding_window_view(layout.observed, window.length)[before] if layout.padding else None,
    )


def _rows(usable: list[Span], window: WindowSpec, span: Span) -> Rows:
    """First target rows whose input lies in one run, and all of whose targets lie in `span` too."""
    found = []
    for start, stop in usable:
        first = start + window.shortest
        first += max(0, -((first - span[0]) // window.stride)) * window.stride
        last = min(stop, span[1]) - window.horizon
        if first <= last:
            found.append(range(first, last + 1, window.stride))
    if len(found) > 1:
        return np.concatenate([np.arange(rows.start, rows.stop, rows.step) for rows in found])
    return found[0] if found else range(0, 0, window.stride)
