"""Checkpoints as files, and SHA-256 digests that show that two workers used or produced the same numbers."""

import hashlib
import io
import zlib
from collections.abc import Iterable, Mapping
from zipfile import BadZipFile

import numpy as np

from backends.contract import Checkpoint

WEIGHTS, STATES = "weights", "states"
UNREADABLE = (BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, RuntimeError, AttributeError)


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as .npz: `weights/0.kernel`, ..., moments as `first/0.kernel`, `states/...` and `steps`."""
    parts = {WEIGHTS: checkpoint.weights, STATES: checkpoint.states, **checkpoint.moments}
    named = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
    stream = io.BytesIO()
    np.savez(stream, steps=checkpoint.steps, **named)  # type: ignore[arg-type]
    return stream.getvalue()


def from_bytes(stored: bytes) -> Checkpoint:
    """Read what `to_bytes` wrote. Raises ValueError for any other content."""
    try:
        return _read(stored)
    except UNREADABLE:
        raise ValueError("the file is not a checkpoint that a run has written") from None


def _read(stored: bytes) -> Checkpoint:
    with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
        parts: dict[str, dict[str, np.ndarray]] = {}
        for full_name in arrays.files:
            part, _, name = full_name.partition("/")
            if name:
                parts.setdefault(part, {})[name] = arrays[full_name]
        weights, states = parts.pop(WEIGHTS), parts.pop(STATES, {})
        return Checkpoint(weights, parts, int(arrays["steps"]), states)


def weights_to_bytes(weights: Mapping[str, np.ndarray]) -> bytes:
    """Return weights as .npz, under their canonical names."""
    stream = io.BytesIO()
    np.savez(stream, **weights)  # type: ignore[arg-type]
    return stream.getvalue()


def weights_from_bytes(stored: bytes) -> dict[str, np.ndarray]:
    """Read what `weights_to_bytes` or `to_bytes` wrote, without moments. Raises ValueError for any other content."""
    try:
        return dict(from_bytes(stored).weights)
    except ValueError:
        pass
    try:
        with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except UNREADABLE:
        raise ValueError("the file holds no weights that a run has written") from None


def digest_arrays(arrays: Iterable[np.ndarray]) -> str:
    """Return the digest of shapes, dtypes and values, in little-endian row order: the same on every machine."""
    digest = hashlib.sha256()
    for array in arrays:
        portable = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{portable.dtype.str}{portable.shape}".encode())
        digest.update(portable.tobytes())
    return digest.hexdigest()


def digest_weights(weights: Mapping[str, np.ndarray]) -> str:
    """Return the digest of named arrays; their order does not matter."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name}={digest_arrays([weights[name]])};".encode())
    return digest.hexdigest()


def digest_bytes(content: bytes) -> str:
    """Return the digest of a file's content."""
    return hashlib.sha256(content).hexdigest()


def digest_texts(texts: Iterable[str]) -> str:
    """Return the digest of lines of text, such as other digests."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
