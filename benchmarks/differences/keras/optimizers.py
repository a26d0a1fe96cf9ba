"""Keras: optimizers, penalties and clipping. A function for each difference; the functions `equal_...` are shown."""

import inspect
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.differences.probe import Array, Case, Probe, shown

keras.config.set_floatx("float64")
Optimizer = Any  # Keras has no annotations
Layer = Any
Tensor = Any


def default(kind: type, argument: str) -> float:
    """The default value of an argument of an optimizer."""
    return float(inspect.signature(kind).parameters[argument].default)


def after(optimizer: Optimizer, weights: Array, gradients: Array, dtype: str = "float64") -> Array:
    """The weights after a step with each of the gradients."""
    w = keras.Variable(weights, dtype=dtype)
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient.astype(dtype))], [w])
    return np.asarray(w).astype(np.float64)


@shown
def equal_adam_epsilon(rate: float, beta_2: float) -> Optimizer:
    return keras.optimizers.Adam(rate, beta_2=beta_2, epsilon=1e-8)


def adam_epsilon(case: Case) -> Probe:
    gradients = 1e-7 * case.gradients
    weights, equal = (  # after 30 steps, the bias correction of 0.5 is 1
        after(make(), case.weights, gradients) - after(make(), case.weights, gradients[:30])
        for make in (lambda: keras.optimizers.Adam(1e-3, beta_2=0.5), lambda: equal_adam_epsilon(1e-3, 0.5))
    )
    return Probe(default(keras.optimizers.Adam, "epsilon"), weights, equal)


@shown
def equal_epsilon_place(self: Optimizer, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
    # the method update_step of a subclass of keras.optimizers.Adam; epsilon_hat is PyTorch's eps
    self.epsilon = self.epsilon_hat * ops.sqrt(1 - self.beta_2 ** ops.cast(self.iterations + 1, variable.dtype))
    keras.optimizers.Adam.update_step(self, gradient, variable, learning_rate)


class Adam(keras.optimizers.Adam):
    epsilon_hat = 1e-3
    update_step = equal_epsilon_place


def epsilon_place(case: Case) -> Probe:
    step = -after(keras.optimizers.Adam(0.1, epsilon=1e-3), np.zeros(1), np.full((1, 1), 1e-3))[0] / 0.1
    gradients = 1e-2 * case.gradients
    weights = after(keras.optimizers.Adam(0.1, epsilon=1e-3), case.weights, gradients)
    equal = after(Adam(0.1), case.weights, gradients)
    return Probe(round(float(step), 3), weights, equal)


@shown
def equal_bias_correction(rate: float, **settings: float) -> Optimizer:
    keras.config.set_floatx("float64")  # before the model is built
    betas = {"beta_1": np.float64(0.9), "beta_2": np.float64(0.999)}  # TensorFlow rounds a Python float to float32
    return keras.optimizers.Adam(rate, **betas, **settings)


def bias_correction(case: Case) -> Probe:
    steps = after(keras.optimizers.Adam(1.0, epsilon=0.0), np.zeros(6), case.gradients[:1], "float32")
    equal = after(equal_bias_correction(1.0, epsilon=0.0), np.zeros(6), case.gradients[:1])
    return Probe(bool(np.abs(np.abs(steps) - 1).max() > 1e-6), steps, equal)


@shown
def equal_weight_decay(rate: float, decay: float) -> Optimizer:
    return keras.optimizers.Adam(rate, weight_decay=decay)


def weight_decay(case: Case) -> Probe:
    observed = after(keras.optimizers.Adam(0.1, weight_decay=0.01), np.ones(1), np.zeros((1, 1)))[0]
    weights = after(equal_weight_decay(0.1, 0.01), case.weights, case.gradients[:3])
    return Probe(round(float(observed), 4), weights, weights)


@shown
def equal_adamw_decay(rate: float) -> Optimizer:
    return keras.optimizers.AdamW(rate, weight_decay=0.01)


def adamw_decay(case: Case) -> Probe:
    weights = after(keras.optimizers.AdamW(0.1), case.weights, case.gradients[:3])
    equal = after(equal_adamw_decay(0.1), case.weights, case.gradients[:3])
    return Probe(default(keras.optimizers.AdamW, "weight_decay"), weights, equal)


@shown
def equal_l2_factor(units: int, l2: float) -> Layer:
    return keras.layers.LSTM(units, kernel_regularizer=keras.regularizers.L2(l2))


def _decayed(made: Layer, weights: Array | None = None) -> tuple[list[Array], list[Array]]:
    """The layer's weights before and after a step of gradient descent on its penalty alone."""
    made.build((None, None, 2))
    if weights is not None:
        kernel, *others = made.get_weights()
        made.set_weights([np.resize(weights, kernel.shape), *others])
    import tensorflow as tf

    before = made.get_weights()
    with tf.GradientTape() as tape:
        penalty = sum(made.losses)
    for variable, gradient in zip(made.weights, tape.gradient(penalty, made.weights), strict=True):
        if gradient is not None:
            variable.assign_sub(0.1 * gradient)
    return before, made.get_weights()


def l2_factor(case: Case) -> Probe:
    before, later = _decayed(equal_l2_factor(3, 0.5), case.weights)
    factor = float(np.mean((before[0] - later[0]) / (0.1 * 0.5 * before[0])))
    return Probe(round(factor, 6), later[0].ravel()[:6], later[0].ravel()[:6])


@shown
def equal_l2_parameters(units: int, l2: float) -> Layer:
    return keras.layers.LSTM(units, kernel_regularizer=keras.regularizers.L2(l2))


def l2_parameters(case: Case) -> Probe:
    before, later = _decayed(equal_l2_parameters(3, 0.5))
    names = ("kernel", "recurrent", "bias")
    shrunk = {name for name, a, b in zip(names, before, later, strict=True) if not np.array_equal(a, b)}
    kinds = np.array([kind in shrunk for kind in ("bias", "kernel", "recurrent")], float)
    return Probe(" ".join(sorted(shrunk)), kinds, kinds)


def clipped(case: Case, optimizer: Optimizer, scale: float = 1.0) -> Array:
    """The case's first two gradients, of two parameters of different size, after clipping: a step with rate 1."""
    variables = [keras.Variable(np.zeros(6)), keras.Variable(np.zeros(2))]
    gradients = [ops.convert_to_tensor(scale * g) for g in (case.gradients[0], case.gradients[1][:2])]
    optimizer.apply(gradients, variables)
    return -np.concatenate([np.asarray(variable) for variable in variables])


@shown
def equal_clip_scope(rate: float) -> Optimizer:
    return keras.optimizers.SGD(rate, global_clipnorm=0.5)


def clip_scope(case: Case) -> Probe:
    values = clipped(case, keras.optimizers.SGD(1.0, clipnorm=0.5))
    return Probe(round(float(np.linalg.norm(values)), 4), values, clipped(case, equal_clip_scope(1.0)))


@shown
def equal_clip_value(rate: float) -> Optimizer:
    return keras.optimizers.SGD(rate, clipvalue=0.5)


def clip_value(case: Case) -> Probe:
    values, equal = clipped(case, keras.optimizers.SGD(1.0, global_clipnorm=0.5)), clipped(case, equal_clip_value(1.0))
    return Probe(float(np.abs(equal).max()), values, equal)


def clip_epsilon(case: Case) -> Probe:
    values = clipped(case, keras.optimizers.SGD(1.0, global_clipnorm=1e-6), 1e-5)
    return Probe(float(np.linalg.norm(values)) / 1e-6 < 0.99, values, values)


@shown
def equal_rmsprop(rate: float) -> Optimizer:
    return keras.optimizers.RMSprop(rate, rho=0.9, epsilon=1e-8)


def rmsprop(case: Case) -> Probe:
    weights = after(keras.optimizers.RMSprop(0.1), case.weights, case.gradients[:3])
    equal = after(equal_rmsprop(0.1), case.weights, case.gradients[:3])
    return Probe(default(keras.optimizers.RMSprop, "rho"), weights, equal)
