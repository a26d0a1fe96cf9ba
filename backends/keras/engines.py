"""What Keras leaves to its engine: the training loop, written as Keras's guides write a custom loop for each engine.

`fit` reports one loss an epoch, in float32. These loops return the loss of every step and are at least as fast. Keras
chooses its engine when it is first imported, from KERAS_BACKEND; only that engine's framework is imported here.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from backends.contract import Array, StepParts, Steps

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
elif keras.backend.backend() == "jax":
    import jax
else:
    import torch

# Keras has no annotations, and its tensors are those of the engine
Tensor = Any
Variable = Any
KerasLayer = Any
Optimizer = Any
Network = Any  # backends.keras.network.Network

State = tuple[Tensor, ...]  # see Recurrent.states
Step = Callable[[Sequence[Tensor], State], State]
Named = Mapping[str, Tensor]
Arrays = Mapping[str, Array]
Loss = Callable[..., Tensor]  # the objective of (x, y, masks, perturbations, *, training)
NONE: Mapping[str, Any] = {}


class Engine(Protocol):
    """An engine with one network, its training rows resident."""

    @staticmethod
    def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The states after each step, (T, N, width) each, from inputs (T, N, width) each."""

    def __init__(self, network: Network, loss: Loss, optimizer: Optimizer, x: Array, y: Array) -> None: ...

    def train(self, steps: Steps) -> Array:
        """See backends.contract.Model. Sets the optimizer's `rate` for each step."""

    def gradients(self, rows: Array, masks: Arrays) -> list[Tensor]:
        """The objective's derivatives, in the order of the network's trained variables."""

    def step_parts(self, step: Steps) -> StepParts:
        """See backends.contract.Model."""

    def state_gradients(self, rows: Array, perturbations: Arrays) -> dict[str, Array]:
        """The objective's derivatives by the state perturbations."""

    def predict(self, x: Array, masks: Arrays) -> Array:
        """The forecasts; changes the network's random generators and states."""

    def kernel(self) -> str: ...


class TensorFlow:
    """A whole epoch in one compiled program, unless a layer does not allow XLA (cuDNN)."""

    @staticmethod
    def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Uses TensorArrays like Keras's own loop: the gradient of indexing would fill all steps at each step.

        XLA can differentiate the loop only with a bound on the number of steps.
        """
        count = inputs[0].shape[0]
        read = [tf.TensorArray(x.dtype, count).unstack(x) for x in inputs]
        written = [tf.TensorArray(s.dtype, count, element_shape=s.shape) for s in state]

        def body(t: Tensor, state: State, written: list[Tensor]) -> tuple[Tensor, State, list[Tensor]]:
            state = step([array.read(t) for array in read], state)
            return t + 1, state, [array.write(t, s) for array, s in zip(written, state, strict=True)]

        start = (tf.constant(0), state, written)
        *_, written = tf.while_loop(lambda t, *_: t < count, body, start, maximum_iterations=count)
        return [array.stack() for array in written]

    def __init__(self, network: Network, loss: Loss, optimizer: Optimizer, x: Array, y: Array) -> None:
        self._network, self._loss, self._optimizer = network, loss, optimizer
        self._variables = [variable.value for variable in self._network.trained]
        self._x, self._y = tf.constant(x), tf.constant(y)
        settings = {"jit_compile": self._network.compiles, "autograph": False}
        self._epoch = tf.function(self._steps, **settings)
        self._outputs = tf.function(lambda x, masks: self._network(x, masks, NONE, training=False), **settings)

    def _loss_and_gradients(self, rows: Tensor, masks: Named, *, training: bool) -> tuple[Tensor, list[Tensor]]:
        with tf.GradientTape() as tape:
            loss = self._loss(tf.gather(self._x, rows), tf.gather(self._y, rows), masks, NONE, training=training)
        return loss, tape.gradient(loss, self._variables)

    def _steps(self, order: Tensor, rates: Tensor, masks: Named, steps: Tensor) -> Tensor:
        """An epoch, which `tf.function(jit_compile=True)` compiles."""

        def body(step: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
            step_masks = {name: mask[step] for name, mask in masks.items()}
            loss, gradients = self._loss_and_gradients(order[step], step_masks, training=True)
            self._optimizer.rate = rates[step]
            self._optimizer.apply(gradients, self._network.trained)
            return step + 1, losses.write(step, loss)

        # over a tf.range, XLA would compile a program for each number of steps
        start = (tf.constant(0), tf.TensorArray(self._y.dtype, order.shape[0], element_shape=()))
        return tf.while_loop(lambda step, _: step < steps, body, start)[1].stack()

    def train(self, steps: Steps) -> Array:
        full = steps.padded(len(self._x), self._y.dtype.name)
        masks = {name: tf.constant(mask) for name, mask in full.masks.items()}
        losses = self._epoch(tf.constant(full.order), tf.constant(full.rates), masks, tf.constant(len(steps)))
        return np.asarray(losses)[: len(steps)]

    def _tensors(self, arrays: Arrays) -> dict[str, Tensor]:
        return {name: tf.constant(array, self._x.dtype) for name, array in arrays.items()}

    def gradients(self, rows: Array, masks: Arrays) -> list[Tensor]:
        return self._loss_and_gradients(rows, self._tensors(masks), training=False)[1]

    def step_parts(self, step: Steps) -> StepParts:
        masks = self._tensors({name: mask[0] for name, mask in step.masks.items()})
        rows, rate = tf.constant(step.order[0]), tf.constant(step.rates[0], self._x.dtype)
        settings = {"jit_compile": self._network.compiles, "autograph": False}

        def evaluate() -> Tensor:
            return self._loss(tf.gather(self._x, rows), tf.gather(self._y, rows), masks, NONE, training=True)

        def update(gradients: list[Tensor]) -> None:
            self._optimizer.rate = rate
            self._optimizer.apply(gradients, self._network.trained)

        forward, apply = tf.function(evaluate, **settings), tf.function(update, **settings)
        differentiate = tf.function(lambda: self._loss_and_gradients(rows, masks, training=True), **settings)
        _, gradients = differentiate()

        def optimizer() -> None:
            apply(gradients)
            np.asarray(self._variables[-1])  # reading a weight waits for the device

        return StepParts(lambda: float(forward()), lambda: float(differentiate()[0]), optimizer)

    def state_gradients(self, rows: Array, perturbations: Arrays) -> dict[str, Array]:
        tensors = self._tensors(perturbations)
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = self._loss(tf.gather(self._x, rows), tf.gather(self._y, rows), NONE, tensors, training=False)
        gradients = tape.gradient(loss, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return {name: np.asarray(gradient) for name, gradient in gradients.items()}

    def predict(self, x: Array, masks: Arrays) -> Array:
        return np.asarray(self._outputs(tf.constant(x, self._x.dtype), self._tensors(masks)))

    def kernel(self) -> str:
        """The loop in the text of the compiled program, or in the graph where nothing is compiled."""
        x = self._x[:1]
        if self._network.compiles:
            program = self._outputs.experimental_get_compiler_ir(x, NONE)(stage="optimized_hlo")
            return _compiled_loop(program, self._network)
        graph = str(self._outputs.get_concrete_function(x, NONE).graph.as_graph_def())
        return "cuDNN" if "CudnnRNN" in graph else "TF while"


class Jax:
    """A whole epoch in one compiled program: the values of the variables are its arguments and results."""

    @staticmethod
    def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> list[Tensor]:
        def scanned(state: State, inputs: list[Tensor]) -> tuple[State, State]:
            after = step(inputs, state)
            return after, after

        return list(jax.lax.scan(scanned, state, list(inputs))[1])

    def __init__(self, network: Network, loss: Loss, optimizer: Optimizer, x: Array, y: Array) -> None:
        self._network, self._objective, self._optimizer = network, loss, optimizer
        self._x, self._y = jax.numpy.asarray(x), jax.numpy.asarray(y)
        self._epoch = jax.jit(self._steps, donate_argnums=0)
        self._by_values = jax.jit(jax.grad(self._loss_alone))
        self._by_perturbations = jax.jit(jax.grad(self._loss_alone, argnums=5))
        self._outputs = jax.jit(self._forward)

    def _groups(self) -> tuple[list[Variable], ...]:
        return self._network.trained, self._network.changing, self._optimizer.variables

    def _values(self) -> tuple[list[Tensor], ...]:
        return tuple([variable.value for variable in group] for group in self._groups()[:2])

    def _scope(self, values: list[Tensor], changing: list[Tensor]) -> Any:
        """A scope in which the variables have these values."""
        groups = ((self._network.trained, values), (self._network.changing, changing))
        return keras.StatelessScope(state_mapping=[pair for group in groups for pair in zip(*group, strict=True)])

    def _forward(
        self, values: list[Tensor], changing: list[Tensor], x: Tensor, masks: Named
    ) -> tuple[Tensor, list[Tensor]]:
        with self._scope(values, changing) as scope:
            outputs = self._network(x, masks, NONE, training=False)
        return outputs, [scope.get_current_value(variable) for variable in self._network.changing]

    def _loss(
        self, values: list[Tensor], changing: list[Tensor], *inputs: Any, training: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """The objective of x, y, masks and perturbations, and what the network changed, see `Network.changing`."""
        with self._scope(values, changing) as scope:
            loss = self._objective(*inputs, training=training)
        return loss, [scope.get_current_value(variable) for variable in self._network.changing]

    def _loss_alone(self, *inputs: Any) -> Tensor:
        loss, _ = self._loss(*inputs, training=False)
        return loss

    def _steps(
        self, state: Tensor, x: Tensor, y: Tensor, order: Tensor, rates: Tensor, masks: Named, steps: Tensor
    ) -> Tensor:
        """An epoch, which `jax.jit` compiles."""
        differentiated = jax.value_and_grad(self._loss, has_aux=True)

        def step(index: Tensor, carry: Tensor) -> Tensor:
            values, changing, moments, losses = carry
            rows, step_masks = order[index], {name: mask[index] for name, mask in masks.items()}
            inputs = (values, changing, x[rows], y[rows], step_masks, NONE)
            (loss, changing), gradients = differentiated(*inputs, training=True)
            self._optimizer.rate = rates[index]
            values, moments = self._optimizer.stateless_apply(moments, gradients, values)
            return values, changing, moments, losses.at[index].set(loss)

        return jax.lax.fori_loop(0, steps, step, (*state, jax.numpy.zeros(len(order), y.dtype)))

    def train(self, steps: Steps) -> Array:
        groups = self._groups()
        state = tuple([variable.value for variable in group] for group in groups)
        full = steps.padded(len(self._x), self._y.dtype.name)
        *state, losses = self._epoch(state, self._x, self._y, full.order, full.rates, full.masks, len(steps))
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return np.asarray(losses)[: len(steps)]

    def _inputs(self, rows: Array, *named: Arrays) -> tuple[Tensor, ...]:
        cast = ({name: array.astype(self._x.dtype) for name, array in arrays.items()} for arrays in named)
        return *self._values(), self._x[rows], self._y[rows], *cast

    def gradients(self, rows: Array, masks: Arrays) -> list[Tensor]:
        return list(self._by_values(*self._inputs(rows, masks, NONE)))

    def step_parts(self, step: Steps) -> StepParts:
        values, changing, moments = ([variable.value for variable in group] for group in self._groups())
        masks = {name: mask[0].astype(self._x.dtype) for name, mask in step.masks.items()}

        def evaluate(values: list[Tensor], x: Tensor, y: Tensor, rows: Array, masks: Named) -> Tensor:
            return self._loss(values, changing, x[rows], y[rows], masks, NONE, training=True)[0]

        def update(moments: list[Tensor], gradients: list[Tensor], values: list[Tensor], rate: Tensor) -> Tensor:
            self._optimizer.rate = rate
            return self._optimizer.stateless_apply(moments, gradients, values)

        forward, differentiate, apply = map(jax.jit, (evaluate, jax.value_and_grad(evaluate), update))
        inputs = (values, self._x, self._y, step.order[0], masks)
        _, gradients = differentiate(*inputs)
        changed = (moments, gradients, values, step.rates[0].astype(self._y.dtype))

        def optimizer() -> None:
            jax.block_until_ready(apply(*changed))

        return StepParts(
            lambda: float(forward(*inputs)),
            lambda: float(jax.block_until_ready(differentiate(*inputs))[0]),
            optimizer,
        )

    def state_gradients(self, rows: Array, perturbations: Arrays) -> dict[str, Array]:
        gradients = self._by_perturbations(*self._inputs(rows, NONE, perturbations))
        return {name: np.asarray(gradient) for name, gradient in gradients.items()}

    def predict(self, x: Array, masks: Arrays) -> Array:
        named = {name: mask.astype(self._x.dtype) for name, mask in masks.items()}
        outputs, changed = self._outputs(*self._values(), x.astype(self._x.dtype), named)
        for variable, value in zip(self._network.changing, changed, strict=True):
            variable.assign(value)
        return np.asarray(outputs)

    def kernel(self) -> str:
        """The loop in the text of the compiled program."""
        program = self._outputs.lower(*self._values(), self._x[:1], NONE).compile().as_text()
        return _compiled_loop(program, self._network)


class Torch:
    """Eager."""

    @staticmethod
    def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> list[Tensor]:
        states = []
        for inputs_t in zip(*(x.unbind(0) for x in inputs), strict=True):
            state = step(inputs_t, state)
            states.append(state)
        return [torch.stack(steps) for steps in zip(*states, strict=True)]

    def __init__(self, network: Network, loss: Loss, optimizer: Optimizer, x: Array, y: Array) -> None:
        torch.manual_seed(random.getrandbits(63))  # for native dropout; Python's generator was seeded for this model
        self._network, self._loss, self._optimizer = network, loss, optimizer
        self._variables = [variable.value for variable in self._network.trained]
        for value in self._variables:  # fused Adam walks through memory; an orthogonal kernel is created transposed
            value.data = value.data.contiguous()
        self._x, self._y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)

    def _tensors(self, arrays: Arrays) -> dict[str, Tensor]:
        return {name: torch.tensor(array).to(self._x) for name, array in arrays.items()}

    def _loss_and_gradients(self, rows: Tensor, masks: Named, *, training: bool) -> tuple[Tensor, list[Tensor]]:
        loss = self._loss(self._x[rows], self._y[rows], masks, NONE, training=training)
        return loss.detach(), list(torch.autograd.grad(loss, self._variables))

    def train(self, steps: Steps) -> Array:
        losses, masks = [], self._tensors(steps.inputs)
        orders = torch.tensor(steps.order, device=self._x.device)
        for step, (rows, rate) in enumerate(zip(orders, steps.rates.tolist(), strict=True)):
            self._optimizer.rate = rate
            step_masks = {name: mask[step] for name, mask in masks.items()}
            loss, gradients = self._loss_and_gradients(rows, step_masks, training=True)
            with torch.no_grad():
                self._optimizer.apply(gradients, self._network.trained)
            losses.append(loss)
        return np.asarray(torch.stack(losses).cpu())

    def gradients(self, rows: Array, masks: Arrays) -> list[Tensor]:
        return self._loss_and_gradients(rows, self._tensors(masks), training=False)[1]

    def step_parts(self, step: Steps) -> StepParts:
        masks = self._tensors({name: mask[0] for name, mask in step.masks.items()})
        rows, rate = torch.tensor(step.order[0], device=self._x.device), float(step.rates[0])

        def forward() -> float:
            return float(self._loss(self._x[rows], self._y[rows], masks, NONE, training=True))

        _, gradients = self._loss_and_gradients(rows, masks, training=True)

        def optimizer() -> None:
            self._optimizer.rate = rate
            with torch.no_grad():
                self._optimizer.apply(gradients, self._network.trained)
            self._variables[0].view(-1)[0].item()  # reading a weight waits for the device

        def differentiate() -> float:
            return float(self._loss_and_gradients(rows, masks, training=True)[0])

        return StepParts(forward, differentiate, optimizer)

    def state_gradients(self, rows: Array, perturbations: Arrays) -> dict[str, Array]:
        tensors = {name: tensor.requires_grad_() for name, tensor in self._tensors(perturbations).items()}
        if not tensors:
            return {}
        loss = self._loss(self._x[rows], self._y[rows], NONE, tensors, training=False)
        gradients = torch.autograd.grad(loss, list(tensors.values()), materialize_grads=True)
        return {name: np.asarray(gradient.cpu()) for name, gradient in zip(tensors, gradients, strict=True)}

    def predict(self, x: Array, masks: Arrays) -> Array:
        with torch.no_grad():
            windows = torch.tensor(np.ascontiguousarray(x)).to(self._x)
            outputs = self._network(windows, self._tensors(masks), NONE, training=False)
        return np.asarray(outputs.cpu())

    def kernel(self) -> str:
        """The operator that the profiler sees in the forward pass of a training step."""
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            self._network(self._x[:1], NONE, NONE, training=True)
        if not self._network.recurs:
            return "aten"
        called = {event.key for event in profile.key_averages()}
        return "cuDNN" if "aten::_cudnn_rnn" in called else "aten loop"


def _compiled_loop(program: str, network: Network) -> str:
    """The kind of recurrence in the text of a compiled XLA program."""
    if not network.recurs:
        return "XLA"
    if "cudnn" in program.lower():
        return "cuDNN"
    return "XLA while" if " while(" in program else "XLA unrolled"


ENGINES: dict[str, type[Engine]] = {"tensorflow": TensorFlow, "jax": Jax, "torch": Torch}
ENGINE = ENGINES[keras.backend.backend()]
