"""Baselines that are fitted: statistical models and regressions, strong and cheap rivals of a network.

Each is fitted once on the training part and forecasts every window of another part without fitting again. A baseline
that does not suit the data gives the reason. Importing this package imports neither statsmodels nor scikit-learn.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module

from threadpoolctl import threadpool_limits

from datasets.naive import Forecast
from datasets.windows import Part, Windows

# The module and the function of each baseline. statsforecast, which has the first three too, needs pandas 2, and this
# project pandas 3; statsmodels is among the requirements anyway.
BASELINES = {
    "exponential smoothing": ("statistical", "exponential_smoothing"),
    "theta": ("statistical", "theta"),
    "ARIMA": ("statistical", "arima"),
    "seasonal autoregression": ("regression", "seasonal_autoregression"),
    "gradient boosting": ("regression", "gradient_boosting"),
}


class UnsuitableError(ValueError):
    """A baseline cannot be fitted to the data; the message is a clause: "the series has no season"."""


@dataclass(frozen=True)
class Absent:
    """A baseline without forecasts, and the reason, a clause."""

    name: str
    reason: str


def fitted_baselines(windows: Windows, part: Part, names: Sequence[str]) -> Iterator[Forecast | Absent]:
    """Fit the named baselines in turn. The forecasts carry the seconds of fitting and forecasting, without imports.

    A forecast uses no value from the first target row of its window on, and its parameters none after the training
    part. A library's error becomes a reason, so that one baseline cannot take the others with it.
    """
    for name in names:
        module, function = BASELINES[name]
        build: Callable[[Windows, Part], Forecast] = getattr(import_module(f"datasets.fitted.{module}"), function)
        start = time.perf_counter()
        try:
            with threadpool_limits(1):  # the models are small: threads would wait for each other
                forecast = build(windows, part)
        except UnsuitableError as reason:
            yield Absent(name, str(reason))
        except Exception as error:  # whatever a library raises on unusual data
            yield Absent(name, f"its fit failed ({' '.join(str(error).split())[:200] or type(error).__name__})")
        else:
            yield replace(forecast, seconds=time.perf_counter() - start)
