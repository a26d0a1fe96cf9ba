"""Series, and windows cut from them: registered series, files of the user, splits, scaling and baselines.

`prepare` turns the tables `[data]` and `[window]` of a benchmark into windows. `sources` has the registered series,
`files` reads a CSV or Parquet file. This package imports no framework and no other package of the project.
"""

from datasets.cutting import cut, prepare, read, suggested_columns
from datasets.fitted import BASELINES as FITTED
from datasets.leakage import leaks, training_errors
from datasets.naive import NAMES, Forecast, baselines
from datasets.series import Series, Split, split
from datasets.sources.registered import describe, load, names
from datasets.spec import DataError, DataSpec, WindowSpec
from datasets.windows import Part, Windows, forecast

BASELINES = (*NAMES, *FITTED)

__all__ = [
    "BASELINES",
    "FITTED",
    "DataError",
    "DataSpec",
    "Forecast",
    "Part",
    "Series",
    "Split",
    "WindowSpec",
    "Windows",
    "baselines",
    "cut",
    "describe",
    "forecast",
    "leaks",
    "load",
    "names",
    "prepare",
    "read",
    "split",
    "suggested_columns",
    "training_errors",
]
