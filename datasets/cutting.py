"""From the tables `[data]` and `[window]` to windows: read, split, difference, scale, cut.

A window belongs to the part that contains all of its target rows; a window whose targets lie in two parts is left out.
So no window contains a row of a later part. The input of a window may reach back into an earlier part.

The scaler is fitted on the training part. Windows are views of one scaled array. Nothing derived is stored on disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from datasets.calendars import with_calendar
from datasets.scaler import Scaler, Span, blocks, fit, joined
from datasets.series import Series, Split, as_names, check_columns, split
from datasets.sources import registered
from datasets.spec import LARGEST, DataError, DataSpec, Dtype, WindowSpec, counted, to_set
from datasets.windows import Chosen, Part, Rows, Windows, shifted, targets_from


def prepare(data: DataSpec, window: WindowSpec, dtype: Dtype = "float32") -> Windows:
    """Read the registered series or the user's file, and cut it into windows."""
    return cut(read(data), data, window, dtype)


def read(data: DataSpec) -> Series:
    """The series that `[data]` names, with its target and input columns, those of the calendar last.

    Raises DataError for a part of the calendar that is the same in every row.
    """
    series = _chosen(data)
    if not data.calendar:
        return series
    extended = with_calendar(series, data.calendar)
    followed = np.delete(np.arange(series.rows), [end - 1 for _, end in series.spans])  # the next time stamp is known
    for place, part in enumerate(data.calendar):
        columns = extended.values[followed, len(series.columns) + 2 * place :][:, :2]
        if len(columns) > 1 and (columns == columns[0]).all():
            raise DataError(
                f"{series.name} has the same {part} in every row, so it tells a model nothing: remove {part!r} from "
                "data.calendar (--calendar)."
            )
    return extended


def _chosen(data: DataSpec) -> Series:
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


def suggested_columns(data: DataSpec) -> dict[str, str]:
    """The columns of time stamps and the target that a user's file suggests, for the table `[data]`."""
    from datasets.files import reading

    return reading.suggested_columns(data)


def cut(series: Series, data: DataSpec, window: WindowSpec, dtype: Dtype = "float32") -> Windows:
    """Cut a series in memory into windows. Raises DataError if a part holds no window."""
    if not series.temporal and data.order == "time":
        raise DataError(f"{series.name} is not a time series: to cut windows over its rows, {to_set(order='rows')}.")
    if window.rollout and set(series.columns) != set(series.targets):
        stray = next(name for name in series.columns if name not in series.targets)
        raise DataError(
            f"{series.name}: a rollout needs a forecast of every input column, and {stray!r} has none: "
            "name it among data.target, or remove it from data.features or data.calendar."
        )
    parts = split(series, data)
    usable = _usable_spans(series, lag=int(data.difference))
    scaler = value_scaler = _fitted(series, data, parts, usable)
    if data.difference:
        values = data.model_copy(update={"difference": False})
        value_scaler = _fitted(series, values, parts, _usable_spans(series, lag=0))
    layout = _lay_out(series, usable, scaler, data, window, dtype)
    cuts = [_part(series, layout, data, window, name, spans) for name, spans in parts.spans.items()]
    (train, validation, test), left_out = [part for part, _ in cuts], [count for _, count in cuts]
    notes = (*_notes(series, data, window, parts, scaler), *_window_notes(series, (train, validation, test), left_out))
    return Windows(series, data, window, parts, scaler, value_scaler, train, validation, test, notes)


def _fitted(series: Series, data: DataSpec, parts: Split, usable: list[Span]) -> Scaler:
    """The scaler of the training rows of all series, or of each series; without such rows a series gets the first."""
    rows = usable if data.scale_on == "all" else _shared(usable, parts.spans["train"])
    if not rows:
        raise DataError(f"train = {data.train!r} leaves no row of {series.name} to fit the scaler on.")
    whole = _fit(series, data, rows)
    if data.scale_per == "all" or not series.groups:
        return whole
    spans = [[span for span in rows if start <= span[0] < stop] for start, stop in series.spans]
    return joined([_fit(series, data, of) if of else whole for of in spans])


def _fit(series: Series, data: DataSpec, rows: list[Span]) -> Scaler:
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
    return [(start + lag, stop) for start, stop in series.spans if start + lag < stop]


def _shared(runs: list[Span], part: Sequence[Span]) -> list[Span]:
    """The rows of each run that lie in a part. Both ascend."""
    if len(part) == 1:
        ((first, end),) = part
        pairs = ((run, (first, end)) for run in runs)
    else:
        ends = np.array([end for _, end in part])
        pairs = (
            (run, part[place])
            for run in runs
            if (place := int(np.searchsorted(ends, run[0], side="right"))) < len(part)
        )
    shared = ((max(start, first), min(stop, end)) for (start, stop), (first, end) in pairs)
    return [span for span in shared if span[0] < span[1]]


@dataclass(frozen=True, eq=False)
class _Layout:
    """The scaled rows, with `padding` rows of zeros before each run."""

    array: np.ndarray  # (rows + padding * runs, F), with a mask F + 1
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
    columns = len(series.columns)
    array = np.zeros((series.rows + padding * len(usable), columns + window.masked), dtype)
    observed = np.zeros(len(array), bool)
    runs = series.run_of(np.array([start for start, _ in usable]))
    for number, (run, (start, stop)) in enumerate(zip(runs, usable, strict=True), start=1):
        shift = number * padding
        observed[start + shift : stop + shift] = True
        with np.errstate(over="ignore"):  # infinite values are refused below
            of_run = scaler.of(int(run))
            for first, block in blocks(series.values, [(start, stop)], data.difference):
                array[first + shift : first + shift + len(block), :columns] = of_run.apply(block)
    if window.masked:
        array[:, columns] = observed
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


def _part(
    series: Series, layout: _Layout, data: DataSpec, window: WindowSpec, name: str, spans: Sequence[Span]
) -> tuple[Part, int]:
    """The windows of a part, and the number of those that are left out because a target value was filled."""
    rows = _first_target_rows(layout.usable, window, spans)
    if not len(rows) and any(start < stop for start, stop in spans):
        where = f"rows {spans[0][0] + 1} to {spans[0][1]} of {series.name}"
        if len(spans) > 1:
            where = f"of all {len(spans):,} series of {series.name}"
        fewer = "fewer data.origins, " if data.origin and name == "test" else ""
        raise DataError(
            f"the {name} part, {where}, is too short for a window: length = "
            f"{counted(window.shortest)} of input and horizon = {counted(window.horizon)} of target do not fit; "
            f"{_shorter(layout.usable, window, spans)}, {fewer}or give the {name} part more rows"
        )
    total, unscored = len(rows), series.unscored
    if data.difference:  # the change after a filled value is not observed either
        unscored = np.unique(np.concatenate((unscored, unscored + 1)))
    if len(unscored):
        first = np.asarray(rows)
        scored = np.searchsorted(unscored, first) == np.searchsorted(unscored, first + window.horizon)
        rows = rows if scored.all() else first[scored]
        if total and not len(rows):
            raise DataError(
                f"every window of the {name} part of {series.name} has a filled value among its targets: reduce "
                f"window.horizon (--horizon), or give the {name} part more rows"
            )
    shift = layout.shift(rows)
    input_begin, target_begin = shifted(rows, shift - window.length), shifted(rows, shift)
    columns = layout.array.shape[1]
    # each window as one piece of memory, which is faster to copy than many
    whole = sliding_window_view(layout.array.reshape(-1), window.length * columns)[::columns]
    x = _chosen_rows(whole.reshape(-1, window.length, columns), input_begin)
    mask = _chosen_rows(sliding_window_view(layout.observed, window.length), input_begin) if layout.padding else None
    if mask is not None and window.padding == "right":
        order = np.argsort(~mask[:], axis=1, kind="stable")  # the observed rows first
        x = Chosen(np.take_along_axis(x[:], order[:, :, None], axis=1))
        mask = Chosen(np.take_along_axis(mask[:], order, axis=1))
    y = targets_from(layout.array, series.index(series.targets), target_begin, window.target_rows)
    return Part(name, x, y, rows, series.times, mask), total - len(rows)


def _shorter(usable: list[Span], window: WindowSpec, spans: Sequence[Span]) -> str:
    """What to reduce so that a window fits: the length, to what the rows leave beside the targets, or the horizon."""
    part = max(end - begin for begin, end in spans)
    rooms = (min(stop, end) - start for start, stop in usable for begin, end in spans if begin < stop and start < end)
    longest = max(rooms, default=0) - window.horizon
    if part < window.horizon or longest < 1 or window.shortest < window.length:
        return "reduce window.length or window.horizon (--window, --horizon)"
    return f"reduce window.length to at most {longest} (--window {longest})"


def _chosen_rows(array: np.ndarray, index: slice | np.ndarray) -> Chosen:
    return Chosen(array[index]) if isinstance(index, slice) else Chosen(array, index)


def _first_target_rows(usable: list[Span], window: WindowSpec, spans: Sequence[Span]) -> Rows:
    """The first target row of each window of a part: its input lies in one run, its targets also in a span of it."""
    ranges = []
    by_end = {stop: start for start, stop in usable}
    ends = np.array([stop for _, stop in usable])
    for begin, end in _shared(usable, spans):
        start = by_end[int(ends[np.searchsorted(ends, begin, side="right")])]
        first = start + window.shortest
        first += max(0, -((first - begin) // window.stride)) * window.stride
        last = end - window.horizon
        if first <= last:
            ranges.append(range(first, last + 1, window.stride))
    if len(ranges) > 1:
        return np.concatenate([np.arange(rows.start, rows.stop, rows.step) for rows in ranges])
    return ranges[0] if ranges else range(0, 0, window.stride)


@dataclass(frozen=True, eq=False)
class Ahead:
    """Windows that are forecast as many rows ahead as wanted, whatever the horizon of the model."""

    windows: Windows  # whose horizon is the number of steps
    part: Part
    following: np.ndarray  # (N, steps, F), the scaled input rows after each window

    @property
    def rows(self) -> np.ndarray:
        """(N, steps): the row of each target."""
        rows: np.ndarray = np.asarray(self.part.rows)[:, None] + np.arange(self.windows.window.horizon)
        return rows


def ahead(windows: Windows, series: Series, spans: Sequence[Span], steps: int, stride: int = 1) -> Ahead:
    """The windows whose `steps` target rows lie in the spans of another series, scaled as `windows` are."""
    data, window = windows.data, windows.window
    longer = window.model_copy(update={"horizon": steps, "rollout": False, "stride": stride})
    usable = _usable_spans(series, lag=int(data.difference))
    dtype: Dtype = "float64" if windows.train.y.dtype == np.float64 else "float32"
    layout = _lay_out(series, usable, windows.scaler, data, window, dtype)
    part, _ = _part(series, layout, data, longer, "forecast", spans)
    index = shifted(part.rows, layout.shift(part.rows))
    following = sliding_window_view(layout.array, steps, axis=0)[index].transpose(0, 2, 1)
    return Ahead(replace(windows, series=series, window=longer), part, following)


def _notes(series: Series, data: DataSpec, window: WindowSpec, parts: Split, scaler: Scaler) -> tuple[str, ...]:
    """Sentences for the report: what was done to the data before a model saw it."""
    notes = [*series.notes]
    if len(series.filled):
        counts = (
            f"{sum(int(np.diff(np.searchsorted(series.filled, span))[0]) for span in spans):,} in {name}"
            for name, spans in parts.spans.items()
        )
        notes.append(f"Filled rows by part: {', '.join(counts)}.")
    shown = [
        f"{name} {series.extent(spans)} ({counted(sum(stop - start for start, stop in spans))})"
        for name, spans in parts.spans.items()
        if any(stop > start for start, stop in spans)
    ]
    order = "at the same times for all series" if series.groups and series.times is not None else "in order of the rows"
    notes.append(f"Split {order}: {', '.join(shown)}; a window belongs to the part that contains all of its targets.")
    if data.origin is not None:
        rows = "all rows before its validation part" if data.origin_training == "expanding" else "equally many rows"
        notes.append(
            f"Origin {data.origin} of {data.origins} consecutive test parts; the training part of each has {rows}."
        )
    if data.order == "rows":
        notes.append("Windows are cut over rows in the order of the file; the rows are not a regular time series.")
    if data.difference:
        notes.append(
            "The model learns changes from row to row, scaled as changes; a forecast is the last observed value plus "
            "the forecast changes. Scaled errors are those of the values, which have a scaling of their own."
        )
    notes += _scaling_notes(series, data, scaler)
    if window.shortest < window.length:
        reading = "recurrent layers skip" if window.masked else "models read as values"
        notes.append(
            f"Windows with {window.shortest} to {window.length - 1} rows of past are padded with zeros on the "
            f"{window.padding}, which {reading}; of longer pasts, the last {window.length} rows are used."
        )
    return tuple(notes)


def _window_notes(series: Series, parts: Sequence[Part], left_out: Sequence[int]) -> list[str]:
    """Sentences on windows that are left out."""
    notes = []
    if any(left_out):
        counts = ", ".join(f"{count} in {part.name}" for part, count in zip(parts, left_out, strict=True))
        notes.append(f"Windows with a filled value among their targets are left out of loss and scores: {counts}.")
    if series.groups:
        for part in parts:
            windows = np.diff(np.searchsorted(np.asarray(part.rows), [*series.runs, series.rows]))
            short = [name for name, count in zip(series.groups, windows, strict=True) if not count]
            if short:
                shown = ", ".join(short[:10]) + (", ..." if len(short) > 10 else "")
                have = "has" if len(short) == 1 else "have"
                notes.append(
                    f"{len(short)} of {len(series.groups)} series {have} no window in the {part.name} part: {shown}."
                )
    return notes


def _scaling_notes(series: Series, data: DataSpec, scaler: Scaler) -> list[str]:
    if data.scaling == "none":
        return ["Values are not scaled."]
    if data.scale_per == "series" and series.groups:
        return [
            f"Each column of each series is scaled by itself on {'ALL' if data.scale_on == 'all' else 'its training'} "
            "rows; a series without training rows is scaled as all series together."
        ]
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
