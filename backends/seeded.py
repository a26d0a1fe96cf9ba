"""Initial weights and dropout masks for matched mode, drawn from seeds: equal bits for every framework and machine."""

import numpy as np

from backends.contract import Array
from backends.layers import Layer, Shape
from backends.model import ModelSpec
from backends.recurrent import BLOCKS, Recurrent


def initial_weights(model: ModelSpec, features: int, window: int, seed: int) -> dict[str, Array]:
    """Every parameter uniform within ±1/√units of its layer (float64, canonical names and layout).

    Biases are random too, so that a wrong gate order or a missing bias shows in the results. Uniform numbers need no
    linear algebra, so their bits are equal on every machine.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0x1217])))
    weights = {}
    for name, shape in model.shapes(features, window).items():
        bound = 1 / np.sqrt(_units(model.layers[int(name.split(".")[0])], shape))
        weights[name] = generator.uniform(-bound, bound, shape)
    return weights


def _units(layer: Layer, shape: Shape) -> int:
    """Number of units, filters or hidden units that a parameter feeds, counted once for all gates."""
    return layer.units if isinstance(layer, Recurrent) and layer.cell in BLOCKS else shape[-1]


def draw_masks(
    model: ModelSpec, features: int, window: int, *, seed: int, epoch: int, steps: int, batch: int
) -> dict[str, Array]:
    """Dropout masks of an epoch's first `steps` steps by name, (steps, batch, ...) in float64: 0 or 1 / (1 - rate).

    Each mask has a random stream of its own, named by seed, epoch, layer and the mask's place in the layer. The mask of
    a step does not depend on the number of steps that follow.
    """
    masks, places = {}, dict.fromkeys(range(len(model.layers)), 0)
    for name, mask in model.masks(features, window).items():
        layer = int(name.split(".")[0])
        words = [seed, epoch, layer, places[layer], 0xD20]
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
        kept = generator.random((steps, batch, *mask.shape)) >= mask.rate
        masks[name] = kept / (1 - mask.rate)
        places[layer] += 1
    return masks
