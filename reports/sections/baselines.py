"""The forecasts that need no network, as rows beside those that do."""

from collections.abc import Callable

from reports.analysis.run import Run
from reports.records import Baseline, Data
from reports.render.formats import four_digits, significant

TOLD: dict[str, Callable[[Data], str]] = {
    "series": lambda data: data.series,
    "window": lambda data: f"window {data.window}",
    "horizon": lambda data: f"horizon {data.horizon}",
    "test": lambda data: f"{data.test_windows:,} test windows",
    "train": lambda data: f"{data.train_windows:,} training windows",
}


def baselines(run: Run, *, scaled: bool = False) -> list[tuple[str, Baseline]]:
    """Every naive forecast, labelled with as much as tells a run's windows apart; the same one once.

    scaled: their scaled errors are looked at too, so that one of differently scaled values is another.
    """
    every = list({_identity(data, scaled): data for data in reversed(run.manifest.data.values())}.values())[::-1]
    labels = ["baseline"] * len(every)
    for word in (*TOLD.values(), *([_scale] if scaled else [])):
        longer = [f"{label}, {word(data)}" for label, data in zip(labels, every, strict=True)]
        labels = longer if len(set(longer)) > len(set(labels)) else labels
    return [(label, one) for label, data in zip(labels, every, strict=True) for one in data.baselines]


def _identity(data: Data, scaled: bool) -> tuple[object, ...]:
    """Errors as they are shown: a linear autoregression of values scaled otherwise has others in the last digits."""
    errors = tuple((b.name, four_digits(b.scores.mse), four_digits(b.scores.mae)) for b in data.baselines)
    return (data.series, data.window, data.horizon, errors, data.scale if scaled else ())


def _scale(data: Data) -> str:
    return f"scale {', '.join(map(significant, data.scale))}"


def does(error: float, own: float) -> str:
    """What a naive forecast does beside a model, by errors of which no more is shown than four digits."""
    if four_digits(error) == four_digits(own):
        return "does as well"
    return "does better" if error < own else "does worse"
