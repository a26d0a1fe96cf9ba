"""What each engine says about the device that it computes on: how fast it multiplies matrices, what memory it took.

One class an engine, in the same order; a backend must have been loaded before, so that its engine is configured.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from backends.contract import Array, Dtype

Product = Callable[[], None]  # multiplies once, and returns when the device has finished


class Device(Protocol):
    """The device of one engine."""

    @staticmethod
    def product(size: int, dtype: Dtype) -> Product:
        """A call that multiplies two resident random matrices (size, size)."""

    @staticmethod
    def peak_memory() -> int | None:
        """Bytes that this process had allocated on the GPU at most; None where it computes on the CPU."""


class NumPy:
    """The oracle's, always the CPU."""

    @staticmethod
    def product(size: int, dtype: Dtype) -> Product:
        a, b = _operands(size, "float64")  # the oracle computes in float64 whatever is asked

        def multiply() -> None:
            a @ b

        return multiply

    @staticmethod
    def peak_memory() -> int | None:
        return None


class Torch:
    """PyTorch's."""

    @staticmethod
    def product(size: int, dtype: Dtype) -> Product:
        import torch

        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        a, b = (torch.from_numpy(operand).to(device) for operand in _operands(size, dtype))

        def multiply() -> None:
            (a @ b)[0, 0].item()  # reading one number waits for all

        return multiply

    @staticmethod
    def peak_memory() -> int | None:
        import torch

        return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


class Jax:
    """JAX'."""

    @staticmethod
    def product(size: int, dtype: Dtype) -> Product:
        import jax

        a, b = (jax.device_put(operand) for operand in _operands(size, dtype))

        def multiply() -> None:
            jax.block_until_ready(a @ b)

        return multiply

    @staticmethod
    def peak_memory() -> int | None:
        import jax

        found = jax.local_devices()[0].memory_stats() if jax.default_backend() == "gpu" else None
        return found["peak_bytes_in_use"] if found else None


class TensorFlow:
    """TensorFlow's."""

    @staticmethod
    def product(size: int, dtype: Dtype) -> Product:
        import tensorflow as tf

        a, b = (tf.constant(operand) for operand in _operands(size, dtype))

        def multiply() -> None:
            (a @ b)[0, 0].numpy()  # reading one number waits for all

        return multiply

    @staticmethod
    def peak_memory() -> int | None:
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            return None
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


DEVICES: dict[str, type[Device]] = {
    "pytorch": Torch,
    "keras": TensorFlow,
    "flax": Jax,
    "keras-jax": Jax,
    "keras-torch": Torch,
    "reference": NumPy,
}


def _operands(size: int, dtype: Dtype) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    return random.normal(size=(size, size)).astype(dtype), random.normal(size=(size, size)).astype(dtype)
