"""Folders of runs: results/<benchmark>/<start>/, the link `latest` beside them, and the lock of a folder."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from benchmarks.errors import UserError
from reports.records.store import RecordError


def new_folder(parent: Path, started: datetime) -> Path:
    """A folder that no other run has, named by the start."""
    stamp = started.strftime("%Y-%m-%dT%H-%M-%SZ")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return next(path for path in _candidates(parent / stamp) if _made(path))
    except OSError as error:
        raise UserError(
            f"{parent} cannot hold the results: {error.strerror}; name another place with --results"
        ) from None


def point_latest(folder: Path) -> None:
    """Let `latest`, beside a run's folder, point at it, without a moment in which there is none."""
    link = folder.with_name("latest")
    with tempfile.TemporaryDirectory(dir=link.parent) as scratch:
        temporary = Path(scratch) / link.name
        temporary.symlink_to(folder.name)
        os.replace(temporary, link)


def _candidates(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 100))]


def _made(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run's folder for this process; the system releases the lock when the process ends for any reason.

    Raises `RecordError` if another process holds the lock. Temporary files of ended processes are deleted.
    """
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RecordError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecordError(f"{folder} is being written by another run; wait until it has finished") from None
        for temporary in folder.rglob(".*.tmp"):
            temporary.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)
