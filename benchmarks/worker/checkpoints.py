"""A training as it stands, as a file: what one framework learnt, for another to go on with."""

import io
import zlib
from collections.abc import Mapping
from zipfile import BadZipFile

import numpy as np

from backends.contract import Checkpoint

PARTS = ("weights", "first", "second")  # moments


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """As .npz: `weights/0.kernel`, `first/0.kernel`, `second/0.kernel`, ..., and `steps`."""
    named = {f"{part}/{name}": value for part in PARTS for name, value in getattr(checkpoint, part).items()}
    stream = io.BytesIO()
    np.savez(stream, steps=checkpoint.steps, **named)  # type: ignore[arg-type]
    return stream.getvalue()


def from_bytes(stored: bytes) -> Checkpoint:
    """Raises ValueError for what `to_bytes` did not make."""
    try:
        return _read(stored)
    except (BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, RuntimeError, AttributeError):
        raise ValueError("it holds no training that a run has kept") from None


def _read(stored: bytes) -> Checkpoint:
    with np.load(io.BytesIO(stored), allow_pickle=False) as found:
        parts: dict[str, dict[str, np.ndarray]] = {part: {} for part in PARTS}
        for full in found.files:
            part, _, name = full.partition("/")
            if name:
                parts[part][name] = found[full]
        return Checkpoint(**parts, steps=int(found["steps"]))


def weights_to_bytes(weights: Mapping[str, np.ndarray]) -> bytes:
    """As .npz, under their canonical names."""
    stream = io.BytesIO()
    np.savez(stream, **weights)  # type: ignore[arg-type]
    return stream.getvalue()
