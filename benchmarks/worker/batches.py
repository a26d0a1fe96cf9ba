"""Which rows make up which batch, with which learning rate and dropout masks: the same for every backend."""

from dataclasses import dataclass
from typing import Literal

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
class Schedule:
    """The learning rate of every step.

    "constant"; "step": times `factor` after every `every` epochs; "cosine": from `rate` down to 0 along half a cosine,
    step by step over all epochs (Loshchilov & Hutter 2017, without restarts).
    """

    kind: Literal["constant", "step", "cosine"]
    rate: float
    epochs: int = 1
    every: int = 1
    factor: float = 1.0

    def rates(self, epoch: int, steps: int) -> Array:
        """Of one epoch's steps, (steps,) float64."""
        if self.kind == "cosine":
            done = np.minimum((epoch * steps + np.arange(steps)) / (self.epochs * steps), 1.0)
            return self.rate * (1 + np.cos(np.pi * done)) / 2
        falls = epoch // self.every if self.kind == "step" else 0
        return np.full(steps, self.rate * self.factor**falls)


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides the steps of a training."""

    model: ModelSpec
    x: Array  # (N, T, F)
    batch: int
    schedule: Schedule
    seed: int
    masked: bool = True  # False: the framework drops out by itself

    def epoch(self, number: int) -> Steps:
        """All steps of one epoch."""
        rows, window, features = self.x.shape
        order = epoch_order(self.seed, number, rows, self.batch)
        sizes = {"seed": self.seed, "epoch": number, "steps": len(order), "batch": self.batch}
        masks = draw_masks(self.model, features, window, **sizes) if self.masked else {}
        return Steps(order, self.schedule.rates(number, len(order)), masks)

    def first(self, steps: int) -> Steps:
        """The first steps, over as many epochs as they take."""
        epochs = [self.epoch(number) for number in range(-(-steps // (len(self.x) // self.batch)))]
        masks = {name: np.concatenate([epoch.masks[name] for epoch in epochs])[:steps] for name in epochs[0].masks}
        order, rates = (
            np.concatenate(parts)[:steps] for parts in zip(*((e.order, e.rates) for e in epochs), strict=True)
        )
        return Steps(order, rates, masks)
