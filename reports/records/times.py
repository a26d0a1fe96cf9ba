"""Times of a trial, and of its step and of a matrix product."""

from reports.records.base import Record

SCHEDULER_SLICE = 0.02  # seconds for which a process may wait for a core between two readings of a clock


class Times(Record):
    """Raw times in wall-clock seconds unless stated otherwise. `epochs` does not include the first step."""

    import_framework: float
    build: float
    first_step: float  # tracing, compilation and one optimizer step
    epochs: tuple[float, ...]  # the first epoch lacks the first step
    predict_one: tuple[float, ...]  # repeated forecasts of one window
    predict_test: tuple[float, ...]  # repeated forecasts of the whole test part
    cpu: float  # CPU time of the worker, user and system, all threads
    validation: tuple[float, ...] = ()  # forecasts of the validation part, one per epoch
    harness: float = 0.0  # drawing the next steps and keeping the best weights
    loop: float | None = None  # the loop over epochs, from before the first step until the device had finished

    @property
    def training(self) -> float:
        """Seconds from the first step to the last."""
        return self.first_step + sum(self.epochs)

    @property
    def unaccounted(self) -> float:
        """The share of the loop's time that none of its timed parts contains; 0 where the loop was not timed.

        It is large if a backend returns before its device has finished, or if the process had to wait for a core.
        """
        if not self.loop:
            return 0.0
        lost = self.loop - (self.training + sum(self.validation) + self.harness)
        return lost / self.loop if lost > SCHEDULER_SLICE else 0.0


class GemmPeak(Record):
    """Timed product of two large matrices in the trial's framework, dtype and threads: the machine's practical peak."""

    size: int  # rows and columns of both matrices
    seconds: tuple[float, ...]  # raw, after warm-up

    @property
    def flops_per_second(self) -> float:
        """Floating-point operations per second of the fastest repetition."""
        return 2 * self.size**3 / min(self.seconds)


class StepTimes(Record):
    """Raw times of the parts of a training step in wall-clock seconds, measured after the training, after warm-up."""

    forward: tuple[float, ...]
    gradients: tuple[float, ...]  # forward and backward pass
    optimizer: tuple[float, ...]  # the update from gradients that are already there
