"""Where a registered series comes from: an installed package, a download, scikit-learn, or a generator.

Downloaded files are kept in the cache folder: `BENCH_DATA`, or else the cache folder of the user. Their SHA-256 is
checked at every reading. A filled cache folder may be read-only. A file gets its name only when its download is
complete and its SHA-256 is right.
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.sources.readers import RawTable
from datasets.spec import DataError

INSTALL = ".venv/bin/pip install --force-reinstall --no-deps -c constraints.txt statsmodels"
TIMEOUT = 30.0  # seconds without receiving a byte
HOUSING_FILE = "cal_housing_py3.pkz"
HOUSING_SOURCE = "scikit-learn's fetch_california_housing (https://ndownloader.figshare.com)"
HOUSING_SHA256 = "898f39f9b96274ded9a9f5a3b1b9f1dc032ab86955ac0f86b1c17330ba30cb25"  # of the (20640, 9) float64 array


class Origin(ABC):
    """Where a series comes from."""

    kind: str  # packaged, downloaded or generated
    sha256: str | None  # of the file or array; None if there is nothing to check

    def is_cached(self) -> bool:
        """Whether loading the series needs no network."""
        return True

    def fetch(self) -> Path | None:
        """Download the file if needed, and return its path; None if the series has no downloaded file."""
        return None

    @abstractmethod
    def table(self) -> RawTable:
        """The numbers, downloaded if needed."""


@dataclass(frozen=True)
class Generated(Origin):
    """Numbers that are computed, or written in the source."""

    make: Callable[[], RawTable]
    kind: str = "generated"
    sha256: None = None

    def table(self) -> RawTable:
        return self.make()


@dataclass(frozen=True)
class Packaged(Origin):
    """A file of the package statsmodels, read without importing the package, which takes half a second."""

    file: str
    sha256: str
    parse: Callable[[bytes], RawTable]
    kind: str = "packaged"

    def table(self) -> RawTable:
        package = importlib.util.find_spec("statsmodels")
        if package is None or not package.submodule_search_locations:
            raise DataError(f"{self.file} is part of statsmodels, which is not installed: type {INSTALL}.")
        path = Path(package.submodule_search_locations[0]) / "datasets" / self.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}): type {INSTALL}.") from None
        if sha256(content) != self.sha256:
            raise DataError(f"{path} does not have the expected SHA-256: type {INSTALL}.")
        return self.parse(content)


@dataclass(frozen=True)
class Downloaded(Origin):
    """A file that is downloaded once."""

    file: str  # its name in the cache folder
    url: str
    sha256: str
    parse: Callable[[bytes], RawTable]
    kind: str = "downloaded"

    def is_cached(self) -> bool:
        return (folder() / self.file).is_file()

    def table(self) -> RawTable:
        return self.parse(self.read())

    def read(self) -> bytes:
        """The content of the file, downloaded if it is missing. A damaged file is refused, not replaced."""
        path = folder() / self.file
        if not path.is_file():
            self.fetch()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}).") from None
        digest = sha256(content)
        if digest != self.sha256:
            raise DataError(
                f"{path} is damaged: its SHA-256 begins with {digest[:12]} instead of {self.sha256[:12]}; "
                "delete the file, and the next run downloads it again."
            )
        return content

    def fetch(self) -> Path:
        """Download the file into the cache folder, unless it is there with the right SHA-256."""
        path = folder() / self.file
        if path.is_file() and sha256(path.read_bytes()) == self.sha256:
            return path
        _require_writable(path.parent, self.file, self.url)
        import pooch

        downloader = pooch.HTTPDownloader(timeout=TIMEOUT)
        pooch.get_logger().setLevel("WARNING")
        try:
            pooch.retrieve(self.url, self.sha256, fname=self.file, path=path.parent, downloader=downloader)
        except ValueError:
            raise DataError(
                f"The download of {self.file} from {self.url} is damaged or incomplete: its SHA-256 does not begin "
                f"with {self.sha256[:12]}; nothing was kept. Try again later, or put the right file into {path.parent}."
            ) from None
        except OSError as error:
            raise _unreachable(self.file, self.url, path.parent, error) from None
        return path


@dataclass(frozen=True)
class Housing(Origin):
    """California Housing. scikit-learn downloads it and stores a pickle, so the SHA-256 is that of the array."""

    kind: str = "downloaded"
    sha256: str = HOUSING_SHA256

    def is_cached(self) -> bool:
        return (folder() / HOUSING_FILE).is_file()

    def fetch(self) -> Path:
        """Let scikit-learn download into a temporary folder, then move the complete file to the cache folder."""
        path = folder() / HOUSING_FILE
        if path.is_file():
            return path
        _require_writable(path.parent, HOUSING_FILE, HOUSING_SOURCE)
        from sklearn.datasets import fetch_california_housing

        temporary = Path(tempfile.mkdtemp(dir=path.parent))
        try:
            fetch_california_housing(data_home=temporary)
            os.replace(temporary / HOUSING_FILE, path)
        except OSError as error:
            raise _unreachable(HOUSING_FILE, HOUSING_SOURCE, path.parent, error) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return path

    def table(self) -> RawTable:
        """Eight features of each district, then the target, in the order of the file."""
        path = self.fetch()
        self._check(path)
        from sklearn.datasets import fetch_california_housing

        housing = fetch_california_housing(data_home=path.parent, download_if_missing=False)
        return RawTable(np.column_stack([housing.data, housing.target]))

    def _check(self, path: Path) -> None:
        import joblib  # type: ignore[import-untyped]

        try:
            digest = sha256(np.ascontiguousarray(joblib.load(path), "<f8").tobytes())
        except Exception as error:  # unpickling a damaged file can raise any exception
            digest = type(error).__name__
        if digest != self.sha256:
            raise DataError(
                f"{path} is damaged ({digest[:12]} instead of {self.sha256[:12]}): delete the file, and the next run "
                "downloads it again."
            )


def folder() -> Path:
    """The cache folder for downloaded files."""
    if os.environ.get("BENCH_DATA"):
        return Path(os.environ["BENCH_DATA"]).expanduser()
    import pooch

    return Path(pooch.os_cache("like-for-like"))


def sha256(content: bytes) -> str:
    """The SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _require_writable(cache: Path, file: str, source: str) -> None:
    """Create the cache folder if needed. Raises DataError if it is not writable."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        allowed = os.access(cache, os.W_OK)
    except OSError:
        allowed = False
    if not allowed:
        raise DataError(
            f"{file} is not in {cache}, which is not writable: put the file from {source} there, "
            "or set BENCH_DATA to a writable folder."
        )


def _unreachable(file: str, source: str, cache: Path, error: Exception) -> DataError:
    return DataError(
        f"{file} could not be downloaded from {source} ({type(error).__name__}): connect to the internet and try "
        f"again, or put the file into {cache}."
    )
