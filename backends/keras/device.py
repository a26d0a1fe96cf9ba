"""TensorFlow: the settings of the process, and the matrix product and the memory of the device.

For Keras's other engines see flax/ and pytorch/.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from backends.contract import Dtype


def configure(*, dtype: Dtype, threads: int, tf32: bool) -> None:
    """Set threads, the float32 precision of GPUs, and repeatable results for this process."""
    tf.get_logger().setLevel("ERROR")  # each model has a program of its own: no warnings of retracing
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    if tf.config.list_physical_devices("GPU"):  # on a CPU results repeat without it, and `fit` would lose XLA
        tf.config.experimental.enable_op_determinism()


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
