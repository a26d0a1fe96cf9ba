"""[training]: the objective, the optimizer and the course of a training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from backends.contract import Adam, Dtype, Loss, Objective
from benchmarks.definition.settings.base import Amount, Count, Settings


class TrainingSettings(Settings):
    """Adam on the mean of a loss, the same batches and learning rates for everyone."""

    epochs: Count
    batch: Count | Literal["full"]
    learning_rate: Amount = 1e-3
    schedule: Literal["constant", "step", "cosine"] = "constant"  # of the learning rate
    step_epochs: Count | None = None  # schedule "step": every so many epochs ...
    step_factor: Annotated[Amount, Field(le=1)] | None = None  # ... the rate is multiplied by this
    loss: Loss = "mse"
    l2: Amount | None = None  # times the sum of squares of `l2_on`, added to the loss (Keras' regularizers)
    l2_on: tuple[str, ...] = ()  # parameters, as in "0.kernel"
    weight_decay: Amount | None = None  # times all parameters, added to their gradients (PyTorch's Adam)
    clip_norm: Amount | None = None  # the gradient's greatest norm over all parameters
    patience: Count | None = None  # epochs without a better validation loss; then the best weights are restored
    dtype: Dtype = "float32"
    threads: Count | None = None  # None: as many as this process has cores

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        step = (self.step_epochs is None, self.step_factor is None)
        if self.schedule == "step" and any(step):
            raise ValueError('schedule = "step" needs step_epochs and step_factor, as in 10 and 0.5')
        if self.schedule != "step" and not all(step):
            raise ValueError('step_epochs and step_factor belong to schedule = "step"; leave them out, or it in')
        if (self.l2 is None) == bool(self.l2_on):
            raise ValueError('l2 needs l2_on, and l2_on needs l2, as in l2 = 0.01, l2_on = ["0.kernel"]')
        if len(set(self.l2_on)) < len(self.l2_on):
            raise ValueError(f"l2_on = {list(self.l2_on)} names a parameter twice; each may stand once")
        return self

    def batch_of(self, rows: int) -> int:
        """Windows a step, out of so many."""
        return rows if self.batch == "full" else self.batch

    def objective(self) -> Objective:
        return Objective(self.loss, self.l2 or 0.0, self.l2_on)

    def optimizer(self) -> Adam:
        return Adam(clip_norm=self.clip_norm, weight_decay=self.weight_decay or 0.0)

    def notes(self) -> tuple[str, ...]:
        """What is not plain Adam on the mean squared error, in words."""
        falls = f"learning rate times {self.step_factor:g} every {self.step_epochs} epochs" if self.step_factor else ""
        epochs = "epoch" if self.patience == 1 else "epochs"
        told = {
            f"loss {self.loss}": self.loss != "mse",
            f"L2 {self.l2} on {', '.join(self.l2_on)}": self.l2,
            f"weight decay {self.weight_decay}": self.weight_decay,
            f"gradients clipped to norm {self.clip_norm}": self.clip_norm,
            "learning rate along a cosine": self.schedule == "cosine",
            falls: falls,
            f"stops after {self.patience} {epochs} without a better validation loss": self.patience,
            "full batches": self.batch == "full",
        }
        return tuple(words for words, so in told.items() if so)
