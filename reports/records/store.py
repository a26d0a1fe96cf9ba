"""Records on the disk. A file is written under a temporary name, flushed and renamed: readers see all of it or none.

A record ends with the SHA-256 of what stands before it, so that a file changed by hand is not taken for a measurement.
"""

import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reports.records import SCHEMA, Certificate, Found, Manifest, Plan, Trial

SEAL = re.compile(r',\n "sha256": "([0-9a-f]{64})"\n}\n?$')


class RecordError(ValueError):
    """A stored file cannot be used; the message is one sentence for the user."""


Stored = TypeVar("Stored", Manifest, Certificate, Trial, Found)


def write_json(path: Path, record: BaseModel) -> None:
    """Write the record whole or not at all."""
    text = record.model_dump_json(indent=1)
    body = text.removesuffix("\n}")
    write_bytes(path, f'{body},\n "sha256": "{_sha256(text)}"\n}}\n'.encode())


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file as a whole, with the permissions that the user's new files have."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written: {error.strerror}; what was written before is kept, and resume goes on from it"
        ) from error


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or a power cut could still take the new name away
    finally:
        os.close(folder)


def _umask() -> int:
    """The process' umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def read_json(path: Path, kind: type[Stored]) -> Stored:
    """Read a record back; a `RecordError` names the file and what is wrong with it."""
    remedy = "delete it and resume the run" if kind is Trial else "run the benchmark again"
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except FileNotFoundError:
        raise RecordError(f"{path} does not exist; a run's folder holds manifest.json and trials/.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {error}.") from None
    except json.JSONDecodeError as error:
        raise RecordError(f"{path} is damaged: {error.msg} in line {error.lineno}; {remedy}.") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int) or not 1 <= version <= SCHEMA:
        raise RecordError(f"{path} has schema version {version!r}; this checkout reads versions 1 to {SCHEMA}.")
    if (seal := content.pop("sha256", None)) is None and version > 1:
        raise RecordError(f"{path} is damaged: it lacks its checksum; {remedy}.")
    try:
        record = kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RecordError(f"{path} is not a {kind.__name__.lower()}: {where}: {first['msg']}.") from None
    if seal is not None and seal != _sha256(SEAL.sub("\n}", text)):
        raise RecordError(f"{path} was edited after it was written: its checksum does not match; {remedy}.")
    return record


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def trial_path(folder: Path, plan: Plan) -> Path:
    """Where a trial's record lies in its run's folder."""
    return folder / "trials" / f"{plan.key}.json"


def weights_path(folder: Path, plan: Plan) -> Path:
    """Where a trial's trained weights and moments lie, see checkpoints."""
    return folder / "weights" / f"{plan.key}.npz"


def read_run(folder: Path) -> tuple[Manifest, Certificate | None, tuple[Trial, ...]]:
    """A run's manifest, its certificate if there is one yet, and its finished trials in the order they were run."""
    manifest = read_json(folder / "manifest.json", Manifest)
    path = folder / "certificate.json"
    certificate = read_json(path, Certificate) if path.exists() else None
    finished = (trial_path(folder, plan) for plan in manifest.trials)
    return manifest, certificate, tuple(read_json(path, Trial) for path in finished if path.exists())


def read_search(folder: Path) -> Found | None:
    """What a run that is a search has found, once it has."""
    path = folder / "search.json"
    return read_json(path, Found) if path.exists() else None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep a run's folder for this process alone; the system lets go of it when the process ends, however it does."""
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RecordError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecordError(f"{folder} is being written by another run that is under way; let it finish") from None
        for left_over in folder.rglob(".*.tmp"):
            left_over.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)
