"""Schema of a forecast beyond the known rows, which the command `forecast` writes."""

from reports.records.base import Number, Record

Values = tuple[tuple[Number, ...], ...]  # (rows, targets), in the unit of the series


class SeriesForecast(Record):
    """The next rows of one series, after its recent past."""

    name: str  # "" if there is one series
    past_times: tuple[str, ...]  # of the last known rows, ISO 8601 or row numbers from 1
    past: Values
    past_filled: tuple[bool, ...]  # by row: whether the value of a target was missing and has been filled
    times: tuple[str, ...]
    labels: tuple[str, ...]  # `times` as the user's file writes them
    values: Values
    lower: Values | None  # NaN where there is no limit; None: no band
    upper: Values | None


class Band(Record):
    """How the limits of a forecast were made, and how often they contain the true values of the test part."""

    method: str  # "quantiles", of the model; "conformal", from the errors on the validation part
    level: float  # share of true values that the band is made to contain
    windows: tuple[int, ...]  # of the validation part, whose errors were used at each step ahead; empty for quantiles
    steps: int  # up to this step ahead there are limits
    coverage: float | None  # share of the true values of the test part within the band, over all steps and targets
    coverage_by_step: tuple[float | None, ...]
    test_windows: int  # with a known true value


class NextRows(Record):
    """The next rows of one or several series."""

    series: tuple[SeriesForecast, ...]
    targets: tuple[str, ...]
    title: str
    unit: str
    step: str  # "month"
    stamped: bool  # whether rows have time stamps; without, they are counted from 1
    horizon: int  # rows that the model forecasts at once; later rows use forecasts as inputs
    band: Band | None
    left_out: tuple[str, ...]  # series that are too short for a window
    notes: tuple[str, ...] = ()  # sentences on the known rows
