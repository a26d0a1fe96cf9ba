"""Where a trial ran, and what two such places have not in common."""

from collections.abc import Iterator

from reports.records.base import Record

WORDS = {
    "machine": "the machine",
    "processor": "the processor",
    "cores": "the cores",
    "memory_bytes": "the memory in bytes",
    "gpu": "the GPU",
    "system": "the system",
    "python": "Python",
    "commit": "the checkout's commit",
}
# What the last bit of a result may hang on, besides packages and variables (the number of threads is one of these). The
# system is of them for its C library. A host's name, its memory and which of its cores were used are not; nor is the
# checkout's commit: code of ours that changes a bit is what a repetition is there to find.
COMPUTES = ("processor", "gpu", "system", "python")


class Environment(Record):
    """The machine and the software, as found."""

    machine: str
    processor: str
    cores: tuple[int, ...]  # the ones trials were pinned to
    memory_bytes: int
    gpu: str | None
    system: str
    python: str
    packages: dict[str, str]
    variables: dict[str, str]  # environment variables every worker gets: thread settings and the like
    commit: str | None

    def differences(self, now: "Environment") -> tuple[str, ...]:
        """What is not as it was, a clause each: "torch was 2.12.0 and is 2.13.0"."""
        return tuple(self._differences(now, tuple(WORDS)))

    def differences_in_bits(self, now: "Environment") -> tuple[str, ...]:
        """Of them, what the last bit of a result may hang on; empty on the same machine with the same versions."""
        return tuple(self._differences(now, COMPUTES))

    def differences_in_time(self, now: "Environment") -> tuple[str, ...]:
        """Of them, what a time hangs on: all that computes, and how many cores there were, whichever they were."""
        here, there = len(self.cores), len(now.cores)
        cores = () if here == there else (f"the number of cores was {here} and is {there}",)
        return (*self._differences(now, COMPUTES), *cores)

    def _differences(self, now: "Environment", fields: tuple[str, ...]) -> Iterator[str]:
        for name in fields:
            if getattr(self, name) != getattr(now, name):
                yield f"{WORDS[name]} was {_shown(getattr(self, name))} and is {_shown(getattr(now, name))}"
        for before, after in ((self.packages, now.packages), (self.variables, now.variables)):
            for name in sorted(before.keys() | after.keys()):
                if before.get(name) != after.get(name):
                    yield f"{name} was {_shown(before.get(name))} and is {_shown(after.get(name))}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)


class Session(Record):
    """One start of a run, or one time that it was resumed."""

    started: str  # ISO 8601, UTC
    command: str
    executor: str
    environment: Environment
    differences: tuple[str, ...] = ()  # from the run's start, accepted by whoever resumed it
