"""NumPy: the settings of the process, and the matrix product and the memory of the device, which is the CPU."""

from collections.abc import Callable

import numpy as np

from backends.contract import Dtype


def configure(*, dtype: Dtype, threads: int, tf32: bool) -> None:
    """Nothing: the reference implementation computes in float64 and with one thread for any arguments."""


def gemm(size: int, dtype: Dtype) -> Callable[[], None]:
    """A call that multiplies two random matrices (size, size), in float64 for any `dtype`."""
    a, b = np.random.default_rng(0).normal(size=(2, size, size))

    def multiply() -> None:
        a @ b

    return multiply


def peak_memory() -> int | None:
    """None: NumPy computes on the CPU."""
    return None
