"""The top of a benchmark's TOML."""

from typing import Annotated

import psutil
from pydantic import Field

from benchmarks.definition.settings.base import Amount, Flag, Settings
from reports.records import Limits, Mode, Published, Question

Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32, strict=True)], ...], Field(min_length=1)]


class TrialMatrix(Settings):
    """Who is asked: every backend, in every mode, with every seed."""

    backends: Annotated[tuple[str, ...], Field(min_length=1)]
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = ("matched",)
    seeds: Seeds = (1,)
    native_seeds: Seeds | None = None  # None: the same as seeds
    proven: Flag = True  # held against the oracle; without it no ratio is printed

    def seeds_of(self, mode: Mode) -> tuple[int, ...]:
        return self.native_seeds or self.seeds if mode == "native" else self.seeds


class Header(TrialMatrix):
    """What a benchmark is about, and who is asked unless a variant says otherwise."""

    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    gradient_flow: Flag = False  # measure how far back gradients reach, before and after training
    published: tuple[Published, ...] = ()  # values that somebody printed, to be held against this benchmark's
    questions: Annotated[tuple[Question, ...], Field(alias="question")] = ()  # that its run answers
    time_limit: Amount = 3600  # seconds that a trial may take
    memory_limit: Amount | None = None  # GiB that it may; None: nine tenths of the machine's

    def limits(self) -> Limits:
        """What a trial may take before it is ended."""
        most = 0.9 * psutil.virtual_memory().total if self.memory_limit is None else self.memory_limit * 2**30
        return Limits(seconds=self.time_limit, memory_bytes=int(most))
