"""The forecasts that need no network, as rows beside those that do."""

from collections.abc import Callable

from benchmarks.runner.records import Baseline, Data
from reports.run import Run


def baselines(run: Run) -> list[tuple[str, Baseline]]:
    """Every naive forecast, labelled with what tells a run's windows apart; the same ones, scaled otherwise, once."""
    every = list({(d.series, d.window, d.horizon, d.baselines): d for d in run.manifest.data.values()}.values())
    told: dict[str, Callable[[Data], str]] = {
        "series": lambda data: data.series,
        "window": lambda data: f"window {data.window}",
        "horizon": lambda data: f"horizon {data.horizon}",
        "test": lambda data: f"{data.test_windows:,} test windows",
    }
    apart = [word for word in told.values() if len({word(data) for data in every}) > 1]
    return [(", ".join(["baseline", *(word(data) for word in apart)]), b) for data in every for b in data.baselines]
