"""Which rows make up which batch, with which learning rate and dropout masks: the same for every backend."""

from dataclasses import dataclass

import numpy as np

from backends.contract import Steps
from backends.masks import draw_masks
from backends.model import ModelSpec

Array = np.ndarray


def epoch_order(seed: int, epoch: int, rows: int, batch: int) -> Array:
    """The row indices of one epoch's batches, (rows // batch, batch), int64.

    Every batch is full. The rows left over are others in every epoch, since each epoch shuffles anew.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    steps = rows // batch
    return generator.permutation(rows)[: steps * batch].reshape(steps, batch)


@dataclass(frozen=True)
class Course:
    """Everything that decides the steps of a training."""

    model: ModelSpec
    x: Array  # (N, T, F)
    batch: int
    rate: float
    seed: int
    masked: bool = True  # False: the framework drops out by itself

    def epoch(self, number: int) -> Steps:
        """All steps of one epoch."""
        rows, window, features = self.x.shape
        order = epoch_order(self.seed, number, rows, self.batch)
        sizes = {"seed": self.seed, "epoch": number, "steps": len(order), "batch": self.batch}
        masks = draw_masks(self.model, features, window, **sizes) if self.masked else {}
        return Steps(order, np.full(len(order), self.rate), masks)

    def first(self, steps: int) -> Steps:
        """The first steps, over as many epochs as they take."""
        epochs = [self.epoch(number) for number in range(-(-steps // (len(self.x) // self.batch)))]
        masks = {name: np.concatenate([epoch.masks[name] for epoch in epochs])[:steps] for name in epochs[0].masks}
        order, rates = (
            np.concatenate(parts)[:steps] for parts in zip(*((e.order, e.rates) for e in epochs), strict=True)
        )
        return Steps(order, rates, masks)
