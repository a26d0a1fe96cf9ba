"""Files from the net: fetched once, checked by SHA-256 each time they are read, kept in a cache folder.

The folder is `BENCH_DATA`, or else the user's cache. A filled folder may be read-only: what is there and right is
read, nothing is written. A file gets its name only when it is whole and right.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from datasets.spec import DataError

TIMEOUT = 30.0  # seconds without a single byte


@dataclass(frozen=True)
class Remote:
    """A file in the net."""

    file: str  # its name in the cache folder
    url: str
    sha256: str


def folder() -> Path:
    """Where downloaded files are kept."""
    if os.environ.get("BENCH_DATA"):
        return Path(os.environ["BENCH_DATA"]).expanduser()
    import pooch

    return Path(pooch.os_cache("like-for-like"))


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def is_cached(remote: Remote) -> bool:
    """Whether the file is there, right or not."""
    return (folder() / remote.file).is_file()


def read(remote: Remote) -> bytes:
    """The file's content, downloaded if it is not there; a damaged one is refused, never replaced unasked."""
    path = folder() / remote.file
    if not path.is_file():
        fetch(remote)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None
    found = sha256(content)
    if found != remote.sha256:
        raise DataError(
            f"{path} is damaged: its SHA-256 begins with {found[:12]}, {remote.sha256[:12]} would be right; "
            "delete it, and it is downloaded again."
        )
    return content


def fetch(remote: Remote) -> Path:
    """Download the file into the cache folder unless it is there and right; whole and checked or not at all."""
    path = folder() / remote.file
    if path.is_file() and sha256(path.read_bytes()) == remote.sha256:
        return path
    writable(path.parent, remote.file, remote.url)
    import pooch

    downloader = pooch.HTTPDownloader(timeout=TIMEOUT)
    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(remote.url, remote.sha256, fname=remote.file, path=path.parent, downloader=downloader)
    except ValueError:
        raise DataError(
            f"What {remote.url} sent for {remote.file} is damaged or cut short: its SHA-256 is not "
            f"{remote.sha256[:12]}…; nothing was kept, try again later or put the right file into {path.parent}."
        ) from None
    except OSError as error:
        raise unreachable(remote.file, remote.url, path.parent, error) from None
    return path


def writable(cache: Path, file: str, origin: str) -> Path:
    """The cache folder, made if need be; a `DataError` where nothing can be written to it."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        allowed = os.access(cache, os.W_OK)
    except OSError:
        allowed = False
    if not allowed:
        raise DataError(
            f"{file} is not in {cache}, which cannot be written to: put the file from {origin} there, "
            "or set BENCH_DATA to a folder that can be written to."
        )
    return cache


def unreachable(file: str, origin: str, cache: Path, error: Exception) -> DataError:
    """The error for a failed connection."""
    return DataError(
        f"{file} could not be downloaded from {origin} ({type(error).__name__}): go online and try again, "
        f"or put the file into {cache}."
    )
