"""California Housing: scikit-learn downloads it and keeps it as a pickle, so the array inside is what gets checked."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.sources import download
from datasets.sources.readers import Table
from datasets.spec import DataError

FILE = "cal_housing_py3.pkz"
ORIGIN = "scikit-learn's fetch_california_housing (https://ndownloader.figshare.com)"
SHA256 = "898f39f9b96274ded9a9f5a3b1b9f1dc032ab86955ac0f86b1c17330ba30cb25"  # of the (20640, 9) array, float64


@dataclass(frozen=True)
class Housing:
    """The origin of the series `housing`."""

    kind: str = "downloaded"
    sha256: str = SHA256

    def is_cached(self) -> bool:
        return (download.folder() / FILE).is_file()

    def fetch(self) -> Path:
        """Let scikit-learn download into a folder of its own, then move the whole file to its place."""
        path = download.folder() / FILE
        if path.is_file():
            return path
        cache = download.writable(path.parent, FILE, ORIGIN)
        from sklearn.datasets import fetch_california_housing

        passing = Path(tempfile.mkdtemp(dir=cache))
        try:
            fetch_california_housing(data_home=passing)
            os.replace(passing / FILE, path)
        except OSError as error:
            raise download.unreachable(FILE, ORIGIN, cache, error) from None
        finally:
            shutil.rmtree(passing, ignore_errors=True)
        return path

    def table(self) -> Table:
        """Eight features of each district, then the target, in the order of the file."""
        path = self.fetch()
        _check(path)
        from sklearn.datasets import fetch_california_housing

        found = fetch_california_housing(data_home=path.parent, download_if_missing=False)
        return Table(np.column_stack([found.data, found.target]))


def _check(path: Path) -> None:
    import joblib  # type: ignore[import-untyped]

    try:
        array = joblib.load(path)
        found = download.sha256(np.ascontiguousarray(array, "<f8").tobytes())
    except Exception as error:  # unpickling what is damaged can raise anything
        found = type(error).__name__
    if found != SHA256:
        raise DataError(f"{path} is damaged ({found[:12]} instead of {SHA256[:12]}): delete it and fetch it again.")
