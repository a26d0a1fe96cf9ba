"""Keras: float64 on its engines. The only experiment that also runs with JAX and PyTorch below Keras."""

from typing import Any

import keras
import numpy as np

from benchmarks.differences.probe import Array, Case, Probe, is_float64, shown


@shown
def equal_float64() -> None:
    from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE

    BIT64_TO_BIT32_DTYPE["float64"] = "float64"  # Keras rounds float64 results to float32 with this table


def float64(case: Case) -> Probe:
    keras.config.set_floatx("float64")
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    default = _outputs(case)
    exact = case.lstm_outputs @ case.target.T
    if not is_float64(default, exact):
        equal_float64()
    return Probe(is_float64(default, exact), default, _outputs(case))


def _outputs(case: Case) -> Array:
    """An LSTM and a dense layer, each of which has been seen to round."""
    lstm: Any = keras.layers.LSTM(case.units)
    dense: Any = keras.layers.Dense(len(case.target), use_bias=False)
    lstm.build((None, None, case.features))
    lstm.set_weights(list(case.lstm))
    dense.build((None, case.units))
    dense.set_weights([case.target.T])
    return keras.ops.convert_to_numpy(dense(lstm(keras.ops.convert_to_tensor(case.x, "float64")))).astype(np.float64)
