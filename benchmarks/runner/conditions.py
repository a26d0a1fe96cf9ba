"""What all workers of a run have in common: their cores and their environment variables."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@contextmanager
def machine(*, alone: bool) -> Iterator[None]:
    """Wait for the machine, and hold it: a timed trial holds it alone, checks share it.

    All runs of all users of the machine keep to it, so that two runs at once take turns trial by trial.
    """
    path = Path(tempfile.gettempdir()) / "like-for-like.lock"
    handle = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)
