"""Where runs are kept: results/<benchmark>/<start>/, and `latest` beside them."""

import os
import tempfile
from datetime import datetime
from pathlib import Path

from benchmarks.errors import UserError


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
