"""JAX: the settings of the process, and the matrix product and the memory of the device."""

from collections.abc import Callable

import jax
import numpy as np

from backends.contract import Dtype


def configure(*, dtype: Dtype, threads: int, tf32: bool) -> None:
    """Set dtype and float32 precision. JAX's thread pool has the size of the process's core set, not `threads`."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if tf32 else "float32")


def gemm(size: int, dtype: Dtype) -> Callable[[], None]:
    """A call that multiplies two random matrices (size, size) and returns when the device has finished."""
    a, b = (jax.device_put(matrix) for matrix in np.random.default_rng(0).normal(size=(2, size, size)).astype(dtype))

    def multiply() -> None:
        jax.block_until_ready(a @ b)

    return multiply


def peak_memory() -> int | None:
    """Peak number of bytes that this process has allocated on the GPU, or None on a CPU."""
    statistics = jax.local_devices()[0].memory_stats() if jax.default_backend() == "gpu" else None
    return statistics["peak_bytes_in_use"] if statistics else None
