"""Where a trial ran, and what two such places have not in common."""

from collections.abc import Iterator

from benchmarks.runner.records.base import Record


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
        return tuple(self._differences(now))

    def _differences(self, now: "Environment") -> Iterator[str]:
        for name, words in {
            "machine": "the machine",
            "processor": "the processor",
            "cores": "the cores",
            "memory_bytes": "the memory in bytes",
            "gpu": "the GPU",
            "system": "the system",
            "python": "Python",
            "commit": "the checkout's commit",
        }.items():
            if getattr(self, name) != getattr(now, name):
                yield f"{words} was {_shown(getattr(self, name))} and is {_shown(getattr(now, name))}"
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
