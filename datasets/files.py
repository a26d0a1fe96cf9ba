from datasets.series import Series
from datasets.spec import DataSpec


def read(data: DataSpec) -> Series:
    raise NotImplementedError
