"""Records on the disk. A file is written under a temporary name, flushed and renamed: readers see all of it or none."""

import json
import os
import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from benchmarks.runner.records import SCHEMA, Certificate, Manifest, Trial


class RecordError(ValueError):
    """A stored file cannot be used; the message is one sentence for the user."""


Stored = TypeVar("Stored", Manifest, Certificate, Trial)


def write_json(path: Path, record: BaseModel) -> None:
    """Write the record whole or not at all."""
    write_text(path, record.model_dump_json(indent=1))


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole, with the permissions that the user's new files have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process' umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def read_json(path: Path, kind: type[Stored]) -> Stored:
    """Read a record back; a `RecordError` names the file and what is wrong with it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"{path} does not exist; a run's folder holds manifest.json and trials/.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {error}.") from None
    except json.JSONDecodeError as error:
        raise RecordError(f"{path} is damaged: {error.msg} in line {error.lineno}; run the benchmark again.") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA:
        raise RecordError(f"{path} has schema version {version!r}; this checkout reads version {SCHEMA}.")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RecordError(f"{path} is not a {kind.__name__.lower()}: {where}: {first['msg']}.") from None


def read_run(folder: Path) -> tuple[Manifest, Certificate | None, tuple[Trial, ...]]:
    """A run's manifest, its certificate if there is one yet, and its finished trials in the order they were run."""
    manifest = read_json(folder / "manifest.json", Manifest)
    path = folder / "certificate.json"
    certificate = read_json(path, Certificate) if path.exists() else None
    finished = (folder / "trials" / f"{plan.key}.json" for plan in manifest.trials)
    return manifest, certificate, tuple(read_json(path, Trial) for path in finished if path.exists())
