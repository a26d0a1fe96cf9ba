"""Writes a run's tidy tables as files, and never over a file that holds something else."""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from reports.analysis.run import Run
from reports.export import table
from reports.records.store import RecordError

Format = Literal["csv", "parquet"]

FORMATS: tuple[Format, ...] = ("csv", "parquet")
LISTING = "export.json"  # what exports wrote here, with the SHA-256 of each file


def write(folder: Path, to: Path, kind: Format, names: Sequence[str]) -> tuple[Path, ...]:
    """Write the named tables of the run in `folder` as files of that kind into `to`; their paths.

    A file of these names that no export wrote, or that was changed since, is refused before anything is written.
    Raises RecordError, one sentence, for that, for records that cannot be used and for a folder that cannot be
    written to.
    """
    run = Run.read(folder)
    files = {to / f"{name}.{kind}": _content(run, folder, name, kind) for name in names}
    known = _listed(to)
    for path in files:
        if path.exists() and known.get(path.name) != _sha256(path.read_bytes()):
            raise RecordError(
                f"{path} is not as an export left it and is kept; move it away, or name another folder with --to"
            )
    known |= {path.name: _sha256(content) for path, content in files.items()}
    listing = json.dumps(known, indent=1, sort_keys=True) + "\n"
    for path, content in {**files, to / LISTING: listing.encode()}.items():
        try:
            _replace(path, content)
        except OSError as error:
            raise RecordError(f"{path} cannot be written: {error.strerror}; name another folder with --to") from None
    return tuple(files)


def _content(run: Run, folder: Path, name: str, kind: Format) -> bytes:
    found = table(run, folder, name)
    if kind == "csv":
        return found.to_csv(index=False, lineterminator="\n").encode()
    stream = io.BytesIO()
    found.to_parquet(stream, index=False)
    return stream.getvalue()


def _listed(to: Path) -> dict[str, str]:
    """What an earlier export says it wrote; nothing where it says nothing that can be understood."""
    try:
        found = json.loads((to / LISTING).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole, by way of a temporary one beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
