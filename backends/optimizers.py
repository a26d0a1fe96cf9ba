"""The vocabulary of optimizers: descriptions that every framework follows to the letter.

The update rules are written out in backends/reference/optimizer.py. A further optimizer is a class here, in OPTIMIZERS,
and an entry in `optimizer.py` of every framework.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """What all optimizers have.

    clip_norm: a gradient whose norm over all parameters exceeds this value is scaled down to it, before all else.
    weight_decay: this factor times the weights is added to the gradient of every parameter, biases included, after
        clipping and before everything else (the form of PyTorch's Adam and SGD). AdamW uses it in another place.
    """

    clip_norm: float | None = None
    weight_decay: float = 0.0

    title: ClassVar[str]
    usual_rate: ClassVar[float | None] = None  # the default learning rate of all frameworks; None: they differ

    def __str__(self) -> str:
        """The optimizer with the settings that are not its defaults."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changed = {field.name: values[field.name] for field in fields(self) if values[field.name] != field.default}
        words = (name if value is True else f"{name} {value}" for name, value in changed.items())
        return ", ".join([self.title, *words])

    @property
    def moments(self) -> tuple[str, ...]:
        """The arrays that the optimizer keeps for each parameter; a checkpoint has them under these names."""
        return ()

    @property
    def coupled_decay(self) -> float:
        """The factor of the weights in the gradient."""
        return self.weight_decay


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1). Epsilon is added to the square root of the corrected second moment."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    title = "Adam"
    usual_rate = 1e-3

    @property
    def moments(self) -> tuple[str, ...]:
        return ("first", "second")


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    Learning rate times weight decay times the weights is subtracted from the weights; the moments do not contain it.
    """

    weight_decay: float = 0.01

    title = "AdamW"

    @property
    def coupled_decay(self) -> float:
        return 0.0


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964) or with Nesterov's (Sutskever et al. 2013).

    The velocity is a sum of gradients and the learning rate multiplies it afterwards, as in PyTorch and optax. With a
    constant learning rate this equals the papers' form, in which the rate is inside the sum.
    """

    momentum: float = 0.0
    nesterov: bool = False

    title = "SGD"

    @property
    def moments(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """RMSprop (Hinton 2012, lecture 6e), with epsilon added to the root of the mean square, and without momentum."""

    decay: float = 0.9
    epsilon: float = 1e-8

    title = "RMSprop"

    @property
    def moments(self) -> tuple[str, ...]:
        return ("square",)


OPTIMIZERS: Mapping[str, type[Optimizer]] = {"adam": Adam, "adamw": AdamW, "sgd": SGD, "rmsprop": RMSprop}
