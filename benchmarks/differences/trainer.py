"""Trains the small forecaster of the benchmark `differences` in JAX, with every setting written out.

All seeds are trained at once, in float64 unless the setup says otherwise, so that rounding adds nothing to an effect.
Shapes: S seeds, N windows, T time steps, H units.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.differences.model import Model, Numbers, Parameters, update
from benchmarks.differences.setup import BATCH, LOSS_STEPS, UNITS, Setup, program
from datasets import Windows

RATE = 3e-3  # the learning rate
GATES = {"lstm": 4, "gru": 3, "gru-reset-before": 3}

Array = Any  # of JAX or NumPy
State = Any  # parameters, mean gradients, mean squares, and the state of the layer, with an axis for the seeds


@dataclass(frozen=True)
class Trained:
    """Arrays with an element for each seed. outputs: (S, N), of the test windows before the training."""

    outputs: np.ndarray
    loss: np.ndarray  # of all training windows after LOSS_STEPS steps, or as the setup shows it
    error: np.ndarray  # mean squared error of the test windows, in the square of the series' unit


@dataclass(frozen=True)
class Plan:
    """Steps in order. rows, real: (steps, batch), the windows of each batch, and whether they count.

    rates, begins: (steps,), the learning rates, and whether a step is the first of an epoch.
    """

    rows: np.ndarray
    real: np.ndarray
    rates: np.ndarray
    begins: np.ndarray


def train(setup: Setup, windows: Windows, seeds: tuple[int, ...], steps: int) -> Trained:
    """Train a model for each seed for `steps` steps, a multiple of LOSS_STEPS."""
    with jax.enable_x64(setup.dtype == "float64"):
        return _train(setup, windows, seeds, steps)


def _train(setup: Setup, windows: Windows, seeds: tuple[int, ...], steps: int) -> Trained:
    x, y = windows.train.x.astype(setup.dtype), windows.train.y.astype(setup.dtype)
    lengths = np.random.default_rng(0).integers(5, x.shape[1] + 1, len(x))
    test_lengths = np.random.default_rng(1).integers(5, x.shape[1] + 1, len(windows.test.x))
    plans = [make_plan(setup, len(x), x.shape[1], seed, steps) for seed in seeds]
    names = ("rows", "real", "rates", "begins")
    rows, real, rates, begins = (np.stack([getattr(plan, name) for plan in plans]) for name in names)
    drawn = [initial(setup, x.shape[2], seed) for seed in seeds]
    parameters = {name: jnp.asarray(np.stack([each[name] for each in drawn]), setup.dtype) for name in drawn[0]}
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    none = jnp.zeros((len(seeds), rows.shape[2], UNITS), x.dtype)
    state = (parameters, zeros, zeros, (none, none))
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    fixed, numbers = program(setup), _numbers(setup)
    predict = partial(_predict, fixed, numbers)
    test = windows.test.x.astype(setup.dtype)
    outputs, loss = np.asarray(predict(_final(setup, parameters), test, test_lengths)), None
    for first in range(0, steps, LOSS_STEPS):
        part = slice(first, first + LOSS_STEPS)
        counted, kept = real[:, part].astype(setup.dtype), ~begins[:, part]
        batches = (jnp.arange(first, first + LOSS_STEPS) + 1, rows[:, part], counted, rates[:, part], kept)
        state, batch_losses = _steps(fixed, numbers, state, keys, x, y[:, 0], lengths, *batches)
        if loss is None:
            per_epoch = len(x) // BATCH
            during = np.asarray(batch_losses)[:, LOSS_STEPS - per_epoch :].mean(axis=1)
            after = np.mean((np.asarray(predict(_final(setup, state[0]), x, lengths)) - y[:, 0]) ** 2, axis=1)
            loss = during if setup.loss_shown == "mean during" else after
    forecasts = np.asarray(predict(_final(setup, state[0]), test, test_lengths))
    truth = windows.truth(windows.test)
    errors = [np.mean((windows.to_unit(windows.test, each[:, None]) - truth) ** 2) for each in forecasts]
    assert loss is not None
    return Trained(outputs, loss, np.array(errors))


def make_plan(setup: Setup, windows: int, length: int, seed: int, steps: int) -> Plan:
    """The batches and learning rates of a training.

    With a state that is kept, batch k holds the windows that begin `length` rows after those of batch k - 1, each in
    the same place; there are `length` of them.
    """
    random = np.random.default_rng([seed, 7])
    batch = length if setup.stateful else BATCH
    whole, rest = divmod(windows, batch)
    per_epoch = whole + (setup.partial_batch == "use" and rest > 0)
    rows, real = np.zeros((steps, batch), int), np.ones((steps, batch), bool)
    for first in range(0, steps, per_epoch):
        order = random.permutation(windows) if setup.shuffle and not setup.stateful else np.arange(windows)
        padded = np.resize(order, per_epoch * batch).reshape(per_epoch, batch)
        counted = (np.arange(per_epoch * batch) < windows).reshape(per_epoch, batch)
        count = min(per_epoch, steps - first)
        rows[first : first + count], real[first : first + count] = padded[:count], counted[:count]
    done = np.arange(steps)
    if setup.schedule == "per epoch":
        done = done // per_epoch * per_epoch
    rates = RATE * (np.ones(steps) if setup.schedule == "constant" else 0.5 ** (done / per_epoch))
    return Plan(rows, real, rates.astype(setup.dtype), np.arange(steps) % per_epoch == 0)


def initial(setup: Setup, features: int, seed: int) -> dict[str, np.ndarray]:
    """Parameters drawn as a framework does by default: kernels (in, gates * H), with the gates of PyTorch's order."""
    random, gates = np.random.default_rng([seed, 3]), GATES[setup.cell]
    width, sides = gates * UNITS, ("", "backward_") if setup.bidirectional else ("",)
    bound = 1 / np.sqrt(UNITS)
    drawn: dict[str, np.ndarray] = {}
    for side in sides:
        if setup.initial == "pytorch":
            kernel, square = (random.uniform(-bound, bound, (rows, width)) for rows in (features, UNITS))
            bias = random.uniform(-bound, bound, width) + random.uniform(-bound, bound, width)
        else:
            square = np.linalg.qr(random.normal(size=(width, UNITS)))[0].T
            limit = np.sqrt(6 / (features + width))
            draws = random.uniform(-1, 1, (features, width))
            lecun = np.sqrt(3 / features)  # a uniform distribution with the variance of Flax's truncated normal
            kernel, bias = draws * (limit if setup.initial == "keras" else lecun), np.zeros(width)
        if setup.forget_bias:
            bias[UNITS : 2 * UNITS] = setup.forget_bias
        drawn |= {f"{side}kernel": kernel, f"{side}recurrent": square, f"{side}bias": bias}
        drawn[f"{side}bias_2"] = np.zeros(width)
    inputs = UNITS * len(sides)
    if setup.initial == "pytorch":
        dense, offset = random.uniform(-1, 1, inputs) / np.sqrt(inputs), random.uniform(-1, 1, 1) / np.sqrt(inputs)
    else:
        scale = np.sqrt(6 / (inputs + 1)) if setup.initial == "keras" else np.sqrt(3 / inputs)
        dense, offset = random.uniform(-1, 1, inputs) * scale, np.zeros(1)
    return drawn | {"dense": dense, "dense_bias": offset}


def _final(setup: Setup, parameters: Parameters) -> Parameters:
    """The parameters for an evaluation: with `swapped`, those of a file whose gates are in another order."""
    if not setup.swapped:
        return parameters
    swapped = {}
    for name, value in parameters.items():
        if name.startswith("dense"):
            swapped[name] = value
            continue
        first, second, *others = jnp.split(value, GATES[setup.cell], axis=-1)
        swapped[name] = jnp.concatenate([second, first, *others], axis=-1)
    return swapped


def _numbers(setup: Setup) -> Numbers:
    """The settings that a compiled program takes as numbers, so that setups share programs."""
    places = {
        "rmsprop": setup.optimizer == "rmsprop",
        "uncorrected": setup.epsilon_place == "uncorrected",
        "rounded": setup.correction == "float32",
        "coupled": setup.decay_place == "gradient",
        "decay_biases": setup.decay_on == "all",
        "by_value": setup.clip == "value",
        "by_norm": setup.clip == "norm of each",
        "by_global_norm": setup.clip == "global norm",
        "padded": bool(setup.padding),
        "masked": setup.padding == "masked",
        "own_last": setup.bidirectional == "own last",
        "each_step": setup.recurrent_mask == "step",
        "hard_slope": 1 / 6 if setup.sigmoid == "hard, slope 1/6" else 0.2,
        "second_bias": setup.second_bias,
        "dropout_scale": 1 / (1 - setup.dropout) if setup.dropout_scaled else 1.0,
    }
    names = ("beta2", "epsilon", "decay", "clip_at", "clip_epsilon", "dropout", "input_dropout", "recurrent_dropout")
    values = places | {name: getattr(setup, name) for name in names}
    return {name: jnp.asarray(value, setup.dtype) for name, value in values.items()}


@partial(jax.jit, static_argnums=0)
def _predict(setup: Setup, numbers: Numbers, parameters: Parameters, x: Array, lengths: Array) -> jax.Array:
    """(S, N): the outputs of each seed's model without dropout."""
    model = Model(setup, numbers)
    if setup.stateful == "kept":
        return jax.lax.map(lambda seed: _in_order(model, seed, x), parameters)
    return jax.lax.map(lambda seed: model.forward(seed, x, lengths, None, None)[0], parameters)


def _in_order(model: Model, parameters: Parameters, x: Array) -> jax.Array:
    """The outputs of windows in order of time, where each begins in the state of the window that ends before it."""
    length = x.shape[1]
    steps = jnp.pad(jnp.asarray(x), [(0, -len(x) % length), (0, 0), (0, 0)]).reshape(-1, length, *x.shape[1:])

    def step(state: Any, batch: jax.Array) -> Any:  # noqa: ANN401
        outputs, state = model.forward(parameters, batch, jnp.full(length, length), state, None)
        return state, outputs

    zeros = jnp.zeros((length, UNITS), steps.dtype)
    return jax.lax.scan(step, (zeros, zeros), steps)[1].reshape(-1)[: len(x)]


@partial(jax.jit, static_argnums=0)
def _steps(
    setup: Setup, numbers: Numbers, state: State, keys: Array, x: Array, y: Array, lengths: Array, *batches: Array
) -> tuple[State, jax.Array]:
    """The state after LOSS_STEPS steps of every seed's training, and the losses (S, LOSS_STEPS) of their batches."""
    x, y, lengths = jnp.asarray(x), jnp.asarray(y), jnp.asarray(lengths)
    model = Model(setup, numbers)

    def step(state: Any, batch: Any) -> Any:  # noqa: ANN401
        parameters, first, second, last = state
        place, rows, real, rate, kept, key = batch
        carried = (last[0] * kept, last[1] * kept) if setup.stateful == "kept" else None

        def objective(parameters: Parameters) -> Any:  # noqa: ANN401
            outputs, after = model.forward(parameters, x[rows], lengths[rows], carried, key)
            return jnp.sum(real * (outputs - y[rows]) ** 2) / jnp.sum(real), after

        (loss, after), gradients = jax.value_and_grad(objective, has_aux=True)(parameters)
        updated = update(numbers, parameters, gradients, first, second, place, rate)
        return (*updated, jax.lax.stop_gradient(after)), loss

    def one_seed(state: Any, key: Array, *planned: Array) -> Any:  # noqa: ANN401
        step_keys = jax.vmap(partial(jax.random.fold_in, key))(places)
        return jax.lax.scan(step, state, (places, *planned, step_keys))

    places, *others = batches
    return jax.lax.map(lambda seed: one_seed(*seed), (state, keys, *others))
