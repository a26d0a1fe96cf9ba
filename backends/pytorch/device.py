"""PyTorch: the settings of the process, and the matrix product and the memory of the device."""

from collections.abc import Callable

import numpy as np
import torch

from backends.contract import Dtype


def configure(*, dtype: Dtype, threads: int, tf32: bool) -> None:
    """Set threads, denormal numbers, the float32 precision of GPUs, and repeatable results for this process."""
    torch.set_flush_denormal(True)  # as XLA does; first, because the threads of PyTorch's pool inherit it
    torch.set_num_threads(threads)
    # torch.compile reads these older settings, and fails where the newer `fp32_precision` is set instead
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and results repeat without it


def gemm(size: int, dtype: Dtype) -> Callable[[], None]:
    """A call that multiplies two random matrices (size, size) and returns when the device has finished."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    a, b = torch.from_numpy(np.random.default_rng(0).normal(size=(2, size, size)).astype(dtype)).to(device)

    def multiply() -> None:
        (a @ b)[0, 0].item()  # reading an element waits for the product

    return multiply


def peak_memory() -> int | None:
    """Peak number of bytes that this process has allocated on the GPU, or None on a CPU."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
