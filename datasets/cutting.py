"""From the tables `[data]` and `[window]` to windows: read, split, difference, scale, cut.

A window belongs to the part that contains all of its target rows; a window whose targets lie in two parts is left out.
So no window contains a row of a later part. The input of a window may reach back into an earlier part.

The scaler is fitted on the training part. Windows are views of one scaled array. Nothing derived is stored on disk.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from datasets.scaler import Scaler, Span, blocks, fit
from datasets.series import Series, Split, as_names, check_columns, split
from datasets.sources import registered
from datasets.spec import LARGEST, DataError, DataSpec, Dtype, WindowSpec, counted, to_set
from datasets.windows import Part, Rows, Windows, shifted, targets_from


def prepare(data: DataSpec, window: WindowSpec, dtype: Dtype = "float32") -> Windows:
    """Read the registered series or the user's file, and cut it into windows."""
    return cut(read(data), data, window, dtype)


def read(data: DataSpec) -> Series:
    """The series that `[data]` names, with its target and input columns."""
    if data.series is None:
        from datasets.files import reading  # imported here because pandas takes longer to import than everything else

        return reading.read(data)
    series = registered.load(data.series)
    targets = as_names(data.target) or series.targets
    features = series.columns if data.features in (None, "*") else as_names(data.features)
    check_columns((*targets, *features), series.columns, f"the series {series.name}")
    columns = tuple(name for name in series.columns if name in {*targets, *features})
    if (columns, targets) == (series.columns, series.targets):
        return series
    unit = series.unit if targets == series.targets else ""  # the registered unit is that of the registered target
    values = series.values[:, series.index(columns)]
    return replace(series, values=values, columns=columns, targets=targets, unit=unit)


def cut(series: Series, data: DataSpec, window: WindowSpec, dtype: Dtype = "float32") -> Windows:
    """Cut a series in memory into windows. Raises DataError if a part holds no window."""
    if not series.temporal and data.order == "time":
        raise DataError(f"{series.name} is not a time series: to cut windows over its rows, {to_set(order='rows')}.")
    if window.rollout and set(series.columns) != set(series.targets):
        stray = next(name for name in series.columns if name not in series.targets)
        raise DataError(
            f"{series.name}: a rollout needs a forecast of every input column, and {stray!r} has none: "
            "name it among data.target, or remove it from data.features."
        )
    parts = split(series, data)
    usable = _usable_spans(series, lag=int(data.difference))
    scaler = _fitted(series, data, parts, usable)
    scaler_of_values = scaler
    if data.difference:
        scaler_of_values = _fitted(
            series, data.model_copy(update={"difference": False}), parts, _usable_spans(series, lag=0)
        )
    scale = scaler_of_values.scale[series.index(series.targets)]
    layout = _lay_out(series, usable, scaler, data, window, dtype)
    train, validation, test = (_part(series, layout, window, name, span) for name, span in parts.spans.items())
    notes = _notes(series, data, window, parts, scaler)
    return Windows(series, data, window, parts, scaler, scale, train, validation, test, notes)


def _fitted(series: Series, data: DataSpec, parts: Split, usable: list[Span]) -> Scaler:
    rows = usable if data.scale_on == "all" else _clip(usable, parts.train)
    if not rows:
        raise DataError(f"train = {data.train!r} leaves no row of {series.name} to fit the scaler on.")
    scaler = fit(series.values, rows, data.scaling, data.difference)
    tiny = np.flatnonzero(scaler.scale < 1 / LARGEST)
    if len(tiny):
        quantity = "changes" if data.difference else "values"
        raise DataError(
            f"{series.name}, column {series.columns[tiny[0]]!r}: its {quantity} on the rows that the scaler is fitted "
            f"on differ by less than {1 / LARGEST:g}, whose square is 0 in double precision: rescale the column."
        )
    return scaler


def _usable_spans(series: Series, lag: int) -> list[Span]:
    """The rows of each run, without its first `lag` rows, which have no difference."""
    ends = (*series.runs[1:], series.rows)
    return [(start + lag, stop) for start, stop in zip(series.runs, ends, strict=True) if start + lag < stop]


def _clip(spans: list[Span], limit: int) -> list[Span]:
    return [(start, min(stop, limit)) for start, stop in spans if start < limit]


@dataclass(frozen=True, eq=False)
class _Layout:
    """The scaled rows, with `padding` rows of zeros before each run."""

    array: np.ndarray  # (rows + padding * runs, F)
    observed: np.ndarray  # (rows + padding * runs,) False where a row is padding
    usable: list[Span]
    padding: int

    def shift(self, rows: Rows) -> int | np.ndarray:
        """The position of each row in `array`, minus its position in the series."""
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
        with np.errstate(over="ignore"):  # infinite values are refused below
            for first, block in blocks(series.values, [(start, stop)], data.difference):
                array[first + shift : first + shift + len(block)] = scaler.apply(block)
    if not (float(array.min()) >= -LARGEST and float(array.max()) <= LARGEST):
        raise _too_large(series, array, data, dtype)
    return _Layout(array, observed, usable, padding)


def _too_large(series: Series, array: np.ndarray, data: DataSpec, dtype: Dtype) -> DataError:
    if data.scaling == "none":
        advice = to_set(scaling="standard")
        return DataError(f"{series.name} has unscaled values outside the range of {dtype}: {advice}.")
    column = series.columns[int(np.flatnonzero((~(np.abs(array.astype(np.float64)) <= LARGEST)).any(axis=0))[0])]
    return DataError(
        f"{series.name}, column {column!r} has values so far from the rows that the scaler is fitted on that their "
        f"scaled values are outside the range of {dtype}: correct or rescale the column."
    )


def _part(series: Series, layout: _Layout, window: WindowSpec, name: str, span: Span) -> Part:
    rows = _first_target_rows(layout.usable, window, span)
    if not len(rows) and span[0] < span[1]:
        raise DataError(
            f"the {name} part, rows {span[0] + 1} to {span[1]} of {series.name}, is too short for a window: length = "
            f"{counted(window.shortest)} of input and horizon = {counted(window.horizon)} of target do not fit; "
            f"reduce window.length or window.horizon (--window, --horizon), or give the {name} part more rows"
        )
    shift = layout.shift(rows)
    input_begin, target_begin = shifted(rows, shift - window.length), shifted(rows, shift)
    return Part(
        name,
        x=sliding_window_view(layout.array, window.length, axis=0)[input_begin].transpose(0, 2, 1),
        y=targets_from(layout.array, series.index(series.targets), target_begin, window.target_rows),
        rows=rows,
        stamps=series.times,
        mask=sliding_window_view(layout.observed, window.length)[input_begin] if layout.padding else None,
    )


def _first_target_rows(usable: list[Span], window: WindowSpec, span: Span) -> Rows:
    """The first target row of each window of a part: its input lies in one run, its targets also in `span`."""
    ranges = []
    for start, stop in usable:
        first = start + window.shortest
        first += max(0, -((first - span[0]) // window.stride)) * window.stride
        last = min(stop, span[1]) - window.horizon
        if first <= last:
            ranges.append(range(first, last + 1, window.stride))
    if len(ranges) > 1:
        return np.concatenate([np.arange(rows.start, rows.stop, rows.step) for rows in ranges])
    return ranges[0] if ranges else range(0, 0, window.stride)


def _notes(series: Series, data: DataSpec, window: WindowSpec, parts: Split, scaler: Scaler) -> tuple[str, ...]:
    """Sentences for the report: what was done to the data before a model saw it."""
    notes = [*series.notes]
    if len(series.filled):
        counts = (
            f"{int(((series.filled >= start) & (series.filled < stop)).sum())} in {name}"
            for name, (start, stop) in parts.spans.items()
        )
        notes.append(f"Of the filled rows, {', '.join(counts)}.")
    spans = [
        f"{name} {series.label(start)} to {series.label(stop - 1)} ({counted(stop - start)})"
        for name, (start, stop) in parts.spans.items()
        if stop > start
    ]
    notes.append(f"Split in order: {', '.join(spans)}; a window belongs to the part that contains all of its targets.")
    if data.order == "rows":
        notes.append("Windows are cut over rows in the order of the file; the rows are not a regular time series.")
    if data.difference:
        notes.append(
            "The model learns changes from row to row; a forecast is the last observed value plus the forecast changes."
        )
    notes += _scaling_notes(series, data, scaler)
    if window.shortest < window.length:
        notes.append(
            f"Windows with {window.shortest} to {window.length - 1} rows of past are padded with zeros on the left, "
            f"which models read as values; of longer pasts, the last {window.length} rows are used."
        )
    return tuple(notes)


def _scaling_notes(series: Series, data: DataSpec, scaler: Scaler) -> list[str]:
    if data.scaling == "none":
        return ["Values are not scaled."]
    target = {"standard": "to mean 0 and standard deviation 1", "minmax": "to the range 0 to 1"}[data.scaling]
    if data.scale_on == "all":
        notes = [
            f"Each column is scaled {target} on ALL rows, including the test part, so the scaling contains "
            "information about the test part."
        ]
    else:
        notes = [f"Each column is scaled {target} on the training rows only."]
    if scaler.constant:
        names = ", ".join(series.columns[column] for column in scaler.constant)
        notes.append(f"Constant on these rows, and therefore scaled to 0 there: {names}.")
    return notes
