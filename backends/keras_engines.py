"""What Keras leaves to its engine: the training loop, as Keras' own guides write a custom one for each engine.

`fit` reports one loss an epoch, and in float32; these loops return the loss of every step, and are at least as fast.
Nothing is imported before an engine is configured: Keras chooses its engine when it is first imported.
"""

from typing import Any, Protocol

import numpy as np

from backends.contract import Array, Dtype

# Keras has no annotations, and what it hands out is of whichever engine it runs on
Tensor = Any
KerasLayer = Any
Network = Any
Optimizer = Any


class Engine(Protocol):
    """One engine with one network, its training rows resident."""

    name: str  # as KERAS_BACKEND spells it

    @staticmethod
    def configure(dtype: Dtype, threads: int) -> None:
        """Import the engine and configure it for this process."""

    def __init__(self, network: Network, optimizer: Optimizer, x: Array, y: Array) -> None: ...

    def train(self, order: Array, rates: Array) -> Array:
        """Each step sets the optimizer's `rate`, which is what a matched one steps by."""

    def gradients(self, rows: Array) -> list[Tensor]:
        """In the order of the network's trainable variables."""

    def predict(self, x: Array) -> Array: ...

    def kernel(self) -> str: ...


def mean_squared_error(outputs: Tensor, y: Tensor) -> Tensor:
    from keras import ops

    return ops.mean(ops.square(outputs - y))


def padded(order: Array, rates: Array, rows: int, dtype: str) -> tuple[Array, Array]:
    """Both with as many steps as an epoch has, so that one compiled program serves any number of them."""
    steps, batch = order.shape
    lacking = max(0, rows // batch - steps)
    return np.pad(order, ((0, lacking), (0, 0))).astype(np.int32), np.pad(rates, (0, lacking)).astype(dtype)


def compiled_loop(program: str) -> str:
    """What the text of a compiled XLA program says about its recurrence."""
    if "cudnn" in program.lower():
        return "cuDNN"
    return "XLA while" if " while(" in program else "XLA unrolled"


class TensorFlow:
    """A whole epoch in one compiled program, unless the layers say that they cannot be compiled (cuDNN)."""

    name = "tensorflow"

    @staticmethod
    def configure(dtype: Dtype, threads: int) -> None:
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # a program for each model is meant here: no warnings of retracing
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        if tf.config.list_physical_devices("GPU"):  # on a CPU the bits repeat anyway, and `fit` would lose XLA
            tf.config.experimental.enable_op_determinism()

    def __init__(self, network: Network, optimizer: Optimizer, x: Array, y: Array) -> None:
        import tensorflow as tf

        self._network, self._optimizer = network, optimizer
        self._optimizer.build(network.trainable_variables)
        self._variables = [variable.value for variable in network.trainable_variables]
        self._x, self._y = tf.constant(x), tf.constant(y)
        self._jit = all(layer.supports_jit for layer in network.layers)
        self._epoch = tf.function(self._steps, jit_compile=self._jit)
        self._outputs = tf.function(network, jit_compile=self._jit)

    def _loss_and_gradients(self, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            outputs = self._network(tf.gather(self._x, rows), training=True)
            loss = mean_squared_error(outputs, tf.gather(self._y, rows))
        return loss, tape.gradient(loss, self._variables)

    def _steps(self, order: Tensor, rates: Tensor, steps: Tensor) -> Tensor:
        import tensorflow as tf

        losses = tf.TensorArray(self._y.dtype, len(order))
        step = tf.constant(0)
        while step < steps:  # over a tf.range, XLA would compile anew for each number of steps
            loss, gradients = self._loss_and_gradients(order[step])
            self._optimizer.rate = rates[step]
            self._optimizer.apply(gradients, self._network.trainable_variables)
            losses = losses.write(step, loss)
            step += 1
        return losses.stack()

    def train(self, order: Array, rates: Array) -> Array:
        import tensorflow as tf

        full = padded(order, rates, len(self._x), self._y.dtype.name)
        losses = self._epoch(*map(tf.constant, full), tf.constant(len(order)))
        return np.asarray(losses)[: len(order)]

    def gradients(self, rows: Array) -> list[Tensor]:
        return self._loss_and_gradients(rows)[1]

    def predict(self, x: Array) -> Array:
        import tensorflow as tf

        return np.asarray(self._outputs(tf.constant(x, self._x.dtype)))

    def kernel(self) -> str:
        """Read off the compiled program, or the graph where it is not compiled."""
        x = self._x[:1]
        if self._jit:
            return compiled_loop(self._outputs.experimental_get_compiler_ir(x)(stage="optimized_hlo"))
        graph = str(self._outputs.get_concrete_function(x).graph.as_graph_def())
        return "cuDNN" if "CudnnRNN" in graph else "TF while"


class Jax:
    """A whole epoch in one compiled program; the variables' values go in and come out."""

    name = "jax"

    @staticmethod
    def configure(dtype: Dtype, threads: int) -> None:
        """JAX' thread pool takes the size of the process' core set, not `threads`."""
        import jax

        jax.config.update("jax_enable_x64", dtype == "float64")

    def __init__(self, network: Network, optimizer: Optimizer, x: Array, y: Array) -> None:
        import jax

        self._network, self._optimizer = network, optimizer
        self._optimizer.build(network.trainable_variables)
        self._x, self._y = jax.numpy.asarray(x), jax.numpy.asarray(y)
        self._epoch = jax.jit(self._steps, donate_argnums=0)
        self._outputs = jax.jit(self._forward)

    def _values(self) -> list[Tensor]:
        return [variable.value for variable in self._network.trainable_variables]

    def _forward(self, values: list[Tensor], x: Tensor, training: bool = False) -> Tensor:
        fixed = [variable.value for variable in self._network.non_trainable_variables]
        return self._network.stateless_call(values, fixed, x, training=training)[0]

    def _loss(self, values: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
        return mean_squared_error(self._forward(values, x, training=True), y)

    def _steps(self, state: Tensor, x: Tensor, y: Tensor, order: Tensor, rates: Tensor, steps: Tensor) -> Tensor:
        import jax

        def step(index: Tensor, carry: Tensor) -> Tensor:
            values, moments, losses = carry
            rows = order[index]
            loss, gradients = jax.value_and_grad(self._loss)(values, x[rows], y[rows])
            self._optimizer.rate = rates[index]
            values, moments = self._optimizer.stateless_apply(moments, gradients, values)
            return values, moments, losses.at[index].set(loss)

        return jax.lax.fori_loop(0, steps, step, (*state, jax.numpy.zeros(len(order), y.dtype)))

    def train(self, order: Array, rates: Array) -> Array:
        groups = (self._network.trainable_variables, self._optimizer.variables)
        state = tuple([variable.value for variable in group] for group in groups)
        full = padded(order, rates, len(self._x), self._y.dtype.name)
        *state, losses = self._epoch(state, self._x, self._y, *full, len(order))
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return np.asarray(losses)[: len(order)]

    def gradients(self, rows: Array) -> list[Tensor]:
        import jax

        return list(jax.jit(jax.grad(self._loss))(self._values(), self._x[rows], self._y[rows]))

    def predict(self, x: Array) -> Array:
        return np.asarray(self._outputs(self._values(), x.astype(self._x.dtype)))

    def kernel(self) -> str:
        """Read off the compiled program."""
        return compiled_loop(self._outputs.lower(self._values(), self._x[:1]).compile().as_text())


class Torch:
    """Eager."""

    name = "torch"

    @staticmethod
    def configure(dtype: Dtype, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)

    def __init__(self, network: Network, optimizer: Optimizer, x: Array, y: Array) -> None:
        from keras import ops

        self._network, self._optimizer = network, optimizer
        self._optimizer.build(network.trainable_variables)
        self._variables = [variable.value for variable in network.trainable_variables]
        self._x, self._y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)

    def _loss_and_gradients(self, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        import torch

        loss = mean_squared_error(self._network(self._x[rows], training=True), self._y[rows])
        return loss.detach(), list(torch.autograd.grad(loss, self._variables))

    def train(self, order: Array, rates: Array) -> Array:
        import torch

        losses = []
        for rows, rate in zip(torch.tensor(order, device=self._x.device), rates, strict=True):
            self._optimizer.rate = rate
            loss, gradients = self._loss_and_gradients(rows)
            with torch.no_grad():
                self._optimizer.apply(gradients, self._network.trainable_variables)
            losses.append(loss)
        return np.asarray(torch.stack(losses).cpu())

    def gradients(self, rows: Array) -> list[Tensor]:
        return self._loss_and_gradients(rows)[1]

    def predict(self, x: Array) -> Array:
        import torch
        from keras import ops

        with torch.no_grad():
            return np.asarray(self._network(ops.convert_to_tensor(x, self._x.dtype)).cpu())

    def kernel(self) -> str:
        """Read off the profiler: which operator the forward pass of a training step really called."""
        import torch

        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            self._network(self._x[:1], training=True)
        called = {event.key for event in profile.key_averages()}
        return "cuDNN" if "aten::_cudnn_rnn" in called else "aten loop"
