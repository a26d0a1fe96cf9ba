"""What all workers of a run have in common: their cores and their environment variables."""

from dataclasses import dataclass

from benchmarks.errors import UserError
from benchmarks.runner.environment import available_cores, worker_variables


@dataclass(frozen=True)
class Conditions:
    """The same for every trial with the same number of threads."""

    cores: tuple[int, ...]
    variables: dict[str, str]

    @classmethod
    def of(cls, threads: int | None = None) -> "Conditions":
        """The first `threads` cores that this process may use, or all of them, and one thread on each."""
        cores = available_cores()
        if threads is not None and threads > len(cores):
            raise UserError(f"training.threads = {threads}, but this process may use {len(cores)} cores: {cores}")
        cores = cores[:threads]
        return cls(cores, worker_variables(len(cores)))
