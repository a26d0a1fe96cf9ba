"""Which rows make up which batch, drawn in NumPy from seed and epoch: the same for every backend."""

import numpy as np

Array = np.ndarray


def epoch_order(seed: int, epoch: int, rows: int, batch: int) -> Array:
    """The row indices of one epoch's batches, (rows // batch, batch), int64.

    Every batch is full. The rows left over are others in every epoch, since each epoch shuffles anew.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    steps = rows // batch
    return generator.permutation(rows)[: steps * batch].reshape(steps, batch)


def first_steps(seed: int, steps: int, rows: int, batch: int) -> Array:
    """The batches of a training's first `steps` steps, over as many epochs as that takes, (steps, batch)."""
    epochs = -(-steps // (rows // batch))
    return np.concatenate([epoch_order(seed, epoch, rows, batch) for epoch in range(epochs)])[:steps]
