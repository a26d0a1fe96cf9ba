"""Numbers in, windows out: every series by name, the user's own files, splits, scaling, windows and baselines."""

from datasets.baselines import NAMES as BASELINES
from datasets.baselines import Forecast, baselines
from datasets.cutting import cut
from datasets.prepare import prepare, read
from datasets.rollout import forecast
from datasets.series import Series
from datasets.sources.registry import Entry, describe, load, names
from datasets.spec import DataError, DataSpec, Dtype, WindowSpec
from datasets.split import Split
from datasets.windows import Part, Windows

__all__ = [
    "BASELINES",
    "DataError",
    "DataSpec",
    "Dtype",
    "Entry",
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
    "load",
    "names",
    "prepare",
    "read",
]
