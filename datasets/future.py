"""Windows whose forecasts reach beyond known rows: after the end of each series, or over the rows of a part.

The rows after the known ones are placeholders with the right time stamps, so that columns of the calendar are right
and the code that cuts windows is the same. No placeholder is an input: a forecast takes its place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from datasets.calendars import with_calendar
from datasets.cutting import Ahead, ahead
from datasets.files import reading, steps
from datasets.files.steps import Step, iso
from datasets.scaler import Scaler
from datasets.series import Series, as_names, fill
from datasets.spec import DataError, DataSpec, MissingColumnError, counted
from datasets.windows import Windows

SHOWN = 10  # names in a note
RECENT = 4096  # stamps from which the step is inferred
FAR = 3.0  # ranges of the known values by which newer values may lie outside of them
FACTOR = 10.0  # by which newer values of a positive column may differ from all known ones


@dataclass(frozen=True, eq=False)
class Future:
    """Windows with placeholders after the known rows of each series."""

    ahead: Ahead
    names: tuple[str, ...]  # of the series of each run, "" if there is one series
    known: np.ndarray  # (N, steps), whether the target row of a window was observed

    @property
    def stamps(self) -> np.ndarray:
        """(N, steps): the time stamp of each target, or its row counted from 0 if the series has none."""
        times = self.ahead.windows.series.times
        return self.ahead.rows if times is None else times[self.ahead.rows]


def after_the_end(windows: Windows, series: Series, count: int) -> Future:
    """One window for each series that is long enough, whose targets are its next rows.

    Raises DataError if no series has enough rows for a window, or `count` rows need inputs without a future.
    """
    spans = [(run, *span) for run, span in enumerate(series.spans)]
    spans = spans if series.groups else spans[-1:]
    least = windows.window.shortest + windows.data.difference
    long_enough = [(run, end, end) for run, start, end in spans if end - start >= least]
    if not long_enough:
        _scalers_of(windows, series, [run for run, _, _ in spans])  # series that the model does not know come first
        run, start, end = max(spans, key=lambda span: span[2] - span[1])
        of = f" of {series.groups[run]}" if series.groups else ""
        raise DataError(
            f"{series.name} has {counted(end - start)}{of}, and the model reads {least} before its forecast: give a "
            f"file with more of the rows before it.{_why_few(windows.series, series, run)}"
        )
    _require_future(windows, series, count)
    return _future(windows, series, long_enough, count)


def _why_few(old: Series, series: Series, run: int) -> str:
    """Why a newer file's rows of one series have no rows of the run before them: a sentence, or nothing."""
    name = series.groups[run] if series.groups else ""
    if name and name not in old.groups:
        return f" Not among the series of the run: {name}."
    if old.times is None or series.times is None:
        return ""
    last = old.times[old.spans[old.groups.index(name) if name else -1][1] - 1]
    first = series.times[series.spans[run][0]]
    if first <= last:
        return ""
    return (
        f" Rows are missing between {iso(last)} and {iso(first)}, the end of the run's data and the file's first row."
    )


def over_part(windows: Windows, part: str, count: int, most: int) -> Future | None:
    """At most about `most` windows, evenly spaced, that forecast `count` rows from each row of a part on.

    None for an empty part. A row after the part, or one that holds a filled value, is not among the known.
    """
    series = windows.series
    spans = []
    for run, (start, stop) in enumerate(series.spans):
        of_run = windows.split.spans[part]
        begin, end = of_run[run] if len(of_run) > 1 else of_run[0]
        begin, end = max(begin, start), min(end, stop)
        if begin < end and end - start >= windows.window.shortest + windows.data.difference + 1:
            spans.append((run, begin, end))
    if not spans:
        return None
    stride = -(-sum(end - begin for _, begin, end in spans) // most)
    return _future(windows, series, spans, count, stride)


def _require_future(windows: Windows, series: Series, count: int) -> None:
    """Raise DataError if forecasts would become inputs beside columns whose future is unknown."""
    if count <= windows.window.target_rows:
        return
    known = {*series.targets, *_calendar_names(windows.data)}
    unknown = [name for name in series.columns if name not in known]
    horizon = windows.window.target_rows
    if unknown:
        raise DataError(
            f"{counted(count)} are more than the {horizon} that the model forecasts at once, and the later ones need "
            f"future values of {', '.join(map(repr, unknown))}: forecast at most {horizon} with --steps {horizon}, or "
            f"train a model with window.horizon = {count} (--horizon {count})."
        )
    if windows.window.padding == "right" and windows.window.shortest < windows.window.length:
        raise DataError(
            f'later rows than {horizon} need forecasts as inputs, and with padding = "right" there is no place for '
            f"them: forecast at most {horizon} with --steps {horizon}."
        )


def _calendar_names(data: DataSpec) -> tuple[str, ...]:
    return tuple(f"{part} {wave}" for part in data.calendar for wave in ("sine", "cosine"))


def _future(
    windows: Windows, series: Series, spans: Sequence[tuple[int, int, int]], count: int, stride: int = 1
) -> Future:
    """Windows from each `begin` to `end` of a run (to the row before it, unless they are equal), with placeholders.

    Only the rows that these windows need are copied.
    """
    data, window = windows.data, windows.window
    calendar = _calendar_names(data)
    columns = [name for name in series.columns if name not in calendar]
    values_of, step = series.values[:, series.index(tuple(columns))], _step(series)
    pieces, stamps, targets, observed, runs, row = [], [], [], [], [], 0
    unscored = np.zeros(series.rows, bool)
    unscored[series.unscored] = True
    for run, begin, end in spans:
        start = series.runs[run]
        first = max(start, begin - window.length - data.difference)
        pieces += [values_of[first:end], np.repeat(values_of[end - 1 : end], count, axis=0)]
        observed += [~unscored[first:end], np.zeros(count, bool)]
        if series.times is not None and step is not None:
            stamps += [series.times[first:end], steps.following(series.times[start:end], step, count)]
        runs.append(row)
        last = end if begin == end else end - 1
        targets.append((row + begin - first, row + last - first + count))
        row += end - first + count
    extended = replace(
        series,
        values=np.concatenate(pieces),
        columns=tuple(columns),
        times=np.concatenate([part.astype("datetime64[us]") for part in stamps]) if stamps else None,
        runs=tuple(runs),
        groups=tuple(series.groups[run] for run, _, _ in spans) if series.groups else (),
        filled=np.empty(0, np.int64),
        unscored=np.empty(0, np.int64),
    )
    if data.calendar:
        if not stamps:
            raise DataError(
                f"{series.name} has no regular time stamps, so the calendar of its next rows is unknown: train a model "
                "without data.calendar."
            )
        extended = with_calendar(extended, data.calendar)
    scaled = _scalers_of(windows, series, [run for run, _, _ in spans])
    cut = ahead(scaled, extended, targets, count, stride)
    names = extended.groups or ("",)
    return Future(cut, names, np.concatenate(observed)[cut.rows])


def _scalers_of(windows: Windows, series: Series, runs: Sequence[int]) -> Windows:
    """The windows with the scalers of these runs only, if each series has its own."""
    if windows.scaler.scale.ndim == 1:
        return windows
    missing = [series.groups[run] for run in runs if series.groups[run] not in windows.series.groups]
    if missing:
        raise DataError(
            f"{series.name} has the series {missing[0]!r}, which the model was not trained on, and each series is "
            'scaled by itself: leave its rows out, or train a model with data.scale_per = "all".'
        )
    places = [windows.series.groups.index(series.groups[run]) for run in runs]
    chosen = [
        Scaler(scaler.offset[places], scaler.scale[places], scaler.constant)
        for scaler in (windows.scaler, windows.value_scaler)
    ]
    return replace(windows, scaler=chosen[0], value_scaler=chosen[1])


def _step(series: Series) -> Step | None:
    """The step of the longest series; None without time stamps, or if they are not regular."""
    if series.times is None:
        return None
    start, stop = max(series.spans, key=lambda span: span[1] - span[0])
    return steps.inferred(series.times[max(start, stop - RECENT) : stop].astype("datetime64[us]"))


def newer(windows: Windows, data: DataSpec) -> Series:
    """The series of a run followed by the newer rows of a file: the rows that the file holds replace those of the run.

    data: the settings that read the file. If rows are missing between the two, or the rows have no time stamps, the
    file's rows stand alone. Raises DataError if columns, step or scale do not fit.
    """
    old = windows.series
    calendar = _calendar_names(windows.data)
    columns = tuple(name for name in old.columns if name not in calendar)
    features = tuple(name for name in columns if name not in old.targets)
    settings = data.model_copy(update={"target": old.targets, "features": features, "calendar": ()})
    try:
        new = _read(settings, old)
    except MissingColumnError as problem:
        names = ", ".join((*as_names(data.time), *columns))
        raise DataError(
            f"{problem} Name the file's columns as those of the run ({names}); if only the column of time stamps has "
            "another name, --time NAME."
        ) from None
    base = replace(old, values=old.values[:, old.index(columns)], columns=columns)
    new = replace(new, values=new.values[:, new.index(columns)], columns=columns, targets=old.targets)
    _require_scale(base, new)
    step = _step(old)
    joined = new if step is None else _joined(base, new, step)
    return with_calendar(joined, windows.data.calendar) if windows.data.calendar else joined


def _read(data: DataSpec, old: Series) -> Series:
    """The file; stamps that can mean two dates are read in the format of the run's file."""
    if old.times is None:
        return reading.read(data.model_copy(update={"time": None}), continues=True)
    try:
        return reading.read(data, continues=True)
    except DataError:
        if data.time_format is not None or not old.time_format.startswith("%"):
            raise
        return reading.read(data.model_copy(update={"time_format": old.time_format}), continues=True)


def _require_scale(old: Series, new: Series) -> None:
    for column, name in enumerate(old.columns):
        low, high = float(old.values[:, column].min()), float(old.values[:, column].max())
        middle = float(np.median(new.values[:, column]))
        margin = FAR * (high - low)
        far = not low - margin <= middle <= high + margin
        if far or (low > 0 and not low / FACTOR <= middle <= high * FACTOR):
            raise DataError(
                f"{new.name}, column {name!r} has values around {middle:.6g}, and the model was trained on values from "
                f"{low:.6g} to {high:.6g}: convert the column to the same unit, or train a model on the new file."
            )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of one series in order of time."""

    times: np.ndarray  # (rows,) datetime64[us]
    values: np.ndarray  # (rows, columns)
    filled: np.ndarray  # (rows,) whether a row holds a filled value


@dataclass(frozen=True, eq=False)
class _Joined:
    """The known rows of one series followed by newer ones, on a grid without gaps, and what notes say of it."""

    rows: _Rows
    replaced: int = 0  # known rows that the newer ones replace with other values
    unused: str = ""  # the last newer row, if it is before the last known one
    apart: str = ""  # the last known and the first newer row, if rows are missing between them


def _joined(old: Series, new: Series, step: Step) -> Series:
    """The rows of both files, series by series, on the grid of the old one."""
    if new.times is None:
        raise DataError(f"{new.name} has no time stamps, and the series of the run has: name their column with --time.")
    known, newer = _by_series(old), _by_series(new)
    parts = [
        _join(new.name, name, known.get(name), rows, step) for name, rows in newer.items() if not rows.filled.all()
    ]
    ends = np.cumsum([len(part.rows.times) for part in parts])
    filled = np.flatnonzero(np.concatenate([part.rows.filled for part in parts]))
    return replace(
        old,
        name=new.name,
        notes=(*new.notes, *_notes_on_rows(new.name, parts), *_notes_on_series(old, new)),
        values=np.concatenate([part.rows.values for part in parts]),
        times=np.concatenate([part.rows.times for part in parts]),
        runs=(0, *ends[:-1].tolist()),
        groups=new.groups,
        filled=filled,
        unscored=filled,
        source=new.source,
    )


def _by_series(series: Series) -> dict[str, _Rows]:
    """The rows of each series by its name; of a single series with several runs, the last one by ""."""
    assert series.times is not None
    filled = np.zeros(series.rows, bool)
    filled[series.filled] = True
    times, spans = series.times.astype("datetime64[us]"), series.spans if series.groups else series.spans[-1:]
    return {
        name: _Rows(times[start:stop], series.values[start:stop], filled[start:stop])
        for name, (start, stop) in zip(series.groups or ("",), spans, strict=True)
    }


def _join(file: str, name: str, known: _Rows | None, newer: _Rows, step: Step) -> _Joined:
    """Join the rows of one series; newer rows that are filled count as missing. Raises DataError for another step."""
    observed = ~newer.filled
    newer = rows = _Rows(newer.times[observed], newer.values[observed], newer.filled[observed])
    replaced, unused, apart, of_series = 0, "", "", f"{name}, " if name else ""
    if known is not None:
        replaced = _changed(known, newer)
        earlier = known.times < newer.times[0]
        if known.times[-1] > newer.times[-1]:
            unused = f"{of_series}{iso(newer.times[-1])}"
        if earlier.any() and newer.times[0] <= steps.following(known.times[earlier], step, 1)[0]:
            rows = _Rows(
                np.concatenate([known.times[earlier], newer.times]),
                np.concatenate([known.values[earlier], newer.values]),
                np.concatenate([known.filled[earlier], newer.filled]),
            )
        elif earlier.any():
            apart = f"{of_series}{iso(known.times[earlier][-1])} and {iso(newer.times[0])}"
    return _Joined(_on_grid(file, rows, len(newer.times), step), replaced, unused, apart)


def _on_grid(file: str, rows: _Rows, newer: int, step: Step) -> _Rows:
    """The rows with a row for each step, gaps filled. Raises DataError if the newer rows have another step.

    newer: the number of rows at the end that are those of the file.
    """
    grid = steps.grid(rows.times, step)
    if grid is None or (newer > 1 and np.median(np.diff(grid.places[-newer:])) > 1):
        raise DataError(
            f"{file} has a row for {iso(rows.times[-2])} and for {iso(rows.times[-1])}, and the model was trained on 1 "
            f"row per {step.name}: give a file with this time step."
        )
    spread, filled = np.full((len(grid.times), rows.values.shape[1]), np.nan), np.ones(len(grid.times), bool)
    spread[grid.places], filled[grid.places] = rows.values, rows.filled
    return _Rows(grid.times, fill(spread, "carry", file).values, filled)


def _notes_on_rows(name: str, parts: Sequence[_Joined]) -> Iterator[str]:
    """Sentences on rows of the run that the file replaces, on those after its end, and on rows that neither has."""
    replaced = sum(part.replaced for part in parts)
    unused, apart = [part.unused for part in parts if part.unused], [part.apart for part in parts if part.apart]
    if replaced:
        yield f"{counted(replaced)} of {name} replaced rows of the run's data that had other values."
    if unused:
        more = f" and {len(unused) - 1} other series" if len(unused) > 1 else ""
        yield (
            f"{name} ends before the run's data do ({unused[0]}{more}): the forecast begins after the file's last row, "
            "and later rows of the run's data are not used."
        )
    if apart:
        more = f", and of {len(apart) - 1} other series" if len(apart) > 1 else ""
        yield (
            f"Rows are missing between the run's data and {name} (between {apart[0]}{more}): the "
            "forecast uses only the rows of the file."
        )


def _notes_on_series(old: Series, new: Series) -> Iterator[str]:
    """Sentences on series that only the run or only the file has."""
    if absent := [name for name in old.groups if name not in new.groups]:
        yield f"{new.name} has no rows of {_first(absent)}: these series of the run are not forecast."
    if unknown := [name for name in new.groups if name not in old.groups]:
        yield f"Not among the series of the run: {_first(unknown)}."


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _changed(known: _Rows, newer: _Rows) -> int:
    """The number of rows whose time stamp is in both, with other values."""
    _, places, newer_places = np.intersect1d(known.times, newer.times, return_indices=True)
    return int((known.values[places] != newer.values[newer_places]).any(axis=1).sum())
