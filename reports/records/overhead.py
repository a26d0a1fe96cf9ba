"""Schema of harness_overhead.json: the time that the suite adds to training, relative to hand-written loops."""

from typing import Literal

from reports.records.base import SCHEMA, Record


class EpochSeconds(Record):
    """Wall and CPU seconds of an epoch in a process: medians over its epochs after the first ones."""

    wall: float
    cpu: float  # user and system, all threads


class Overhead(Record):
    """The epochs of a backend and of a hand-written loop of the same program, in fresh processes that took turns."""

    backend: str
    cell: str
    loop: str  # a sentence on the hand-written loop
    contract: tuple[EpochSeconds, ...] = ()  # of the backend as the suite calls it, one a round
    bare: tuple[EpochSeconds, ...] = ()  # of the hand-written loop
    failure: str | None = None  # a clause, if a process failed; then there are no times

    def ratios(self, clock: Literal["wall", "cpu"]) -> tuple[float, ...]:
        """The backend's time relative to the loop's, of each round."""
        pairs = zip(self.contract, self.bare, strict=True)
        return tuple(getattr(contract, clock) / getattr(bare, clock) for contract, bare in pairs)


class HarnessOverhead(Record):
    """The time that the suite adds to an epoch of each backend, with one recurrent layer and a dense layer."""

    schema_version: int = SCHEMA
    units: int
    window: int
    batch: int
    steps: int  # of an epoch
    threads: int
    overheads: tuple[Overhead, ...]
