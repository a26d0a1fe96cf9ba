"""Schema of baselines.json: the forecasts that need no network, and their scores."""

from reports.records.base import SCHEMA, Number, Record, Rows


class Scores(Record):
    """Errors of one forecast on the test part, pooled over targets; a skill is computed from them when reported."""

    mse: Number
    rmse: Number
    mae: Number
    scaled_mse: Number | None = None  # of values scaled as `[data]` states, also where the model sees changes
    scaled_mae: Number | None = None


class Baseline(Record):
    """A forecast that needs no network: a naive one, or one of a fitted statistical model or regression."""

    name: str  # "persistence", "ARIMA"
    explanation: str
    scores: Scores
    group_scores: tuple[Scores, ...] = ()  # of each of Data.groups
    predictions: Rows = ()  # (stored windows, horizon * targets), unit of the series; empty: not recorded
    seconds: float | None = None  # wall time of fitting and forecasting in a process of its own; None: not measured


class AbsentBaseline(Record):
    """A baseline that was asked for and has no forecasts."""

    name: str
    reason: str  # a clause


class DataBaselines(Record):
    """The baselines of the windows of one or several cases."""

    baselines: tuple[Baseline, ...]
    absent: tuple[AbsentBaseline, ...] = ()


class Baselines(Record):
    """The baselines of a run, made after its manifest; they replace the manifest's, which have no forecasts."""

    schema_version: int = SCHEMA
    data: dict[str, DataBaselines]  # by the keys of Manifest.data
