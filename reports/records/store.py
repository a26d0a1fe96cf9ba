"""Reading and writing of records. A file is written under a temporary name, flushed and renamed, so that readers see
either the whole file or none.

A record ends with the SHA-256 of its text, so that a file that was edited is not mistaken for a measurement.
"""

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reports.records.base import SCHEMA
from reports.records.differences import Differences
from reports.records.forecasts import Baselines
from reports.records.overhead import HarnessOverhead
from reports.records.schema import Certificate, Manifest, Plan, SearchResult, Trial
from reports.records.upgrade import upgrade

SEAL = re.compile(r',\n "sha256": "([0-9a-f]{64})"\n}\n?$')
REMEDY = "files written before are kept, and resume continues from them"


class RecordError(ValueError):
    """A stored file cannot be used; the message is one sentence for the user."""


Stored = TypeVar("Stored", Manifest, Certificate, Trial, SearchResult, HarnessOverhead, Differences, Baselines)


def write_json(path: Path, record: BaseModel) -> None:
    """Write a record with its checksum."""
    text = record.model_dump_json(indent=1)
    body = text.removesuffix("\n}")
    write_bytes(path, f'{body},\n "sha256": "{_sha256(text)}"\n}}\n'.encode())


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes, remedy: str = REMEDY) -> None:
    """Replace a file as a whole, with the permissions of the user's new files.

    Raises `RecordError`, whose message ends with `remedy`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise RecordError(f"{path} cannot be written: {error.strerror}; {remedy}") from error


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
        os.fsync(folder)  # without this, a power failure could lose the new name
    finally:
        os.close(folder)


def _umask() -> int:
    """Return the umask of the process, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def read_json(path: Path, kind: type[Stored]) -> Stored:
    """Read a record of any version. Raises `RecordError`, which names the file and the problem."""
    remedy = "delete it and resume the run" if kind is Trial else "run the benchmark again"
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except FileNotFoundError:
        raise RecordError(f"{path} does not exist; a run's folder holds manifest.json and trials/.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {error}.") from None
    except json.JSONDecodeError as error:
        raise RecordError(f"{path} is damaged: line {error.lineno} is no valid JSON; {remedy}.") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise RecordError(f"{path} is damaged: it has no schema version; {remedy}.")
    if not 1 <= version <= SCHEMA:
        newer = f"{path} has schema version {version}; this checkout reads versions 1 to {SCHEMA}"
        raise RecordError(f"{newer}: read it with the checkout that wrote it, or {remedy}.")
    if (seal := content.pop("sha256", None)) is None and version > 1:
        raise RecordError(f"{path} is damaged: it lacks its checksum; {remedy}.")
    upgrade(content, kind.__name__)
    try:
        record = kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RecordError(f"{path} is not a {_words(kind)}: {where}: {first['msg']}.") from None
    if seal is not None and seal != _sha256(SEAL.sub("\n}", text)):
        raise RecordError(f"{path} was edited after it was written: its checksum does not match; {remedy}.")
    return record


def _words(kind: type[BaseModel]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()  # "search result"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def trial_path(folder: Path, plan: Plan) -> Path:
    """Return the path of a trial's record in its run's folder."""
    return folder / "trials" / f"{plan.key}.json"


def weights_path(folder: Path, plan: Plan) -> Path:
    """Return the path of a trial's trained weights and moments, see checkpoints."""
    return folder / "weights" / f"{plan.key}.npz"


def run_folders(results: Path, benchmark: str | None = None) -> list[Path]:
    """Return the folders of all runs under `results`, or of one benchmark, without the links `latest`."""
    folder, pattern = (results, "*/*/manifest.json") if benchmark is None else (results / benchmark, "*/manifest.json")
    return sorted(path.parent for path in folder.glob(pattern) if path.parent.name != "latest")


def read_run(folder: Path) -> tuple[Manifest, Certificate | None, tuple[Trial, ...]]:
    """Read a run: its manifest, its certificate if there is one, and its trials that ended, in the planned order."""
    manifest = read_json(folder / "manifest.json", Manifest)
    certificate = _read_if_there(folder / "certificate.json", Certificate)
    trials = (_read_if_there(trial_path(folder, plan), Trial) for plan in manifest.trials)
    return manifest, certificate, tuple(filter(None, trials))


def overhead_path(folder: Path) -> Path:
    """Return the path of the measured harness overhead in a run's folder."""
    return folder / "harness_overhead.json"


def read_overhead(folder: Path) -> HarnessOverhead | None:
    """Read the harness overhead that was measured after a run's trials; None if it was not measured."""
    return _read_if_there(overhead_path(folder), HarnessOverhead)


def baselines_path(folder: Path) -> Path:
    """Return the path of the baselines in a run's folder."""
    return folder / "baselines.json"


def read_baselines(folder: Path) -> Baselines | None:
    """Read the baselines with their forecasts; None in runs that ended before, and in those of older versions."""
    return _read_if_there(baselines_path(folder), Baselines)


def read_search(folder: Path) -> SearchResult | None:
    """Read the result of a search; None if the run is no search or has not finished."""
    return _read_if_there(folder / "search.json", SearchResult)


def _read_if_there(path: Path, kind: type[Stored]) -> Stored | None:
    return read_json(path, kind) if path.exists() else None
