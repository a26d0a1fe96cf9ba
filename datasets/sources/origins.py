"""The ways a registered series can come to be: out of an installed package, from the net, or computed."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from datasets.sources import download
from datasets.sources.download import Remote
from datasets.sources.readers import Table
from datasets.spec import DataError


class Origin(Protocol):
    """Where a series comes from."""

    @property
    def kind(self) -> str:
        """In one word: packaged, downloaded, generated."""

    @property
    def sha256(self) -> str | None:
        """Of what is read; None where there is nothing to check."""

    def is_cached(self) -> bool:
        """Whether loading needs no network."""

    def fetch(self) -> Path | None:
        """Download if need be; the file, or None where there is none of our own."""

    def table(self) -> Table:
        """The numbers, downloaded if need be."""


@dataclass(frozen=True)
class Packaged:
    """A file that statsmodels brings along; read without importing the package, which takes half a second."""

    file: str
    sha256: str
    parse: Callable[[bytes], Table]
    kind: str = "packaged"

    def is_cached(self) -> bool:
        return True

    def fetch(self) -> None:
        return None

    def table(self) -> Table:
        package = importlib.util.find_spec("statsmodels")
        if package is None or not package.submodule_search_locations:
            raise DataError(f"{self.file} is part of statsmodels, which is not installed: pip install statsmodels.")
        path = Path(package.submodule_search_locations[0]) / "datasets" / self.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}): install statsmodels again.") from None
        if download.sha256(content) != self.sha256:
            raise DataError(f"{path} is not the file this project knows by its SHA-256: install statsmodels again.")
        return self.parse(content)


@dataclass(frozen=True)
class Downloaded:
    """A file from the net."""

    remote: Remote
    parse: Callable[[bytes], Table]
    kind: str = "downloaded"

    @property
    def sha256(self) -> str:
        return self.remote.sha256

    def is_cached(self) -> bool:
        return download.is_cached(self.remote)

    def fetch(self) -> Path:
        return download.fetch(self.remote)

    def table(self) -> Table:
        return self.parse(download.read(self.remote))


@dataclass(frozen=True)
class Generated:
    """Computed, or written into the source."""

    make: Callable[[], Table]
    kind: str = "generated"
    sha256: None = None

    def is_cached(self) -> bool:
        return True

    def fetch(self) -> None:
        return None

    def table(self) -> Table:
        return self.make()
