"""Flax: batches, schedules, losses and numbers. A function for each difference; functions `equal_...` are shown."""

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from benchmarks.differences.flax.cells import last, layer
from benchmarks.differences.probe import Array, Case, Probe, is_float64, shown

jax.config.update("jax_enable_x64", True)


def _loader() -> bool:
    """Whether the framework brings something that cuts data into batches."""
    names = {*dir(flax), *dir(nnx), *dir(optax)}
    return any(word in name.lower() for name in names for word in ("dataloader", "dataset"))


@shown
def equal_partial_batch(order: Array, batch: int) -> Array:
    return order[: len(order) // batch * batch].reshape(-1, batch)  # a row for each step


def partial_batch(case: Case) -> Probe:
    sizes = [len(rows) for rows in equal_partial_batch(np.arange(10), 4)]
    values = np.resize([*sizes, 0, 0, 0], 3)
    return Probe("a loader" if _loader() else "no loader", values, values)


@shown
def equal_shuffle(x: jax.Array, order: Array) -> jax.Array:
    return x[order].reshape(-1, 4, *x.shape[1:])  # order: of this epoch, drawn once for all frameworks


def shuffle(case: Case) -> Probe:
    rows, order = jnp.arange(12), np.random.default_rng(0).permutation(12)
    return Probe(
        "a loader" if _loader() else "no loader", np.asarray(rows), np.asarray(equal_shuffle(rows, order)).ravel()
    )


@shown
def equal_stateful(layer: nnx.RNN, batches: list[jax.Array], carry: tuple[jax.Array, ...] | None = None) -> jax.Array:
    for x in batches:  # carry: None before the first batch
        carry, outputs = layer(x, initial_carry=carry, return_carry=True)
    return outputs[:, -1]


def stateful(case: Case) -> Probe:
    made, x = layer(case), jnp.asarray(case.x)
    made(x[:, :3])
    default = last(made, case.x[:, 3:])
    keeps = not np.allclose(default, last(layer(case), case.x[:, 3:]))
    return Probe(keeps, default, np.asarray(equal_stateful(made, [x[:, :3], x[:, 3:]])))


@shown
def equal_schedule(rate: float, steps_per_epoch: int) -> optax.Schedule:
    return optax.exponential_decay(rate, steps_per_epoch, 0.5, staircase=True)


def schedule(case: Case) -> Probe:
    def rates(schedule: optax.Schedule) -> Array:
        optimizer, w = optax.sgd(schedule), jnp.zeros(1)
        state, values = optimizer.init(w), []
        for _ in range(8):
            updates, state = optimizer.update(jnp.ones(1), state, w)
            values.append(-float(updates[0]))
        return np.array(values)

    default = rates(optax.exponential_decay(1.0, 4, 0.5))
    return Probe("every step" if len(set(default)) == 8 else "when you call it", default, rates(equal_schedule(1.0, 4)))


@shown
def equal_shown_loss(model: nnx.Module, x: jax.Array, y: jax.Array) -> float:
    return float(jnp.mean((model(x) - y) ** 2))  # after the epoch, on all windows


def shown_loss(case: Case) -> Probe:
    model = nnx.Linear(6, 1, use_bias=False, param_dtype=jnp.float64, rngs=nnx.Rngs(0))
    model.kernel[...] = jnp.asarray(case.weights[:, None])
    x, y = jnp.asarray(case.gradients[:12]), jnp.asarray(case.gradients[12:24, :1])
    losses = []
    for first in range(0, 12, 4):
        batch = slice(first, first + 4)
        loss, g = nnx.value_and_grad(lambda m, b: jnp.mean((m(x[b]) - y[b]) ** 2))(model, batch)
        model.kernel[...] = model.kernel[...] - 0.05 * g["kernel"][...]
        losses.append(float(loss))
    equal = equal_shown_loss(model, x, y)
    observed = "fit" if hasattr(model, "fit") else "your loop decides"
    return Probe(observed, np.array([np.mean(losses)]), np.array([equal]))


@shown
def equal_float64() -> None:
    jax.config.update("jax_enable_x64", True)  # before the first array, with param_dtype=jnp.float64 in every layer


def float64(case: Case) -> Probe:
    with jax.enable_x64(False):  # JAX's default
        default = last(layer(case), case.x).astype(np.float64) @ case.target.T
    equal_float64()
    equal = last(layer(case), case.x) @ case.target.T
    return Probe(is_float64(default, case.lstm_outputs @ case.target.T), default, equal)


@shown
def equal_tf32() -> None:
    jax.config.update("jax_default_matmul_precision", "float32")


def tf32(case: Case) -> Probe:
    observed = f"precision {jax.config.jax_default_matmul_precision}"
    default = _gpu_product(case)
    equal_tf32()
    equal = _gpu_product(case)
    jax.config.update("jax_default_matmul_precision", None)
    return Probe(observed, default, equal)


def _gpu_product(case: Case) -> Array:
    """Outputs of an LSTM in float32 on the GPU; without a GPU, no numbers."""
    if jax.default_backend() != "gpu":
        return np.zeros(0)
    return last(layer(case, dtype=jnp.float32), case.x.astype(np.float32)).astype(float)


@shown
def equal_approximations(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    x = x.astype(jnp.float64)  # needs jax_enable_x64
    return jnp.tanh(x), nnx.sigmoid(x)


def approximations(case: Case) -> Probe:
    x = jnp.asarray(case.grid)
    default = np.concatenate([np.asarray(value).astype(float) for value in (jnp.tanh(x), nnx.sigmoid(x))])
    equal = np.concatenate([np.asarray(value) for value in equal_approximations(x)])
    return Probe(bool(np.abs(default / np.where(equal == 0, 1, equal) - 1)[equal != 0].max() < 1e-6), default, equal)


@shown
def equal_hard_sigmoid(x: jax.Array) -> jax.Array:
    return jnp.clip(0.2 * x + 0.5, 0, 1)


def hard_sigmoid(case: Case) -> Probe:
    x = jnp.linspace(-4, 4, 101)
    return Probe(
        round(float(nnx.hard_sigmoid(1.0)), 4), np.asarray(nnx.hard_sigmoid(x)), np.asarray(equal_hard_sigmoid(x))
    )
