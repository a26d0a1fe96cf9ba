"""PyTorch: the matrix product and the memory of the device."""

from collections.abc import Callable

import numpy as np
import torch

from backends.contract import Dtype


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
