"""A training as it stands, as a file: what one framework learnt, for another to go on with."""

import io
import zlib
from collections.abc import Mapping
from zipfile import BadZipFile

import numpy as np

from backends.contract import Snapshot

PARTS = ("weights", "first", "second")  # moments


def to_bytes(snapshot: Snapshot) -> bytes:
    """As .npz: `weights/0.kernel`, `first/0.kernel`, `second/0.kernel`, ..., and `steps`."""
    named = {f"{part}/{name}": value for part in PARTS for name, value in getattr(snapshot, part).items()}
    stream = io.BytesIO()
    np.savez(stream, steps=snapshot.steps, **named)  # type: ignore[arg-type]
    return stream.getvalue()


def from_bytes(stored: bytes) -> Snapshot:
    """Raises ValueError for what `to_bytes` did not make."""
    try:
        return _read(stored)
    except (BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, RuntimeError, AttributeError):
        raise ValueError("it holds no training that a run has kept") from None


def _read(stored: bytes) -> Snapshot:
    with np.load(io.BytesIO(stored), allow_pickle=False) as found:
        parts: dict[str, dict[str, np.ndarray]] = {part: {} for part in PARTS}
        for full in found.files:
            part, _, name = full.partition("/")
            if name:
                parts[part][name] = found[full]
        return Snapshot(**parts, steps=int(found["steps"]))


def weights_to_bytes(weights: Mapping[str, np.ndarray]) -> bytes:
    """As .npz, under their canonical names."""
    stream = io.BytesIO()
    np.savez(stream, **weights)  # type: ignore[arg-type]
    return stream.getvalue()
