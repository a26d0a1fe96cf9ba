"""Exponential smoothing, Theta and ARIMA of each target of each series, with statsmodels.

Parameters are estimated once on the training rows. The model then runs over the whole series with these parameters, as
a filter, and forecasts from the state before each window, as a trained network is not trained again before each window.
To estimate the parameters anew before each of thousands of windows takes hours.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, log
from typing import Any

import numpy as np
from scipy.signal import lfilter
from statsmodels.tsa.arima.estimators.innovations import innovations_mle
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.seasonal import STL
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.stattools import kpss

from datasets.fitted import UnsuitableError
from datasets.fitted.seasons import fourier, period
from datasets.naive import Forecast
from datasets.windows import Part, Windows

MOST_ROWS = 2_000  # of a series that a model is fitted on, the last ones before the end of the training part
MOST_SERIES = 60  # series times targets; each is a model of its own
FEWEST_ROWS = 20  # of a training part
LONG = 24  # steps; longer seasons are described by sines and cosines, not by seasonal differences
MOST_PAIRS = 4
STRONG = 0.64  # seasonal strength from which a seasonal difference is taken (Wang, Smith & Hyndman 2006)
MOST_LAGS, MOST_SEASONAL_LAGS = 3, 1  # of ARIMA, without and with season
UPDATED = (
    "Its parameters are fitted once on the training part; before each forecast its state is updated with all earlier "
    "values, without fitting again."
)


@dataclass(frozen=True, eq=False)
class History:
    """One target of one series."""

    values: np.ndarray  # (rows,), from `start` on
    train: int  # the first so many rows are the training part
    origins: np.ndarray  # (N,) rows of the first targets
    horizon: int
    season: int | None  # in steps; None: none, or fewer than three seasons of training
    period: float  # the exact length of the season


def exponential_smoothing(windows: Windows, part: Part) -> Forecast:
    """State-space exponential smoothing; trend and season are chosen by AICc (Hyndman et al. 2008)."""
    values = _each(windows, part, _smoothed)
    return Forecast("exponential smoothing", f"ETS: level, trend and season chosen by AICc. {UPDATED}", values)


def theta(windows: Windows, part: Part) -> Forecast:
    """The Theta method (Assimakopoulos & Nikolopoulos 2000)."""
    text = (
        "The Theta method: exponential smoothing of seasonally adjusted values, plus half of the slope of their linear "
        "trend."
    )
    return Forecast("theta", f"{text} {UPDATED}", _each(windows, part, _theta))


def arima(windows: Windows, part: Part) -> Forecast:
    """ARIMA with orders chosen step by step by AICc (Hyndman & Khandakar 2008)."""
    text = (
        "Differences chosen by tests, orders step by step by AICc; a season of over "
        f"{LONG} steps enters as sines and cosines. {UPDATED}"
    )
    return Forecast("ARIMA", text, _each(windows, part, _arima))


def _each(windows: Windows, part: Part, model: Callable[[History], np.ndarray]) -> np.ndarray:
    """(N, H * targets): the forecasts of each target of each series by a model of its own."""
    series, targets, runs = windows.series, windows.targets, windows.runs(part)
    if not series.temporal:
        raise UnsuitableError("the rows are not a time series")
    present = np.unique(runs)
    if len(present) * len(targets) > MOST_SERIES:
        raise UnsuitableError(
            f"it is fitted to at most {MOST_SERIES} series, and there are {len(present) * len(targets):,}"
        )
    rows, spans = np.asarray(part.rows), series.spans
    result = np.empty((len(part), windows.window.horizon, len(targets)))
    for run in present:
        first, last = _training_span(windows, int(run))
        if last - first < FEWEST_ROWS:
            raise UnsuitableError(f"a series with test windows has fewer than {FEWEST_ROWS} training rows")
        chosen, first = runs == run, max(first, last - MOST_ROWS)
        train = last - first
        season = windows.season if windows.season and 1 < windows.season <= train // 3 else None
        for place, target in enumerate(targets):
            values = series.values[first : spans[run][1], target]
            known = History(
                values, train, rows[chosen] - first, windows.window.horizon, season, period(windows) if season else 0.0
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of optimizers that stop early; the forecasts are scored anyway
                constant = np.ptp(values[:train]) == 0
                result[chosen, :, place] = _repeated(known) if constant else model(known)
    return result.reshape(len(part), -1)


def _training_span(windows: Windows, run: int) -> tuple[int, int]:
    """First row and end of the training part of a series."""
    spans = windows.split.spans["train"]
    if len(spans) > 1:
        return spans[run]
    first, end = windows.series.spans[run]
    return first, min(end, spans[0][1])


def _repeated(known: History) -> np.ndarray:
    """(N, H): the last value, for a training part that is constant."""
    return np.repeat(known.values[known.origins - 1][:, None], known.horizon, axis=1)


# Error, trend and season of the candidates; a trend is damped. Multiplicative ones need values above 0.
Form = tuple[str, str | None, str | None]
FORMS: tuple[Form, ...] = (
    ("add", None, None),
    ("add", "add", None),
    ("add", None, "add"),
    ("add", "add", "add"),
    ("mul", None, "mul"),
    ("mul", "add", "mul"),
)


def _smoothed(known: History) -> np.ndarray:
    y = known.values[: known.train]
    positive = y.min() > 0
    forms = [form for form in FORMS if (known.season or not form[2]) and (positive or form[0] == "add")]
    fits = [(form, _ets(known, y, form).fit(disp=False, maxiter=200)) for form in forms]

    def criterion(pair: tuple[Form, Any]) -> float:
        return _aicc(pair[1].llf, len(y), len(pair[1].params) + 2 + _states(known, pair[0]))

    form, fit = min(fits, key=criterion)
    initial = {"level": fit.initial_level}
    initial |= {"trend": fit.initial_trend} if form[1] else {}
    initial |= {"seasonal": fit.initial_seasonal} if form[2] else {}
    states = _ets(known, known.values, form, initial).smooth(fit.params).states
    states = np.asarray(states)  # (rows, states): level, trend and season after each row
    last = states[known.origins - 1]
    ahead, trend = np.arange(1, known.horizon + 1), form[1] is not None
    damping = fit.params[list(fit.param_names).index("damping_trend")] if trend else 0.0
    line = last[:, :1] + (last[:, 1:2] * np.cumsum(damping**ahead) if trend else 0.0)
    if not form[2]:
        return np.asarray(line + np.zeros(known.horizon))
    m = known.season or 1
    terms = states[:, -1][known.origins[:, None] + (ahead - 1) % m - m]  # of the last row in the same place
    return np.asarray(line * terms if form[2] == "mul" else line + terms)


def _states(known: History, form: Form) -> int:
    """The number of initial states, which count as parameters although a heuristic sets them."""
    return bool(form[1]) + ((known.season or 1) - 1 if form[2] else 0)


def _ets(known: History, values: np.ndarray, form: Form, initial: Mapping[str, Any] | None = None) -> ETSModel:
    """The model of these values, with these initial states or those of a heuristic."""
    error, trend, season = form
    return ETSModel(
        values,
        error=error,
        trend=trend,
        damped_trend=bool(trend),
        seasonal=season,
        seasonal_periods=known.season if season else None,
        initialization_method="known" if initial else "heuristic",
        **{f"initial_{name}": state for name, state in (initial or {}).items()},
    )


def _aicc(likelihood: float, rows: int, parameters: int) -> float:
    """Akaike's criterion with the correction for few rows; infinite if there are too few for so many parameters."""
    if rows - parameters - 1 <= 0 or not np.isfinite(likelihood):
        return inf
    return 2 * parameters - 2 * likelihood + 2 * parameters * (parameters + 1) / (rows - parameters - 1)


def _theta(known: History) -> np.ndarray:
    """The forecast from each origin by the formula of Hyndman & Billah (2003), with theta = 2."""
    y, m = known.values[: known.train], known.season
    model = ThetaModel(y, period=m or 1, deseasonalize=m is not None, method="auto")
    fit = model.fit(disp=False)
    slope, alpha = fit.params["b0"], fit.params["alpha"]
    parts = fit.forecast_components(m or 1)
    product = m is not None and model.method.startswith("mul")
    factors = np.asarray(parts["seasonal"]) if m else np.zeros(1)
    factor = factors[(np.arange(len(known.values) + known.horizon) - known.train) % len(factors)]
    adjusted = known.values / factor[: len(known.values)] if product else known.values - factor[: len(known.values)]
    level, _ = lfilter([alpha], [1, alpha - 1], adjusted, zi=[(1 - alpha) * adjusted[0]])
    ahead, origins = np.arange(known.horizon), known.origins[:, None]
    drift = slope / 2 * (ahead + (1 - (1 - alpha) ** origins) / alpha)
    line, of_step = level[origins - 1] + drift, factor[origins + ahead]
    return np.asarray(line * of_step if product else line + of_step)


Order = tuple[int, int, int, int]  # p, q, and those of the season, P, Q


def _arima(known: History) -> np.ndarray:
    y, m = known.values[: known.train], known.season
    short = m if m and m <= LONG else None
    waves = _waves(known) if m and not short else np.empty((len(known.values) + known.horizon, 0))
    seasonal = int(short is not None and _seasonal_strength(y, short) > STRONG)
    difference = _differences(_differenced(_residuals(y, waves[: len(y)]), 0, seasonal, short))
    inputs = waves if difference + seasonal > 1 else np.column_stack([waves, _drift(len(waves), difference, seasonal)])
    coefficients = _coefficients(y, inputs[: len(y)], difference, seasonal, short)
    trend = inputs @ coefficients
    noise = _differenced(y - trend[: len(y)], difference, seasonal, short)
    order, parameters = _best_order(noise, short)
    p, q, big_p, big_q = order
    model = SARIMAX(
        known.values - trend[: len(known.values)],
        order=(p, difference, q),
        seasonal_order=(big_p, seasonal, big_q, short or 0) if short else (0, 0, 0, 0),
        enforce_stationarity=False,
        enforce_invertibility=False,
    )
    model.memory_no_predicted_cov = model.memory_no_filtered_cov = model.memory_no_gain = True
    model.memory_no_forecast_cov = model.memory_no_smoothing = model.memory_no_std_forecast = True
    result = model.filter(parameters).filter_results
    state = result.predicted_state[:, known.origins]  # before the value of the first target row is seen
    design, transition = result.design[0, :, 0], result.transition[:, :, 0]
    steps = []
    for _ in range(known.horizon):
        steps.append(design @ state)
        state = transition @ state
    ahead = known.origins[:, None] + np.arange(known.horizon)
    return np.asarray(np.column_stack(steps) + trend[ahead])


def _waves(known: History) -> np.ndarray:
    """(rows + horizon, 2 * pairs): sines and cosines of a long season, as many as AICc allows on the changes."""
    rows = np.arange(len(known.values) + known.horizon)
    changes = np.diff(known.values[: known.train])
    choices = [fourier(rows, known.period, pairs) for pairs in range(MOST_PAIRS + 1)]

    def criterion(waves: np.ndarray) -> float:
        inputs = np.diff(waves[: known.train], axis=0)
        error = _residuals(changes, inputs)
        return _aicc(-len(changes) / 2 * log(max(float(np.mean(error**2)), 1e-300)), len(changes), waves.shape[1] + 1)

    return min(choices, key=criterion)


def _residuals(y: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    if not inputs.shape[1]:
        return y
    coefficients, *_ = np.linalg.lstsq(inputs, y, rcond=None)
    return np.asarray(y - inputs @ coefficients)


def _drift(rows: int, difference: int, seasonal: int) -> np.ndarray:
    """(rows, 1): a constant, or with one difference a line, which the difference turns into a constant."""
    return np.arange(rows, dtype=float)[:, None] if difference + seasonal else np.ones((rows, 1))


def _coefficients(y: np.ndarray, inputs: np.ndarray, difference: int, seasonal: int, m: int | None) -> np.ndarray:
    """Least squares between the differenced values and the differenced inputs."""
    if not inputs.shape[1]:
        return np.empty(0)
    columns = np.column_stack([_differenced(column, difference, seasonal, m) for column in inputs.T])
    coefficients, *_ = np.linalg.lstsq(columns, _differenced(y, difference, seasonal, m), rcond=None)
    return np.asarray(coefficients)


def _differenced(y: np.ndarray, difference: int, seasonal: int, m: int | None) -> np.ndarray:
    if seasonal and m:
        y = y[m:] - y[:-m]
    return np.diff(y, n=difference)


def _differences(y: np.ndarray) -> int:
    """How many differences the test of Kwiatkowski et al. (1992) at 5 % asks for, at most 2."""
    number = 0
    while number < 2 and np.ptp(y) > 0 and kpss(y, regression="c", nlags="auto")[1] < 0.05:
        y, number = np.diff(y), number + 1
    return number


def _seasonal_strength(y: np.ndarray, m: int) -> float:
    """1 - variance of the remainder / variance of season and remainder, of a decomposition by STL."""
    parts = STL(y, period=m, robust=False).fit()
    whole = float(np.var(parts.seasonal + parts.resid))
    return 1 - float(np.var(parts.resid)) / whole if whole > 0 else 0.0


def _best_order(noise: np.ndarray, m: int | None) -> tuple[Order, np.ndarray]:
    """The orders of the lowest AICc in a walk that changes one of them by 1, with their parameters."""
    most: Order = (MOST_LAGS, MOST_LAGS, *((MOST_SEASONAL_LAGS,) * 2 if m else (0, 0)))  # type: ignore[assignment]
    tried: dict[Order, tuple[float, np.ndarray]] = {}

    def criterion(order: Order) -> float:
        if order not in tried:
            tried[order] = _fit(noise, order, m)
        return tried[order][0]

    starts: list[Order] = [(2, 2, 1, 1), (0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1)]
    best = min((_within(start, most) for start in starts), key=criterion)
    while True:
        steps = [_moved(best, place, by) for place in range(4) for by in (-1, 1)]
        better = min((order for order in steps if _within(order, most) == order), key=criterion, default=best)
        if criterion(better) >= criterion(best):
            return best, tried[best][1]
        best = better


def _within(order: Order, most: Order) -> Order:
    p, q, big_p, big_q = (max(0, min(pair)) for pair in zip(order, most, strict=True))
    return p, q, big_p, big_q


def _moved(order: Order, place: int, by: int) -> Order:
    p, q, big_p, big_q = (number + by * (place == position) for position, number in enumerate(order))
    return p, q, big_p, big_q


def _fit(noise: np.ndarray, order: Order, m: int | None) -> tuple[float, np.ndarray]:
    """AICc and the parameters in the order of SARIMAX; infinite if the fit fails, as it does near a unit root."""
    p, q, big_p, big_q = order
    variance = float(np.var(noise))
    if variance == 0 or not any(order):
        likelihood = -len(noise) / 2 * (log(2 * np.pi * max(variance, 1e-300)) + 1)
        return (_aicc(likelihood, len(noise), 1) if not any(order) else inf), np.array([max(variance, 1e-300)])
    try:
        fit, details = innovations_mle(
            noise,
            order=(p, 0, q),
            seasonal_order=(big_p, 0, big_q, m) if m and (big_p or big_q) else None,
            demean=False,
            minimize_kwargs={"options": {"maxiter": 10, "gtol": 1e-2}},  # of a sum of log-likelihoods
        )
    except (ValueError, np.linalg.LinAlgError):
        return inf, np.empty(0)
    return _aicc(-float(details.minimize_results.fun), len(noise), sum(order) + 1), np.asarray(fit.params)
