"""SHA-256 of arrays, to show that two workers used the same numbers."""

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np


def of_arrays(arrays: Iterable[np.ndarray]) -> str:
    """Of shapes, dtypes and values, in little-endian row order, so that every machine gets the same."""
    digest = hashlib.sha256()
    for array in arrays:
        portable = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{portable.dtype.str}{portable.shape}".encode())
        digest.update(portable.tobytes())
    return digest.hexdigest()


def of_weights(weights: Mapping[str, np.ndarray]) -> str:
    """Of named weights, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name}={of_arrays([weights[name]])};".encode())
    return digest.hexdigest()


def of_bytes(content: bytes) -> str:
    """Of a file's content."""
    return hashlib.sha256(content).hexdigest()


def of_texts(texts: Iterable[str]) -> str:
    """Of lines of text, other digests say."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
