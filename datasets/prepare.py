"""From the tables `[data]` and `[window]` to windows."""

from dataclasses import replace

from datasets.cutting import cut
from datasets.series import Series, as_names, check_columns
from datasets.sources import registry
from datasets.spec import DataSpec, Dtype, WindowSpec
from datasets.windows import Windows


def prepare(data: DataSpec, window: WindowSpec, dtype: Dtype = "float32") -> Windows:
    """Read the series, or the user's file, and cut it into windows."""
    return cut(read(data), data, window, dtype)


def read(data: DataSpec) -> Series:
    """The series that the table `[data]` names, with its target and input columns chosen."""
    if data.series is not None:
        return _choose(registry.load(data.series), data)
    from datasets.files import reading  # here, because it imports pandas, which takes longer than all the rest

    return reading.read(data)


def _choose(series: Series, data: DataSpec) -> Series:
    """All columns, or the target and the features asked for, in the order of the series."""
    targets = as_names(data.target) or series.targets
    features = series.columns if data.features in (None, "*") else as_names(data.features)
    check_columns((*targets, *features), series.columns, f"the series {series.name}")
    columns = tuple(name for name in series.columns if name in {*targets, *features})
    if (columns, targets) == (series.columns, series.targets):
        return series
    unit = series.unit if targets == series.targets else ""  # of its own target; others are measured otherwise
    values = series.values[:, series.index(columns)]
    return replace(series, values=values, columns=columns, targets=targets, unit=unit)
