"""Schema of differences.json: known differences between the frameworks, and what each of them changes."""

from reports.records.base import SCHEMA, Number, Record
from reports.records.schema import Environment

Value = bool | int | float | str | tuple[float, ...]


class FrameworkDefault(Record):
    """What a framework does by default, as claimed and as measured in the installed package.

    lines: the source text that makes the framework equal to the others, from the code that ran; empty if the default
    is kept.
    """

    framework: str  # name to show
    default: str
    documented: str
    claimed: Value
    observed: Value | None = None
    holds: bool
    lines: str = ""
    failure: str | None = None


class Effect(Record):
    """Two trainings that differ in nothing else, without and with the difference; an element for each seed."""

    outputs: Number  # largest difference of the outputs before training, relative to the largest output
    off_loss: tuple[Number, ...]  # of all training windows after 200 steps
    on_loss: tuple[Number, ...]
    off_error: tuple[Number, ...]  # mean squared error of the test windows
    on_error: tuple[Number, ...]


class Difference(Record):
    """A known difference. measures: what is observed in the frameworks; off, on: what the two trainings do.

    default_gap, equal_gap: the largest relative difference between the frameworks by default, and with the lines;
    None if it cannot be measured on this machine. within: the largest gap that counts as equal.
    """

    name: str
    title: str
    explains: str
    measures: str
    off: str
    on: str
    note: str = ""
    defaults: tuple[FrameworkDefault, ...]
    default_gap: Number | None = None
    equal_gap: Number | None = None
    within: Number
    needs_gpu: bool = False
    effect: Effect | None = None
    failure: str | None = None  # a clause, if the trainings failed

    @property
    def problems(self) -> tuple[str, ...]:
        """Clauses on what does not hold: a wrong claim, a failed experiment, lines that do not make equal."""
        wrong = [
            f"{each.framework} gave {each.observed!r} where {each.claimed!r} is claimed"
            for each in self.defaults
            if not each.holds and each.failure is None
        ]
        failed = [
            f"the experiment in {each.framework} failed: {each.failure}" for each in self.defaults if each.failure
        ]
        trained = [f"the trainings failed: {self.failure}"] if self.failure else []
        gap = []
        if self.equal_gap is not None and not self.equal_gap <= self.within:
            gap.append(f"with the lines, the frameworks differ by {self.equal_gap:.1e}, more than {self.within:.1e}")
        return (*wrong, *failed, *trained, *gap)


class Differences(Record):
    """A run of the benchmark `differences`."""

    schema_version: int = SCHEMA
    started: str
    quick: bool
    series: str
    unit: str
    persistence: Number  # mean squared error of repeating the last value
    seeds: tuple[int, ...]
    steps: int  # optimizer steps before the test error
    loss_steps: int  # optimizer steps before the loss
    units: int
    window: int
    batch: int
    seconds: Number
    environment: Environment
    differences: tuple[Difference, ...]
