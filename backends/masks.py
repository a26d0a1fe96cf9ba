"""Dropout masks for matched mode, the same numbers for every framework and machine."""

import numpy as np

from backends.contract import Array
from backends.model import ModelSpec


def draw_masks(
    model: ModelSpec, features: int, window: int, *, seed: int, epoch: int, steps: int, batch: int
) -> dict[str, Array]:
    """The masks of an epoch's first steps by name, (steps, batch, ...) in float64: 0 or 1 / (1 - rate).

    Each is a stream of its own, named by seed, epoch and its place among the masks of its layer. A step's part does
    not depend on how many steps follow, so it is a function of seed, epoch, step and layer.
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
