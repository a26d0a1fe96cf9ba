"""Keras on TensorFlow: a whole epoch in one compiled program, unless the layers say that it cannot be (cuDNN)."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from backends.contract import Array, Dtype, Steps
from backends.keras.engines import Extras, State, Step, Tensor, Training, compiled_loop, padded


class TensorFlow:
    """Keeps the contract of backends.keras.engines.Engine."""

    name = "tensorflow"

    @staticmethod
    def configure(dtype: Dtype, threads: int) -> None:
        tf.get_logger().setLevel("ERROR")  # a program for each model is meant here: no warnings of retracing
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        if tf.config.list_physical_devices("GPU"):  # on a CPU the bits repeat anyway, and `fit` would lose XLA
            tf.config.experimental.enable_op_determinism()

    @staticmethod
    def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Arrays of tensors, as Keras' own loop has them: the gradient of indexing would fill all steps at each step.

        The number of steps is given as the bound too: without it XLA cannot go backwards through the loop.
        """
        count = inputs[0].shape[0]
        read = [tf.TensorArray(x.dtype, count).unstack(x) for x in inputs]
        passed = [tf.TensorArray(s.dtype, count, element_shape=s.shape) for s in state]

        def body(t: Tensor, state: State, passed: list[Tensor]) -> tuple[Tensor, State, list[Tensor]]:
            state = step([array.read(t) for array in read], state)
            return t + 1, state, [array.write(t, s) for array, s in zip(passed, state, strict=True)]

        start = (tf.constant(0), state, passed)
        *_, passed = tf.while_loop(lambda t, *_: t < count, body, start, maximum_iterations=count)
        return [array.stack() for array in passed]

    def __init__(self, training: Training) -> None:
        self._network, self._loss, self._optimizer = training.network, training.loss, training.optimizer
        self._variables = [variable.value for variable in self._network.trained]
        self._x, self._y = tf.constant(training.x), tf.constant(training.y)
        settings = {"jit_compile": self._network.compiles, "autograph": False}
        self._epoch = tf.function(self._steps, **settings)
        self._outputs = tf.function(lambda x: self._network(x, {}, training=False), **settings)

    def _loss_and_gradients(self, rows: Tensor, extras: Extras, *, training: bool) -> tuple[Tensor, list[Tensor]]:
        with tf.GradientTape() as tape:
            loss = self._loss(tf.gather(self._x, rows), tf.gather(self._y, rows), extras, training)
        return loss, tape.gradient(loss, self._variables)

    def _steps(self, order: Tensor, rates: Tensor, masks: Extras, steps: Tensor) -> Tensor:
        def body(step: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
            own = {name: mask[step] for name, mask in masks.items()}
            loss, gradients = self._loss_and_gradients(order[step], own, training=True)
            self._optimizer.rate = rates[step]
            self._optimizer.apply(gradients, self._network.trained)
            return step + 1, losses.write(step, loss)

        # over a tf.range, XLA would compile anew for each number of steps
        start = (tf.constant(0), tf.TensorArray(self._y.dtype, order.shape[0], element_shape=()))
        return tf.while_loop(lambda step, _: step < steps, body, start)[1].stack()

    def train(self, steps: Steps) -> Array:
        order, rates, masks = padded(steps, len(self._x), self._y.dtype.name)
        given = {name: tf.constant(mask) for name, mask in masks.items()}
        losses = self._epoch(tf.constant(order), tf.constant(rates), given, tf.constant(len(steps)))
        return np.asarray(losses)[: len(steps)]

    def _tensors(self, arrays: Mapping[str, Array]) -> Extras:
        return {name: tf.constant(array, self._x.dtype) for name, array in arrays.items()}

    def gradients(self, rows: Array, extras: Mapping[str, Array]) -> list[Tensor]:
        return self._loss_and_gradients(rows, self._tensors(extras), training=False)[1]

    def gradient_norms(self, rows: Array, probes: Mapping[str, Array]) -> dict[str, Array]:
        tensors = self._tensors(probes)
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = self._loss(tf.gather(self._x, rows), tf.gather(self._y, rows), tensors, False)
        gradients = tape.gradient(loss, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return {name: np.asarray(gradient) for name, gradient in gradients.items()}

    def predict(self, x: Array) -> Array:
        return np.asarray(self._outputs(tf.constant(x, self._x.dtype)))

    def kernel(self) -> str:
        """Read off the compiled program, or the graph where it is not compiled."""
        x = self._x[:1]
        if self._network.compiles:
            program = self._outputs.experimental_get_compiler_ir(x)(stage="optimized_hlo")
            return compiled_loop(program, self._network)
        graph = str(self._outputs.get_concrete_function(x).graph.as_graph_def())
        return "cuDNN" if "CudnnRNN" in graph else "TF while"
