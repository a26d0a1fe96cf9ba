"""TensorFlow: the matrix product and the memory of the device. For Keras's other engines see flax/ and pytorch/."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from backends.contract import Dtype


def gemm(size: int, dtype: Dtype) -> Callable[[], None]:
    """A call that multiplies two random matrices (size, size) and returns when the device has finished."""
    a, b = (tf.constant(matrix) for matrix in np.random.default_rng(0).normal(size=(2, size, size)).astype(dtype))

    def multiply() -> None:
        (a @ b)[0, 0].numpy()  # reading an element waits for the product

    return multiply


def peak_memory() -> int | None:
    """Peak number of bytes that this process has allocated on the GPU, or None on a CPU."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
