"""The next rows of a series, forecast by a trained model, with a band.

The band is that of the model's outer quantiles where the model forecasts quantiles of these rows at once. Otherwise it
is split conformal (Lei et al. 2018): the k-th smallest of the n absolute errors that the model makes that many steps
ahead from the rows of the validation part, with k = ceil((n + 1) level), to both sides of the forecast. The errors are
scaled by series if each series is scaled by itself. Consecutive errors of a series depend on each other, so the level
is not guaranteed; the coverage on the test part, which neither training nor band has used, shows what holds.

Errors are those of forecasts in the unit of the series: of a differenced series after the changes are added up,
and beyond the horizon after forecasts became inputs, as in the forecast itself. A window near the end of the validation
part has no true value that far ahead. With fewer than k errors there is no limit: errors of windows that begin in the
training part would be too small, and those of the test part measure the coverage.

A stateful model forecasts from the state after the windows before, as on the test part, where a window has those before
it in its chain. Window and carried state together are the rows from the start of the chain on, so a forecast reads a
history of several windows, from a state of zero. A rollout moves the whole history.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from functools import partial
from math import ceil
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from backends.contract import Model, Objective
from benchmarks.worker import checkpoints
from benchmarks.worker.jobs import ForecastJob
from benchmarks.worker.training import TrialError, predict, predict_points
from benchmarks.worker.trial import build, prepare
from datasets import DataError, Series, Windows, cut, future
from datasets.future import Future
from datasets.series import label
from datasets.spec import counted
from datasets.windows import rolled
from reports.records import Band, NextRows, SeriesForecast

LEVEL = 0.9
MOST_WINDOWS = 4000  # of a part, on which errors ahead are computed
MOST_HISTORY = 40  # windows that a stateful model reads for a forecast
PAST = 4  # windows of known rows that are returned before the forecast
LEAST_PAST, MOST_PAST = 36, 400  # rows

Array = np.ndarray
Limits = tuple[Array, Array]


@dataclass(frozen=True)
class Forecaster:
    """A trained model with the windows that it was trained on, each as long as the history that a forecast reads."""

    model: Model
    objective: Objective
    windows: Windows
    carried: int | None = None  # rows after which a stateful model passes its state on; None: another model

    def points(self, ahead: Future) -> Array:
        """The forecasts (N, steps, targets), in the unit of the series. Raises TrialError if one is not finite."""
        cut = ahead.ahead
        scaled = rolled(
            partial(self._read, partial(predict_points, self.model, self.objective)),
            cut.part.x,
            cut.following,
            cut.windows.targets,
        )
        values = self._in_unit(ahead, scaled)
        if not np.isfinite(values).all():
            raise TrialError("a forecast is not finite; forecast fewer steps with --steps")
        return values

    def quantiles(self, ahead: Future) -> Limits:
        """The outer quantiles (N, steps, targets), of no more steps than the model forecasts at once."""
        cut, number = ahead.ahead, len(self.objective.quantiles)
        steps, targets = cut.windows.window.horizon, len(cut.windows.targets)
        outputs = self._read(partial(predict, self.model), cut.part.x).reshape(len(cut.part), -1, targets, number)[
            :, :steps
        ]
        values = np.sort([self._in_unit(ahead, outputs[..., place]) for place in range(number)], axis=0)
        return values[0], values[-1]

    def _read(self, forecast: Callable[..., Array], x: Array) -> Array:
        """The outputs for (N, rows, F); those of a stateful model after all windows of each history, in their order."""
        if self.carried is None:
            return forecast(x)
        windows = x.reshape(-1, self.carried, x.shape[2])
        chains = np.split(np.arange(len(windows)), len(x))
        return forecast(windows, chains=chains)[len(chains[0]) - 1 :: len(chains[0])]

    def _in_unit(self, ahead: Future, scaled: Array) -> Array:
        cut = ahead.ahead
        return cut.windows.to_unit(cut.part, scaled.reshape(len(cut.part), -1)).reshape(scaled.shape)


def run(job: ForecastJob) -> NextRows:
    """Restore the model, forecast, and measure the band. Raises DataError where rows or columns do not fit."""
    inputs = prepare(job)
    windows, present = as_trained(inputs.windows, job), inputs.windows.series
    series = present if job.newer is None else future.newer(windows, job.newer)
    added = present.rows - windows.series.rows if job.newer is None else 0
    carried = windows.window.length if job.case.model.stateful else None
    read = history(windows, series) if carried else 1
    windows = replace(windows, window=windows.window.model_copy(update={"length": read * windows.window.length}))
    ahead = future.after_the_end(windows, series, job.steps)
    model = build(job, inputs).model
    model.restore(checkpoints.from_bytes(Path(job.checkpoint).read_bytes()))
    forecaster = Forecaster(model, job.case.training.objective(), windows, carried)
    values = forecaster.points(ahead)
    band, limits = band_of(forecaster, ahead, values)
    shown = [_of_series(ahead, series, place, values, limits, carried) for place in range(len(values))]
    grown = f"{series.name} has {counted(added, 'new row')} since the model was trained." if added else ""
    state = f"The state of the model is that after {counted(read - 1, 'earlier window')}." if carried else ""
    return NextRows(
        series=tuple(shown),
        targets=series.targets,
        title=windows.series.title,
        unit=series.unit,
        step=windows.series.step,
        stamped=ahead.ahead.windows.series.times is not None,
        horizon=windows.window.target_rows,
        band=band,
        left_out=tuple(name for name in series.groups if name not in ahead.names),
        notes=tuple(filter(None, (grown, state, *(series.notes if job.newer else ())))),
    )


def history(windows: Windows, series: Series) -> int:
    """How many windows, one after the other, a stateful model reads for a forecast after the rows of a series.

    As many as the longest chain of the test part, at most `MOST_HISTORY`, and no more than every series has rows for,
    before the validation part too.
    """
    length, lag = windows.window.length, int(windows.data.difference)
    ends = [stop - start for of in (windows.series, series) for start, stop in of.spans]
    begins = np.array([begin for begin, _ in windows.split.spans["validation"]])
    before = begins - np.array(windows.series.runs)[windows.series.run_of(begins)]
    rows = int(min(count for count in (*ends, *before) if count >= length + lag))
    return min(max(map(len, windows.chains(windows.test))), MOST_HISTORY, (rows - lag) // length)


def as_trained(windows: Windows, job: ForecastJob) -> Windows:
    """The windows that the model was trained on, without rows that were added to the end of the data since.

    Raises DataError if the data have changed in another way: then the scaling of the model is not known.
    """
    series = windows.series
    if windows.digest != job.digest and job.rows < series.rows and not series.groups:
        earlier = replace(
            series,
            values=series.values[: job.rows],
            times=None if series.times is None else series.times[: job.rows],
            filled=series.filled[series.filled < job.rows],
            unscored=series.unscored[series.unscored < job.rows],
            runs=tuple(run for run in series.runs if run < job.rows),
        )
        windows = cut(earlier, job.case.data, job.case.window, job.case.training.dtype)
    if windows.digest != job.digest:
        raise DataError(
            f"{series.name} has changed since the model was trained, so its scaling cannot be repeated: put the old "
            "file back and give the new one with --csv NEW, or train a new model."
        )
    return windows


def band_of(forecaster: Forecaster, ahead: Future, values: Array) -> tuple[Band | None, Limits | None]:
    """The band and its limits for the forecast; None without a validation part that is long enough."""
    windows, steps = forecaster.windows, values.shape[1]
    quantiles = forecaster.objective.quantiles
    most = MOST_WINDOWS if forecaster.carried is None else MOST_WINDOWS * forecaster.carried // windows.window.length
    test = future.over_part(windows, "test", steps, most)
    joint = windows.data.difference and windows.window.target_rows > 1  # sums of quantiles are no quantiles of sums
    if len(quantiles) > 1 and steps <= windows.window.target_rows and not joint:
        limits, level = forecaster.quantiles(ahead), quantiles[-1] - quantiles[0]
        inside = None if test is None else _inside(test, forecaster.quantiles(test))
        return _described("quantiles", level, (), steps, test, inside), limits
    validation = future.over_part(windows, "validation", steps, most)
    if validation is None:
        return None, None
    width = conformal(_errors(forecaster, validation), validation.known, LEVEL)
    reach = int(np.isfinite(width).all(axis=1).sum())
    if not reach:
        return None, None

    def around(of: Future, points: Array) -> Limits:
        half = width * _scale(of)
        return points - half, points + half

    inside = None if test is None else _inside(test, around(test, forecaster.points(test)))
    counts = tuple(validation.known.sum(axis=0).tolist())
    return _described("conformal", LEVEL, counts, reach, test, inside), around(ahead, values)


def conformal(errors: Array, known: Array, level: float) -> Array:
    """Half the width of a split conformal band, (steps, targets): NaN where too few errors are known for the level.

    errors: (N, steps, targets), absolute; known: (N, steps).
    """
    width = np.full(errors.shape[1:], np.nan)
    for step in range(len(width)):
        of_step = np.sort(errors[known[:, step], step], axis=0)
        place = ceil((len(of_step) + 1) * level - 1e-9)
        if 0 < place <= len(of_step):
            width[step] = of_step[place - 1]
    return width


def _errors(forecaster: Forecaster, of: Future) -> Array:
    """The absolute errors (N, steps, targets), divided by the scale of their series."""
    errors: Array = np.abs(forecaster.points(of) - _truth(of)) / _scale(of)
    return errors


def _scale(of: Future) -> Array:
    """(targets,) or (N, 1, targets): the divisor of errors; one for all series unless each is scaled by itself."""
    scale = of.ahead.windows.scale(of.ahead.part)
    return scale if scale.ndim == 1 else scale[:, None]


def _truth(of: Future) -> Array:
    cut = of.ahead
    return cut.windows.truth(cut.part).reshape(len(cut.part), -1, len(cut.windows.targets))


def _inside(of: Future, limits: Limits) -> Array:
    """(N, steps, targets): 1 where the true value is within its limits, 0 where not, NaN where one is unknown."""
    truth = _truth(of)
    unknown = ~of.known[:, :, None] | np.isnan(limits[0])
    return np.where(unknown, np.nan, (limits[0] <= truth) & (truth <= limits[1]))


def _described(
    method: str, level: float, windows: tuple[int, ...], steps: int, test: Future | None, inside: Array | None
) -> Band:
    def share(values: Array | None) -> float | None:
        known = np.array([]) if values is None else values[~np.isnan(values)]
        return float(known.mean()) if len(known) else None

    by_step = () if inside is None else tuple(share(inside[:, step]) for step in range(inside.shape[1]))
    return Band(
        method=method,
        level=round(level, 9),
        windows=windows,
        steps=steps,
        coverage=share(inside),
        coverage_by_step=by_step,
        test_windows=0 if inside is None else int((~np.isnan(inside)).any(axis=(1, 2)).sum()),
    )


def _of_series(
    ahead: Future, series: Series, place: int, values: Array, limits: Limits | None, carried: int | None
) -> SeriesForecast:
    run = series.groups.index(ahead.names[place]) if series.groups else len(series.runs) - 1
    start, stop = series.runs[run], (*series.runs[1:], series.rows)[run]
    window = carried or ahead.ahead.windows.window.length
    first = max(start, stop - min(MOST_PAST, max(LEAST_PAST, PAST * window)))
    stamp = _stamp(series)
    if ahead.ahead.windows.series.times is None or series.times is None:
        past, times = np.arange(first, stop) - start + 1, np.arange(stop, stop + values.shape[1]) - start + 1
    else:
        past, times = series.times[first:stop], ahead.stamps[place]
    return SeriesForecast(
        name=ahead.names[place],
        past_times=tuple(stamp(time)[0] for time in past),
        past=_rows(series.values[first:stop][:, series.index(series.targets)]),
        past_filled=tuple(np.isin(np.arange(first, stop), series.unscored).tolist()),
        times=tuple(stamp(time)[0] for time in times),
        labels=tuple(stamp(time)[1] for time in times),
        values=_rows(values[place]),
        lower=None if limits is None else _rows(limits[0][place]),
        upper=None if limits is None else _rows(limits[1][place]),
    )


def _stamp(series: Series) -> Callable[[np.generic], tuple[str, str]]:
    """A function from a time stamp to ISO 8601 with the file's offset from UTC, and to the format of the file."""
    form = series.time_format if series.time_format.startswith("%") and "%z" not in series.time_format else ""

    def written(time: np.generic) -> tuple[str, str]:
        if not isinstance(time, np.datetime64):
            return str(time), str(time)
        moment, text = time.astype("datetime64[us]").item(), label(time, series.step)
        if series.time_zone:
            moment = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(series.time_zone))
            text = moment.isoformat()
        return text, moment.strftime(form) if form else text

    return written


def _rows(values: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
