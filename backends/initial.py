"""Seeded initial weights for matched mode, the same numbers for every framework and machine."""

import numpy as np

from backends.contract import Array
from backends.layers import Layer, Shape
from backends.model import ModelSpec
from backends.recurrent import BLOCKS, Recurrent


def initial_weights(model: ModelSpec, features: int, window: int, seed: int) -> dict[str, Array]:
    """Every parameter uniform within ±1/√units of its own layer (float64, canonical names and layout).

    Biases are drawn too, so that no gate order and no forgotten bias can hide behind a zero. Uniform numbers
    need no linear algebra, so they are the same bits on every machine.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0x1217])))
    weights = {}
    for name, shape in model.shapes(features, window).items():
        bound = 1 / np.sqrt(columns(model.layers[int(name.split(".")[0])], shape))
        weights[name] = generator.uniform(-bound, bound, shape)
    return weights


def columns(layer: Layer, shape: Shape) -> int:
    """How many units, filters or hidden units a parameter feeds; gates that stand side by side count once."""
    if isinstance(layer, Recurrent) and layer.cell in BLOCKS:
        return layer.units
    return shape[-1]
