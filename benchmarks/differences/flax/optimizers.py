"""Flax with Optax: optimizers, penalties and clipping. Functions for each difference; `equal_...` are shown."""

import inspect
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from benchmarks.differences.probe import Array, Case, Probe, shown

jax.config.update("jax_enable_x64", True)


def default(make: Callable[..., optax.GradientTransformation], argument: str) -> float:
    """The default value of an argument of an optimizer."""
    return float(inspect.signature(make).parameters[argument].default)


def after(optimizer: optax.GradientTransformation, weights: Array, gradients: Array, dtype: str = "float64") -> Array:
    """The weights after a step with each of the gradients."""
    w = jnp.asarray(weights, dtype)
    state = optimizer.init(w)
    for gradient in gradients:
        updates, state = optimizer.update(jnp.asarray(gradient, dtype), state, w)
        w = optax.apply_updates(w, updates)
    return np.asarray(w).astype(np.float64)


def adam_epsilon(case: Case) -> Probe:
    adam, gradients = optax.adam(1e-3, b2=0.5), 1e-7 * case.gradients  # after 30 steps, its bias correction is 1
    weights = after(adam, case.weights, gradients) - after(adam, case.weights, gradients[:30])
    return Probe(default(optax.adam, "eps"), weights, weights)


def epsilon_place(case: Case) -> Probe:
    step = -after(optax.adam(0.1, eps=1e-3), np.zeros(1), np.full((1, 1), 1e-3))[0] / 0.1
    weights = after(optax.adam(0.1, eps=1e-3), case.weights, 1e-2 * case.gradients)
    return Probe(round(float(step), 3), weights, weights)


@shown
def equal_bias_correction() -> None:
    jax.config.update("jax_enable_x64", True)  # the corrections are then computed in float64


def bias_correction(case: Case) -> Probe:
    with jax.enable_x64(False):  # JAX's default
        steps = after(optax.adam(1.0, eps=0.0), np.zeros(6), case.gradients[:1], "float32")
    equal_bias_correction()
    equal = after(optax.adam(1.0, eps=0.0), np.zeros(6), case.gradients[:1], "float32")
    return Probe(bool(np.abs(np.abs(steps) - 1).max() > 1e-6), steps, equal)


@shown
def equal_weight_decay(rate: float, decay: float) -> optax.GradientTransformation:
    return optax.adamw(rate, weight_decay=decay)


def weight_decay(case: Case) -> Probe:
    observed = after(equal_weight_decay(0.1, 0.01), np.ones(1), np.zeros((1, 1)))[0]
    weights = after(equal_weight_decay(0.1, 0.01), case.weights, case.gradients[:3])
    return Probe(round(float(observed), 4), weights, weights)


@shown
def equal_adamw_decay(rate: float) -> optax.GradientTransformation:
    return optax.adamw(rate, weight_decay=0.01)


def adamw_decay(case: Case) -> Probe:
    weights = after(optax.adamw(0.1), case.weights, case.gradients[:3])
    equal = after(equal_adamw_decay(0.1), case.weights, case.gradients[:3])
    return Probe(default(optax.adamw, "weight_decay"), weights, equal)


@shown
def equal_l2_factor(rate: float, l2: float) -> optax.GradientTransformation:
    return optax.chain(optax.add_decayed_weights(2 * l2), optax.sgd(rate))


def l2_factor(case: Case) -> Probe:
    zeros, decay = np.zeros((1, 6)), optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1))
    weights = after(decay, case.weights, zeros)
    factor = float(np.mean((case.weights - weights) / (0.1 * 0.5 * case.weights)))
    return Probe(round(factor, 6), weights, after(equal_l2_factor(0.1, 0.5), case.weights, zeros))


@shown
def equal_l2_parameters(parameters: nnx.State, rate: float, l2: float) -> optax.GradientTransformation:
    kernels = jax.tree.map_with_path(lambda path, _: "dense_i" in str(path), parameters)
    return optax.chain(optax.add_decayed_weights(2 * l2, mask=kernels), optax.sgd(rate))


def l2_parameters(case: Case) -> Probe:
    cell = nnx.OptimizedLSTMCell(2, 3, bias_init=nnx.initializers.ones, rngs=nnx.Rngs(0))
    parameters = nnx.state(cell, nnx.Param)
    default = _shrunk(optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1)), parameters)
    equal = _shrunk(equal_l2_parameters(parameters, 0.1, 0.5), parameters)
    return Probe(" ".join(sorted(default)), _kinds(default), _kinds(equal))


def _kinds(shrunk: set[str]) -> Array:
    return np.array([kind in shrunk for kind in ("bias", "kernel", "recurrent")], float)


def _shrunk(optimizer: optax.GradientTransformation, parameters: nnx.State) -> set[str]:
    """The kinds of parameters that a step with zero gradients changes."""
    updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, parameters), optimizer.init(parameters), parameters)
    changed = {jax.tree_util.keystr(path): bool(jnp.any(update)) for path, update in jax.tree.leaves_with_path(updates)}
    names = {path: "bias" if "bias" in path else "kernel" if "dense_i" in path else "recurrent" for path in changed}
    return {names[path] for path, moved in changed.items() if moved}


def clipped(case: Case, clip: optax.GradientTransformation, scale: float = 1.0) -> Array:
    """The case's first two gradients, of two parameters of different size, after clipping."""
    gradients = [jnp.asarray(scale * g) for g in (case.gradients[0], case.gradients[1][:2])]
    updates, _ = clip.update(gradients, clip.init(gradients))
    return np.concatenate([np.asarray(update) for update in updates])


def clip_scope(case: Case) -> Probe:
    values = clipped(case, optax.clip_by_global_norm(0.5))
    return Probe(round(float(np.linalg.norm(values)), 4), values, values)


@shown
def equal_clip_value(rate: float) -> optax.GradientTransformation:
    return optax.chain(optax.clip(0.5), optax.sgd(rate))


def clip_value(case: Case) -> Probe:
    values, equal = clipped(case, optax.clip_by_global_norm(0.5)), -clipped(case, equal_clip_value(1.0))
    return Probe(float(np.abs(equal).max()), values, equal)


def clip_epsilon(case: Case) -> Probe:
    values = clipped(case, optax.clip_by_global_norm(1e-6), 1e-5)
    return Probe(float(np.linalg.norm(values)) / 1e-6 < 0.99, values, values)


@shown
def equal_rmsprop(rate: float) -> optax.GradientTransformation:
    return optax.rmsprop(rate, decay=0.9, eps=1e-8, eps_in_sqrt=False)


def rmsprop(case: Case) -> Probe:
    weights = after(optax.rmsprop(0.1), case.weights, case.gradients[:3])
    equal = after(equal_rmsprop(0.1), case.weights, case.gradients[:3])
    return Probe(default(optax.rmsprop, "decay"), weights, equal)
